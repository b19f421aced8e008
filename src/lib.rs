//! gage runs programs, keeps what they did, and searches for the flag values that make them do better.
//!
//! The library behind the `gage` command. Folders know only what stands above them in this list.

pub mod batch;
