//! What the scheduler wishes for, carried out: asking, making, launching, and finding out what became of a run.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::super::event::{Event, Proposed, Status};
use super::super::history;
use super::super::narration;
use super::super::plan::Proposes;
use super::super::proposer::{Answer, Nothing, Question, Values};
use super::super::report::Level;
use super::super::scheduler::Action;
use super::super::trials::{self, Fate};
use super::{DriveError, Driver, LAUNCH_PATIENCE, ORPHAN_PATIENCE};
use crate::executor::Stop;
use crate::flags::{FlagValues, Value, check};
use crate::run::lease::Lease;
use crate::run::{self, Run, RunError, Stream};

impl Driver<'_, '_> {
    pub(super) fn act(&mut self, action: Action) -> Result<(), DriveError> {
        match action {
            Action::Ask { trial, horizon } => {
                let question = Question {
                    trial,
                    horizon,
                    seen: self.journal.lines(),
                };
                if let Some(answer) = self.proposer.ask(question, self.plan) {
                    self.answered(answer)?;
                }
            }
            Action::Launch { trial, attempt, slot } => {
                if let Some(event) = self.launch(trial, attempt, slot)? {
                    self.events.push_back(event);
                }
            }
            Action::Stop { trial, .. } => self.stop_trial(trial, Stop::Gently),
            Action::Renew { trial, attempt } => {
                let id = self.record.trial(trial).map(|t| t.run.clone()).unwrap_or_default();
                let run = match self.fate(&id, trial, attempt - 1) {
                    Fate::Waiting { .. } => id,
                    Fate::Unreadable(reason) => return Err(self.machine(reason)),
                    fate => {
                        if fate == Fate::Lost {
                            self.bury(&id);
                        }
                        trials::new_id().map_err(DriveError::Random)?
                    }
                };
                self.events.push_back(Event::Again { trial, attempt, run });
            }
            Action::Look { trial, attempt } => {
                let id = self.record.trial(trial).map(|t| t.run.clone()).unwrap_or_default();
                let event = match self.doubted(&id, trial, attempt)? {
                    true => Some(Event::Lost { trial, attempt }),
                    false => self.found(&id, trial, attempt)?,
                };
                self.events
                    .push_back(event.unwrap_or(Event::Waiting { trial, attempt }));
            }
            Action::Finish(reason) => self.finished = Some(reason),
        }
        Ok(())
    }

    pub(super) fn answered(&mut self, answer: Answer) -> Result<(), DriveError> {
        let Question { trial, horizon, seen } = answer.question;
        let (values, point, notes) = match answer.proposed {
            Ok(Values::All(values)) => (self.completed(values), None, Vec::new()),
            Ok(Values::Point(proposal)) => {
                let Proposes::Search { spec, constants } = &self.plan.proposes else {
                    unreachable!("only a search proposes points");
                };
                let values = self.plan.complete(&spec.values(&proposal.point), constants);
                let notes = history::log_lines(&proposal, &self.plan.objective.tag());
                (values, Some(history::numbers(&proposal)), notes)
            }
            Err(Nothing::Exhausted(reason)) => {
                let reason = narration::sentence(&reason);
                self.events.push_back(Event::Exhausted { trial, reason });
                return Ok(());
            }
            Err(Nothing::Failed(reason)) => {
                self.failed = true;
                self.log(Level::Error, &narration::sentence(&reason));
                self.events.push_back(Event::Exhausted { trial, reason });
                return Ok(());
            }
        };
        let proposed = Proposed {
            trial,
            run: trials::new_id().map_err(DriveError::Random)?,
            values,
            seed: self.plan.trial_seed(trial),
            point,
            seen,
            horizon,
            notes,
            by_hand: false,
            request: None,
        };
        self.happen(Event::Proposed(proposed))
    }

    /// Trials known beforehand all exist before the first one starts.
    pub(super) fn make_known(&mut self, event: &Event) -> Result<(), DriveError> {
        if let Event::Proposed(proposed) = event
            && matches!(self.plan.proposes, Proposes::Listed(_))
            && let Err(error) = self.making.make(&self.batch, proposed, &proposed.run)
        {
            let error = self.blame(error)?;
            let failed = trials::failed(proposed.trial, 0, 1, error.to_string());
            self.events.push_back(Event::Ended(failed));
        }
        Ok(())
    }

    /// An error that is the trial's own. One of the machine (a full disk, no more files) would meet every trial:
    /// it ends the driver, and no trial fails for it.
    pub(super) fn blame(&self, error: RunError) -> Result<RunError, DriveError> {
        match error.is_of_the_machine() {
            true => Err(self.machine(error.to_string())),
            false => Ok(error),
        }
    }

    pub(super) fn machine(&self, reason: String) -> DriveError {
        let batch = self.batch.id().to_string();
        DriveError::Machine { reason, batch }
    }

    /// What a program proposes may leave flags out.
    pub(super) fn completed(&self, given: FlagValues) -> FlagValues {
        let Proposes::Program(_) = &self.plan.proposes else {
            return given;
        };
        let row = &self.plan.spec.rows[0];
        let fixed = row
            .values
            .iter()
            .filter(|(_, v)| !matches!(v, Value::List(_) | Value::Function(_)));
        let mut values: FlagValues = fixed.map(|(n, v)| (n.clone(), v.clone())).collect();
        values.extend(given);
        check::add_choice_flags(&self.plan.spec.opdef.flags, &row.user, &mut values);
        values
    }

    /// Starts an attempt; gives an event if that is already its end.
    pub(super) fn launch(&mut self, trial: u64, attempt: u32, slot: usize) -> Result<Option<Event>, DriveError> {
        let Some(record) = self.record.trial(trial) else {
            return Ok(None);
        };
        let (id, proposed) = (record.run.clone(), record.proposed.clone());
        let failed = |error: RunError| {
            let exit = i32::from(error.exit_code());
            Some(Event::Ended(trials::failed(trial, attempt, exit, error.to_string())))
        };
        self.clear_unstarted(&id, trial, attempt)?;
        let run = match self.making.make(&self.batch, &proposed, &id) {
            Ok(run) => run,
            Err(error) => return Ok(failed(self.blame(error)?)),
        };
        let staged = match self.fate(&id, trial, attempt) {
            Fate::Waiting { staged } => staged,
            other => return self.not_waiting(&id, trial, attempt, other),
        };
        let op = &self.plan.spec.opdef.name;
        let text = narration::begin(&id, op, &proposed.values, self.plan.spec.stage_trials);
        self.log(Level::Info, &text);
        if !staged {
            match self.making.stage(&run, &proposed.values) {
                Ok((text, warnings)) => {
                    self.report.output(trial, Stream::Err, text.as_bytes());
                    warnings.iter().for_each(|w| self.log(Level::Warning, w));
                }
                Err(error) => return Ok(failed(self.blame(error)?)),
            }
        }
        if self.plan.spec.stage_trials {
            return Ok(Some(Event::Ended(trials::gone(trial, attempt, Status::Staged))));
        }
        self.flying.insert(id, (trial, attempt));
        self.hand_over(slot, &run)?;
        Ok(None)
    }

    /// After a power cut: deletes a run that ended shortly before, as it may not be whole and was never called done.
    /// It can be restored.
    fn doubted(&mut self, id: &str, trial: u64, attempt: u32) -> Result<bool, DriveError> {
        let run = Run::new(&self.making.home, id);
        let ended = matches!(self.fate(id, trial, attempt), Fate::Ended(_));
        if !ended || !self.cut.is_some_and(|cut| cut.doubts(&run)) {
            return Ok(false);
        }
        run::remove::delete(&run).map_err(|error| self.machine(error.to_string()))?;
        self.log(Level::Warning, &narration::doubted(id));
        Ok(true)
    }

    /// After a power cut: the files of a run that waits may be empty. It is made again.
    fn clear_unstarted(&mut self, id: &str, trial: u64, attempt: u32) -> Result<(), DriveError> {
        let run = Run::new(&self.making.home, id);
        if self.cut.is_some() && run.meta("").exists() && matches!(self.fate(id, trial, attempt), Fate::Waiting { .. })
        {
            let removed = run::remove::delete_permanently(&run);
            removed.map_err(|error| self.machine(error.to_string()))?;
        }
        Ok(())
    }

    /// Gives a run to its worker. A machine that has no more processes or memory may have some in a moment.
    fn hand_over(&mut self, slot: usize, run: &Run) -> Result<(), DriveError> {
        let mut pause = Duration::from_millis(100);
        loop {
            match self.executor.launch(slot, run) {
                Ok(()) => return Ok(()),
                Err(error) if pause > LAUNCH_PATIENCE => return Err(self.machine(error.to_string())),
                Err(_) => std::thread::sleep(pause),
            }
            pause *= 2;
        }
    }

    /// Somebody else has started it. What came of it counts; what is still to come does, if it is our own from
    /// before this driver.
    pub(super) fn not_waiting(
        &mut self,
        id: &str,
        trial: u64,
        attempt: u32,
        fate: Fate,
    ) -> Result<Option<Event>, DriveError> {
        let resumed = self.record.resumed;
        if let Some(status) = narration::status_word(&fate) {
            self.log(Level::Info, &narration::skipping(id, status));
        }
        match fate {
            Fate::Running if !resumed => Ok(Some(Event::Ended(trials::gone(trial, attempt, Status::Skipped)))),
            fate => self.event_of(id, trial, attempt, fate),
        }
    }

    pub(super) fn fate(&self, id: &str, trial: u64, attempt: u32) -> Fate {
        trials::fate(&Run::new(&self.making.home, id), trial, attempt, &self.plan.objective)
    }

    /// What became of an attempt; `None` while it waits.
    pub(super) fn found(&mut self, id: &str, trial: u64, attempt: u32) -> Result<Option<Event>, DriveError> {
        let fate = self.fate(id, trial, attempt);
        self.event_of(id, trial, attempt, fate)
    }

    pub(super) fn event_of(
        &mut self,
        id: &str,
        trial: u64,
        attempt: u32,
        fate: Fate,
    ) -> Result<Option<Event>, DriveError> {
        Ok(match fate {
            Fate::Waiting { .. } => None,
            Fate::Missing if self.flying.contains_key(id) => Some(Event::Ended(trials::failed(
                trial,
                attempt,
                1,
                narration::DELETED.into(),
            ))),
            Fate::Missing => None,
            Fate::Running => {
                self.end_if_orphaned(id, trial);
                self.flying.insert(id.to_string(), (trial, attempt));
                self.adopted.insert(trial);
                let pid = self.pid_of(id);
                Some(Event::Started { trial, attempt, pid })
            }
            Fate::Ended(ended) => {
                self.finish(id);
                self.land(id, trial);
                Some(Event::Ended(*ended))
            }
            Fate::Lost => {
                let run = Run::new(&self.making.home, id);
                self.aside(move || run::stop::end_leftovers(&run, ORPHAN_PATIENCE));
                self.land(id, trial);
                Some(Event::Lost { trial, attempt })
            }
            Fate::Unreadable(reason) => return Err(self.machine(reason)),
        })
    }

    /// A program whose supervisor is gone has nobody to record what it says and how it ends: it is stopped, and its
    /// trial counts as lost. It gets no exit code before the journal says so: a driver that took over in between
    /// would take it for one that somebody has stopped.
    fn end_if_orphaned(&mut self, id: &str, trial: u64) {
        let run = Run::new(&self.making.home, id);
        let orphaned = Lease::read(&run).is_some_and(|lease| lease.is_local() && !lease.supervisor_is_alive());
        if orphaned && self.orphans.insert(trial) {
            self.aside(move || run::stop::end_leftovers(&run, ORPHAN_PATIENCE));
        }
    }

    /// Finishes what a worker left that was killed after it had written the exit code.
    fn finish(&mut self, id: &str) {
        let run = Run::new(&self.making.home, id);
        if run.lease_file().exists() && !Lease::read(&run).is_some_and(|lease| lease.is_held(&run)) {
            // As it is, the result can be read all the same.
            self.aside(move || drop(run::finalize_orphan(&run, -9)));
        }
    }

    /// Gives the run of an attempt that is lost, by the journal, its end, and ends what is left of it.
    pub(super) fn bury(&mut self, id: &str) {
        let run = Run::new(&self.making.home, id);
        if run::status::exit_code(&run).is_some() && !run.lease_file().exists() {
            return;
        }
        self.aside(move || {
            run::stop::end_leftovers(&run, ORPHAN_PATIENCE);
            // What stays unfinished is shown as terminated all the same.
            let _ = run::finalize_orphan(&run, -9);
        });
    }

    /// Does what takes a while on a thread of its own; the driver does not end before it is done.
    pub(super) fn aside(&mut self, work: impl FnOnce() + Send + 'static) {
        self.aside.retain(|thread| !thread.is_finished());
        let work = Arc::new(Mutex::new(Some(work)));
        let theirs = Arc::clone(&work);
        match std::thread::Builder::new().spawn(move || take(&theirs)) {
            Ok(thread) => self.aside.push(thread),
            // No more threads: everything else waits.
            Err(_) => take(&work),
        }
    }

    /// Process id of a run's program, as the run has it.
    pub(super) fn pid_of(&self, id: &str) -> Option<u32> {
        let lock = Run::new(&self.making.home, id).meta("proc/lock");
        run::meta::read_number(&lock).and_then(|pid| u32::try_from(pid).ok())
    }

    pub(super) fn land(&mut self, id: &str, trial: u64) {
        self.flying.remove(id);
        self.adopted.remove(&trial);
        self.orphans.remove(&trial);
    }
}

/// Does a piece of work, if nobody has.
fn take(work: &Mutex<Option<impl FnOnce()>>) {
    let work = work.lock().expect("nobody panics with it").take();
    if let Some(work) = work {
        work();
    }
}
