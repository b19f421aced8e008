//! Runs from making to finalizing, through the library and through `gage exec` and `gage worker`.

mod again;
mod fault;
mod life;
mod worker;
