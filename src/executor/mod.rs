//! Where a run executes. One file and one registry line each; uses `run`, never `batch` or another executor.
//!
//! An executor is handed staged runs, one per slot at a time, and says what becomes of them. What it says is a
//! wake-up: the run's own files are the record, and whoever listens reads those.

pub mod accidents;
pub mod fake;
pub mod local;

use std::path::PathBuf;

use thiserror::Error;

pub use crate::run::Stream;

use crate::run::Run;

/// What an executor has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The program of the run has started.
    Started { run: String, pid: Option<u32> },
    /// The program printed something.
    Output {
        run: String,
        stream: Stream,
        bytes: Vec<u8>,
    },
    /// Something went wrong around the run; it goes on, or `Exited` follows.
    Problem { run: String, message: String },
    /// The run is over and finalized.
    Exited { run: String },
    /// The run was not started: it cannot be, or somebody else has it. With `machine` no other could be started
    /// there either.
    Failed {
        run: String,
        message: String,
        machine: bool,
    },
    /// Whoever supervised the run is gone.
    Gone { run: String },
}

/// How hard to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// As `gage stop` does.
    Gently,
    /// Every process is killed at once.
    AtOnce,
}

/// Why nothing can be executed here.
#[derive(Debug, Error)]
#[error("cannot start a worker: {0}")]
pub struct LaunchError(pub String);

/// A place where runs execute. Events go to the listener that it was made with.
pub trait Executor {
    /// Starts a staged run in a slot that has no other run.
    fn launch(&mut self, slot: usize, run: &Run) -> Result<(), LaunchError>;

    /// Stops a run; `Exited` follows, unless the run is not there any more.
    fn stop(&mut self, run: &Run, how: Stop);
}

/// Who is told of events; called from any thread.
pub type Listener = Box<dyn Fn(Event) + Send + Sync>;

/// What an executor is made with.
pub struct Setup {
    /// The `gage` program, to be started as a worker.
    pub gage: PathBuf,
    pub listener: Listener,
}

/// A line of the table.
pub struct Entry {
    pub name: &'static str,
    /// One line for lists.
    pub summary: &'static str,
    pub make: fn(Setup) -> Box<dyn Executor>,
}

/// Every executor that users can name.
pub const REGISTRY: &[Entry] = &[local::ENTRY];

/// The executor of that name.
pub fn find(name: &str) -> Option<&'static Entry> {
    REGISTRY.iter().find(|entry| entry.name == name)
}
