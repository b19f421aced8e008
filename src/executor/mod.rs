//! Where a run executes. One file and one registry line each; uses `run`, never `batch` or another executor.
