//! The settings.

use hookward_sdk::{ConfigError, config};
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// The hook's `config` table.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Config {
    #[serde(deserialize_with = "time_zone")]
    pub(crate) time_zone: TimeZone,
    pub(crate) windows: Vec<Window>,
}

/// From one time of day to another, on some days.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Window {
    /// The days on which it opens: none named means all.
    #[serde(default)]
    days: Vec<Days>,
    #[serde(default, deserialize_with = "time")]
    pub(crate) from: Time,
    /// None is the end of the day.
    #[serde(default, deserialize_with = "end")]
    pub(crate) to: Option<Time>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Days {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
    Weekdays,
    Weekend,
}

impl Config {
    pub(crate) fn read() -> Result<Self, ConfigError> {
        let config: Self = config()?;
        if config.windows.is_empty() {
            return Err(ConfigError::new("windows", "give at least one, or no backup would ever start"));
        }
        for (n, window) in config.windows.iter().enumerate() {
            if window.to == Some(window.from) {
                let message = "`from` and `to` are the same time; leave both out for the whole day";
                return Err(ConfigError::new(format!("windows[{n}]"), message));
            }
        }
        Ok(config)
    }
}

impl Window {
    pub(crate) fn opens_on(&self, day: Weekday) -> bool {
        self.days.is_empty() || self.days.iter().any(|days| days.contains(day))
    }
}

impl Days {
    fn contains(self, day: Weekday) -> bool {
        let is_weekend = matches!(day, Weekday::Saturday | Weekday::Sunday);
        match self {
            Self::Mon => day == Weekday::Monday,
            Self::Tue => day == Weekday::Tuesday,
            Self::Wed => day == Weekday::Wednesday,
            Self::Thu => day == Weekday::Thursday,
            Self::Fri => day == Weekday::Friday,
            Self::Sat => day == Weekday::Saturday,
            Self::Sun => day == Weekday::Sunday,
            Self::Weekdays => !is_weekend,
            Self::Weekend => is_weekend,
        }
    }
}

fn time_zone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TimeZone, D::Error> {
    let name = String::deserialize(deserializer)?;
    TimeZone::get(&name).map_err(|_| {
        D::Error::custom(format!("`{name}` is no time zone: give its IANA name, such as `Europe/Berlin` or `UTC`"))
    })
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
    parse(&String::deserialize(deserializer)?)
}

fn end<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Time>, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "24:00" => Ok(None),
        text => parse(text).map(Some),
    }
}

fn parse<E: Error>(text: &str) -> Result<Time, E> {
    text.parse().map_err(|_| E::custom(format!("`{text}` is no time of day: write it as `22:30`")))
}
