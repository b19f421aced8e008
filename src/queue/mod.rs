//! Queues: staged runs of a runs home started one after another, oldest first, until told to stop. Any number of
//! them may serve one home, on several machines too. Who gets a run is decided by its lease alone; a queue decides
//! only what to try next. Never makes a run.

mod child;
mod hear;
mod operation;
mod serve;
mod staged;

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::run::RunError;
use crate::store::Filter;

pub use operation::{OF_RUN, operation, spec};
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
