//! How a command ends when it cannot do what it was asked: a text after `gage: ` and an exit code.

use super::eprint_line;
use crate::project::ProjectError;

/// What a command returns: its exit code, or why it failed.
pub type CommandResult = Result<u8, Failure>;

/// A message for standard error and an exit code.
#[derive(Debug)]
pub struct Failure {
    /// Lines printed before, as they are. Often empty.
    pub report: String,
    /// Printed after `gage: `; nothing is printed if empty.
    pub message: String,
    pub code: u8,
}

impl Failure {
    /// An error: exit code 1.
    pub fn new(message: impl Into<String>) -> Failure {
        Failure {
            report: String::new(),
            message: message.into(),
            code: 1,
        }
    }

    /// An error with another exit code.
    pub fn with_code(message: impl Into<String>, code: u8) -> Failure {
        Failure {
            report: String::new(),
            message: message.into(),
            code,
        }
    }

    /// A wrong command line: exit code 2, and where to read on. `command` is `gage` or `gage run`.
    pub fn usage(message: impl Into<String>, command: &str) -> Failure {
        let message = message.into();
        Failure {
            report: String::new(),
            message: format!("{message}\nTry '{command} --help' for more information."),
            code: 2,
        }
    }

    /// Options that exclude each other, or alike: exit code 1, and where to read on.
    pub fn misuse(message: impl Into<String>, command: &str) -> Failure {
        Failure {
            code: 1,
            ..Failure::usage(message, command)
        }
    }

    /// Says what is wrong.
    pub fn print(&self) {
        if !self.report.is_empty() {
            eprint_line(&self.report);
        }
        if !self.message.is_empty() {
            eprint_line(&format!("gage: {}", self.message));
        }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error = error.into();
        // Errors in an operations file are reported in their own form.
        let report = error.downcast_ref::<ProjectError>().map_or("", ProjectError::report);
        Failure {
            report: report.to_string(),
            ..Failure::new(format!("{error:#}"))
        }
    }
}
