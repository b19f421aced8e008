//! People who change a simulated study: their requests come at random moments, are taken up by the driver or find
//! it dead, and survive crashes as the files do. Also stops of the whole study.

use std::collections::BTreeMap;

use gage_optimizers::rng::{Purpose, Stream, stream};

use super::super::edits::{self, Decided, Place};
use super::super::event::Event;
use super::super::journal;
use super::super::plan::{BatchSpec, Plan, plan};
use super::super::record::Record;
use super::super::request::{Answer, Change, Request, Which};
use super::{Death, Life, Scenario, decoded, name, values_of};
use crate::flags::{FlagValues, Resolved, Value};

/// What is asked for, and what came of it.
pub(super) struct People {
    plan: Plan,
    /// Requests to come and those that wait, with the time of asking.
    requests: Vec<(u64, Request)>,
    /// Times of stops to come.
    stops: Vec<u64>,
    stopped: u64,
    answers: BTreeMap<String, Answer>,
}

/// Within so many virtual milliseconds most studies come to their end.
const SPAN: u64 = 6000;

impl People {
    pub fn new(scenario: &Scenario) -> People {
        let mut random = stream(scenario.seed, 2, Purpose::Search);
        let mut requests = Vec::new();
        for number in 0..scenario.edits {
            let at = random.below(SPAN);
            for (after, change) in changes(&mut random) {
                let id = format!("{:08}-{number}-{after}", at + after);
                requests.push((at + after, Request { id, change }));
            }
        }
        requests.sort_by(|a, b| (a.0, &a.1.id).cmp(&(b.0, &b.1.id)));
        let mut stops: Vec<u64> = (0..scenario.stops).map(|_| random.below(SPAN)).collect();
        stops.sort_unstable();
        let values: FlagValues = [("x".to_string(), Value::Function("[1:9]".into()))].into();
        let spec = BatchSpec {
            rows: vec![Resolved {
                user: values.clone(),
                values,
                warnings: Vec::new(),
            }],
            optimizer: "gp".into(),
            ..BatchSpec::default()
        };
        People {
            plan: plan(&spec).expect("a plan"),
            requests,
            stops,
            stopped: 0,
            answers: BTreeMap::new(),
        }
    }

    fn decide(&self, request: &Request, record: &Record, lines: u64, driven: bool) -> Decided {
        let place = Place {
            plan: &self.plan,
            record,
            batch: "b",
            driven,
            lines,
        };
        edits::decide(request, place, &name(record.scheduler.len(), 0))
    }

    /// What has been asked for by now, with nobody at the study: a command that finds it so appends to the journal.
    pub fn settle(&mut self, journal: &mut Vec<u8>, now: u64) -> Result<Vec<Event>, String> {
        let mut events = decoded(journal)?;
        let mut record = Record::of(&events);
        while let Some((_, request)) = self.requests.first().filter(|(at, _)| *at <= now) {
            let request = request.clone();
            let decided = self.decide(&request, &record, events.len() as u64, false);
            if let Some(event) = decided.event {
                journal.extend_from_slice(journal::encode(&event, events.len() as u64 + 1, now).as_bytes());
                record.apply(&event);
                events.push(event);
            }
            self.answers.insert(request.id, decided.answer);
            self.requests.remove(0);
        }
        Ok(events)
    }

    /// Changes that were made.
    pub fn edited(&self) -> u64 {
        self.answers.values().filter(|a| matches!(a, Answer::Done(_))).count() as u64
    }

    pub fn stopped(&self) -> u64 {
        self.stopped
    }

    /// Every request is in the journal at most once, and none that was refused.
    pub fn check(&self, events: &[Event]) -> Result<(), String> {
        let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
        for event in events {
            let id = match event {
                Event::Edited(edited) => &edited.request,
                Event::Proposed(proposed) if proposed.by_hand => &proposed.request,
                _ => continue,
            };
            *seen
                .entry(id.as_deref().ok_or("a change without a request")?)
                .or_default() += 1;
        }
        for (id, count) in seen {
            if count > 1 {
                return Err(format!("request {id} was carried out {count} times"));
            }
            if !matches!(self.answers.get(id), Some(Answer::Done(_))) {
                return Err(format!(
                    "request {id} was carried out but answered {:?}",
                    self.answers.get(id)
                ));
            }
        }
        let enqueued = events
            .iter()
            .filter(|e| matches!(e, Event::Proposed(p) if p.by_hand))
            .count();
        let said = |a: &&Answer| matches!(a, Answer::Done(said) if said.starts_with("Enqueued") || said == "Done");
        let promised = self.answers.values().filter(said).count();
        match enqueued <= promised {
            true => Ok(()),
            false => Err(format!("{enqueued} trials were enqueued, {promised} promised")),
        }
    }
}

/// A change, or some that belong together, each with the time that passes before it.
fn changes(random: &mut Stream) -> Vec<(u64, Change)> {
    let change = match random.below(8) {
        0 => {
            let until = 1 + random.below(900);
            return vec![(0, Change::Pause), (until, Change::Continue)];
        }
        1 => Change::Jobs(1 + random.below(6) as usize),
        2 => Change::MoreTrials(1 + random.below(4)),
        3 => Change::Trials(1 + random.below(30)),
        4 => Change::Retry(Which {
            failed: true,
            ..Which::default()
        }),
        5 => Change::Retry(Which {
            trials: vec![random.below(6)],
            ..Which::default()
        }),
        _ => Change::Enqueue(values_of(random.below(1000))),
    };
    vec![(0, change)]
}

impl Life<'_> {
    /// As the driver does: not while the study comes to an end early, one after the other, each taken up, journaled
    /// and answered, with places to die in between.
    pub(super) fn take_requests(&mut self) -> Result<(), Death> {
        let now = self.world.now();
        if self.people.stops.first().is_some_and(|at| *at <= now) && self.finished.is_none() {
            self.people.stops.remove(0);
            if !self.record.scheduler.is_ending() {
                self.people.stopped += 1;
                return self.happen(&Event::Stopping { signal: 15 });
            }
        }
        if self.record.scheduler.is_ending() {
            return Ok(());
        }
        while let Some((_, request)) = self.people.requests.first().filter(|(at, _)| *at <= now) {
            let request = request.clone();
            let decided = self.people.decide(&request, &self.record, self.lines, true);
            if let Some(event) = decided.event {
                if let Event::Proposed(proposed) = &event {
                    self.numbers.insert(proposed.run.clone(), (proposed.trial, 0));
                }
                self.happen(&event)?;
            }
            self.step()?;
            self.people.answers.insert(request.id, decided.answer);
            self.step()?;
            self.people.requests.remove(0);
        }
        if !self.record.scheduler.is_finished() {
            self.finished = None;
        }
        Ok(())
    }
}
