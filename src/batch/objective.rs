//! What a search minimises: a column of scalars and a sign.

use std::fmt;

use thiserror::Error;

/// A column to be minimised, or maximised.
#[derive(Debug, Clone, PartialEq)]
pub struct Objective {
    /// Column spec, such as `loss` or `max eval#acc`.
    column: String,
    maximize: bool,
}

/// Why a text is not an objective.
#[derive(Debug, Error, PartialEq)]
#[error("invalid objective '{text}': {reason}")]
pub struct ObjectiveError {
    pub text: String,
    pub reason: String,
}

impl Default for Objective {
    fn default() -> Objective {
        Objective {
            column: "loss".into(),
            maximize: false,
        }
    }
}

impl Objective {
    /// Reads a column spec, with a leading `-` to maximise.
    pub fn parse(text: &str) -> Result<Objective, ObjectiveError> {
        let (column, maximize) = match text.trim().strip_prefix('-') {
            Some(column) => (column, true),
            None => (text.trim(), false),
        };
        let fault = |reason: String| ObjectiveError {
            text: column.to_string(),
            reason,
        };
        if column.is_empty() {
            return Err(fault("it is empty".into()));
        }
        Ok(Objective {
            column: column.to_string(),
            maximize,
        })
    }

    pub fn column(&self) -> &str {
        &self.column
    }

    pub fn maximize(&self) -> bool {
        self.maximize
    }

    /// What optimizers see of a value: smaller is better.
    pub fn signed(&self, value: f64) -> f64 {
        if self.maximize { -value } else { value }
    }

    /// `minimize loss`, for previews.
    pub fn verb(&self) -> String {
        let verb = if self.maximize { "maximize" } else { "minimize" };
        format!("{verb} {}", self.column)
    }
}

/// As recorded: the column, with a leading `-` to maximise.
impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.maximize { "-" } else { "" };
        write!(f, "{sign}{}", self.column)
    }
}
