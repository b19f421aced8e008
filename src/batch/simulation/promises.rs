//! What is promised of a study, whatever happens.

use std::collections::BTreeMap;

use super::super::event::{Edit, Event, Reason, Status};
use super::super::record::Record;
use super::{Scenario, propose, value_of};
use crate::executor::fake::{Fake, Fate};

/// Of a driver that came to an end: what the record says is what became of the runs.
pub(super) fn check(world: &Fake, record: &Record, reason: Reason) -> Result<(), String> {
    let counts = record.scheduler.counts();
    let planned = record.scheduler.planned();
    if reason == Reason::Done && Some(counts.done()) != planned {
        return Err(format!("{} trials instead of {planned:?}", counts.done()));
    }
    let mut completed: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for (run, fate) in world.runs() {
        match fate {
            Fate::Running { .. } => return Err(format!("{run} was left running")),
            Fate::Ended { exit: 0 } => {
                let number = run.split('-').nth(1).and_then(|n| n.parse().ok());
                completed
                    .entry(number.ok_or("a run of no trial")?)
                    .or_default()
                    .push(run);
            }
            _ => {}
        }
    }
    for (number, trial) in record.trials() {
        let runs = completed.remove(&number).unwrap_or_default();
        let recorded = trial.ended.as_ref().map(|e| e.status) == Some(Status::Completed);
        if runs.len() > 1 {
            return Err(format!("trial {number} completed as {runs:?}"));
        }
        if recorded != (runs.len() == 1) {
            return Err(format!("the result of trial {number} is not what became of {runs:?}"));
        }
        if recorded && runs[0] != trial.run {
            return Err(format!("trial {number} is recorded as {}, not {}", trial.run, runs[0]));
        }
    }
    match completed.is_empty() {
        true => Ok(()),
        false => Err(format!("results without a trial: {completed:?}")),
    }
}

/// Of a journal: the planned number of trials is the one asked for, and every proposal can be computed again.
pub(super) fn check_journal(scenario: &Scenario, events: &[Event]) -> Result<(), String> {
    let mut planned = scenario.rules.planned;
    let mut proposed = 0;
    let (mut record, mut known) = (Record::default(), 0);
    for event in events {
        match event {
            Event::Edited(edited) => {
                if let Edit::Trials(count) = edited.edit {
                    planned = Some(count.max(proposed));
                }
            }
            Event::Proposed(by_hand) if by_hand.by_hand => {
                planned = planned.map(|n| n + 1);
                proposed = proposed.max(by_hand.trial + 1);
            }
            Event::Proposed(own) => {
                proposed = proposed.max(own.trial + 1);
                while known < own.seen as usize {
                    record.apply(&events[known]);
                    known += 1;
                }
                let computed = propose(scenario, &record, own.trial, own.horizon);
                if computed != value_of(own) {
                    return Err(format!("the proposal of trial {} cannot be computed again", own.trial));
                }
            }
            _ => {}
        }
    }
    let whole = Record::of(events);
    match whole.scheduler.planned() == planned {
        true => Ok(()),
        false => Err(format!(
            "{:?} trials are planned, not {planned:?}",
            whole.scheduler.planned()
        )),
    }
}
