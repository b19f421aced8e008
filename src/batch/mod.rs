//! A study carried out: planning trials, the journal, the pure scheduler, the driver loop.
//! Uses optimizers, run, store and the executor trait; never `cli` or one particular executor.
//!
//! What happens is an [`event::Event`]; the journal is their sequence, the scheduler folds them into what to do
//! next, and resuming is folding the journal again and asking the runs what became of them.

pub mod at_rest;
pub mod dimensions;
mod disk;
pub mod driver;
pub mod edits;
pub mod event;
pub mod following;
pub mod grid;
pub mod history;
pub mod journal;
pub mod narration;
pub mod needed;
pub mod objective;
pub mod overview;
pub mod plan;
mod power_cut;
pub mod preview;
mod prior;
mod program;
mod proposer;
pub mod record;
pub mod replay;
pub mod report;
pub mod request;
pub mod resume;
pub mod scheduler;
pub mod serve;
pub(crate) mod signals;
pub mod simulation;
pub mod space;
pub mod trials;
pub mod trials_table;

pub use driver::{DriveError, Outcome, drive, drive_again, go_on, stage, stage_again};
pub use plan::{BatchSpec, Plan, PlanError, plan};
pub use report::Report;
pub use trials::Making;
