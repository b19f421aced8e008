//! How often the standard output of a program is looked at. A reader that wakes at every write takes the processor
//! from the writer in the middle of a line: the lines of several processes mix, and many small writes cost as many
//! wake-ups. So after some output the next is collected for a moment. Standard error is read at once, and what was
//! collected before it, or the order of the two would be lost. Pure: told the time.

use std::time::{Duration, Instant};

/// How long small output is collected.
const MOMENT: Duration = Duration::from_millis(10);
/// How long after the last output the next is expected to follow.
const RECENT: Duration = Duration::from_millis(250);
/// A read of this many bytes means that the writer would have to wait for us.
const MUCH: usize = 4096;
/// How long a writer of much is taken for one.
const BUSY: Duration = Duration::from_millis(100);

/// What to do about standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// Wait for it.
    Wait,
    /// See whether there is some now.
    Glance,
    /// Leave it alone until then.
    Rest(Instant),
}

/// The pace at which output is read.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    next: Option<Instant>,
    recent: Option<Instant>,
    busy: Option<Instant>,
}

impl Pace {
    pub(crate) fn look(&self, now: Instant) -> Look {
        let before = |time: Option<Instant>| time.is_some_and(|time| now < time);
        match self.next {
            Some(_) if before(self.busy) || !before(self.recent) => Look::Wait,
            Some(next) if now < next => Look::Rest(next),
            Some(_) => Look::Glance,
            None => Look::Wait,
        }
    }

    /// This many bytes were there.
    pub(crate) fn read(&mut self, bytes: usize, now: Instant) {
        self.next = Some(now + MOMENT);
        self.recent = Some(now + RECENT);
        if bytes >= MUCH {
            self.busy = Some(now + BUSY);
        }
    }

    /// There was nothing.
    pub(crate) fn nothing(&mut self, now: Instant) {
        self.next = Some(now + MOMENT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_output_is_collected_while_more_may_follow() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut pace = Pace::default();
        assert_eq!(pace.look(at(0)), Look::Wait);
        pace.read(6, at(0));
        assert_eq!(pace.look(at(1)), Look::Rest(at(10)));
        assert_eq!(pace.look(at(10)), Look::Glance);
        pace.nothing(at(10));
        assert_eq!(pace.look(at(11)), Look::Rest(at(20)));
        assert_eq!(pace.look(at(250)), Look::Wait, "it fell silent");
        pace.read(6, at(400));
        assert_eq!(pace.look(at(401)), Look::Rest(at(410)));
    }

    #[test]
    fn who_writes_much_is_not_kept_waiting() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut pace = Pace::default();
        pace.read(64 * 1024, at(0));
        pace.read(10, at(5));
        assert_eq!(pace.look(at(6)), Look::Wait);
        assert_eq!(pace.look(at(101)), Look::Glance);
    }
}
