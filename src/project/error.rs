//! What can be wrong with a project, as the user reads it.

use std::fmt::{self, Display, Formatter};

use super::Fault;

/// Why there is no such operation, or no project at all. Displays as the text that follows `gage: `.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectError {
    report: String,
    message: String,
    faults: Vec<Fault>,
}

impl ProjectError {
    /// An error of one message.
    pub fn new(message: impl Into<String>) -> ProjectError {
        ProjectError {
            report: String::new(),
            message: message.into(),
            faults: Vec::new(),
        }
    }

    /// Errors in an operations file: a report in its own form, then what to say after it, if anything.
    pub(super) fn reported(report: impl Into<String>, message: impl Into<String>) -> ProjectError {
        ProjectError {
            report: report.into(),
            message: message.into(),
            faults: Vec::new(),
        }
    }

    /// The same, with where each fault is.
    pub(super) fn with_faults(mut self, faults: Vec<Fault>) -> ProjectError {
        self.faults = faults;
        self
    }

    /// Where in a gage file its faults are, as far as known.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// Lines that are printed as they are, with no `gage: `, before the message. Often empty.
    pub fn report(&self) -> &str {
        &self.report
    }
}

impl Display for ProjectError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ProjectError {}
