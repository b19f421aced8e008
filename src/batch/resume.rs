//! Batches that did not come to their end: finding them, and everything that is needed to go on with one. Going on
//! is the driver's.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use thiserror::Error;

use super::event::{Event, Header, Reason};
use super::journal::{self, JournalError};
use super::plan::{Plan, PlanError};
use super::trials::SOURCE;
use crate::run::lease::Lease;
use crate::run::{Facts, Run, RunError, Status, Template, id, meta, status};

/// How long a lease without a process is waited for.
pub(super) const MOMENT: Duration = Duration::from_secs(2);

/// What an earlier driver left of a study.
#[derive(Debug)]
pub struct Study {
    pub batch: Run,
    pub header: Header,
    pub plan: Plan,
    /// The source code of its trials, as it was when the batch was made.
    pub source: Template,
}

/// Why a batch cannot be gone on with.
#[derive(Debug, Error)]
pub enum ResumeError {
    #[error("run {0} is not a batch")]
    NoBatch(String),
    #[error("batch {id} is being carried out by process {pid} on {host}\nUse 'gage stop {id}' to stop it first.")]
    Running { id: String, pid: i64, host: String },
    #[error("batch {0} has no beginning: nothing was recorded of it")]
    Empty(String),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Plan(#[from] PlanError),
}

/// True for a run that carries out a study.
pub fn is_batch(run: &Run) -> bool {
    run.meta(journal::FILE).exists()
}

/// Batches of a runs home that did not reach the end of their study, newest first. Damaged ones are among them, so
/// that whoever goes on is told.
pub fn unfinished(home: &Path) -> Vec<Run> {
    let names = std::fs::read_dir(home).into_iter().flatten().flatten();
    let runs = names.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let id = name.strip_suffix(".meta").filter(|id| id::is_valid(id))?;
        Some(Run::new(home, id)).filter(is_batch)
    });
    let mut found: Vec<(i64, Run)> = runs
        .filter(|run| !is_finished(run))
        .map(|run| (meta::read_number(&run.meta("initialized")).unwrap_or(0), run))
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, run)| run).collect()
}

/// True for a batch that reached the end of its study.
pub fn is_finished(batch: &Run) -> bool {
    // A batch whose driver saw its end has an exit code, so that most journals need not be read.
    let ended = status::exit_code(batch).is_some();
    ended && journal::read_last(&batch.meta(journal::FILE)).is_ok_and(|last| is_at_its_end(last.as_slice()))
}

/// True for a journal whose study reached its end, with nothing asked for since.
pub fn is_at_its_end(events: &[Event]) -> bool {
    matches!(events.last(), Some(Event::Closed { reason: Reason::Done }))
}

/// Who carries a batch out at this moment: process id and host.
pub fn driver(batch: &Run) -> Option<(i64, String)> {
    if status::of(batch) != Status::Running {
        return None;
    }
    let lease = Lease::read(batch);
    Some((
        lease.as_ref().map_or(0, |l| i64::from(l.supervisor)),
        lease.map_or_else(|| "another host".into(), |l| l.host),
    ))
}

/// Runs of attempts that were lost: whoever noted it may have died before it could end what was left of them.
pub(super) fn given_up(events: &[Event]) -> Vec<String> {
    let (mut runs, mut lost) = (BTreeMap::new(), Vec::new());
    for event in events {
        match event {
            Event::Proposed(p) => drop(runs.insert(p.trial, p.run.clone())),
            Event::Again { trial, run, .. } => drop(runs.insert(*trial, run.clone())),
            Event::Lost { trial, .. } => lost.extend(runs.get(trial).cloned()),
            _ => {}
        }
    }
    // An attempt that was never started goes on under the same run.
    lost.retain(|id| !runs.values().any(|run| run == id));
    lost
}

/// Reads what a batch was made for. It must not be running.
pub fn open(batch: &Run) -> Result<Study, ResumeError> {
    let study = read(batch)?;
    // Somebody who changes its journal while nobody carries it out has its lease, too, for a moment.
    let began = Instant::now();
    while driver(batch).is_some()
        && Lease::read(batch).is_some_and(|lease| lease.pid.is_none())
        && began.elapsed() < MOMENT
    {
        std::thread::sleep(Duration::from_millis(5));
    }
    refusal(batch).map_or(Ok(study), Err)
}

/// Why a batch that is being carried out cannot be taken.
pub(super) fn refusal(batch: &Run) -> Option<ResumeError> {
    let (pid, host) = driver(batch)?;
    let id = batch.id().to_string();
    Some(ResumeError::Running { id, pid, host })
}

/// Reads what a batch was made for, whether it is running or not.
pub fn read(batch: &Run) -> Result<Study, ResumeError> {
    let id = batch.id().to_string();
    if !is_batch(batch) {
        return Err(ResumeError::NoBatch(id));
    }
    let Some(Event::Opened(header)) = journal::read_first(&batch.meta(journal::FILE))? else {
        return Err(ResumeError::Empty(id));
    };
    let proto = Facts::of_proto(batch)?;
    let mut opdef = proto.opdef.clone();
    let mut own = Facts::read(batch)?.opdef;
    let project = crate::run::project_dir(batch).unwrap_or_default();
    own.project_dir.clone_from(&project);
    opdef.project_dir = project;
    let program = header.is_program().then_some(own);
    let digest = meta::read_json(&batch.meta("proto/sys/sourcecode_digest.json"));
    let digest = digest.ok().flatten().and_then(|d| d.as_str().map(str::to_string));
    Ok(Study {
        plan: Plan::of_header(&header, opdef, program)?,
        header: *header,
        source: Template::kept(&batch.meta(SOURCE), &digest.unwrap_or_default())?,
        batch: batch.clone(),
    })
}
