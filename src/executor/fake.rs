//! An executor in virtual time, with a world of runs that outlives those who asked for them. Runs nothing;
//! for simulations of whole studies with faults.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use gage_optimizers::rng::Stream as Random;

use super::{Event, Executor, LaunchError, Stop};
use crate::run::Run;

/// What the world knows of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Made, and waiting to be started.
    Waiting,
    /// Runs until then.
    Running { until: u64 },
    /// Came to its end with that exit code.
    Ended { exit: i32 },
    /// Nobody runs it, and it has no exit code.
    Lost,
}

/// Probabilities of what goes wrong, each per occasion.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// An event is never delivered.
    pub lost_event: f64,
    /// An event is delivered twice.
    pub duplicated_event: f64,
    /// An event is delivered late.
    pub late_event: f64,
    /// A launch fails.
    pub failed_launch: f64,
    /// The supervisor of a run dies with its program.
    pub dead_worker: f64,
}

/// The world. Time is in milliseconds and moves only when an event is taken.
#[derive(Debug)]
pub struct Fake {
    now: u64,
    random: Random,
    faults: Faults,
    /// With the exit code that the program will have.
    runs: BTreeMap<String, (Fate, i32)>,
    /// Events on their way: time, order of sending, event.
    mail: BinaryHeap<Reverse<(u64, u64, Letter)>>,
    sent: u64,
}

/// An event as an ordered value; the order among equals is never used, as `sent` differs.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Letter(Event);

impl PartialOrd for Letter {
    fn partial_cmp(&self, other: &Letter) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Letter {
    fn cmp(&self, _: &Letter) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

impl Fake {
    /// An empty world whose accidents come from `random`.
    pub fn new(random: Random, faults: Faults) -> Fake {
        Fake {
            now: 0,
            random,
            faults,
            runs: BTreeMap::new(),
            mail: BinaryHeap::new(),
            sent: 0,
        }
    }

    /// Virtual milliseconds since the beginning.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Lets time pass without an event.
    pub fn wait_until(&mut self, time: u64) {
        self.now = self.now.max(time);
    }

    /// Makes a run that waits to be started and will exit with `exit`. Making one that exists changes nothing.
    pub fn make(&mut self, id: &str, exit: i32) {
        self.runs.entry(id.to_string()).or_insert((Fate::Waiting, exit));
    }

    /// What became of a run by now; `None` if it was never made.
    pub fn fate(&self, id: &str) -> Option<Fate> {
        Some(match *self.runs.get(id)? {
            (Fate::Running { until }, exit) if until <= self.now => Fate::Ended { exit },
            (fate, _) => fate,
        })
    }

    fn set(&mut self, id: &str, fate: Fate) {
        if let Some(run) = self.runs.get_mut(id) {
            run.0 = fate;
        }
    }

    /// Every run there ever was.
    pub fn runs(&self) -> impl Iterator<Item = (&str, Fate)> {
        self.runs.keys().filter_map(|id| Some((id.as_str(), self.fate(id)?)))
    }

    /// Time of the next event, if one is on its way.
    pub fn next_at(&self) -> Option<u64> {
        self.mail.peek().map(|Reverse((at, ..))| *at)
    }

    /// The next event; time moves on to it.
    pub fn take(&mut self) -> Option<Event> {
        let Reverse((at, _, Letter(event))) = self.mail.pop()?;
        self.now = self.now.max(at);
        Some(event)
    }

    /// The one who listened died: nothing is delivered any more. Runs go on, but for those whose supervisor
    /// dies with probability `dead` at the same moment.
    pub fn listener_died(&mut self, dead: f64) {
        self.mail.clear();
        let ids: Vec<String> = self.runs.keys().cloned().collect();
        for id in ids {
            if matches!(self.fate(&id), Some(Fate::Running { .. })) && self.random.unit() < dead {
                self.set(&id, Fate::Lost);
            }
        }
    }

    fn happens(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.random.unit() < probability
    }

    fn send(&mut self, at: u64, event: Event) {
        if self.happens(self.faults.lost_event) {
            return;
        }
        let late = if self.happens(self.faults.late_event) {
            self.random.below(5000)
        } else {
            0
        };
        if self.happens(self.faults.duplicated_event) {
            let again = at + self.random.below(3000);
            self.post(again, event.clone());
        }
        self.post(at + late, event);
    }

    fn post(&mut self, at: u64, event: Event) {
        self.sent += 1;
        self.mail.push(Reverse((at, self.sent, Letter(event))));
    }
}

impl Executor for Fake {
    fn launch(&mut self, _slot: usize, run: &Run) -> Result<(), LaunchError> {
        if self.happens(self.faults.failed_launch) {
            return Err(LaunchError("no more processes".into()));
        }
        let id = run.id().to_string();
        match self.fate(&id) {
            None => self.send(
                self.now + 1,
                Event::Failed {
                    run: id,
                    message: "no such run".into(),
                    machine: false,
                },
            ),
            Some(Fate::Waiting) => {
                let started = self.now + 1 + self.random.below(20);
                let until = started + 1 + self.random.below(2000);
                self.send(
                    started,
                    Event::Started {
                        run: id.clone(),
                        pid: None,
                    },
                );
                if self.happens(self.faults.dead_worker) {
                    self.set(&id, Fate::Lost);
                    self.send(started + 1, Event::Gone { run: id });
                } else {
                    self.set(&id, Fate::Running { until });
                    self.send(until, Event::Exited { run: id });
                }
            }
            Some(fate) => self.send(
                self.now + 1,
                Event::Failed {
                    run: id,
                    message: format!("{fate:?}"),
                    machine: false,
                },
            ),
        }
        Ok(())
    }

    fn stop(&mut self, run: &Run, _how: Stop) {
        let id = run.id().to_string();
        if let Some(Fate::Running { .. }) = self.fate(&id) {
            self.set(&id, Fate::Ended { exit: -15 });
            self.send(self.now + 1, Event::Exited { run: id });
        }
    }
}
