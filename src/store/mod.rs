//! Finding, selecting, filtering and indexing runs. Uses `run` and `scalars`; never `batch` or `executor`.
pub use row::RunRow;
pub mod range;
pub mod select;
