//! What a batch says while it is carried out: to who watches, and into the batch run's own output.

use super::super::disk::Saved;
use super::super::event::{Ended, Event, Status};
use super::super::narration;
use super::super::proposer::Proposer;
use super::super::report::Level;
use super::super::scheduler::State;
use super::super::trials::Fate;
use super::Driver;
use crate::run::{self, Stream};

impl Driver<'_, '_> {
    pub(super) fn log(&mut self, level: Level, text: &str) {
        self.report.log(level, text);
        for line in text.lines() {
            let line = format!("{}: [gage] {line}\n", level.word());
            self.hosted.output(Stream::Err, line.as_bytes());
        }
    }

    /// Shows what happened.
    pub(super) fn tell(&mut self, event: &Event) {
        match event {
            Event::Proposed(proposed) if proposed.by_hand => self.tell_edit(event),
            Event::Proposed(proposed) => {
                let not_finite = self.record.not_finite;
                if not_finite > self.not_finite && matches!(self.proposer, Proposer::Searching(_)) {
                    self.not_finite = not_finite;
                    self.log(Level::Warning, &narration::not_finite(not_finite));
                }
                for note in &proposed.notes {
                    self.log(Level::Info, note);
                }
            }
            Event::Started { trial, .. } => self.report.started(*trial),
            Event::Ended(ended) => {
                self.tell_end(ended);
                let line = self.journal.lines();
                self.unsaved.push_back((line, ended.clone()));
                self.disk.save(line);
            }
            Event::Lost { trial, .. } => {
                if let Some(id) = self.record.trial(*trial).map(|t| t.run.clone()) {
                    self.log(Level::Warning, &narration::lost(&id));
                }
            }
            Event::Exhausted { reason, .. } if matches!(self.proposer, Proposer::Searching(_)) && !self.failed => {
                self.log(Level::Info, reason);
            }
            Event::Stopping { .. } => self.log(Level::Info, narration::STOPPING),
            Event::Edited(_) => self.tell_edit(event),
            _ => {}
        }
    }

    /// What an earlier driver has left.
    pub(super) fn tell_earlier(&mut self) {
        let mut left = narration::Left::default();
        for (number, trial) in self.record.trials() {
            if self.record.scheduler.was_stopped_along(number) {
                continue;
            }
            if let Some(ended) = &trial.ended {
                left.finished += 1;
                let value = ended.objective.map(|v| self.plan.objective.signed(v));
                self.report.earlier(number, value, ended.status == Status::Error);
            } else if matches!(
                self.record.scheduler.state(number),
                Some(State::Live { .. } | State::Unknown)
            ) {
                match self.fate(&trial.run, number, trial.attempt) {
                    Fate::Running => left.adopted += 1,
                    Fate::Ended(_) => left.finished += 1,
                    Fate::Lost => left.lost += 1,
                    Fate::Waiting { .. } | Fate::Missing | Fate::Unreadable(_) => {}
                }
            }
        }
        let planned = self.record.scheduler.planned();
        left.left = planned.map(|planned| planned.saturating_sub(left.finished + left.adopted + left.lost));
        let text = narration::resuming(self.batch.id(), &left);
        self.log(Level::Info, &text);
    }

    /// Says once why a batch that is over does not end.
    pub(super) fn tell_of_disk(&mut self) {
        if !std::mem::replace(&mut self.told_of_disk, true) {
            self.log(Level::Info, narration::SAVING);
        }
    }

    /// Calls done what is on the disk: not even a power cut takes it back.
    pub(super) fn saved(&mut self, saved: &Saved) {
        if let Err(error) = &saved.result
            && !std::mem::replace(&mut self.told_unsaved, true)
        {
            let text = format!("Cannot bring results to the disk: {}", run::reason(error));
            self.log(Level::Warning, &text);
        }
        while let Some((_, ended)) = self.unsaved.pop_front_if(|(line, _)| *line <= saved.line) {
            let value = ended.objective.map(|v| self.plan.objective.signed(v));
            self.report.ended(ended.trial, value, ended.status == Status::Error);
        }
    }

    fn tell_end(&mut self, ended: &Ended) {
        self.report.over(ended.trial);
        let Some(id) = self.record.trial(ended.trial).map(|t| t.run.clone()) else {
            return;
        };
        let problem = self.problems.remove(&id);
        if let Some((level, text)) = narration::end(&id, ended, problem.as_deref()) {
            self.log(level, &text);
        }
    }
}
