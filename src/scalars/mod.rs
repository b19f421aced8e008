//! Scalars: from printed lines, event files and summaries; written, read back, summarised, and named by column
//! specs. Knows directories and files, not how a run lives; never `cli`.

pub mod ansi;
pub mod columns;
pub mod event;
pub mod events;
pub mod found;
pub mod number;
pub mod patterns;
pub mod record;
pub mod scanner;
pub mod summary;

pub use columns::{ColSpec, ColumnError};
pub use found::of_run;
pub use patterns::{Patterns, PatternsError};
pub use scanner::Scanner;
pub use summary::TagSummary;

/// A number logged under a tag at a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Scalar {
    pub tag: String,
    pub step: i64,
    pub value: f64,
}

/// The prefix of what a run printed, as opposed to the event files that its program wrote.
pub const OUTPUT_PREFIX: &str = ".guild";
