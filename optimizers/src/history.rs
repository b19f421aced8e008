//! What is known of a study when a proposal is made.

use crate::space::Point;

/// How a finished trial ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It gave these objective values, all finite, smaller is better; one for an ordinary study.
    Value(Vec<f64>),
    /// It crashed, or gave no objective, or one that is NaN or infinite.
    Failed,
    /// It was stopped before its end; the last objective values seen, possibly none.
    Stopped(Vec<f64>),
}

/// A trial that was proposed or run before.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The trial number within its study; for a `prior` observation, its position among those.
    pub number: u64,
    /// From an earlier study (warm start), not from this one.
    pub prior: bool,
    /// Where it was evaluated. Of this space, or (`prior` only) possibly outside of its bounds.
    pub point: Point,
    /// `None` while the trial is running.
    pub outcome: Option<Outcome>,
    /// How long the trial took, in seconds, if known.
    pub seconds: Option<f64>,
}

impl Observation {
    /// A finished or running trial of the study itself, of unknown duration.
    pub fn new(number: u64, point: Point, outcome: Option<Outcome>) -> Self {
        Observation {
            number,
            prior: false,
            point,
            outcome,
            seconds: None,
        }
    }

    /// The single objective, if the trial completed with one.
    pub fn value(&self) -> Option<f64> {
        match &self.outcome {
            Some(Outcome::Value(v)) => v.first().copied().filter(|v| v.is_finite()),
            _ => None,
        }
    }

    /// True if the trial ended without an objective that can be used.
    pub fn failed(&self) -> bool {
        match &self.outcome {
            Some(Outcome::Failed) => true,
            Some(Outcome::Value(v)) => v.iter().any(|v| !v.is_finite()),
            _ => false,
        }
    }

    /// True while nothing is known of how the trial ends.
    pub fn pending(&self) -> bool {
        self.outcome.is_none()
    }
}
