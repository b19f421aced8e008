//! What concerns the whole study: another driver, other rules, an end before the end.

use std::collections::BTreeSet;

use super::super::event::{Edit, Reason, Status};
use super::{Action, Mode, Scheduler, State};

impl Scheduler {
    /// What the earlier driver wished for and nobody answered is wished for again.
    pub(super) fn resumed(&mut self, out: &mut Vec<Action>) {
        self.mode = Mode::Going;
        self.finished = false;
        self.at_rest = false;
        self.free = (0..self.rules.slots).collect();
        self.counts.live = 0;
        self.unknown = 0;
        let along = (0..self.len()).filter(|trial| self.was_stopped_along(*trial));
        for trial in along.collect::<Vec<u64>>() {
            self.renew(trial, out);
        }
        out.clear();
        for (number, t) in self.trials.iter_mut().enumerate() {
            let trial = number as u64;
            match t.state {
                State::Live { .. } | State::Unknown => {
                    t.state = State::Unknown;
                    self.unknown += 1;
                    out.push(Action::Look {
                        trial,
                        attempt: t.attempt,
                    });
                }
                State::Renewing => out.push(Action::Renew {
                    trial,
                    attempt: t.attempt + 1,
                }),
                // What waits for a slot was never handed to anybody.
                State::Asked | State::Ready | State::Done(_) => {}
            }
        }
        // Asked for again by `fill`. Asked trials are the last ones, as numbers are given out in order, apart
        // from trials given by hand, which keep theirs.
        while matches!(self.trials.last(), Some(t) if t.state == State::Asked) {
            self.trials.pop();
            self.asked -= 1;
        }
        for (number, t) in self.trials.iter().enumerate() {
            if t.state == State::Asked {
                out.push(Action::Ask {
                    trial: number as u64,
                    horizon: self.horizon(number as u64),
                });
            }
        }
    }

    pub(super) fn edited(&mut self, edit: &Edit, out: &mut Vec<Action>) {
        match edit {
            Edit::Trials(planned) => {
                self.rules.planned = Some((*planned).max(self.len()));
                self.finished = false;
            }
            Edit::Retry(trials) => {
                for trial in trials {
                    if matches!(
                        self.state(*trial),
                        Some(State::Done(Status::Error | Status::Terminated))
                    ) {
                        self.renew(*trial, out);
                        self.finished = false;
                    }
                }
            }
            Edit::Jobs(slots) => {
                let slots = (*slots).max(1);
                self.free.retain(|slot| *slot < slots);
                let used: BTreeSet<usize> = self
                    .trials
                    .iter()
                    .filter_map(|t| match t.state {
                        State::Live { slot, .. } => slot,
                        _ => None,
                    })
                    .collect();
                self.free
                    .extend((self.rules.slots..slots).filter(|slot| !used.contains(slot)));
                self.rules.slots = slots;
            }
            Edit::Pause if self.mode == Mode::Going => self.mode = Mode::Paused,
            Edit::Continue if self.mode == Mode::Paused => self.mode = Mode::Going,
            Edit::Pause | Edit::Continue => {}
        }
    }

    pub(super) fn stopping(&mut self, out: &mut Vec<Action>) {
        self.mode = Mode::Ending(Reason::Stopped);
        for (number, t) in self.trials.iter_mut().enumerate() {
            if let State::Live { .. } = t.state {
                t.told_to_stop = true;
                out.push(Action::Stop {
                    trial: number as u64,
                    attempt: t.attempt,
                });
            }
        }
    }
}
