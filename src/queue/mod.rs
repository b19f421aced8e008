//! Queues: staged runs of a runs home started one after another, oldest first, until told to stop. Any number of
//! them may serve one home, on several machines too. Who gets a run is decided by its lease alone; a queue decides
//! only what to try next. Never makes a run.

mod child;
mod serve;
mod staged;

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::project::OpDef;
use crate::run::{RunError, RunSpec, system_attrs};
use crate::store::Filter;

pub use serve::{Outcome, serve};

/// The operation's name, in lists of runs.
pub const NAME: &str = "queue";

/// What a queue does.
#[derive(Debug, Clone)]
pub struct Options {
    /// The runs home.
    pub home: PathBuf,
    /// The `gage` program, to be started as a worker.
    pub gage: PathBuf,
    /// Staged runs that are of interest.
    pub filter: Filter,
    /// Runs at a time.
    pub jobs: usize,
    /// Start what is staged, then end.
    pub once: bool,
    /// Start nothing while other runs are running.
    pub wait_for_running: bool,
    /// Longest time between looks.
    pub interval: Duration,
    /// Only runs with these GPUs or none, which then get them.
    pub gpus: Option<String>,
}

/// Why a queue cannot go on.
#[derive(Debug, Error)]
pub enum QueueError {
    #[error(transparent)]
    Run(#[from] RunError),
    #[error("cannot read {}: {}", home.display(), crate::run::reason(source))]
    Home { home: PathBuf, source: std::io::Error },
    #[error("cannot watch for signals: {0}")]
    Signals(std::io::Error),
}

/// The run that a queue itself is: told to stop, it has done its work.
pub fn spec(options: &Options) -> RunSpec {
    use crate::flags::Value;
    let gpus = options.gpus.clone().map_or(Value::Null, Value::Text);
    let flags = [
        ("gpus", gpus),
        ("jobs", Value::Int(i64::try_from(options.jobs).unwrap_or(i64::MAX))),
        ("poll-interval", Value::Float(options.interval.as_secs_f64())),
        ("run-once", Value::Bool(options.once)),
        ("wait-for-running", Value::Bool(options.wait_for_running)),
    ];
    RunSpec {
        opdef: OpDef {
            name: NAME.into(),
            stoppable: true,
            delete_on_success: true,
            ..OpDef::default()
        },
        namespace: Some("gage".into()),
        flags: flags.map(|(name, value)| (name.to_string(), value)).into(),
        attrs: system_attrs(),
        ..RunSpec::default()
    }
}
