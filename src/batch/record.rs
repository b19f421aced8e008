//! What a journal adds up to: the study's header, its trials with their results, and the scheduler's state.
//! The one place where events are folded; the driver, resuming, replaying and showing all read from here.

use std::collections::{BTreeMap, BTreeSet};

use gage_optimizers::{Observation, Outcome, Point, Space};

use super::event::{Ended, Event, Header, Prior, Proposed, Reason, Status};
use super::scheduler::{Action, Scheduler, State};
use super::space::earlier_from_json;

/// One trial as far as it is known.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialRecord {
    pub proposed: Proposed,
    /// The run of the attempt at hand, the first one's being `proposed.run`.
    pub run: String,
    pub attempt: u32,
    /// Process id of its program, once started.
    pub pid: Option<u32>,
    pub ended: Option<Ended>,
}

/// The sum of a journal's events.
#[derive(Debug, Clone, Default)]
pub struct Record {
    pub header: Header,
    pub priors: Vec<Prior>,
    /// By trial number. `None` only while a proposal is awaited, or for a number that was never proposed.
    trials: Vec<Option<TrialRecord>>,
    pub scheduler: Scheduler,
    /// How the last driver left it, if it did so in good order.
    pub closed: Option<Reason>,
    /// Trials whose objective is NaN or infinite.
    pub not_finite: usize,
    /// A driver took over from another one.
    pub resumed: bool,
    /// Why the optimizer had nothing more to propose.
    pub exhausted: Option<String>,
    /// Requests that were carried out, by id.
    pub requests: BTreeSet<String>,
    /// Trials that came from the optimizer, those of a person not counted.
    pub own: u64,
}

impl Record {
    /// The record of a journal.
    pub fn of(events: &[Event]) -> Record {
        let mut record = Record::default();
        for event in events {
            record.apply(event);
        }
        record
    }

    /// Takes in what happened and says what is to be done about it.
    pub fn apply(&mut self, event: &Event) -> Vec<Action> {
        match event {
            Event::Opened(header) => self.header = (**header).clone(),
            Event::Prior(prior) => self.priors.push(prior.clone()),
            Event::Closed { reason } => self.closed = Some(*reason),
            Event::Resumed { .. } => {
                self.closed = None;
                self.resumed = true;
            }
            Event::Exhausted { reason, .. } => self.exhausted = Some(reason.clone()),
            Event::Edited(edited) => self.requests.extend(edited.request.clone()),
            Event::Proposed(proposed) => self.requests.extend(proposed.request.clone()),
            _ => {}
        }
        let number = trial_of(event);
        let before = number.and_then(|n| Some((self.scheduler.state(n)?, self.scheduler.attempt(n))));
        let actions = self.scheduler.apply(event);
        if let Some(number) = number {
            let after = self.scheduler.state(number);
            self.note(number, event, before, after);
        }
        if matches!(event, Event::Resumed { .. } | Event::Edited(_)) {
            self.take_back_ends();
        }
        actions
    }

    /// What an event just applied means to those who learn from ends: an attempt lost once too often is the end of
    /// its trial, and the end of one that is run again is none.
    pub fn settled(&self, event: Event) -> Event {
        if let Event::Ended(ended) = &event
            && self.scheduler.state(ended.trial) == Some(State::Renewing)
        {
            return Event::Lost {
                trial: ended.trial,
                attempt: ended.attempt,
            };
        }
        if let Event::Lost { trial, .. } = &event
            && let Some(ended) = self.trial(*trial).and_then(|t| t.ended.clone())
        {
            return Event::Ended(ended);
        }
        event
    }

    /// Keeps what an event says of its trial, if the scheduler accepted it.
    fn note(&mut self, number: u64, event: &Event, before: Option<(State, u32)>, after: Option<State>) {
        let now_done = !matches!(before, Some((State::Done(_), _))) && matches!(after, Some(State::Done(_)));
        match event {
            Event::Proposed(proposed) if after.is_some() => self.propose(number, proposed),
            Event::Started { pid, attempt, .. } => {
                if let Some(trial) = self.trial_mut(number).filter(|t| t.attempt == *attempt) {
                    trial.pid = *pid;
                }
            }
            Event::Ended(ended) if now_done => self.end(number, ended.clone()),
            Event::Lost { attempt, .. } if now_done => {
                let message = Some("it was lost too often".to_string());
                self.end(
                    number,
                    Ended {
                        trial: number,
                        attempt: *attempt,
                        status: Status::Error,
                        exit: -9,
                        objective: None,
                        seconds: None,
                        message,
                        exceeded: None,
                    },
                );
            }
            Event::Again { attempt, run, .. } => {
                let accepted = matches!(before, Some((State::Renewing, _)));
                if accepted && self.scheduler.attempt(number) == *attempt {
                    self.renew(number, *attempt, run);
                }
            }
            _ => {}
        }
    }

    /// What is to be run again has no end any more.
    fn take_back_ends(&mut self) {
        for (number, trial) in self.trials.iter_mut().enumerate() {
            let Some(trial) = trial else { continue };
            if !matches!(self.scheduler.state(number as u64), Some(State::Done(_)))
                && let Some(ended) = trial.ended.take()
            {
                self.not_finite -= usize::from(ended.objective.is_some_and(|v| !v.is_finite()));
            }
        }
    }

    fn propose(&mut self, number: u64, proposed: &Proposed) {
        if self.trials.len() <= number as usize {
            self.trials.resize(number as usize + 1, None);
        }
        let known = self.trials[number as usize].is_some();
        self.own += u64::from(!proposed.by_hand && !known);
        self.trials[number as usize].get_or_insert_with(|| TrialRecord {
            run: proposed.run.clone(),
            proposed: proposed.clone(),
            attempt: 0,
            pid: None,
            ended: None,
        });
    }

    fn end(&mut self, number: u64, ended: Ended) {
        self.not_finite += usize::from(ended.objective.is_some_and(|v| !v.is_finite()));
        if let Some(trial) = self.trial_mut(number) {
            trial.ended = Some(ended);
        }
    }

    fn renew(&mut self, number: u64, attempt: u32, run: &str) {
        if let Some(trial) = self.trial_mut(number) {
            trial.attempt = attempt;
            trial.run = run.to_string();
            trial.pid = None;
        }
    }

    /// The trial of that number, if it was proposed.
    pub fn trial(&self, number: u64) -> Option<&TrialRecord> {
        self.trials.get(number as usize)?.as_ref()
    }

    fn trial_mut(&mut self, number: u64) -> Option<&mut TrialRecord> {
        self.trials.get_mut(number as usize)?.as_mut()
    }

    /// Every proposed trial, by number.
    pub fn trials(&self) -> impl Iterator<Item = (u64, &TrialRecord)> {
        let numbered = self.trials.iter().enumerate();
        numbered.filter_map(|(n, t)| Some((n as u64, t.as_ref()?)))
    }

    /// Trial number of each run, every attempt at hand included.
    pub fn numbers(&self) -> BTreeMap<&str, u64> {
        self.trials().map(|(n, t)| (t.run.as_str(), n)).collect()
    }

    /// The completed trial with the smallest objective, the earliest of equals.
    pub fn best(&self) -> Option<(u64, f64)> {
        let finite = self.trials().filter_map(|(n, t)| Some((n, value(t.ended.as_ref()?)?)));
        finite.min_by(|a, b| a.1.total_cmp(&b.1))
    }
}

/// The objective that an optimizer may use.
fn value(ended: &Ended) -> Option<f64> {
    ended
        .objective
        .filter(|v| v.is_finite() && ended.status == Status::Completed)
}

/// What the end of a trial tells an optimizer; `None` where it tells nothing.
pub fn outcome(ended: &Ended) -> Option<Outcome> {
    match ended.status {
        Status::Completed => Some(value(ended).map_or(Outcome::Failed, |v| Outcome::Value(vec![v]))),
        Status::Error => Some(Outcome::Failed),
        Status::Terminated => Some(Outcome::Stopped(
            ended.objective.filter(|v| v.is_finite()).into_iter().collect(),
        )),
        Status::Skipped | Status::Staged => None,
    }
}

impl Prior {
    /// The prior result numbered `number`, if a search of `space` can make something of it.
    pub fn observation(&self, space: &Space, number: u64) -> Option<Observation> {
        let point = earlier_from_json(space, &self.point)?;
        let outcome = self
            .objective
            .filter(|v| v.is_finite())
            .map_or(Outcome::Failed, |v| Outcome::Value(vec![v]));
        Some(Observation {
            prior: true,
            seconds: self.seconds,
            ..Observation::new(number, point, Some(outcome))
        })
    }
}

/// The trial that an event is about.
fn trial_of(event: &Event) -> Option<u64> {
    match event {
        Event::Proposed(p) => Some(p.trial),
        Event::Ended(e) => Some(e.trial),
        Event::Started { trial, .. }
        | Event::Lost { trial, .. }
        | Event::Again { trial, .. }
        | Event::Waiting { trial, .. } => Some(*trial),
        _ => None,
    }
}

/// A running trial as an optimizer sees it.
pub fn pending(number: u64, point: Point) -> Observation {
    Observation::new(number, point, None)
}
