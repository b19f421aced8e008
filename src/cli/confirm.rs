//! Preview, question and what an answer means for the exit code. Same for every command that changes runs.

use super::{Failure, eprint_line};
use crate::report::prompt::{self, Default};

/// Shows `preview` and asks `question`. Declining ends the command with code 4, the end of input with 1.
pub fn confirm(preview: &str, question: &str, default: Default) -> Result<(), Failure> {
    eprint_line(preview.trim_end());
    ask(question, default)
}

/// Asks without a preview.
pub fn ask(question: &str, default: Default) -> Result<(), Failure> {
    match prompt::ask(question, default)? {
        Some(true) => Ok(()),
        Some(false) => Err(Failure::with_code("", 4)),
        None => Err(Failure::with_code("", 1)),
    }
}
