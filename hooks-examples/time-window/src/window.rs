//! Whether a window is open, and when the next one opens.
//!
//! A window is a span of time that begins on a day of its own: one that crosses
//! midnight belongs to the day before. Where the clock is changed the span stays in
//! one piece. A time that doesn't exist that day is moved past the gap, and one that
//! exists twice is the first of the two.

use hookward_sdk::debug;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan, Zoned};

use crate::config::{Config, Window};

pub(crate) fn check(config: &Config, now: Timestamp) -> Result<(), String> {
    let now = now.to_zoned(config.time_zone.clone());
    let mut next: Option<Zoned> = None;
    // From yesterday's, which may not have closed yet, to a week from now: a window
    // that has closed today may be the only one of the week.
    for days in -1..=8 {
        let Ok(date) = now.date().checked_add(days.days()) else { continue };
        for window in config.windows.iter().filter(|window| window.opens_on(date.weekday())) {
            let (open, close) = window
                .on(date, config)
                .map_err(|error| format!("the window of {date} can't be told from the calendar: {error}"))?;
            if open <= now && now < close {
                debug!("inside the window from {} to {}", shown(&open), shown(&close));
                return Ok(());
            }
            if open > now && next.as_ref().is_none_or(|next| open < *next) {
                next = Some(open);
            }
        }
    }
    let zone = config.time_zone.iana_name().unwrap_or("UTC");
    let next = next
        .map_or_else(|| "none opens within a week".to_owned(), |next| format!("the next one opens {}", shown(&next)));
    Err(format!("it is {} in {zone}, outside of every window: {next}", shown(&now)))
}

impl Window {
    /// When it opens on a day, and when it closes after that.
    fn on(&self, date: Date, config: &Config) -> Result<(Zoned, Zoned), jiff::Error> {
        let open = date.to_datetime(self.from);
        let close = match self.to {
            Some(to) if to > self.from => date.to_datetime(to),
            Some(to) => date.tomorrow()?.to_datetime(to),
            None => date.tomorrow()?.to_datetime(jiff::civil::Time::midnight()),
        };
        let opens = open.to_zoned(config.time_zone.clone())?;
        let closes = close.to_zoned(config.time_zone.clone())?;
        if opens < closes {
            return Ok((opens, closes));
        }
        // It began in the hour that was left out: it keeps its length.
        let closes = opens.checked_add(open.duration_until(close))?;
        Ok((opens, closes))
    }
}

fn shown(time: &Zoned) -> impl std::fmt::Display {
    time.strftime("%a %Y-%m-%d %H:%M %Z")
}
