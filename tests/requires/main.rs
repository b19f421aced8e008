//! What operations require, through the command line.

mod batches;
mod documented;
mod refused;
mod runs;
mod sources;
mod web;
mod world;
