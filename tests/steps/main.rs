//! Steps operations, through the command line.

mod again;
mod ends;
mod flow;
mod refused;
#[path = "../requires/world.rs"]
mod world;
