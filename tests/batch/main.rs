//! Batches of real runs: the driver, the local executor and `gage worker`, through the library.

mod deterministic;
mod edits;
mod project;
mod resume;
mod search;
mod signals;
mod warm;
mod world;
