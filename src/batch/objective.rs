//! What a search minimises: a column of scalars and a sign.

use std::fmt;

use thiserror::Error;

use crate::run::Run;
use crate::scalars::ColSpec;
use crate::scalars::columns::{ColKind, Qualifier, ScalarCol};
use crate::scalars::found;
use crate::scalars::summary::TagSummary;

/// A scalar to be minimised, or maximised.
#[derive(Debug, Clone, PartialEq)]
pub struct Objective {
    /// As written, such as `loss` or `max eval#acc`.
    text: String,
    column: ScalarCol,
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
            text: "loss".into(),
            column: ScalarCol {
                qualifier: Qualifier::Last,
                prefix: None,
                tag: "loss".into(),
                step: false,
            },
            maximize: false,
        }
    }
}

impl Objective {
    /// Reads a column spec, with a leading `-` to maximise.
    pub fn parse(text: &str) -> Result<Objective, ObjectiveError> {
        let (column, maximize) = match text.trim().strip_prefix('-') {
            Some(column) => (column.trim(), true),
            None => (text.trim(), false),
        };
        let fault = |reason: &str| ObjectiveError {
            text: column.to_string(),
            reason: reason.to_string(),
        };
        let mut columns = ColSpec::parse_list(column).map_err(|error| fault(&error.reason))?;
        if columns.len() > 1 {
            return Err(fault("too many columns"));
        }
        match columns.pop().map(|c| c.kind) {
            Some(ColKind::Scalar(scalar)) => Ok(Objective {
                text: column.to_string(),
                column: scalar,
                maximize,
            }),
            Some(_) => Err(fault("it has to be a scalar")),
            None => Err(fault("it is empty")),
        }
    }

    pub fn maximize(&self) -> bool {
        self.maximize
    }

    /// The column as written.
    pub fn column(&self) -> &str {
        &self.text
    }

    /// `prefix#tag` or `tag`, for messages.
    pub fn tag(&self) -> String {
        match self.column.prefix.as_deref() {
            None | Some("") => self.column.tag.clone(),
            Some(prefix) => format!("{prefix}#{}", self.column.tag),
        }
    }

    /// What optimizers see of a value, and back: smaller is better.
    pub fn signed(&self, value: f64) -> f64 {
        if self.maximize { -value } else { value }
    }

    /// `minimize loss`, for previews.
    pub fn verb(&self) -> String {
        let verb = if self.maximize { "maximize" } else { "minimize" };
        format!("{verb} {}", self.text)
    }

    /// What summaries of a run's scalars say, signed.
    pub fn of_summaries(&self, summaries: &[TagSummary]) -> Option<f64> {
        self.column.value(summaries).map(|value| self.signed(value))
    }

    /// What a run says, signed, from its own files and those of runs it links to.
    pub fn of_run(&self, run: &Run) -> Option<f64> {
        let (summaries, _warnings) = found::of_run(&run.dir(), &run.meta(""));
        self.of_summaries(&summaries)
    }
}

/// As recorded: the column, with a leading `-` to maximise.
impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.maximize { "-" } else { "" };
        write!(f, "{sign}{}", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_have_a_sign_and_a_tag() {
        let objective = Objective::parse("-max eval#acc").unwrap();
        assert_eq!(
            (objective.to_string().as_str(), objective.maximize()),
            ("-max eval#acc", true)
        );
        assert_eq!(objective.tag(), "eval#acc");
        assert_eq!(objective.signed(0.5), -0.5);
        assert_eq!(objective.verb(), "maximize max eval#acc");
        assert_eq!(Objective::parse("loss").unwrap(), Objective::default());
    }

    #[test]
    fn what_is_no_objective_is_refused() {
        for (text, message) in [
            (
                "the quick brown fox",
                "invalid objective 'the quick brown fox': unexpected token 'quick', line 1, pos 5",
            ),
            ("loss, accuracy", "invalid objective 'loss, accuracy': too many columns"),
            ("=lr", "invalid objective '=lr': it has to be a scalar"),
        ] {
            assert_eq!(Objective::parse(text).unwrap_err().to_string(), message);
        }
        assert!(Objective::parse("").is_err());
    }
}
