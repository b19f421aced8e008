//! Leases of other hosts, watched by our own clock: one that did not move for long enough is given up, whatever time
//! its file, the file system and the other host think it is. Takes the time as an argument and reads no clock.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Found, aside};
use crate::run::{Run, RunError};

/// What an observer has seen of leases.
#[derive(Debug, Default)]
pub struct Watching {
    /// By run id: the lease as it was last, and since when it is so.
    seen: BTreeMap<String, (Found, Duration)>,
}

impl Watching {
    /// Nothing was seen yet.
    pub fn new() -> Watching {
        Watching::default()
    }

    /// Looks at the lease of a run. `now` is the observer's own time since any moment, and must never go back. True
    /// when nobody holds it: there is none, its processes are known to be gone, or it has not moved for six touches.
    pub fn is_free(&mut self, run: &Run, now: Duration) -> bool {
        let Some(found) = Found::read(run) else {
            self.seen.remove(run.id());
            return true;
        };
        if let Some(held) = found.known() {
            self.seen.remove(run.id());
            return !held;
        }
        let stale_after = found.stale_after();
        match self.seen.get(run.id()) {
            Some((seen, since)) if *seen == found => now.saturating_sub(*since) >= stale_after,
            _ => {
                self.seen.insert(run.id().to_string(), (found, now));
                false
            }
        }
    }

    /// Takes away the lease that [`Watching::is_free`] has just called free, unless it is another one by now.
    pub fn clear(&mut self, run: &Run) -> Result<(), RunError> {
        match self.seen.remove(run.id()) {
            Some((found, _)) => aside::set_aside(run, &found),
            // What pids say of it is seen by whoever claims it.
            None => Ok(()),
        }
    }

    /// Forgets runs that are of no interest any more.
    pub fn keep(&mut self, interesting: impl Fn(&str) -> bool) {
        self.seen.retain(|id, _| interesting(id));
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File, FileTimes};
    use std::time::SystemTime;

    use super::super::{Lease, line};
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn lease(beat: u64) -> Lease {
        Lease {
            beat,
            host: "elsewhere".into(),
            token: "abc".into(),
            ..Lease::default()
        }
    }

    fn touch(run: &Run, beat: u64, time: SystemTime) {
        fs::write(run.lease_file(), line::text(&lease(beat))).unwrap();
        let file = File::options().write(true).open(run.lease_file()).unwrap();
        file.set_times(FileTimes::new().set_modified(time)).unwrap();
    }

    #[test]
    fn only_our_own_clock_counts() {
        let home = tempfile::tempdir().unwrap();
        let run = Run::new(home.path(), "abc");
        let mut watching = Watching::new();
        assert!(watching.is_free(&run, SECOND), "no lease");
        // A lease that looks a day old, or a day young, to every clock: as long as it moves somebody holds it.
        let day = 86_400 * SECOND;
        for (beat, time) in [
            SystemTime::now() - day,
            SystemTime::now() + day,
            SystemTime::now() - day,
        ]
        .into_iter()
        .enumerate()
        {
            touch(&run, beat as u64, time);
            for second in 0..59 {
                let now = 100 * SECOND * beat as u32 + SECOND * second;
                assert!(!watching.is_free(&run, now), "{beat} {second}");
            }
        }
        assert!(!watching.is_free(&run, 259 * SECOND));
        assert!(watching.is_free(&run, 260 * SECOND));
        watching.clear(&run).unwrap();
        assert!(!run.lease_file().exists());
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_lease_that_moved_is_not_cleared() {
        let home = tempfile::tempdir().unwrap();
        let run = Run::new(home.path(), "abc");
        let mut watching = Watching::new();
        touch(&run, 1, SystemTime::UNIX_EPOCH);
        assert!(!watching.is_free(&run, Duration::ZERO));
        assert!(watching.is_free(&run, 60 * SECOND));
        touch(&run, 2, SystemTime::UNIX_EPOCH);
        watching.clear(&run).unwrap();
        assert!(run.lease_file().exists());
        assert!(!watching.is_free(&run, 61 * SECOND), "seen anew");
    }

    #[test]
    fn an_unreadable_lease_is_given_up_too() {
        let home = tempfile::tempdir().unwrap();
        let run = Run::new(home.path(), "abc");
        fs::write(run.lease_file(), "").unwrap();
        let mut watching = Watching::new();
        assert!(!watching.is_free(&run, Duration::ZERO));
        assert!(watching.is_free(&run, 60 * SECOND));
        watching.clear(&run).unwrap();
        assert!(!run.lease_file().exists());
        watching.keep(|_| false);
    }
}
