//! One proposal of a model without gradients: fit, search, now and then among some choices of a category only, and now
//! and then a space-filling point instead. Shared by forest and gbrt, which differ in the model only. Targets are scores
//! (see [`Trials::scores`]).

use std::ops::Range;

use crate::choices::{Among, least_tried, most_decisive};
use crate::encode::Axis;
use crate::history::Observation;
use crate::lattice::Seen;
use crate::options::{OptionSpec, Options};
use crate::progress::look_elsewhere;
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
/// In every so manieth trial the choice that was tried least often is kept to: what a tree once found bad it does not
/// look at again.
const KEPT: u64 = 5;
/// How many of the best trials have their neighbourhood searched.
const LOCAL: usize = 6;

/// Proposes points, given a way to fit a model.
pub struct Surrogate {
    seed: u64,
    starts: Starts,
    search: Search,
    wanted: Wanted,
    elsewhere: Range<u64>,
}

impl Surrogate {
    /// From the options in [`OPTIONS`]; `elsewhere` says which of four trials without progress try other choices.
    pub fn new(setup: &Setup, options: &Options, elsewhere: Range<u64>) -> Surrogate {
        Surrogate {
            seed: setup.seed,
            starts: Starts::new(setup, options.int("random-starts")),
            search: Search::new(&setup.space),
            wanted: Wanted::new(options),
            elsewhere,
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
            let best = best_trials(&trials, &scores, |_| true);
            let search = |among: Option<&Among>, rng: &mut Stream| {
                let allowed = |row: &[f64]| among.is_none_or(|a| a.contains(row));
                let rivals = best_trials(&trials, &scores, allowed);
                let mut starts: Vec<Vec<f64>> = rivals.iter().map(|i| trials.row(*i).to_vec()).collect();
                if let Some(among) = among {
                    // The best of all, moved there, are worth a look as much as the best that are there.
                    starts.extend(best.iter().map(|i| {
                        let mut row = trials.row(*i).to_vec();
                        let uniform: Vec<f64> = row.iter().map(|_| rng.unit()).collect();
                        among.force(&mut row, &uniform);
                        row
                    }));
                }
                // Any improvement on the best of these choices: against the best of all, nothing would be expected of
                // them, and where nothing is expected chance is all that tells points apart.
                let target = rivals.first().or(best.first()).map_or(0.0, |i| scores[*i]);
                let score = |row: &[f64]| {
                    if !allowed(row) {
                        return f64::NEG_INFINITY;
                    }
                    let (mean, spread) = predict(row);
                    self.wanted.score(mean, spread, target)
                };
                let starts: Vec<&[f64]> = starts.iter().map(Vec::as_slice).collect();
                let found = self.search.maximise(score, &starts, &seen, rng);
                found.filter(|point| allowed(&self.search.encoding().row(point)))
            };
            let among = self.among(&trials, &scores, best.first(), number, &mut rng);
            // Where all points of these choices were tried, all choices are left.
            let found = among.and_then(|among| search(Some(&among), &mut rng));
            let found = found.or_else(|| search(None, &mut rng));
            found.unwrap_or(drawn)
        };
        Ok(Proposal {
            point: self.starts.opening(point, number, &seen),
            origin: Origin::Model { used: trials.used() },
            notes: Vec::new(),
        })
    }

    /// The choices that trial `number` keeps to: without progress, in the turns for it, all but the best one of the
    /// category that decides most; else, now and then, the least tried one of all.
    fn among(
        &self,
        trials: &Trials,
        scores: &[f64],
        best: Option<&usize>,
        number: u64,
        rng: &mut Stream,
    ) -> Option<Among> {
        let (space, axes) = (self.search.space(), self.search.encoding().axes());
        let values: Vec<f64> = trials.states.iter().filter_map(|s| s.value()).collect();
        let running = trials.states.iter().filter(|s| **s == State::Open).count();
        if look_elsewhere(&values, trials.width, running, number, self.elsewhere.clone()) {
            let valued = (0..trials.len()).filter(|i| trials.states[*i].value().is_some());
            let decisive = most_decisive(space, axes, valued.map(|i| (trials.row(i), scores[i])));
            if let (Some((axis, n)), Some(best)) = (decisive, best) {
                return Some(Among::others(axis, trials.row(*best)[axis], n));
            }
        }
        if number % KEPT != KEPT - 1 {
            return None;
        }
        let rows = (0..trials.len()).map(|i| trials.row(i));
        least_tried(space, axes, rows, rng)
    }
}

/// The allowed trials of best score, best first.
fn best_trials(trials: &Trials, scores: &[f64], allowed: impl Fn(&[f64]) -> bool) -> Vec<usize> {
    let mut order: Vec<usize> = (0..trials.len())
        .filter(|i| trials.states[*i].value().is_some() && allowed(trials.row(*i)))
        .collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    order.truncate(LOCAL);
    order
}
