//! A history as models want it: sorted, encoded, with targets that a model can be fitted to.
//! Must not know any model. The order in which the history is listed makes no difference.

use crate::encode::Encoding;
use crate::history::{Observation, Outcome};
use crate::math::normal;

/// What is known of a trial.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum State {
    /// It gave this objective.
    Value(f64),
    /// It was stopped early, at this objective.
    Stopped(f64),
    /// It ended without an objective.
    Failed,
    /// It is running, or was stopped before it said anything.
    Open,
}

impl State {
    /// The state of `observation`, of its first objective if there are several.
    pub fn of(observation: &Observation) -> State {
        match &observation.outcome {
            None => State::Open,
            Some(Outcome::Stopped(values)) => match values.first() {
                Some(v) if v.is_finite() => State::Stopped(*v),
                _ => State::Open,
            },
            Some(Outcome::Value(_) | Outcome::Failed) => observation.value().map_or(State::Failed, State::Value),
        }
    }

    /// The objective of a trial that ended with one.
    pub fn value(self) -> Option<f64> {
        match self {
            State::Value(v) => Some(v),
            _ => None,
        }
    }
}

/// The trials of a history: earlier studies' first, then by number.
#[derive(Debug, Clone, Default)]
pub struct Trials {
    /// Coordinates of each trial (see [`Encoding`]), `width` to a row.
    pub rows: Vec<f64>,
    /// Number of coordinates.
    pub width: usize,
    /// One for each row.
    pub states: Vec<State>,
    /// Number of each trial, within its study or among those of earlier studies.
    pub numbers: Vec<u64>,
    /// True for trials of earlier studies.
    pub prior: Vec<bool>,
    /// How many of the first are the same as when this was last given out by a [`crate::memo::Memo`].
    pub unchanged: usize,
}

impl Trials {
    /// Sorts and encodes `history`.
    pub fn new(encoding: &Encoding, history: &[Observation]) -> Trials {
        let mut order: Vec<&Observation> = history.iter().collect();
        order.sort_by_key(|o| (!o.prior, o.number));
        Trials {
            rows: order.iter().flat_map(|o| encoding.row(&o.point)).collect(),
            width: encoding.width(),
            states: order.iter().map(|o| State::of(o)).collect(),
            numbers: order.iter().map(|o| o.number).collect(),
            prior: order.iter().map(|o| o.prior).collect(),
            unchanged: 0,
        }
    }

    /// Number of trials.
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// Coordinates of trial `i`.
    pub fn row(&self, i: usize) -> &[f64] {
        &self.rows[i * self.width..(i + 1) * self.width]
    }

    /// How many have an objective.
    pub fn used(&self) -> usize {
        self.states.iter().filter_map(|s| s.value()).count()
    }

    /// A target for every trial, smaller is better, of zero mean and unit spread over the trials with an objective:
    /// normal scores of their ranks (Salinas et al. 2020, arXiv:1909.13595, section 4), so that neither the scale of
    /// the objective nor a diverged trial matters. Equal objectives get equal scores.
    ///
    /// What has no objective gets one that teaches: failed trials the worst score; trials stopped early that of
    /// their last objective, but no better than the middle; running ones the middle (a constant liar, Ginsbourger
    /// et al. 2010), so that the model expects nothing from their surroundings.
    pub fn scores(&self) -> Vec<f64> {
        let mut sorted: Vec<f64> = self.states.iter().filter_map(|s| s.value()).collect();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len();
        let score = |v: f64| {
            let (below, upto) = (sorted.partition_point(|x| *x < v), sorted.partition_point(|x| *x <= v));
            normal::quantile((below + upto).clamp(1, 2 * n.max(1) - 1) as f64 / (2 * n.max(1)) as f64)
        };
        let worst = sorted.last().map_or(0.0, |v| score(*v)).max(0.0);
        let target = |s: &State| match s {
            State::Value(v) => score(*v),
            State::Stopped(v) => score(*v).max(0.0),
            State::Failed => worst,
            State::Open => 0.0,
        };
        self.states.iter().map(target).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{Dimension, Domain, Point, Space, Value};

    fn trials(outcomes: &[Option<Outcome>]) -> Trials {
        let space = Space::new(vec![Dimension::new("k", Domain::Categorical { n: 9 })]).unwrap();
        let mut history: Vec<_> = outcomes
            .iter()
            .enumerate()
            .map(|(i, o)| Observation::new(i as u64, Point(vec![Some(Value::Choice(i))]), o.clone()))
            .collect();
        history.reverse();
        Trials::new(&Encoding::new(&space), &history)
    }

    fn value(v: f64) -> Option<Outcome> {
        Some(Outcome::Value(vec![v]))
    }

    /// scipy: `norm.ppf((rankdata(y) - 0.5) / n)`.
    #[test]
    fn scores_depend_on_ranks_only() {
        let want = [
            -1.2815515655446008,
            0.2533471031357997,
            1.2815515655446008,
            0.2533471031357997,
            -0.5244005127080409,
        ];
        for y in [[1.0, 3.0, 4.0, 3.0, 2.0], [-1e300, 0.1, 1e300, 0.1, 0.0]] {
            let got = trials(&y.map(value)).scores();
            assert!(got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-12), "{got:?}");
        }
        assert_eq!(trials(&[value(7.0), value(7.0)]).scores(), [0.0, 0.0]);
    }

    #[test]
    fn what_has_no_objective_teaches() {
        let t = trials(&[
            value(1.0),
            Some(Outcome::Failed),
            value(f64::NAN),
            None,
            Some(Outcome::Stopped(vec![0.0])),
            Some(Outcome::Stopped(vec![])),
            value(2.0),
        ]);
        assert_eq!(t.used(), 2);
        assert_eq!(t.row(6), [6.0]);
        let s = t.scores();
        assert_eq!(s[1..6], [s[6], s[6], 0.0, 0.0, 0.0]);
        assert!(s[0] < 0.0 && s[6] > 0.0);
        assert_eq!(trials(&[Some(Outcome::Failed), None]).scores(), [0.0, 0.0]);
    }
}
