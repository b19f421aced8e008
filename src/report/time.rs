//! Times for people and for JSON. Times are microseconds since the epoch everywhere else.

use jiff::{Timestamp, tz::TimeZone};

/// Local `YYYY-MM-DD HH:MM:SS`; empty for a time that no calendar has.
pub fn local(micros: i64) -> String {
    let Ok(time) = Timestamp::from_microsecond(micros) else {
        return String::new();
    };
    let time = time.to_zoned(TimeZone::system()).datetime();
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
        time.year(),
        time.month(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

/// RFC 3339 in the local zone, with microseconds: `2026-11-20T10:14:27.000123+01:00`.
pub fn rfc3339(micros: i64) -> Option<String> {
    let time = Timestamp::from_microsecond(micros).ok()?;
    let zone = TimeZone::system();
    Some(format!("{:.6}", time.display_with_offset(zone.to_offset(time))))
}

/// How long ago, in the largest whole unit: `now`, `3 minutes ago`, `2 weeks ago`.
pub fn ago(micros: i64, now_micros: i64) -> String {
    let seconds = (now_micros - micros) / 1_000_000;
    let (count, unit) = match seconds {
        ..10 => return "now".into(),
        10..60 => (seconds, "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        86_400..604_800 => (seconds / 86_400, "day"),
        604_800..2_592_000 => (seconds / 604_800, "week"),
        2_592_000..31_536_000 => (seconds / 2_592_000, "month"),
        _ => (seconds / 31_536_000, "year"),
    };
    format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
}

/// `H:MM:SS` of a span in microseconds.
pub fn span(micros: i64) -> String {
    let seconds = micros.max(0) / 1_000_000;
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Now, in microseconds since the epoch.
pub fn now() -> i64 {
    Timestamp::now().as_microsecond()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000_000;

    #[test]
    fn ago_takes_the_largest_whole_unit() {
        for (micros, text) in [
            (0, "now"),
            (-5 * MINUTE, "now"),
            (59 * MINUTE / 60, "59 seconds ago"),
            (MINUTE, "1 minute ago"),
            (3 * MINUTE, "3 minutes ago"),
            (60 * MINUTE, "1 hour ago"),
            (25 * 60 * MINUTE, "1 day ago"),
            (15 * 24 * 60 * MINUTE, "2 weeks ago"),
            (400 * 24 * 60 * MINUTE, "1 year ago"),
        ] {
            assert_eq!(ago(1_000_000_000_000_000 - micros, 1_000_000_000_000_000), text);
        }
    }

    #[test]
    fn rfc3339_keeps_microseconds_and_reads_back() {
        let text = rfc3339(1_795_172_863_871_005).unwrap();
        assert!(text.contains(".871005"), "{text}");
        assert_eq!(
            text.parse::<Timestamp>().unwrap().as_microsecond(),
            1_795_172_863_871_005
        );
        assert!(rfc3339(1_795_172_863_000_000).unwrap().contains(".000000"));
        assert_eq!(rfc3339(i64::MAX), None);
    }

    #[test]
    fn spans_have_hours_first() {
        assert_eq!(span(0), "0:00:00");
        assert_eq!(span(3_723_999_999), "1:02:03");
        assert_eq!(span(-1), "0:00:00");
        assert_eq!(local(i64::MAX), "");
    }
}
