//! What people ask of a batch while it is carried out: requests are taken up in the order of asking, one after the
//! other, and each is answered once its event is in the journal.

use std::time::{Duration, Instant};

use super::super::edits::{self, Place};
use super::super::narration;
use super::super::report::Level;
use super::super::request::{self, Answer};
use super::super::{event::Edit, event::Event, trials};
use super::{DriveError, Driver};

/// How often requests are looked for without being woken, as by those of another host.
pub(super) const SWEEP: Duration = Duration::from_secs(5);

impl Driver<'_, '_> {
    /// Carries out what was asked for. While the study comes to an end early nothing is taken up: whoever asked
    /// finds it at rest and changes its journal.
    pub(super) fn take_requests(&mut self) -> Result<(), DriveError> {
        self.requests_at = Instant::now() + SWEEP;
        if self.stopping.is_some() || self.record.scheduler.is_ending() {
            return Ok(());
        }
        for request in request::waiting(&self.batch) {
            if !request.take_up(&self.batch) {
                continue;
            }
            let place = Place {
                plan: self.plan,
                record: &self.record,
                batch: self.batch.id(),
                driven: true,
                lines: self.journal.lines(),
            };
            let run = trials::new_id().map_err(DriveError::Random)?;
            let decided = edits::decide(&request, place, &run);
            if let Some(event) = decided.event {
                self.happen(event)?;
                // What is answered stays, whatever happens to the machine; a disk that refuses is told of elsewhere.
                let _ = self.journal.sync();
            }
            if let Answer::Refused(why) = &decided.answer {
                self.log(Level::Warning, &narration::refused(why));
            }
            request.answer(&self.batch, &decided.answer);
        }
        // What was asked for at the last moment may be more to do.
        if !self.record.scheduler.is_finished() {
            self.finished = None;
        }
        Ok(())
    }

    /// Shows a change.
    pub(super) fn tell_edit(&mut self, event: &Event) {
        self.report.planned(self.record.scheduler.planned());
        let text = match event {
            Event::Edited(edited) => {
                match &edited.edit {
                    Edit::Jobs(_) => self.report.slots(self.record.scheduler.rules().slots),
                    Edit::Retry(trials) => trials.iter().for_each(|trial| self.report.again(*trial)),
                    Edit::Trials(_) | Edit::Pause | Edit::Continue => {}
                }
                narration::edited(&edited.edit)
            }
            Event::Proposed(proposed) => narration::enqueued(proposed.trial, &proposed.values),
            _ => return,
        };
        self.log(Level::Info, &text);
    }
}
