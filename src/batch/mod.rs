//! A study carried out: planning trials, the journal, the pure scheduler, the driver loop.
//! Uses optimizers, run, store and the executor trait; never `cli` or one particular executor.
//!
//! What happens is an [`event::Event`]; the journal is their sequence, the scheduler folds them into what to do
//! next, and resuming is folding the journal again and asking the runs what became of them.

pub mod dimensions;
pub mod event;
pub mod grid;
pub mod journal;
pub mod objective;
pub mod plan;
pub mod preview;
pub mod record;
pub mod report;
pub mod scheduler;
pub mod serve;
pub mod simulation;
pub mod space;
pub mod trials_table;

pub use plan::{BatchSpec, Plan, PlanError, plan};
