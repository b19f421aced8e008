//! Decides what a study does next. Pure: events in, actions out; no clock, no files, no printing, no threads.
//! Its state is what the events so far add up to, so folding a journal through `apply` restores it.
//!
//! An action is a wish. What becomes of it comes back as an event; an event that does not fit the state (a second
//! end, a word about an attempt that was given up) changes nothing and asks for nothing.

mod fill;
mod trials;
mod turns;

use std::collections::BTreeSet;

use super::event::{Event, Reason, Rules, Status};

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
    /// Attempts that vanished.
    losses: u32,
    /// It ran when the whole study was stopped: if that is how it ends, it is run again when the study goes on.
    told_to_stop: bool,
}

impl Trial {
    fn asked() -> Trial {
        Trial {
            state: State::Asked,
            attempt: 0,
            losses: 0,
            told_to_stop: false,
        }
    }
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
    renewing: u64,
    /// Slots at the start: how far behind the results are that `deterministic` allows, whatever is edited.
    lag: usize,
    /// All trials below this number are done.
    prefix: u64,
    exhausted: bool,
    finished: bool,
    /// The last driver is done with it, and no other has taken over.
    at_rest: bool,
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
            renewing: 0,
            lag: 1,
            prefix: 0,
            exhausted: false,
            finished: false,
            at_rest: false,
            mode: Mode::Paused,
        }
    }

    /// Takes in what happened and says what is to be done about it.
    pub fn apply(&mut self, event: &Event) -> Vec<Action> {
        let mut out = Vec::new();
        match event {
            Event::Opened(header) => {
                self.rules = header.rules;
                self.lag = header.rules.slots;
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
            Event::Ended(ended) => self.ended(ended, &mut out),
            Event::Lost { trial, attempt } => self.lost(*trial, *attempt, &mut out),
            Event::Again { trial, attempt, .. } => {
                if self.state(*trial) == Some(State::Renewing) && *attempt == self.trials[*trial as usize].attempt + 1 {
                    self.trials[*trial as usize].attempt = *attempt;
                    self.trials[*trial as usize].told_to_stop = false;
                    self.renewing -= 1;
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
            Event::Edited(edited) => self.edited(&edited.edit, &mut out),
            Event::Stopping { .. } => self.stopping(&mut out),
            Event::Closed { .. } => {
                self.finished = true;
                self.at_rest = true;
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

    /// True while nothing is to be started.
    pub fn is_paused(&self) -> bool {
        self.mode == Mode::Paused
    }

    /// True once nothing more is started, as the study was stopped or a trial failed.
    pub fn is_ending(&self) -> bool {
        matches!(self.mode, Mode::Ending(_))
    }

    /// True once there is nothing left to do, until something is asked for.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// Slots at the start, which `deterministic` goes by whatever is edited.
    pub fn lag(&self) -> usize {
        self.lag
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
}
