//! Runs from making to finalizing, through the library and through `gage exec` and `gage worker`.

mod again;
mod fault;
mod ground;
mod life;
mod worker;
