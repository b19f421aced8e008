//! Decides what a study does next. Pure: events in, actions out; no clock, no files, no printing, no threads.
//! Its state is what the events so far add up to, so folding a journal through `apply` restores it.
//!
//! An action is a wish. What becomes of it comes back as an event; an event that does not fit the state (a second
//! end, a word about an attempt that was given up) changes nothing and asks for nothing.

use std::collections::BTreeSet;

use super::event::{Edit, Ended, Event, Reason, Rules, Status};

/// What the driver is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Have trial `trial` proposed. Only results of trials below `horizon` may be used, if there is one.
    Ask { trial: u64, horizon: Option<u64> },
    /// Start the attempt.
    Launch { trial: u64, attempt: u32, slot: usize },
    /// Stop the attempt.
    Stop { trial: u64, attempt: u32 },
    /// Give the lost trial a new run, as this attempt.
    Renew { trial: u64, attempt: u32 },
    /// After `Resumed`: find out what became of the attempt.
    Look { trial: u64, attempt: u32 },
    /// Nothing is running and nothing is to be started.
    Finish(Reason),
}

/// Where a trial stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Its proposal is awaited.
    Asked,
    /// It has a run and waits for a slot.
    Ready,
    /// A slot was given to it; `slot` is `None` where it runs outside of this driver's slots.
    Live {
        slot: Option<usize>,
        started: bool,
    },
    /// In flight when an earlier driver died; looked for.
    Unknown,
    /// Lost; a new run for it is awaited.
    Renewing,
    Done(Status),
}

#[derive(Debug, Clone, Copy)]
struct Trial {
    state: State,
    attempt: u32,
}

/// How many trials stand where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    pub completed: u64,
    /// Exit code above 0, lost too often, or not startable.
    pub failed: u64,
    pub terminated: u64,
    pub skipped: u64,
    pub staged: u64,
    /// Slots in use.
    pub live: u64,
    /// Proposed and waiting for a slot.
    pub ready: u64,
}

impl Counts {
    /// Trials that came to an end.
    pub fn done(&self) -> u64 {
        self.completed + self.failed + self.terminated + self.skipped + self.staged
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Going,
    Paused,
    /// What runs is left to end, nothing is started.
    Ending(Reason),
}

/// The state of a study.
#[derive(Debug, Clone)]
pub struct Scheduler {
    rules: Rules,
    /// By trial number.
    trials: Vec<Trial>,
    ready: BTreeSet<u64>,
    free: BTreeSet<usize>,
    counts: Counts,
    asked: u64,
    unknown: u64,
    /// All trials below this number are done.
    prefix: u64,
    exhausted: bool,
    finished: bool,
    mode: Mode,
}

impl Default for Scheduler {
    fn default() -> Scheduler {
        Scheduler::new()
    }
}

impl Scheduler {
    /// A scheduler that has not been told of any study.
    pub fn new() -> Scheduler {
        Scheduler {
            rules: Rules::default(),
            trials: Vec::new(),
            ready: BTreeSet::new(),
            free: BTreeSet::new(),
            counts: Counts::default(),
            asked: 0,
            unknown: 0,
            prefix: 0,
            exhausted: false,
            finished: false,
            mode: Mode::Paused,
        }
    }

    /// Takes in what happened and says what is to be done about it.
    pub fn apply(&mut self, event: &Event) -> Vec<Action> {
        let mut out = Vec::new();
        match event {
            Event::Opened(header) => {
                self.rules = header.rules;
                self.free = (0..self.rules.slots).collect();
                self.mode = Mode::Going;
            }
            Event::Prior(_) => return out,
            Event::Proposed(p) => self.proposed(p.trial, p.by_hand),
            Event::Exhausted { trial, .. } => {
                if self.state(*trial) == Some(State::Asked) {
                    self.exhausted = true;
                    self.asked -= 1;
                    if trial + 1 == self.len() {
                        self.trials.pop();
                    } else {
                        self.finish_trial(*trial, Status::Skipped);
                    }
                }
            }
            Event::Started { trial, attempt, .. } => self.started(*trial, *attempt),
            Event::Ended(ended) => self.ended(ended),
            Event::Lost { trial, attempt } => self.lost(*trial, *attempt, &mut out),
            Event::Again { trial, attempt, .. } => {
                if self.state(*trial) == Some(State::Renewing) && *attempt == self.trials[*trial as usize].attempt + 1 {
                    self.trials[*trial as usize].attempt = *attempt;
                    self.make_ready(*trial);
                }
            }
            Event::Resumed { .. } => self.resumed(&mut out),
            Event::Waiting { trial, attempt } => {
                if self.is(*trial, *attempt, State::Unknown) {
                    self.unknown -= 1;
                    self.make_ready(*trial);
                }
            }
            Event::Edited(edit) => self.edited(*edit),
            Event::Stopping { .. } => self.stopping(&mut out),
            Event::Closed { .. } => {
                self.finished = true;
                return out;
            }
        }
        self.fill(&mut out);
        out
    }

    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    pub fn counts(&self) -> Counts {
        Counts {
            ready: self.ready.len() as u64,
            ..self.counts
        }
    }

    /// Number of trials that will have been run in the end, as far as that is known.
    pub fn planned(&self) -> Option<u64> {
        if self.exhausted {
            return Some(self.trials.len() as u64);
        }
        self.rules.planned
    }

    /// Number of trials proposed or asked for.
    pub fn len(&self) -> u64 {
        self.trials.len() as u64
    }

    pub fn is_empty(&self) -> bool {
        self.trials.is_empty()
    }

    /// Where a trial stands, if it was asked for.
    pub fn state(&self, trial: u64) -> Option<State> {
        self.trials.get(trial as usize).map(|t| t.state)
    }

    /// The attempt at hand of a trial, from 0.
    pub fn attempt(&self, trial: u64) -> u32 {
        self.trials.get(trial as usize).map_or(0, |t| t.attempt)
    }

    /// False for an event that would change nothing: a second end, a word about an attempt that was given up.
    pub fn fits(&self, event: &Event) -> bool {
        let at = |trial: u64, attempt: u32| {
            let t = self.trials.get(trial as usize);
            t.filter(|t| t.attempt == attempt).map(|t| t.state)
        };
        match event {
            Event::Started { trial, attempt, .. } => {
                matches!(
                    at(*trial, *attempt),
                    Some(State::Live { started: false, .. } | State::Unknown)
                )
            }
            Event::Ended(e) => {
                matches!(
                    at(e.trial, e.attempt),
                    Some(State::Live { .. } | State::Unknown | State::Ready)
                )
            }
            Event::Lost { trial, attempt } => {
                matches!(at(*trial, *attempt), Some(State::Live { .. } | State::Unknown))
            }
            Event::Waiting { trial, attempt } => at(*trial, *attempt) == Some(State::Unknown),
            Event::Again { trial, .. } => self.state(*trial) == Some(State::Renewing),
            Event::Exhausted { trial, .. } => self.state(*trial) == Some(State::Asked),
            _ => true,
        }
    }

    fn is(&self, trial: u64, attempt: u32, state: State) -> bool {
        self.trials
            .get(trial as usize)
            .is_some_and(|t| t.attempt == attempt && t.state == state)
    }

    fn proposed(&mut self, trial: u64, by_hand: bool) {
        if by_hand && trial == self.len() {
            self.trials.push(Trial {
                state: State::Asked,
                attempt: 0,
            });
            self.asked += 1;
            self.rules.planned = self.rules.planned.map(|n| n + 1);
            self.finished = false;
        }
        if self.state(trial) == Some(State::Asked) {
            self.asked -= 1;
            self.make_ready(trial);
        }
    }

    fn make_ready(&mut self, trial: u64) {
        self.trials[trial as usize].state = State::Ready;
        self.ready.insert(trial);
    }

    fn started(&mut self, trial: u64, attempt: u32) {
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

    fn ended(&mut self, ended: &Ended) {
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
    }

    fn finish_trial(&mut self, trial: u64, status: Status) {
        self.trials[trial as usize].state = State::Done(status);
        let count = match status {
            Status::Completed => &mut self.counts.completed,
            Status::Error => &mut self.counts.failed,
            Status::Terminated => &mut self.counts.terminated,
            Status::Skipped => &mut self.counts.skipped,
            Status::Staged => &mut self.counts.staged,
        };
        *count += 1;
        while matches!(self.state(self.prefix), Some(State::Done(_))) {
            self.prefix += 1;
        }
        if status == Status::Error && self.rules.fail_on_trial_error && self.mode == Mode::Going {
            self.mode = Mode::Ending(Reason::TrialFailed);
        }
    }

    fn lost(&mut self, trial: u64, attempt: u32, out: &mut Vec<Action>) {
        let Some(t) = self.trials.get(trial as usize).filter(|t| t.attempt == attempt) else {
            return;
        };
        match t.state {
            State::Live { slot, .. } => self.release(slot),
            State::Unknown => self.unknown -= 1,
            _ => return,
        }
        if attempt + 1 < self.rules.attempts {
            self.trials[trial as usize].state = State::Renewing;
            out.push(Action::Renew {
                trial,
                attempt: attempt + 1,
            });
        } else {
            self.finish_trial(trial, Status::Error);
        }
    }

    fn release(&mut self, slot: Option<usize>) {
        self.counts.live -= 1;
        if let Some(slot) = slot.filter(|slot| *slot < self.rules.slots) {
            self.free.insert(slot);
        }
    }

    /// What the earlier driver wished for and nobody answered is wished for again.
    fn resumed(&mut self, out: &mut Vec<Action>) {
        self.mode = Mode::Going;
        self.finished = false;
        self.free = (0..self.rules.slots).collect();
        self.counts.live = 0;
        self.unknown = 0;
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

    fn edited(&mut self, edit: Edit) {
        match edit {
            Edit::Trials(planned) => {
                self.rules.planned = Some(planned.max(self.len()));
                self.finished = false;
            }
            Edit::Jobs(slots) => {
                let slots = slots.max(1);
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

    fn stopping(&mut self, out: &mut Vec<Action>) {
        self.mode = Mode::Ending(Reason::Stopped);
        for (number, t) in self.trials.iter().enumerate() {
            if let State::Live { .. } = t.state {
                out.push(Action::Stop {
                    trial: number as u64,
                    attempt: t.attempt,
                });
            }
        }
    }

    /// Results that trial `trial` may use under `deterministic`: those of trials below the answer.
    fn horizon(&self, trial: u64) -> Option<u64> {
        self.rules
            .deterministic
            .then(|| (trial + 1).saturating_sub(self.rules.slots as u64))
    }

    fn may_ask(&self) -> bool {
        let next = self.len();
        !self.exhausted
            && self.rules.planned.is_none_or(|planned| next < planned)
            && self.horizon(next).is_none_or(|horizon| self.prefix >= horizon)
    }

    fn ask_next(&mut self, out: &mut Vec<Action>) {
        let trial = self.len();
        let horizon = self.horizon(trial);
        self.trials.push(Trial {
            state: State::Asked,
            attempt: 0,
        });
        self.asked += 1;
        out.push(Action::Ask { trial, horizon });
    }

    /// Uses what is free.
    fn fill(&mut self, out: &mut Vec<Action>) {
        if self.finished {
            return;
        }
        if self.mode == Mode::Going && self.unknown == 0 {
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
    fn may_ask_known(&self) -> bool {
        !self.exhausted && self.rules.planned.is_some_and(|planned| self.len() < planned)
    }

    fn launch(&mut self, out: &mut Vec<Action>) {
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

    fn check_finished(&mut self, out: &mut Vec<Action>) {
        if self.counts.live > 0 || self.unknown > 0 {
            return;
        }
        let reason = match self.mode {
            Mode::Ending(reason) => reason,
            Mode::Paused => return,
            Mode::Going => {
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
