//! Batches of real runs: the driver, the local executor and `gage worker`, through the library.

mod resume;
mod search;
mod world;
