//! Which staged runs a queue may try next. Only looks; a run that looks free may be taken by somebody else before it
//! is tried, and then that is that.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::{Duration, Instant, SystemTime};

use super::{NAME, Options};
use crate::run::lease::{self, Watching};
use crate::run::{Run, RunError, Status, meta, status};
use crate::store::{Filter, RunRow, Store};

/// A run that has been staged for so long is not about to be started by who staged it.
const SETTLED: Duration = Duration::from_secs(1);
/// A staged file of this age has been there for long enough, whatever the difference of clocks.
const OLD: Duration = Duration::from_secs(5);

/// What a look at the home found.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// Oldest first.
    pub candidates: Vec<Run>,
    /// Some runs are staged so shortly, or were claimed by somebody who may be gone, that another look is due soon.
    pub unsettled: bool,
}

/// What is remembered from look to look.
pub(super) struct Looker {
    began: Instant,
    watching: Watching,
    /// Since when runs have been seen staged.
    seen: BTreeMap<String, Duration>,
    /// Runs that could not be started: how often, and until when they are left alone.
    refused: BTreeMap<String, (u32, Duration)>,
}

/// A run that could not be started is tried again after this time, and twice as much each time.
const AGAIN_AFTER: Duration = Duration::from_secs(30);
/// At least so often.
const AGAIN_AT_LEAST: Duration = Duration::from_secs(600);

impl Looker {
    pub fn new() -> Looker {
        Looker {
            began: Instant::now(),
            watching: Watching::new(),
            seen: BTreeMap::new(),
            refused: BTreeMap::new(),
        }
    }

    /// Looks for staged runs, except those that are `mine` already.
    pub fn look(&mut self, options: &Options, mine: impl Fn(&str) -> bool) -> io::Result<Looked> {
        let filter = Filter {
            statuses: vec![Status::Staged],
            ..options.filter.clone()
        };
        let store = Store::open(&options.home);
        let mut rows = store.newest(&filter, usize::MAX)?.rows;
        let now = self.began.elapsed();
        let ids: BTreeSet<&str> = rows.iter().map(|row| row.run.id()).collect();
        self.refused.retain(|id, _| ids.contains(id.as_str()));
        let left_alone = |id: &str| self.refused.get(id).is_some_and(|(_, until)| now < *until);
        rows.retain(|row| {
            let id = row.run.id();
            !left_alone(id) && !mine(id) && suits(row, options)
        });
        rows.sort_by(|a, b| (a.initialized, a.run.id()).cmp(&(b.initialized, b.run.id())));
        let ids: BTreeSet<&str> = rows.iter().map(|row| row.run.id()).collect();
        self.seen.retain(|id, _| ids.contains(id.as_str()));
        self.watching.keep(|id| ids.contains(id));
        let file_time = lease::file_time(&options.home);
        let mut at_work = AtWork::default();
        let mut looked = Looked::default();
        for row in &rows {
            let run = &row.run;
            if at_work.has_maker_of(row) {
                continue;
            }
            let since = *self.seen.entry(run.id().to_string()).or_insert(now);
            let settled = now - since >= SETTLED || is_old(run, file_time);
            if settled && self.watching.is_free(run, now) {
                looked.candidates.push(run.clone());
            } else {
                looked.unsettled = true;
            }
        }
        Ok(looked)
    }

    /// Leaves a run alone for a while that could not be started; for good with `once`. Gives how long.
    pub fn refuse(&mut self, run: &Run, once: bool) -> Option<Duration> {
        let (times, until) = self.refused.entry(run.id().to_string()).or_default();
        if once {
            *until = Duration::MAX;
            return None;
        }
        let pause = (AGAIN_AFTER * 2u32.pow((*times).min(10))).min(AGAIN_AT_LEAST);
        *times += 1;
        *until = self.began.elapsed() + pause;
        Some(pause)
    }

    /// Takes a lease out of the way whose holder is gone.
    pub fn clear(&mut self, run: &Run) -> Result<(), RunError> {
        self.watching.clear(run)
    }
}

/// Runs that others are executing, without those that `mine` says are ours or were made by ours.
pub(super) fn others(options: &Options, mine: impl Fn(&str) -> bool) -> io::Result<Vec<String>> {
    let filter = Filter {
        statuses: vec![Status::Running],
        ..Filter::default()
    };
    let rows = Store::open(&options.home).newest(&filter, usize::MAX)?.rows;
    let counts = |row: &RunRow| {
        let made_by_us = maker(row).is_some_and(|maker| mine(&maker));
        row.operation != NAME && !mine(row.run.id()) && !made_by_us
    };
    let ids = rows
        .iter()
        .filter(|row| counts(row))
        .map(|row| row.run.id().to_string());
    Ok(ids.collect())
}

/// Has the GPUs of the queue, or none.
fn suits(row: &RunRow, options: &Options) -> bool {
    let Some(wanted) = &options.gpus else { return true };
    let env = meta::read_json(&row.run.meta("proc/env.json")).ok().flatten();
    let own = env.as_ref().and_then(|env| env["CUDA_VISIBLE_DEVICES"].as_str());
    own.is_none_or(|own| own == wanted)
}

fn is_old(run: &Run, file_time: SystemTime) -> bool {
    let staged = std::fs::metadata(run.meta("staged")).and_then(|m| m.modified());
    staged.is_ok_and(|staged| file_time.duration_since(staged).is_ok_and(|age| age >= OLD))
}

/// The batch or steps run that made a run, if one did.
fn maker(row: &RunRow) -> Option<String> {
    ["batch", "steps_run"].iter().find_map(|name| {
        let made = meta::read_json(&row.run.meta(&format!("sys/{name}.json")));
        made.ok().flatten()?.as_str().map(str::to_string)
    })
}

/// Which batches and steps runs are at work: what they stage they start themselves.
#[derive(Default)]
struct AtWork(BTreeMap<String, bool>);

impl AtWork {
    fn has_maker_of(&mut self, row: &RunRow) -> bool {
        let Some(maker) = maker(row) else { return false };
        let home = row.run.home();
        *self
            .0
            .entry(maker)
            .or_insert_with_key(|id| status::of(&Run::new(home, id)) == Status::Running)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_cannot_be_started_is_tried_more_and_more_seldom() {
        let run = Run::new("/home", "abc");
        let mut looker = Looker::new();
        let pauses: Vec<u64> = (0..8)
            .filter_map(|_| looker.refuse(&run, false))
            .map(|p| p.as_secs())
            .collect();
        assert_eq!(pauses, [30, 60, 120, 240, 480, 600, 600, 600]);
        assert_eq!(looker.refuse(&run, true), None);
        assert_eq!(looker.refused["abc"].1, Duration::MAX);
    }
}
