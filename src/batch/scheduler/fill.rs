//! Uses what is free: asks for trials, launches them, and sees when there is nothing left to do.

use super::super::event::Reason;
use super::{Action, Mode, Scheduler, State, Trial};

impl Scheduler {
    /// Results that trial `trial` may use under `deterministic`: those of trials below the answer.
    pub(super) fn horizon(&self, trial: u64) -> Option<u64> {
        self.rules
            .deterministic
            .then(|| (trial + 1).saturating_sub(self.lag as u64))
    }

    pub(super) fn may_ask(&self) -> bool {
        let next = self.len();
        !self.exhausted
            && self.rules.planned.is_none_or(|planned| next < planned)
            && self.horizon(next).is_none_or(|horizon| self.prefix >= horizon)
    }

    pub(super) fn ask_next(&mut self, out: &mut Vec<Action>) {
        let trial = self.len();
        let horizon = self.horizon(trial);
        self.trials.push(Trial::asked());
        self.asked += 1;
        out.push(Action::Ask { trial, horizon });
    }

    /// Uses what is free.
    pub(super) fn fill(&mut self, out: &mut Vec<Action>) {
        if self.finished || self.at_rest {
            return;
        }
        // A trial that is to be run again has to be pending to whoever is asked next.
        if self.mode == Mode::Going && self.unknown == 0 && self.renewing == 0 {
            if self.rules.known {
                while self.may_ask_known() {
                    self.ask_next(out);
                }
            }
            if !(self.rules.known && self.asked > 0) {
                self.launch(out);
            }
        }
        self.check_finished(out);
    }

    /// Without dependence on results nothing has to be waited for.
    pub(super) fn may_ask_known(&self) -> bool {
        !self.exhausted && self.rules.planned.is_some_and(|planned| self.len() < planned)
    }

    pub(super) fn launch(&mut self, out: &mut Vec<Action>) {
        while self.counts.live < self.rules.slots as u64 {
            if let Some(trial) = self.ready.first().copied() {
                let Some(slot) = self.free.pop_first() else { break };
                self.ready.remove(&trial);
                self.counts.live += 1;
                let t = &mut self.trials[trial as usize];
                t.state = State::Live {
                    slot: Some(slot),
                    started: false,
                };
                out.push(Action::Launch {
                    trial,
                    attempt: t.attempt,
                    slot,
                });
            } else {
                // One question at a time: each is to see the one before as pending.
                if !self.rules.known && self.asked == 0 && self.may_ask() {
                    self.ask_next(out);
                }
                break;
            }
        }
    }

    pub(super) fn check_finished(&mut self, out: &mut Vec<Action>) {
        if self.counts.live > 0 || self.unknown > 0 {
            return;
        }
        let reason = match self.mode {
            Mode::Ending(reason) => reason,
            Mode::Going | Mode::Paused => {
                let all = self.exhausted || self.rules.planned.is_some_and(|planned| self.len() >= planned);
                if !all || self.prefix < self.len() {
                    return;
                }
                Reason::Done
            }
        };
        self.finished = true;
        out.push(Action::Finish(reason));
    }
}
