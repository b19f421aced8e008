//! A lease for a moment, by who changes something of a run without executing it. What the lease said before is there
//! again afterwards, as a run's status goes by it.

use std::os::unix::fs::FileExt;

use super::{Held, Lease, line};
use crate::run::{Run, RunError};

/// Held until dropped. Such a lease has no process of the run.
pub struct Moment {
    held: Option<Held>,
    before: Option<Lease>,
}

impl Moment {
    /// Takes the lease of a run that nobody executes. Fails with [`RunError::Running`] when somebody does.
    pub fn claim(run: &Run) -> Result<Moment, RunError> {
        let before = Lease::read(run);
        Ok(Moment {
            held: Some(Held::claim(run, false)?),
            before,
        })
    }
}

impl Drop for Moment {
    fn drop(&mut self) {
        let Some(held) = self.held.take() else { return };
        match &self.before {
            // One that cannot be written back is stale as soon as this process has ended.
            Some(before) => drop(held.file.write_all_at(&line::text(before), 0)),
            None => held.release(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lease_is_what_it_was() {
        let home = tempfile::tempdir().unwrap();
        let run = Run::new(home.path(), "abc");
        let moment = Moment::claim(&run).unwrap();
        assert!(matches!(Moment::claim(&run), Err(RunError::Running(_))));
        drop(moment);
        assert_eq!(Lease::read(&run), None);
        let held = Held::claim(&run, false).unwrap();
        let stale = Lease {
            supervisor_started: Some(1),
            stopping: true,
            ..held.lease().clone()
        };
        held.file.write_all_at(&line::text(&stale), 0).unwrap();
        drop(held);
        drop(Moment::claim(&run).unwrap());
        assert_eq!(Lease::read(&run), Some(stale));
    }
}
