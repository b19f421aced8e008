//! Search with a forest of random trees: robust on mixed and conditional spaces, with many or failing trials.
//!
//! The model: extremely randomised trees (see [`crate::tree`]); the mean over trees of their leaf means, and the
//! spread by the law of total variance: mean of the leaf variances plus variance of the leaf means (Hutter, Xu, Hoos
//! and Leyton-Brown 2014, section 4.3.2, equations 1 and 2). The next point is the one of highest expected
//! improvement (in logarithms) among random points and what is reached from the best by small steps; now and then it
//! is a space-filling point, so that no region is left out for ever (Hutter, Hoos and Leyton-Brown 2011).

use rayon::prelude::*;

use crate::encode::Axis;
use crate::history::Observation;
use crate::lattice::Seen;
use crate::options::Options;
use crate::registry::{AskError, Entry, Optimizer, Origin, Proposal, Setup};
use crate::rng::{Purpose, Stream, stream};
use crate::search::Search;
use crate::starts::{self, Starts};
use crate::tree::{Growth, Sample, Tree};
use crate::trials::{State, Trials};
use crate::wanted::{self, Wanted};

/// Registry line.
pub const ENTRY: Entry = Entry {
    name: "forest",
    aliases: &[],
    summary: "random forest and expected improvement",
    when: "Many categories, conditions or failing trials, an objective that jumps, or thousands of trials: trees ask \
           little of the objective and stay cheap. On smooth objectives of few numbers gp needs fewer trials.",
    options: &[
        starts::RANDOM_STARTS,
        wanted::ACQ_FUNC,
        starts::KAPPA,
        starts::XI,
        starts::PREV_TRIALS,
    ],
    sequential: true,
    make: |setup, options| Box::new(ForestSearch::new(setup, options)),
};

/// Trees in a forest.
const TREES: usize = 48;
/// Most rows that a tree sees; beyond, each sees a random part. Keeps the cost of a proposal bounded.
const ROWS: usize = 1500;
/// One in so many proposals is a space-filling point.
const INTERLEAVE: u64 = 10;
/// How many of the best trials have their neighbourhood searched.
const LOCAL: usize = 6;

struct ForestSearch {
    setup: Setup,
    starts: Starts,
    search: Search,
    wanted: Wanted,
}

impl ForestSearch {
    fn new(setup: Setup, options: &Options) -> ForestSearch {
        ForestSearch {
            starts: Starts::new(&setup, options.int("random-starts")),
            search: Search::new(&setup.space),
            wanted: Wanted::new(options),
            setup,
        }
    }
}

impl Optimizer for ForestSearch {
    fn ask(&mut self, history: &[Observation], number: u64) -> Result<Proposal, AskError> {
        if let Some(start) = self.starts.ask(history, number) {
            return start;
        }
        let space = &self.setup.space;
        let seen = Seen::new(space, history);
        let drawn = self.starts.fresh(&seen, number)?;
        let trials = Trials::new(self.search.encoding(), history);
        let model = Origin::Model { used: trials.used() };
        let mut rng = stream(self.setup.seed, number, Purpose::Search);
        let point = if rng.below(INTERLEAVE) == 0 {
            drawn
        } else {
            let scores = trials.scores();
            let mut fit = stream(self.setup.seed, number, Purpose::Fit);
            let forest = Forest::grow(&trials.rows, self.search.encoding().axes(), &scores, &mut fit);
            let best = best_trials(&trials, &scores);
            let target = best.iter().map(|i| scores[*i]).fold(0.0, f64::min);
            let starts: Vec<&[f64]> = best.iter().map(|i| trials.row(*i)).collect();
            let score = |row: &[f64]| {
                let (mean, spread) = forest.predict(row);
                self.wanted.score(mean, spread, target)
            };
            self.search
                .maximise(score, &starts, &seen, &mut rng)
                .unwrap_or_else(|| drawn.clone())
        };
        Ok(Proposal {
            point: self.starts.opening(point, number, &seen),
            origin: model,
            notes: Vec::new(),
        })
    }
}

/// The trials of best score, best first.
fn best_trials(trials: &Trials, scores: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..trials.len())
        .filter(|i| matches!(trials.states[*i], State::Value(_)))
        .collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    order.truncate(LOCAL);
    order
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
