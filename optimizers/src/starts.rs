//! The starts that every optimizer with a model makes before it has anything to learn from, and the options they
//! share. Decides when a trial is a start and says so; which point follows from the seed and the trial's number.

use crate::encode::Encoding;
use crate::history::Observation;
use crate::lattice::{Seen, count, is_among};
use crate::options::{OptionKind, OptionSpec};
use crate::registry::{AskError, Origin, Proposal, Setup};
use crate::rng::{Purpose, stream};
use crate::sobol::{Sequence, place};
use crate::space::{Point, Space};

/// How many trials are drawn before a model is asked.
pub const RANDOM_STARTS: OptionSpec = OptionSpec {
    name: "random-starts",
    kind: OptionKind::Int { min: 0 },
    default: "3",
    help: "number of space-filling trials before the first model proposal",
};

/// Weight of the uncertainty in LCB.
pub const KAPPA: OptionSpec = OptionSpec {
    name: "kappa",
    kind: OptionKind::Number,
    default: "1.96",
    help: "weight of the uncertainty in LCB; larger explores more",
};

/// Improvement wanted by EI and PI.
pub const XI: OptionSpec = OptionSpec {
    name: "xi",
    kind: OptionKind::Number,
    default: "0.05",
    help: "improvement wanted by EI and PI; larger explores more",
};

/// Which earlier trials are learnt from. The caller chooses them; no optimizer reads this.
pub const PREV_TRIALS: OptionSpec = OptionSpec {
    name: "prev-trials",
    kind: OptionKind::Choice(&["batch", "sourcecode", "operation"]),
    default: "sourcecode",
    help: "which earlier trials to learn from: of this batch, of the same source code, of the same operation",
};

/// Starts of one study.
#[derive(Debug, Clone)]
pub struct Starts {
    space: Space,
    seed: u64,
    count: u64,
    encoding: Encoding,
    sequence: Sequence,
}

impl Starts {
    /// `random_starts` of them, but no more than there are trials.
    pub fn new(setup: &Setup, random_starts: i64) -> Starts {
        let count = random_starts.max(0) as u64;
        Starts {
            space: setup.space.clone(),
            seed: setup.seed,
            count: setup.budget.map_or(count, |budget| count.min(budget)),
            encoding: Encoding::new(&setup.space),
            sequence: Sequence::new(setup.space.len(), setup.seed),
        }
    }

    /// Why trial `number` is a start, or `None` if a model is to propose it.
    pub fn origin(&self, history: &[Observation], number: u64) -> Option<Origin> {
        if number < self.count {
            return Some(Origin::Start {
                number: number + 1,
                of: self.count,
            });
        }
        if history.iter().any(|o| o.value().is_some()) {
            return None;
        }
        // What is still running says nothing about whether the objective can be found.
        let ended = history.iter().any(|o| !o.pending());
        Some(if ended { Origin::NoObjective } else { Origin::NoTrials })
    }

    /// The proposal of a start; `None` if a model is to propose trial `number`.
    pub fn ask(&self, history: &[Observation], number: u64) -> Option<Result<Proposal, AskError>> {
        let origin = self.origin(history, number)?;
        let point = self.drawn(number);
        let room = count(&self.space).is_none_or(|n| n > history.len() as u64);
        // Nearly every start is new; only if it is not does it take all that was evaluated to find another.
        let point = if room && !is_among(&self.space, history, &point) {
            Ok(point)
        } else {
            self.fresh(&Seen::new(&self.space, history), number)
        };
        Some(point.map(|point| Proposal {
            point,
            origin,
            notes: Vec::new(),
        }))
    }

    /// The space-filling point of trial `number`.
    fn drawn(&self, number: u64) -> Point {
        place(&self.space, &self.encoding, &self.sequence.point(number), number == 0)
    }

    /// What becomes of a model's `point` for trial `number`: in the first trial of a study the initial values replace
    /// the model's, unless the point that results was evaluated already.
    pub fn opening(&self, point: Point, number: u64, seen: &Seen) -> Point {
        if number > 0 {
            return point;
        }
        let drawn = place(&self.space, &self.encoding, &self.sequence.point(0), true);
        let opening = with_initial(&self.space, &point, &drawn);
        if seen.contains(&self.space, &opening) {
            point
        } else {
            opening
        }
    }

    /// The space-filling point of trial `number`, or another one if it was evaluated already.
    pub fn fresh(&self, seen: &Seen, number: u64) -> Result<Point, AskError> {
        if seen.exhausts(&self.space) {
            return Err(AskError::Exhausted);
        }
        let point = self.drawn(number);
        if !seen.contains(&self.space, &point) {
            return Ok(point);
        }
        let mut rng = stream(self.seed, number, Purpose::Sample);
        for _ in 0..32 {
            let unit: Vec<f64> = (0..self.space.len()).map(|_| rng.unit()).collect();
            let other = place(&self.space, &self.encoding, &unit, false);
            if !seen.contains(&self.space, &other) {
                return Ok(other);
            }
        }
        // A space without a count is infinite or as good as; a repeat there is a coincidence, not a mistake.
        Ok(seen.other(&self.space, &mut rng).unwrap_or(point))
    }
}

/// `point` with the initial values in place of its own; dimensions that become active by that take theirs from
/// `drawn`, a point of the space with the same initial values.
pub fn with_initial(space: &Space, point: &Point, drawn: &Point) -> Point {
    let mut values = Vec::with_capacity(space.len());
    for (i, d) in space.dimensions().iter().enumerate() {
        let v = d.initial.or(point.0[i]).or(drawn.0[i]);
        values.push(v.filter(|_| space.is_active(i, &values)));
    }
    Point(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Outcome;
    use crate::space::{Dimension, Domain, Value};

    fn setup(budget: Option<u64>) -> Setup {
        let mut a = Dimension::new("a", Domain::Categorical { n: 3 });
        a.initial = Some(Value::Choice(2));
        let b = Dimension::new("b", Domain::Categorical { n: 2 });
        Setup {
            space: Space::new(vec![a, b]).unwrap(),
            seed: 4,
            budget,
            slots: 1,
        }
    }

    fn ended(number: u64, a: usize, b: usize, outcome: Outcome) -> Observation {
        let point = Point(vec![Some(Value::Choice(a)), Some(Value::Choice(b))]);
        Observation::new(number, point, Some(outcome))
    }

    #[test]
    fn says_why_a_trial_is_a_start() {
        let starts = Starts::new(&setup(None), 2);
        let failed = [ended(0, 0, 0, Outcome::Failed)];
        let good = [ended(0, 0, 0, Outcome::Value(vec![1.0]))];
        let running = [Observation::new(0, good[0].point.clone(), None)];
        assert_eq!(starts.origin(&good, 1), Some(Origin::Start { number: 2, of: 2 }));
        assert_eq!(starts.origin(&[], 2), Some(Origin::NoTrials));
        assert_eq!(starts.origin(&running, 2), Some(Origin::NoTrials));
        assert_eq!(starts.origin(&failed, 2), Some(Origin::NoObjective));
        assert_eq!(starts.origin(&good, 2), None);
        assert_eq!(
            Starts::new(&setup(Some(1)), 2).origin(&[], 0),
            Some(Origin::Start { number: 1, of: 1 })
        );
        assert_eq!(Starts::new(&setup(None), 0).origin(&good, 0), None);
    }

    #[test]
    fn the_first_start_has_the_initial_values_and_none_repeats() {
        let setup = setup(None);
        let starts = Starts::new(&setup, 9);
        let mut history: Vec<Observation> = Vec::new();
        for number in 0..6 {
            let proposal = starts.ask(&history, number).unwrap().unwrap();
            assert!(history.iter().all(|o| o.point != proposal.point), "{number}");
            if number == 0 {
                assert_eq!(proposal.point.0[0], Some(Value::Choice(2)));
            }
            history.push(Observation::new(number, proposal.point, None));
        }
        assert_eq!(starts.ask(&history, 6), Some(Err(AskError::Exhausted)));
    }
}
