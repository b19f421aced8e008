//! Time ranges as people say them: `last 2 hours`, `yesterday`, `between 11-01 and 11-20`. Local time; weeks begin on
//! Monday; the start belongs to a range, the end does not.

use jiff::civil::{Date, DateTime, Time};
use jiff::{Span, ToSpan, Zoned};

/// Microseconds since the epoch; an end that is absent is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeRange {
    pub start: Option<i64>,
    pub end: Option<i64>,
}

impl TimeRange {
    pub fn contains(&self, micros: i64) -> bool {
        self.start.is_none_or(|start| micros >= start) && self.end.is_none_or(|end| micros < end)
    }
}

/// A text that is no range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    #[error("invalid RANGE: unexpected '{word}' at position {position}")]
    Unexpected { word: String, position: usize },
    #[error("invalid RANGE: unexpected end")]
    End,
    #[error("invalid RANGE: '{0}' is out of the calendar")]
    Calendar(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl Unit {
    fn parse(word: &str) -> Option<Unit> {
        Some(match word {
            "minute" | "minutes" | "min" | "mins" => Unit::Minute,
            "hour" | "hours" | "hr" | "hrs" => Unit::Hour,
            "day" | "days" => Unit::Day,
            "week" | "weeks" => Unit::Week,
            "month" | "months" => Unit::Month,
            "year" | "years" => Unit::Year,
            _ => return None,
        })
    }

    fn span(self, count: i64) -> Option<Span> {
        let none = Span::new();
        match self {
            Unit::Minute => none.try_minutes(count),
            Unit::Hour => none.try_hours(count),
            Unit::Day => none.try_days(count),
            Unit::Week => none.try_weeks(count),
            Unit::Month => none.try_months(count),
            Unit::Year => none.try_years(count),
        }
        .ok()
    }

    /// When the unit that holds `time` began.
    fn begin(self, time: DateTime) -> Option<DateTime> {
        let date = time.date();
        let midnight = |date: Date| date.to_datetime(Time::midnight());
        Some(match self {
            Unit::Minute => date.at(time.hour(), time.minute(), 0, 0),
            Unit::Hour => date.at(time.hour(), 0, 0, 0),
            Unit::Day => midnight(date),
            Unit::Week => {
                let since_monday = i64::from(date.weekday().to_monday_zero_offset());
                midnight(date.checked_sub(since_monday.days()).ok()?)
            }
            Unit::Month => midnight(date.first_of_month()),
            Unit::Year => midnight(date.first_of_year()),
        })
    }
}

/// Reads a range as of `now`. An empty text is no range.
pub fn parse(text: &str, now: &Zoned) -> Result<Option<TimeRange>, RangeError> {
    let mut words = Words {
        text,
        words: split(text),
        next: 0,
    };
    if words.words.is_empty() {
        return Ok(None);
    }
    let reader = Reader { now };
    let range = reader.range(&mut words)?;
    match words.peek() {
        None => Ok(Some(range)),
        Some(_) => Err(words.unexpected()),
    }
}

/// Words in lower case with the byte position of each.
fn split(text: &str) -> Vec<(usize, String)> {
    let start_of = |word: &str| word.as_ptr() as usize - text.as_ptr() as usize;
    text.split_whitespace()
        .map(|word| (start_of(word), word.to_lowercase()))
        .collect()
}

struct Words<'a> {
    text: &'a str,
    words: Vec<(usize, String)>,
    next: usize,
}

impl Words<'_> {
    fn peek(&self) -> Option<&str> {
        self.words.get(self.next).map(|(_, word)| word.as_str())
    }

    /// Takes the next word if `read` makes something of it.
    fn take<T>(&mut self, read: impl Fn(&str) -> Option<T>) -> Result<T, RangeError> {
        let value = self.peek().and_then(read).ok_or_else(|| self.unexpected())?;
        self.next += 1;
        Ok(value)
    }

    fn keyword(&mut self, keyword: &str) -> Result<(), RangeError> {
        self.take(|word| (word == keyword).then_some(()))
    }

    /// The error for the next word.
    fn unexpected(&self) -> RangeError {
        match self.words.get(self.next) {
            None => RangeError::End,
            Some((position, word)) => RangeError::Unexpected {
                word: self.text[*position..].chars().take(word.chars().count()).collect(),
                position: *position,
            },
        }
    }
}

struct Reader<'a> {
    now: &'a Zoned,
}

impl Reader<'_> {
    fn range(&self, words: &mut Words<'_>) -> Result<TimeRange, RangeError> {
        let text = words.text;
        let first = words.peek().unwrap_or_default().to_string();
        if first.bytes().all(|b| b.is_ascii_digit()) {
            let count: i64 = words.take(|word| word.parse().ok())?;
            let unit = words.take(Unit::parse)?;
            words.keyword("ago")?;
            return self.whole(unit, count, text);
        }
        match first.as_str() {
            "after" | "before" | "between" | "last" | "this" | "today" | "yesterday" => words.next += 1,
            _ => return Err(words.unexpected()),
        }
        match first.as_str() {
            "after" => Ok(TimeRange {
                start: Some(self.moment(words)?),
                end: None,
            }),
            "before" => Ok(TimeRange {
                start: None,
                end: Some(self.moment(words)?),
            }),
            "between" => {
                let one = self.moment(words)?;
                words.keyword("and")?;
                let other = self.moment(words)?;
                Ok(TimeRange {
                    start: Some(one.min(other)),
                    end: Some(one.max(other)),
                })
            }
            "today" => self.whole(Unit::Day, 0, text),
            "yesterday" => self.whole(Unit::Day, 1, text),
            "this" => {
                let calendar = |unit: &Unit| matches!(unit, Unit::Week | Unit::Month | Unit::Year);
                let unit = words.take(|word| Unit::parse(word).filter(calendar))?;
                self.whole(unit, 0, text)
            }
            _ => self.last(words),
        }
    }

    /// `last 5 hours` ends now; `last week` is the calendar week before this one.
    fn last(&self, words: &mut Words<'_>) -> Result<TimeRange, RangeError> {
        let text = words.text;
        if let Ok(unit) = words.take(Unit::parse) {
            return match unit {
                Unit::Week | Unit::Month | Unit::Year => self.whole(unit, 1, text),
                _ => self.until_now(unit, 1, text),
            };
        }
        let count = words.take(|word| word.parse().ok().filter(|n: &i64| *n >= 0))?;
        let unit = words.take(Unit::parse)?;
        self.until_now(unit, count, text)
    }

    fn until_now(&self, unit: Unit, count: i64, text: &str) -> Result<TimeRange, RangeError> {
        let start = unit.span(count).and_then(|span| self.now.checked_sub(span).ok());
        let start = start.ok_or_else(|| RangeError::Calendar(text.to_string()))?;
        Ok(TimeRange {
            start: Some(start.timestamp().as_microsecond()),
            end: Some(self.now.timestamp().as_microsecond().saturating_add(1)),
        })
    }

    /// The whole unit that was `count` units ago.
    fn whole(&self, unit: Unit, count: i64, text: &str) -> Result<TimeRange, RangeError> {
        let bounds = || {
            let this = unit.begin(self.now.datetime())?;
            let start = this.checked_sub(unit.span(count)?).ok()?;
            let end = start.checked_add(unit.span(1)?).ok()?;
            Some((self.micros(start)?, self.micros(end)?))
        };
        let (start, end) = bounds().ok_or_else(|| RangeError::Calendar(text.to_string()))?;
        Ok(TimeRange {
            start: Some(start),
            end: Some(end),
        })
    }

    /// `DATE`, `TIME` (today) or `DATE TIME`.
    fn moment(&self, words: &mut Words<'_>) -> Result<i64, RangeError> {
        let today = self.now.date();
        let time = match words.take(|word| date(word, today)) {
            Err(_) => today.to_datetime(words.take(clock)?),
            Ok(date) => date.to_datetime(words.take(clock).unwrap_or(Time::midnight())),
        };
        self.micros(time).ok_or_else(|| RangeError::Calendar(time.to_string()))
    }

    fn micros(&self, time: DateTime) -> Option<i64> {
        let zoned = time.to_zoned(self.now.time_zone().clone()).ok()?;
        Some(zoned.timestamp().as_microsecond())
    }
}

/// `YYYY-MM-DD`, `YY-MM-DD` (this century) or `MM-DD` (this year).
fn date(word: &str, today: Date) -> Option<Date> {
    let digits = |text: &&str| (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let parts: Vec<&str> = word.split('-').collect();
    if !parts.iter().all(digits) {
        return None;
    }
    let numbers: Vec<i16> = parts.iter().filter_map(|part| part.parse().ok()).collect();
    let (year, month, day) = match numbers[..] {
        [year, month, day] if parts[0].len() == 4 => (year, month, day),
        [year, month, day] if parts[0].len() == 2 => (2000 + year, month, day),
        [month, day] => (today.year(), month, day),
        _ => return None,
    };
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// `HH:MM` or `HH:MM:SS`.
fn clock(word: &str) -> Option<Time> {
    let parts: Vec<&str> = word.split(':').collect();
    let mut numbers = Vec::new();
    for part in &parts {
        if !(1..=2).contains(&part.len()) || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        numbers.push(part.parse::<i8>().ok()?);
    }
    match numbers[..] {
        [hour, minute] => Time::new(hour, minute, 0, 0).ok(),
        [hour, minute, second] => Time::new(hour, minute, second, 0).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A Friday.
    fn now() -> Zoned {
        "2026-11-20T10:14:27+01:00[Europe/Berlin]".parse().unwrap()
    }

    fn shown(text: &str) -> String {
        let range = match parse(text, &now()) {
            Ok(Some(range)) => range,
            Ok(None) => return "none".into(),
            Err(error) => return error.to_string(),
        };
        let end = |micros: Option<i64>| {
            micros.map_or(String::new(), |us| {
                let time = jiff::Timestamp::from_microsecond(us).unwrap();
                time.to_zoned(now().time_zone().clone())
                    .strftime("%Y-%m-%d %H:%M:%S")
                    .to_string()
            })
        };
        format!("{} .. {}", end(range.start), end(range.end))
    }

    #[test]
    fn moments() {
        assert_eq!(shown("after 2026-11-01"), "2026-11-01 00:00:00 .. ");
        assert_eq!(shown("After 26-11-01"), "2026-11-01 00:00:00 .. ");
        assert_eq!(shown("after 11-01 9:30"), "2026-11-01 09:30:00 .. ");
        assert_eq!(shown("before 09:30"), " .. 2026-11-20 09:30:00");
        assert_eq!(
            shown("between 11-20 and 11-01"),
            "2026-11-01 00:00:00 .. 2026-11-20 00:00:00"
        );
        assert_eq!(shown(""), "none");
        assert_eq!(shown("  "), "none");
    }

    #[test]
    fn spans_that_end_now() {
        for (text, start) in [
            ("last 5 minutes", "2026-11-20 10:09:27"),
            ("last min", "2026-11-20 10:13:27"),
            ("last hour", "2026-11-20 09:14:27"),
            ("last 2 hr", "2026-11-20 08:14:27"),
            ("last 2 days", "2026-11-18 10:14:27"),
            ("LAST 1 WEEK", "2026-11-13 10:14:27"),
            ("last 12 months", "2025-11-20 10:14:27"),
        ] {
            assert_eq!(shown(text), format!("{start} .. 2026-11-20 10:14:27"), "{text}");
        }
    }

    #[test]
    fn calendar_units() {
        for (text, range) in [
            ("today", "2026-11-20 00:00:00 .. 2026-11-21 00:00:00"),
            ("yesterday", "2026-11-19 00:00:00 .. 2026-11-20 00:00:00"),
            ("this week", "2026-11-16 00:00:00 .. 2026-11-23 00:00:00"),
            ("this month", "2026-11-01 00:00:00 .. 2026-12-01 00:00:00"),
            ("last week", "2026-11-09 00:00:00 .. 2026-11-16 00:00:00"),
            ("last month", "2026-10-01 00:00:00 .. 2026-11-01 00:00:00"),
            ("last year", "2025-01-01 00:00:00 .. 2026-01-01 00:00:00"),
            ("2 days ago", "2026-11-18 00:00:00 .. 2026-11-19 00:00:00"),
            ("5 minutes ago", "2026-11-20 10:09:00 .. 2026-11-20 10:10:00"),
            ("9 months ago", "2026-02-01 00:00:00 .. 2026-03-01 00:00:00"),
        ] {
            assert_eq!(shown(text), range, "{text}");
        }
    }

    #[test]
    fn errors_name_the_word_and_its_position() {
        assert_eq!(shown("bogus"), "invalid RANGE: unexpected 'bogus' at position 0");
        assert_eq!(shown("last 5"), "invalid RANGE: unexpected end");
        assert_eq!(
            shown("after 10:30 11-20"),
            "invalid RANGE: unexpected '11-20' at position 12"
        );
        assert_eq!(shown("after 02-30"), "invalid RANGE: unexpected '02-30' at position 6");
        assert_eq!(shown("this hour"), "invalid RANGE: unexpected 'hour' at position 5");
        assert_eq!(
            shown("last 99999999999 years"),
            "invalid RANGE: 'last 99999999999 years' is out of the calendar"
        );
    }

    #[test]
    fn the_start_belongs_to_a_range_and_the_end_does_not() {
        let range = TimeRange {
            start: Some(10),
            end: Some(20),
        };
        assert_eq!([9, 10, 19, 20].map(|t| range.contains(t)), [false, true, true, false]);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,40}", words in "(after|last|between|and|[0-9:-]{1,8}|week|ago| ){0,8}") {
            let _ = parse(&text, &now());
            let _ = parse(&words, &now());
        }
    }
}
