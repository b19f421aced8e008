//! After a power cut not everything that was written is there, and what is there may be empty or cut short. What was
//! called done had been saved; this says what else cannot be relied on. Changes nothing.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::journal;
use crate::run::lease::Lease;
use crate::run::{Run, meta, process};

/// The system writes everything within half a minute, and a driver shows that it lives every ten seconds.
const UNSAVED: Duration = Duration::from_secs(60);

/// The machine was started again while a driver was at work.
#[derive(Debug, Clone, Copy)]
pub struct PowerCut {
    /// The last sign of life.
    last: SystemTime,
}

impl PowerCut {
    /// What a batch's lease tells, before anybody else takes it. A driver that came to an end leaves none.
    pub fn of(batch: &Run) -> Option<PowerCut> {
        let lease = Lease::read(batch)?;
        if lease.boot_id == process::boot_id() {
            return None;
        }
        let files = [batch.lease_file(), batch.meta(journal::FILE)];
        let times = files.iter().filter_map(|path| fs::metadata(path).ok()?.modified().ok());
        Some(PowerCut {
            last: times.max().unwrap_or(UNIX_EPOCH),
        })
    }

    /// True for a run that ended so shortly before that some of its files may be missing. One that its worker
    /// brought to an end long after its driver had died is not meant.
    pub fn doubts(&self, run: &Run) -> bool {
        let stopped = meta::read_number(&run.meta("stopped")).and_then(|us| u64::try_from(us).ok());
        let Some(stopped) = stopped.map(|us| UNIX_EPOCH + Duration::from_micros(us)) else {
            return true;
        };
        let apart = match stopped.duration_since(self.last) {
            Ok(after) => after,
            Err(before) => before.duration(),
        };
        apart < UNSAVED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_ended_at_the_last_moment_is_doubted() {
        let home = tempfile::tempdir().unwrap();
        let batch = Run::new(home.path(), "batch");
        assert!(PowerCut::of(&batch).is_none(), "no lease");
        let lease = |boot_id: &str| {
            let text = format!(r#"{{"host": "here", "boot_id": "{boot_id}"}}"#);
            fs::write(batch.lease_file(), text).unwrap();
            PowerCut::of(&batch)
        };
        assert!(lease(process::boot_id()).is_none(), "its driver was killed");
        let cut = lease("the boot before").unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let run = Run::new(home.path(), "run");
        assert!(cut.doubts(&run), "nobody knows when");
        fs::create_dir(run.meta("")).unwrap();
        for (text, doubted) in [
            (now.as_micros().to_string(), true),
            ((now - Duration::from_secs(3600)).as_micros().to_string(), false),
            ((now + Duration::from_secs(3600)).as_micros().to_string(), false),
            (String::new(), true),
        ] {
            fs::write(run.meta("stopped"), &text).unwrap();
            assert_eq!(cut.doubts(&run), doubted, "{text}");
        }
    }
}
