//! The end of a driver's work on a batch: come to its end, or given up.

use super::super::disk;
use super::super::event::{Event, Reason};
use super::super::narration;
use super::super::report::Level;
use super::{DriveError, Driver, Outcome};
use crate::run::{self, Stream};

impl Driver<'_, '_> {
    /// Ends the batch run, as nothing more can be done here. Workers go on with the trials at hand.
    pub(super) fn give_up(mut self, error: &DriveError) {
        for line in error.to_string().lines() {
            let line = format!("ERROR: [gage] {line}\n");
            self.hosted.output(Stream::Err, line.as_bytes());
        }
        drop(self.executor);
        for thread in self.aside.drain(..) {
            let _ = thread.join();
        }
        self.hosted.end(1);
        // As far as it can be: what it was given up for is the error to report.
        let _ = disk::save_now(&self.making.home);
    }

    pub(super) fn close(mut self, reason: Reason) -> Result<Outcome, DriveError> {
        let counts = self.record.scheduler.counts();
        let exit = match reason {
            Reason::Stopped => -self.stop.signal().unwrap_or(15),
            Reason::TrialFailed => {
                self.log(Level::Error, narration::TRIAL_FAILED);
                1
            }
            Reason::Done if counts.completed + counts.skipped + counts.staged == 0 && counts.done() > 0 => {
                self.log(Level::Error, &narration::all_failed(counts.done()));
                1
            }
            Reason::Done => i32::from(self.failed),
        };
        if let Err(error) = self.journal.append(&Event::Closed { reason }) {
            // What it would say can be seen from the other events.
            self.log(Level::Warning, &error.to_string());
        }
        for thread in self.aside.drain(..) {
            // What it could not stop is said by the run's status.
            let _ = thread.join();
        }
        drop(self.executor);
        let ended = self.hosted.end(exit);
        for problem in &ended.problems {
            self.report.log(Level::Warning, problem);
        }
        let mut deleted = false;
        if ended.code == 0 && !self.making.keep_batch && !self.plan.keeps_batch() {
            match run::remove::delete_permanently(&self.batch) {
                Ok(()) => deleted = true,
                Err(error) => self.report.log(Level::Warning, &error.to_string()),
            }
        }
        // A batch that is called done is so. What cannot be saved was told of before, or is of the last moment.
        if let Err(error) = disk::save_now(&self.making.home)
            && !self.told_unsaved
        {
            let text = format!("Cannot bring results to the disk: {}", run::reason(&error));
            self.report.log(Level::Warning, &text);
        }
        let code = if exit < 0 { 128 - exit } else { exit };
        Ok(Outcome {
            reason,
            exit: u8::try_from(code).unwrap_or(1),
            batch: self.batch,
            deleted,
        })
    }
}
