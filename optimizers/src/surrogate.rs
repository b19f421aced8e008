//! One proposal of a model without gradients: fit, search, and now and then a space-filling point instead.
//! Shared by forest and gbrt, which differ in the model only. Targets are scores (see [`Trials::scores`]).

use crate::choices::least_tried;
use crate::encode::Axis;
use crate::history::Observation;
use crate::lattice::Seen;
use crate::options::{OptionSpec, Options};
use crate::registry::{AskError, Origin, Proposal, Setup};
use crate::rng::{Purpose, Stream, stream};
use crate::search::Search;
use crate::starts::{self, Starts};
use crate::trials::{State, Trials};
use crate::wanted::{self, Wanted};

/// The options of [`Surrogate`].
pub const OPTIONS: &[OptionSpec] = &[
    starts::RANDOM_STARTS,
    wanted::ACQ_FUNC,
    starts::KAPPA,
    starts::XI,
    starts::PREV_TRIALS,
];

/// One in so many proposals is a space-filling point, so that no region is left out for ever (Hutter, Hoos and
/// Leyton-Brown 2011, section 4.1).
const INTERLEAVE: u64 = 10;
/// In every so manieth trial the choice that was tried least often is kept to, at its best: what a tree once found bad
/// it does not look at again.
const KEPT: u64 = 5;
/// How many of the best trials have their neighbourhood searched.
const LOCAL: usize = 6;

/// Proposes points, given a way to fit a model.
pub struct Surrogate {
    seed: u64,
    starts: Starts,
    search: Search,
    wanted: Wanted,
}

impl Surrogate {
    /// From the options in [`OPTIONS`].
    pub fn new(setup: &Setup, options: &Options) -> Surrogate {
        Surrogate {
            seed: setup.seed,
            starts: Starts::new(setup, options.int("random-starts")),
            search: Search::new(&setup.space),
            wanted: Wanted::new(options),
        }
    }

    /// The proposal of trial `number`. `fit` is given trials, their axes, their scores and random numbers, and
    /// returns what predicts mean and spread of the score at a row.
    pub fn ask<P: Fn(&[f64]) -> (f64, f64)>(
        &self,
        history: &[Observation],
        number: u64,
        fit: impl FnOnce(&Trials, &[Axis], &[f64], &mut Stream) -> P,
    ) -> Result<Proposal, AskError> {
        if let Some(start) = self.starts.ask(history, number) {
            return start;
        }
        let seen = Seen::new(self.search.space(), history);
        let drawn = self.starts.fresh(&seen, number)?;
        let trials = Trials::new(self.search.encoding(), history);
        let mut rng = stream(self.seed, number, Purpose::Search);
        let point = if rng.below(INTERLEAVE) == 0 {
            drawn
        } else {
            let scores = trials.scores();
            let mut fit_rng = stream(self.seed, number, Purpose::Fit);
            let predict = fit(&trials, self.search.encoding().axes(), &scores, &mut fit_rng);
            let best = best_trials(&trials, &scores);
            let target = best.iter().map(|i| scores[*i]).fold(0.0, f64::min);
            let around: Vec<&[f64]> = best.iter().map(|i| trials.row(*i)).collect();
            let score = |row: &[f64]| {
                let (mean, spread) = predict(row);
                self.wanted.score(mean, spread, target)
            };
            let kept = (number % KEPT == KEPT - 1)
                .then(|| {
                    let rows = (0..trials.len()).map(|i| trials.row(i));
                    least_tried(self.search.space(), self.search.encoding().axes(), rows, &mut rng)
                })
                .flatten();
            let found = match kept {
                None => self.search.maximise(score, &around, &seen, &mut rng),
                Some((axis, category)) => {
                    // The best trials moved there are worth a look as much as their neighbours.
                    let moved: Vec<Vec<f64>> = around.iter().map(|row| with(row, axis, category)).collect();
                    let starts: Vec<&[f64]> = moved.iter().map(Vec::as_slice).collect();
                    let only = |row: &[f64]| match row[axis] == category {
                        true => score(row),
                        false => f64::NEG_INFINITY,
                    };
                    self.search.maximise(only, &starts, &seen, &mut rng)
                }
            };
            found.unwrap_or(drawn)
        };
        Ok(Proposal {
            point: self.starts.opening(point, number, &seen),
            origin: Origin::Model { used: trials.used() },
            notes: Vec::new(),
        })
    }
}

fn with(row: &[f64], axis: usize, category: f64) -> Vec<f64> {
    let mut row = row.to_vec();
    row[axis] = category;
    row
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
