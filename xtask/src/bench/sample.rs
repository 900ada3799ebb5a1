//! Measured times, and how they are told.

/// Times of one thing, in seconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sample(Vec<f64>);

impl Sample {
    pub(crate) fn new(mut times: Vec<f64>) -> Self {
        times.retain(|time| time.is_finite());
        times.sort_by(f64::total_cmp);
        Self(times)
    }

    /// With the times of another.
    pub(crate) fn extend(&mut self, other: Self) {
        *self = Self::new([std::mem::take(&mut self.0), other.0].concat());
    }

    /// The time that this share of the others is below.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let Some(last) = self.0.len().checked_sub(1) else { return f64::NAN };
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let (place, rest) = {
            let place = share.clamp(0.0, 1.0) * last as f64;
            (place.floor() as usize, place.fract())
        };
        let at = |place: usize| self.0.get(place.min(last)).copied().unwrap_or(f64::NAN);
        at(place) + (at(place + 1) - at(place)) * rest
    }

    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// Half of the times are within so much.
    pub(crate) fn spread(&self) -> f64 {
        self.quantile(0.75) - self.quantile(0.25)
    }

    /// The median, and between which times the middle half of them is.
    pub(crate) fn told(&self) -> [String; 2] {
        [time(self.median()), format!("{} to {}", time(self.quantile(0.25)), time(self.quantile(0.75)))]
    }
}

/// A time in the unit that suits it, to three digits.
pub(crate) fn time(seconds: f64) -> String {
    let (value, unit) = match seconds.abs() {
        s if s >= 1.0 => (seconds, "s"),
        s if s >= 1e-3 => (seconds * 1e3, "ms"),
        s if s >= 1e-6 => (seconds * 1e6, "µs"),
        _ => (seconds * 1e9, "ns"),
    };
    format!("{} {unit}", digits(value))
}

/// A number to three digits.
pub(crate) fn digits(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
