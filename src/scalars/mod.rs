//! Scalars: from printed lines, event files and summaries; written, read back, summarised, and named by column
//! specs. Knows directories and files, not how a run lives; never `cli`.

/// A number logged under a tag at a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Scalar {
    pub tag: String,
    pub step: i64,
    pub value: f64,
}
