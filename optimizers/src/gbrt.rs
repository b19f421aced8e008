//! Search with gradient-boosted quantiles: three models say what is likely, what is hopeful and what is fearful.
//!
//! The model: trees fitted one after another to the gradient of the pinball loss (Friedman 2001, section 4.3;
//! Koenker and Bassett 1978) at the quantiles 0.16, 0.5 and 0.84 of the score. Models fitted apart may cross, so
//! the three are sorted before use (Chernozhukov, Fernandez-Val and Galichon 2010). Mean: the median; spread: half the
//! distance of the outer two, which is one standard deviation of a normal variable; floored.

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
    name: "gbrt",
    aliases: &[],
    summary: "gradient-boosted quantiles and expected improvement",
    when: "As forest; boosted trees follow the objective more closely and cost more. Worth a try when forest stalls.",
    options: surrogate::OPTIONS,
    sequential: true,
    make: |setup, options| Box::new(BoostedSearch(Surrogate::new(&setup, options, ELSEWHERE))),
};

/// None of four trials without progress tries other choices: it found worse values on real models when one did.
const ELSEWHERE: Range<u64> = 0..0;
/// The quantiles that stand one standard deviation off the median, and the median.
const QUANTILES: [f64; 3] = [0.16, 0.5, 0.84];
/// Trees for each quantile.
const TREES: usize = 60;
/// Share of a tree's correction that is applied.
const RATE: f64 = 0.15;
/// Most rows that a tree sees; beyond, each sees a random part.
const ROWS: usize = 1500;
/// Least spread, in units of the spread of the scores: what trees claim to know is never exact.
const FLOOR: f64 = 0.1;

struct BoostedSearch(Surrogate);

impl Optimizer for BoostedSearch {
    fn ask(&mut self, history: &[Observation], number: u64) -> Result<Proposal, AskError> {
        self.0.ask(history, number, |trials, axes, scores, rng| {
            let model = Boosted::fit(&trials.rows, axes, scores, rng);
            move |row: &[f64]| model.predict(row)
        })
    }
}

/// Three boosted quantiles.
pub struct Boosted {
    models: Vec<Quantile>,
}

/// One boosted quantile: a constant and the corrections of the leaves of each tree.
struct Quantile {
    base: f64,
    trees: Vec<(Tree, Vec<f64>)>,
}

impl Boosted {
    /// Fits the three quantiles of `targets`. Uses rayon's threads; the result does not depend on them.
    pub fn fit(rows: &[f64], axes: &[Axis], targets: &[f64], rng: &mut Stream) -> Boosted {
        let each = QUANTILES.map(|q| (q, rng.fork()));
        let fit = |(q, mut rng): (f64, Stream)| Quantile::fit(rows, axes, targets, q, &mut rng);
        Boosted {
            models: each.into_par_iter().map(fit).collect(),
        }
    }

    /// Median of the target at `row` and half the distance between the outer quantiles.
    pub fn predict(&self, row: &[f64]) -> (f64, f64) {
        let mut q = [0.0; 3];
        for (value, model) in q.iter_mut().zip(&self.models) {
            *value = model.predict(row);
        }
        q.sort_by(f64::total_cmp);
        (q[1], (0.5 * (q[2] - q[0])).max(FLOOR))
    }
}

impl Quantile {
    fn fit(rows: &[f64], axes: &[Axis], targets: &[f64], q: f64, rng: &mut Stream) -> Quantile {
        let n = targets.len();
        let mut all: Vec<f64> = targets.to_vec();
        let base = quantile(&mut all, q);
        let mut fitted = vec![base; n];
        let mut slopes = vec![0.0; n];
        let mut trees = Vec::with_capacity(TREES);
        let growth = Growth {
            features: axes.len(),
            tries: 2,
            leaf: 2,
            depth: 4,
        };
        let mut members: Vec<u32> = (0..n as u32).collect();
        for _ in 0..TREES {
            // The negative gradient of the pinball loss.
            for (slope, (y, f)) in slopes.iter_mut().zip(targets.iter().zip(&fitted)) {
                *slope = if y > f { q } else { q - 1.0 };
            }
            rng.shuffle(&mut members);
            let part = &mut members[..(n * 4).div_ceil(5).min(ROWS)];
            let mut corrections = Vec::new();
            let sample = Sample {
                rows,
                axes,
                targets: &slopes,
            };
            let mut residuals = Vec::new();
            let tree = Tree::grow(sample, part, growth, rng, |leaf| {
                residuals.clear();
                residuals.extend(leaf.iter().map(|i| targets[*i as usize] - fitted[*i as usize]));
                corrections.push(RATE * quantile(&mut residuals, q));
            });
            for (i, f) in fitted.iter_mut().enumerate() {
                *f += corrections[tree.leaf(&rows[i * axes.len()..][..axes.len()])];
            }
            trees.push((tree, corrections));
        }
        Quantile { base, trees }
    }

    fn predict(&self, row: &[f64]) -> f64 {
        let correction = |(tree, leaves): &(Tree, Vec<f64>)| leaves[tree.leaf(row)];
        self.base + self.trees.iter().map(correction).sum::<f64>()
    }
}

/// The `q`-quantile of `values`, linear between order statistics (Hyndman and Fan 1996, definition 7); sorts them.
fn quantile(values: &mut [f64], q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = q * (values.len() - 1) as f64;
    let below = at as usize;
    let above = (below + 1).min(values.len() - 1);
    values[below] + (at - below as f64) * (values[above] - values[below])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

    /// numpy: `quantile([4, 1, 3, 9], [0.16, 0.5, 0.84])`.
    #[test]
    fn quantiles_are_those_of_numpy() {
        for (q, want) in [(0.16, 1.96), (0.5, 3.5), (0.84, 6.6)] {
            let got = quantile(&mut [4.0, 1.0, 3.0, 9.0], q);
            assert!((got - want).abs() < 1e-12, "{got} is not {want}");
        }
        assert_eq!(quantile(&mut [7.0], 0.16), 7.0);
    }

    /// y = x + (0.1 + x / 2) e: the median is x, one standard deviation is 0.1 + x / 2.
    #[test]
    fn spread_follows_the_noise() {
        let mut rng = stream(3, 0, Purpose::Sample);
        let rows: Vec<f64> = (0..600).map(|_| rng.unit()).collect();
        let targets: Vec<f64> = rows.iter().map(|x| x + (0.1 + 0.5 * x) * rng.normal()).collect();
        let model = Boosted::fit(&rows, &[Axis::Continuous], &targets, &mut rng);
        for x in [0.1, 0.5, 0.9] {
            let (median, spread) = model.predict(&[x]);
            let sd = 0.1 + 0.5 * x;
            assert!((median - x).abs() < 0.5 * sd, "median {median} at {x}");
            assert!((0.6 * sd..1.5 * sd).contains(&spread), "spread {spread} at {x}");
        }
    }
}
