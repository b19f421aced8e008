//! An executor in virtual time, with a world of runs that outlives those who asked for them. Runs nothing;
//! for simulations of whole studies with faults.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::accidents::{Accident, Accidents};
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

/// The world. Time is in milliseconds and moves only when an event is taken.
#[derive(Debug)]
pub struct Fake {
    now: u64,
    pub accidents: Accidents,
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
    /// An empty world.
    pub fn new(accidents: Accidents) -> Fake {
        Fake {
            now: 0,
            accidents,
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
    /// dies at the same moment.
    pub fn listener_died(&mut self) {
        self.mail.clear();
        let now = self.now;
        for (fate, _) in self.runs.values_mut() {
            let running = matches!(fate, Fate::Running { until } if *until > now);
            if running && self.accidents.happens(Accident::DeadTogether) {
                *fate = Fate::Lost;
            }
        }
    }

    fn send(&mut self, at: u64, event: Event) {
        if self.accidents.happens(Accident::LostEvent) {
            return;
        }
        let late = match self.accidents.happens(Accident::LateEvent) {
            true => self.accidents.below(5000),
            false => 0,
        };
        if self.accidents.happens(Accident::DuplicatedEvent) {
            let again = at + self.accidents.below(3000);
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
        if self.accidents.happens(Accident::FailedLaunch) {
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
                let started = self.now + 1 + self.accidents.below(20);
                let until = started + 1 + self.accidents.below(2000);
                self.send(
                    started,
                    Event::Started {
                        run: id.clone(),
                        pid: None,
                    },
                );
                if self.accidents.happens(Accident::DeadWorker) {
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
