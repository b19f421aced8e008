//! gage runs programs, keeps what they did, and searches for the flag values that make them do better.
//!
//! The library behind the `gage` command. A module may use those above it in this list, never those below.

pub mod flags;

pub mod config;

pub mod project;

pub mod scalars;

pub mod run;

pub mod store;

pub mod executor;

pub mod batch;

pub mod queue;

pub mod launch;

pub mod report;

pub mod cli;
