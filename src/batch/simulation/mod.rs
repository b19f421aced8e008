//! Whole studies in virtual time, with a driver that dies, a journal that tears, messages that go astray and people
//! who change their minds: scheduler, journal, edits and resuming are the real ones, runs and optimizer are
//! pretended. Used by tests and benches; `gage` itself never simulates.

mod people;
mod promises;

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

use gage_optimizers::rng::{Purpose, stream};

use self::people::People;
use super::event::{Ended, Event, Header, Proposed, Reason, Rules, Status};
use super::journal;
use super::record::Record;
use super::resume;
use super::scheduler::{Action, State};
use crate::executor::accidents::{self, Accident, Accidents, PerAccident};
use crate::executor::fake::{Fake, Fate};
use crate::executor::{Event as Message, Executor, Stop};
use crate::flags::{FlagValues, Value};
use crate::run::Run;

/// What is simulated.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// Of all accidents, not of the study.
    pub seed: u64,
    pub rules: Rules,
    pub accidents: accidents::Plan,
    /// Leave out events that change nothing, as the driver does; the scheduler must do without.
    pub sieved: bool,
    /// Share of the trials whose program fails.
    pub failing: f64,
    /// How many changes people ask for, and how often they stop the study, at random moments.
    pub edits: u64,
    pub stops: u64,
}

/// How it went.
#[derive(Debug)]
pub struct Story {
    /// Value of each trial, by number.
    pub values: BTreeMap<u64, u64>,
    pub record: Record,
    pub reason: Reason,
    /// Drivers that died or gave up.
    pub deaths: u64,
    /// Changes that were made, and stops.
    pub edited: u64,
    pub stopped: u64,
    /// How often each accident happened, and how often it could have.
    pub happened: PerAccident<u64>,
    pub occasions: PerAccident<u64>,
    /// Virtual milliseconds.
    pub time: u64,
}

/// Why a driver's life ended early.
enum Death {
    /// Killed, or it gave up.
    Gone,
    Broken(String),
}

struct Life<'a> {
    scenario: &'a Scenario,
    world: &'a mut Fake,
    people: &'a mut People,
    journal: &'a mut Vec<u8>,
    record: Record,
    lines: u64,
    /// Trial and attempt of each run.
    numbers: BTreeMap<String, (u64, u32)>,
    events: VecDeque<Event>,
    finished: Option<Reason>,
}

/// How often what is in flight is looked after without being asked, in virtual milliseconds.
const SWEEP: u64 = 1000;

/// How often a worker that cannot be started is tried again before the driver gives up.
const LAUNCHES: u32 = 5;

/// Plays a study to its end, through as many drivers as it takes. `Err` says which promise was broken.
pub fn play(scenario: &Scenario) -> Result<Story, String> {
    let accidents = Accidents::new(stream(scenario.seed, 0, Purpose::Search), scenario.accidents);
    let mut world = Fake::new(accidents);
    let mut people = People::new(scenario);
    let mut journal = Vec::new();
    let mut deaths = 0;
    loop {
        let events = people.settle(&mut journal, world.now())?;
        let mut life = Life {
            scenario,
            world: &mut world,
            people: &mut people,
            journal: &mut journal,
            record: Record::of(&events),
            lines: events.len() as u64,
            numbers: BTreeMap::new(),
            events: VecDeque::new(),
            finished: None,
        };
        let end = life.live();
        match (end, life.finished) {
            (Ok(()), Some(reason)) => {
                let record = life.record;
                promises::check(&world, &record, reason)?;
                let events = decoded(&mut journal)?;
                let folded = Record::of(&events);
                if format!("{folded:?}") != format!("{record:?}") {
                    return Err("the journal adds up to something else than what the driver held".into());
                }
                let later = people.settle(&mut journal, world.now())?;
                if reason == Reason::Stopped || !resume::is_at_its_end(&later) && later != events {
                    world.wait_until(world.now() + 1000);
                    continue;
                }
                promises::check_journal(scenario, &later)?;
                people.check(&later)?;
                return Ok(Story {
                    values: record.trials().map(|(n, t)| (n, value_of(&t.proposed))).collect(),
                    record,
                    reason,
                    deaths,
                    edited: people.edited(),
                    stopped: people.stopped(),
                    happened: world.accidents.happened(),
                    occasions: world.accidents.occasions(),
                    time: world.now(),
                });
            }
            (Ok(()), None) => return Err("the driver stopped without an end".into()),
            (Err(Death::Broken(promise)), _) => return Err(promise),
            (Err(Death::Gone), _) => {
                deaths += 1;
                if deaths > 10_000 {
                    return Err("no end in sight".into());
                }
                world.listener_died();
                let pause = world.accidents.below(3000);
                world.wait_until(world.now() + pause);
            }
        }
    }
}

/// What a journal holds; a torn end is cut off.
fn decoded(journal: &mut Vec<u8>) -> Result<Vec<Event>, String> {
    let contents = journal::decode_all(journal, Path::new(journal::FILE)).map_err(|e| e.to_string())?;
    journal.truncate(contents.length as usize);
    Ok(contents.events)
}

impl Life<'_> {
    fn live(&mut self) -> Result<(), Death> {
        for (number, trial) in self.record.trials() {
            self.numbers.insert(trial.run.clone(), (number, trial.attempt));
        }
        self.events.push_back(if self.lines == 0 {
            Event::Opened(Box::new(Header {
                rules: self.scenario.rules,
                ..Header::default()
            }))
        } else {
            Event::Resumed {
                pid: 1,
                host: "simulation".into(),
            }
        });
        let mut sweep_at = self.world.now() + SWEEP;
        loop {
            while let Some(event) = self.events.pop_front() {
                self.happen(&event)?;
            }
            self.take_requests()?;
            if !self.events.is_empty() {
                continue;
            }
            if let Some(reason) = self.finished {
                return self.happen(&Event::Closed { reason });
            }
            match self.world.next_at().filter(|at| *at < sweep_at) {
                Some(_) => {
                    let message = self.world.take().expect("an event is on its way");
                    self.hear(&message);
                }
                None => {
                    self.world.wait_until(sweep_at);
                    sweep_at += SWEEP;
                    self.sweep()?;
                }
            }
        }
    }

    /// A place where the driver can die.
    fn step(&mut self) -> Result<(), Death> {
        match self.world.accidents.happens(Accident::Crash) {
            true => Err(Death::Gone),
            false => Ok(()),
        }
    }

    fn happen(&mut self, event: &Event) -> Result<(), Death> {
        self.step()?;
        if self.scenario.sieved && !self.record.scheduler.fits(event) {
            return Ok(());
        }
        let line = journal::encode(event, self.lines + 1, self.world.now());
        if self.world.accidents.happens(Accident::FullDisk) {
            return Err(Death::Gone);
        }
        if self.world.accidents.happens(Accident::TornLine) {
            let part = self.world.accidents.below(line.len() as u64) as usize;
            self.journal.extend_from_slice(&line.as_bytes()[..part]);
            // After a power cut the end of a file may be zeros.
            let zeros = self.world.accidents.below(2) * self.world.accidents.below(100);
            self.journal.resize(self.journal.len() + zeros as usize, 0);
            return Err(Death::Gone);
        }
        self.journal.extend_from_slice(line.as_bytes());
        self.lines += 1;
        let actions = self.record.apply(event);
        for action in actions {
            self.step()?;
            self.act(action)?;
        }
        Ok(())
    }

    fn act(&mut self, action: Action) -> Result<(), Death> {
        match action {
            Action::Ask { trial, horizon } => {
                let values = values_of(propose(self.scenario, &self.record, trial, horizon));
                let run = name(trial, 0);
                self.numbers.insert(run.clone(), (trial, 0));
                self.events.push_back(Event::Proposed(Proposed {
                    trial,
                    run,
                    values,
                    seen: self.lines,
                    horizon,
                    ..Proposed::default()
                }));
            }
            Action::Launch { trial, attempt, slot } => {
                let run = name(trial, attempt);
                let exit = i32::from(hash(&[7, trial]) as f64 / u64::MAX as f64 <= self.scenario.failing);
                self.world.make(&run, exit);
                let mut launches = 1;
                while self.world.launch(slot, &Run::new("", &run)).is_err() {
                    if launches == LAUNCHES {
                        return Err(Death::Gone);
                    }
                    launches += 1;
                    self.world.wait_until(self.world.now() + 100);
                }
                let running = self
                    .world
                    .runs()
                    .filter(|(_, fate)| matches!(fate, Fate::Running { .. }));
                if self.scenario.rules.slots < 50 && running.count() > self.record.scheduler.rules().slots {
                    return Err(Death::Broken("more runs than slots".into()));
                }
            }
            Action::Stop { trial, attempt } => self.world.stop(&Run::new("", name(trial, attempt)), Stop::Gently),
            Action::Renew { trial, attempt } => {
                let run = name(trial, attempt);
                self.numbers.insert(run.clone(), (trial, attempt));
                self.events.push_back(Event::Again { trial, attempt, run });
            }
            Action::Look { trial, attempt } => {
                let event = self.found(trial, attempt).unwrap_or(Event::Waiting { trial, attempt });
                self.events.push_back(event);
            }
            Action::Finish(reason) => {
                self.finished = Some(reason);
            }
        }
        Ok(())
    }

    fn hear(&mut self, message: &Message) {
        let (Message::Started { run, .. }
        | Message::Output { run, .. }
        | Message::Exited { run }
        | Message::Problem { run, .. }
        | Message::Failed { run, .. }
        | Message::Gone { run }) = message;
        let Some(&(trial, attempt)) = self.numbers.get(run) else {
            return;
        };
        self.events.extend(match message {
            Message::Started { .. } => Some(Event::Started {
                trial,
                attempt,
                pid: None,
            }),
            _ => self.found(trial, attempt),
        });
    }

    /// What the run itself says.
    fn found(&self, trial: u64, attempt: u32) -> Option<Event> {
        Some(match self.world.fate(&name(trial, attempt))? {
            Fate::Waiting => return None,
            Fate::Running { .. } => Event::Started {
                trial,
                attempt,
                pid: None,
            },
            Fate::Lost => Event::Lost { trial, attempt },
            Fate::Ended { exit } => Event::Ended(Ended {
                trial,
                attempt,
                status: match exit {
                    0 => Status::Completed,
                    1.. => Status::Error,
                    _ => Status::Terminated,
                },
                exit,
                objective: None,
                seconds: None,
                message: None,
                exceeded: None,
            }),
        })
    }

    /// Looks after everything in flight, as messages may have been lost.
    fn sweep(&mut self) -> Result<(), Death> {
        self.step()?;
        let scheduler = &self.record.scheduler;
        let live = self
            .record
            .trials()
            .filter(|(n, _)| matches!(scheduler.state(*n), Some(State::Live { .. })));
        let found: Vec<Event> = live.filter_map(|(n, t)| self.found(n, t.attempt)).collect();
        let news = found.into_iter().filter(|event| {
            !matches!(event, Event::Started { trial, .. }
                if matches!(scheduler.state(*trial), Some(State::Live { started: true, .. })))
        });
        self.events.extend(news);
        Ok(())
    }
}

/// A stand-in for an optimizer: depends on every recent result that it may use.
fn propose(scenario: &Scenario, record: &Record, trial: u64, horizon: Option<u64>) -> u64 {
    let mut digest = hash(&[1, trial]);
    if !scenario.rules.known {
        let recent = trial.saturating_sub(3 * scenario.rules.slots as u64);
        for number in recent..horizon.unwrap_or(trial) {
            let Some(t) = record.trial(number) else { continue };
            if let Some(ended) = &t.ended {
                digest ^= hash(&[number, ended.exit as u64, value_of(&t.proposed)]);
            }
        }
    }
    digest >> 1
}

fn name(trial: u64, attempt: u32) -> String {
    format!("t-{trial}-{attempt}")
}

fn values_of(value: u64) -> FlagValues {
    [("x".to_string(), Value::Int(value as i64))].into()
}

fn value_of(proposed: &Proposed) -> u64 {
    match proposed.values.get("x") {
        Some(Value::Int(v)) => *v as u64,
        _ => 0,
    }
}

/// Mixes numbers (the finaliser of SplitMix64, Steele et al. 2014, over a running sum).
fn hash(numbers: &[u64]) -> u64 {
    numbers.iter().fold(0x9e37_79b9_7f4a_7c15, |h: u64, n| {
        let mut z = h.wrapping_add(*n).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 30)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}
