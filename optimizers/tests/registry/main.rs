//! Promises that every optimizer keeps, tested over the whole registry and over [`toy`], an optimizer that is one file
//! and one line in [`entries`]: what adding one to the registry takes.

mod conditioned;
mod cost;
mod given;
mod learning;
mod proposals;
mod toy;

use gage_optimizers::{AskError, Entry, Observation, Optimizer, Point, Setup, Space, registry::REGISTRY};

/// Every optimizer under test.
fn entries() -> impl Iterator<Item = &'static Entry> {
    REGISTRY.iter().copied().chain([&toy::ENTRY])
}

/// Those whose proposals depend on results.
fn learners() -> impl Iterator<Item = &'static Entry> {
    entries().filter(|e| e.sequential)
}

fn make(entry: &Entry, space: &Space, seed: u64) -> Box<dyn Optimizer> {
    let setup = Setup {
        space: space.clone(),
        seed,
        budget: None,
        slots: 1,
    };
    entry.build(setup, []).expect("defaults are valid")
}

/// The point that a fresh optimizer proposes.
fn ask(entry: &Entry, space: &Space, seed: u64, history: &[Observation], number: u64) -> Result<Point, AskError> {
    make(entry, space, seed).ask(history, number).map(|p| p.point)
}
