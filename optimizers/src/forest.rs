//! Search with a forest of random trees: robust on mixed and conditional spaces, with many or failing trials.
//!
//! The model: extremely randomised trees (see [`crate::tree`]); the mean over trees of their leaf means, and the
//! spread by the law of total variance: mean of the leaf variances plus variance of the leaf means (Hutter, Xu, Hoos
//! and Leyton-Brown 2014, section 4.3.2, equations 1 and 2). The rest is in [`crate::surrogate`].

use std::ops::Range;

use rayon::prelude::*;

use crate::encode::Axis;
use crate::history::Observation;
use crate::registry::{AskError, Entry, Optimizer, Proposal};
use crate::rng::Stream;
use crate::surrogate::{self, Surrogate};
use crate::tree::{Growth, Sample, Tree};

/// Registry line.
pub const ENTRY: Entry = Entry {
    name: "forest",
    aliases: &[],
    summary: "random forest and expected improvement",
    when: "Many categories, conditions or failing trials, an objective that jumps, or thousands of trials: trees ask \
           little of the objective and stay cheap. On smooth objectives of few numbers gp needs fewer trials.",
    options: surrogate::OPTIONS,
    sequential: true,
    make: |setup, options| Box::new(ForestSearch(Surrogate::new(&setup, options, ELSEWHERE))),
};

/// Of four trials without progress, which try other choices. One only: trees come nearer in jumps, with trials between
/// that gain nothing.
const ELSEWHERE: Range<u64> = 1..2;
/// Trees in a forest.
const TREES: usize = 48;
/// Most rows that a tree sees; beyond, each sees a random part. Keeps the cost of a proposal bounded.
const ROWS: usize = 750;
struct ForestSearch(Surrogate);

impl Optimizer for ForestSearch {
    fn ask(&mut self, history: &[Observation], number: u64) -> Result<Proposal, AskError> {
        self.0.ask(history, number, |trials, axes, scores, rng| {
            let model = Forest::grow(&trials.rows, axes, scores, rng);
            move |row: &[f64]| model.predict(row)
        })
    }
}

/// A fitted forest.
pub struct Forest {
    trees: Vec<(Tree, Vec<Leaf>)>,
    /// Added to the variance, so that it is never zero.
    floor: f64,
}

/// Targets of the rows in a leaf.
#[derive(Debug, Clone, Copy)]
struct Leaf {
    mean: f64,
    variance: f64,
}

impl Forest {
    /// Fits trees to `rows` (see [`crate::encode::Encoding`]) of `targets`. Uses rayon's threads; the result does not depend on them.
    pub fn grow(rows: &[f64], axes: &[Axis], targets: &[f64], rng: &mut Stream) -> Forest {
        let sample = Sample { rows, axes, targets };
        let streams: Vec<Stream> = (0..TREES).map(|_| rng.fork()).collect();
        let grow = |mut rng: Stream| {
            let mut members: Vec<u32> = (0..targets.len() as u32).collect();
            if members.len() > ROWS {
                rng.shuffle(&mut members);
                members.truncate(ROWS);
            }
            let growth = Growth {
                features: axes.len(),
                tries: 1,
                leaf: 1,
                depth: 64,
            };
            let mut leaves = Vec::new();
            let tree = Tree::grow(sample, &mut members, growth, &mut rng, |rows| {
                let n = rows.len() as f64;
                let mean = rows.iter().map(|i| targets[*i as usize]).sum::<f64>() / n;
                let square = |i: &u32| (targets[*i as usize] - mean) * (targets[*i as usize] - mean);
                let variance = rows.iter().map(square).sum::<f64>() / n;
                leaves.push(Leaf { mean, variance });
            });
            (tree, leaves)
        };
        Forest {
            trees: streams.into_par_iter().map(grow).collect(),
            floor: 1e-6,
        }
    }

    /// Mean and standard deviation of the target at `row`.
    pub fn predict(&self, row: &[f64]) -> (f64, f64) {
        let (mut sum, mut squares, mut within) = (0.0, 0.0, 0.0);
        for (tree, leaves) in &self.trees {
            let leaf = leaves[tree.leaf(row)];
            sum += leaf.mean;
            squares += leaf.mean * leaf.mean;
            within += leaf.variance;
        }
        let n = self.trees.len() as f64;
        let mean = sum / n;
        let between = (squares / n - mean * mean).max(0.0);
        (mean, (within / n + between + self.floor).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Outcome;
    use crate::registry::{Setup, find};
    use crate::rng::{Purpose, stream};
    use crate::space::{Dimension, Domain, Point, Space, Value};

    /// Two coordinates that tell nothing apart and one that does: by hand, a leaf with targets 1 and 3 has mean 2 and
    /// variance 1; trees that agree add no variance between them.
    #[test]
    fn variance_is_within_leaves_and_between_trees() {
        let mut rng = stream(1, 0, Purpose::Fit);
        let axes = [Axis::Category(1), Axis::Category(2)];
        let rows = [0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
        let forest = Forest::grow(&rows, &axes, &[1.0, 3.0, 7.0], &mut rng);
        let (mean, spread) = forest.predict(&[0.0, 0.0]);
        assert_eq!(mean, 2.0);
        assert!((spread * spread - 1.0 - forest.floor).abs() < 1e-12);
        let (mean, spread) = forest.predict(&[0.0, 1.0]);
        assert_eq!(mean, 7.0);
        assert!((spread * spread - forest.floor).abs() < 1e-12);
    }

    #[test]
    fn spread_grows_away_from_the_data() {
        let mut rng = stream(2, 0, Purpose::Fit);
        let rows = [0.1, 0.15, 0.2, 0.8, 0.85, 0.9];
        let forest = Forest::grow(&rows, &[Axis::Continuous], &[0.0, 0.1, 0.2, 5.0, 5.1, 5.2], &mut rng);
        let (middle, far) = forest.predict(&[0.5]);
        let (_, near) = forest.predict(&[0.15]);
        assert!(far > 3.0 * near, "{far} and {near}");
        assert!((1.0..4.2).contains(&middle), "{middle}");
    }

    /// One choice gives the same good result whatever the number, the others are worse: one trial in four learns those.
    #[test]
    fn without_progress_some_trials_make_other_choices() {
        let x = Domain::Real {
            low: 0.0,
            high: 1.0,
            log: false,
            step: None,
        };
        let space = Space::new(vec![
            Dimension::new("c", Domain::Categorical { n: 3 }),
            Dimension::new("x", x),
        ]);
        let setup = Setup {
            space: space.unwrap(),
            seed: 3,
            budget: None,
            slots: 1,
        };
        let mut optimizer = find("forest").unwrap().build(setup, []).unwrap();
        let history: Vec<Observation> = (0..60)
            .map(|number| {
                let (c, x) = (number % 3, (number as f64 * 0.37).fract());
                let value = if c == 1 { 0.0 } else { 1.0 + x };
                let point = Point(vec![Some(Value::Choice(c)), Some(Value::Real(x))]);
                Observation::new(number as u64, point, Some(Outcome::Value(vec![value])))
            })
            .collect();
        let mut others = |numbers: &mut dyn Iterator<Item = u64>| {
            let choices = numbers.map(|number| optimizer.ask(&history, number).unwrap().point.0[0]);
            choices.filter(|choice| *choice != Some(Value::Choice(1))).count()
        };
        // Of ten; one or two fill space or keep to the least tried choice, whichever that is.
        let elsewhere = others(&mut (61..101).step_by(4));
        let between = others(&mut (62..102).step_by(4));
        assert!(elsewhere >= 8 && between <= 6, "{elsewhere} and {between}");
    }
}
