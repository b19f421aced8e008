//! Runs and batches in the background: starting, watching and stopping them, with the whole command.

mod batches;
mod place;
mod starting;
mod stopping;
mod watching;
