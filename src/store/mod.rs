//! Finding, selecting, filtering and indexing runs. Uses `run` and `scalars`; never `batch` or `executor`.
