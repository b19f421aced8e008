//! Finding, selecting, filtering and indexing runs. Uses `run` and `scalars`; never `batch` or `executor`.

pub mod expression;
pub mod range;
pub mod select;
mod token;
