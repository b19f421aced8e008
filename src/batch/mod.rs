//! A study carried out: planning trials, the journal, the pure scheduler, the driver loop.
//! Uses optimizers, run, store and the executor trait; never `cli` or one particular executor.

pub mod serve;
