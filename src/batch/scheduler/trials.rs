//! What becomes of a single trial: proposed, started, ended, lost.

use super::super::event::{Ended, Reason, Status};
use super::{Action, Mode, Scheduler, State, Trial};

impl Scheduler {
    pub(super) fn proposed(&mut self, trial: u64, by_hand: bool) {
        if by_hand && trial == self.len() {
            self.trials.push(Trial::asked());
            self.asked += 1;
            self.rules.planned = self.rules.planned.map(|n| n + 1);
            self.finished = false;
        }
        if self.state(trial) == Some(State::Asked) {
            self.asked -= 1;
            self.make_ready(trial);
        }
    }

    pub(super) fn make_ready(&mut self, trial: u64) {
        self.trials[trial as usize].state = State::Ready;
        self.ready.insert(trial);
    }

    pub(super) fn started(&mut self, trial: u64, attempt: u32) {
        let Some(t) = self.trials.get(trial as usize).filter(|t| t.attempt == attempt) else {
            return;
        };
        match t.state {
            State::Live { slot, started: false } => {
                self.trials[trial as usize].state = State::Live { slot, started: true };
            }
            State::Unknown => {
                // It is run by a worker of the driver that died, and counts against the slots all the same.
                self.unknown -= 1;
                self.counts.live += 1;
                let slot = self.free.pop_first();
                self.trials[trial as usize].state = State::Live { slot, started: true };
            }
            _ => {}
        }
    }

    pub(super) fn ended(&mut self, ended: &Ended, out: &mut Vec<Action>) {
        let Some(t) = self
            .trials
            .get(ended.trial as usize)
            .filter(|t| t.attempt == ended.attempt)
        else {
            return;
        };
        match t.state {
            State::Live { slot, .. } => self.release(slot),
            State::Unknown => self.unknown -= 1,
            // It was taken by somebody else, or cannot be made.
            State::Ready => {
                self.ready.remove(&ended.trial);
            }
            State::Asked | State::Renewing | State::Done(_) => return,
        }
        self.finish_trial(ended.trial, ended.status);
        if self.mode != Mode::Ending(Reason::Stopped) && self.was_stopped_along(ended.trial) {
            // The driver that stopped the study died before it saw this, and the study goes on already.
            self.renew(ended.trial, out);
        }
    }

    /// True of a trial that ended because the whole study was stopped.
    pub fn was_stopped_along(&self, trial: u64) -> bool {
        let t = self.trials.get(trial as usize);
        t.is_some_and(|t| t.told_to_stop && t.state == State::Done(Status::Terminated))
    }

    /// Takes back the end of a trial: it is to be run again.
    pub(super) fn renew(&mut self, trial: u64, out: &mut Vec<Action>) {
        let t = &mut self.trials[trial as usize];
        let State::Done(status) = t.state else { return };
        t.state = State::Renewing;
        t.losses = 0;
        let attempt = t.attempt + 1;
        *self.count(status) -= 1;
        self.renewing += 1;
        self.prefix = self.prefix.min(trial);
        out.push(Action::Renew { trial, attempt });
    }

    fn count(&mut self, status: Status) -> &mut u64 {
        match status {
            Status::Completed => &mut self.counts.completed,
            Status::Error => &mut self.counts.failed,
            Status::Terminated => &mut self.counts.terminated,
            Status::Skipped => &mut self.counts.skipped,
            Status::Staged => &mut self.counts.staged,
        }
    }

    pub(super) fn finish_trial(&mut self, trial: u64, status: Status) {
        self.trials[trial as usize].state = State::Done(status);
        *self.count(status) += 1;
        while matches!(self.state(self.prefix), Some(State::Done(_))) {
            self.prefix += 1;
        }
        if status == Status::Error && self.rules.fail_on_trial_error && self.mode == Mode::Going {
            self.mode = Mode::Ending(Reason::TrialFailed);
        }
    }

    pub(super) fn lost(&mut self, trial: u64, attempt: u32, out: &mut Vec<Action>) {
        let Some(t) = self.trials.get(trial as usize).filter(|t| t.attempt == attempt) else {
            return;
        };
        match t.state {
            State::Live { slot, .. } => self.release(slot),
            State::Unknown => self.unknown -= 1,
            _ => return,
        }
        let t = &mut self.trials[trial as usize];
        t.losses += 1;
        if t.losses < self.rules.attempts {
            t.state = State::Renewing;
            self.renewing += 1;
            out.push(Action::Renew {
                trial,
                attempt: attempt + 1,
            });
        } else {
            self.finish_trial(trial, Status::Error);
        }
    }

    pub(super) fn release(&mut self, slot: Option<usize>) {
        self.counts.live -= 1;
        if let Some(slot) = slot.filter(|slot| *slot < self.rules.slots) {
            self.free.insert(slot);
        }
    }
}
