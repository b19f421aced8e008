//! Times as runs record them: integer microseconds since the epoch, strictly increasing within a process.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

static LAST: AtomicU64 = AtomicU64::new(0);

/// Microseconds since the epoch, greater than every timestamp this process gave before.
pub fn timestamp() -> u64 {
    let now = now_us();
    let previous = LAST
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(now.max(last + 1)))
        .expect("the closure always gives a value");
    now.max(previous + 1)
}

/// Microseconds since the epoch, as the clock has it.
pub fn now_us() -> u64 {
    since_epoch_us(SystemTime::now())
}

/// Milliseconds since the epoch.
pub fn now_ms() -> u64 {
    now_us() / 1000
}

/// Microseconds since the epoch of a file time; 0 for times before it.
pub fn since_epoch_us(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |d| u64::try_from(d.as_micros()).unwrap_or(u64::MAX))
}

/// `2026-11-20T11:07:43+0000`, in the local zone.
pub fn log_time(timestamp_us: u64) -> String {
    let instant = i64::try_from(timestamp_us)
        .ok()
        .and_then(|us| jiff::Timestamp::from_microsecond(us).ok())
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    instant
        .to_zoned(jiff::tz::TimeZone::system())
        .strftime("%Y-%m-%dT%H:%M:%S%z")
        .to_string()
}

/// Local `YYYY-MM-DD HH:MM:SS`, as log lines have it.
pub fn local_time(timestamp_us: u64) -> String {
    let instant = i64::try_from(timestamp_us)
        .ok()
        .and_then(|us| jiff::Timestamp::from_microsecond(us).ok())
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let local = instant.to_zoned(jiff::tz::TimeZone::system());
    local.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_increase() {
        let all: Vec<u64> = (0..10_000).map(|_| timestamp()).collect();
        assert!(all.windows(2).all(|w| w[0] < w[1]));
    }

    #[test]
    fn log_times_are_iso_with_a_zone() {
        let text = log_time(1_795_172_863_196_192);
        assert_eq!(text.len(), 24, "{text}");
        assert!(text.starts_with("2026-11-2"), "{text}");
    }
}
