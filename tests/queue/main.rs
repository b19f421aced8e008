//! `gage queue`: staged runs started exactly once, whoever else serves the same home, dies, or claims to live.

mod leases;
mod sharing;
mod stopping;
mod what;
mod world;
