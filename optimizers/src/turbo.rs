//! Trust region search: the Gaussian process of `gp`, kept to a box around the best point that grows with success and
//! shrinks with failure, and starts again elsewhere once it has collapsed.
//!
//! TuRBO-1 of Eriksson, Pearce, Gardner, Turner and Poloczek 2019 (arXiv:1910.01739, section 2): base side 0.8, doubled
//! after 3 successes in a row, halved after max(4, p) failures in a row divided by the trials at a time, restarted
//! below 2^-7, sides in proportion to the lengthscales. Proposals are the best expected improvement within the box
//! instead of Thompson samples. The box follows from the history alone, in the order of trial numbers.

use crate::encode::Axis;
use crate::gp::acquisition::Rule;
use crate::gp::engine::{Engine, Plan};
use crate::gp::fit::Noise;
use crate::gp::kernel::Part;
use crate::gp::region::Region;
use crate::history::Observation;
use crate::lattice::Seen;
use crate::options::Options;
use crate::registry::{AskError, Entry, Optimizer, Proposal, Setup};
use crate::starts::{PREV_TRIALS, RANDOM_STARTS, Starts};

/// Registry line.
pub const ENTRY: Entry = Entry {
    name: "turbo",
    aliases: &["trust-region"],
    summary: "Gaussian process within a trust region, for many numbers or many trials",
    when: "Twenty or more numeric flags, or hundreds of trials of a rugged objective: it gives up the view of the whole \
           for progress near the best.",
    options: &[RANDOM_STARTS, PREV_TRIALS],
    sequential: true,
    make: |setup, options| Box::new(Turbo::new(setup, options)),
};

const SIDE: f64 = 0.8;
const LARGEST: f64 = 1.6;
const SMALLEST: f64 = 1.0 / 128.0;
const SUCCESSES: u32 = 3;
/// Trials after a restart that look everywhere.
const OPENING: usize = 4;

struct Turbo {
    setup: Setup,
    starts: Starts,
    engine: Engine,
}

/// What the trials so far make of the region.
#[derive(Debug, Clone, PartialEq)]
struct Trust {
    side: f64,
    /// Index into the ordered results of the best one since the last restart.
    centre: Option<usize>,
    /// Results since the last restart.
    age: usize,
    restarts: usize,
}

impl Trust {
    /// Replays results, `None` for a failed trial, in the order of their numbers.
    fn replay(results: &[Option<f64>], patience: u32) -> Trust {
        let fresh = Trust {
            side: SIDE,
            centre: None,
            age: 0,
            restarts: 0,
        };
        let mut trust = fresh.clone();
        let (mut successes, mut failures, mut best) = (0, 0, f64::INFINITY);
        for (i, result) in results.iter().enumerate() {
            trust.age += 1;
            let value = result.unwrap_or(f64::INFINITY);
            let better = value < best - 1e-3 * best.abs() || (best.is_infinite() && value.is_finite());
            if value < best {
                best = value;
                trust.centre = Some(i);
            }
            if trust.age <= OPENING {
                continue;
            }
            if better {
                (successes, failures) = (successes + 1, 0);
            } else {
                (successes, failures) = (0, failures + 1);
            }
            if successes == SUCCESSES {
                trust.side = (2.0 * trust.side).min(LARGEST);
                successes = 0;
            } else if failures == patience {
                trust.side /= 2.0;
                failures = 0;
            }
            if trust.side < SMALLEST {
                trust = Trust {
                    restarts: trust.restarts + 1,
                    ..fresh.clone()
                };
                (successes, failures, best) = (0, 0, f64::INFINITY);
            }
        }
        trust
    }
}

impl Turbo {
    fn new(setup: Setup, options: &Options) -> Turbo {
        Turbo {
            starts: Starts::new(&setup, options.int("random-starts")),
            engine: Engine::new(&setup.space, setup.seed, Noise::Estimated),
            setup,
        }
    }

    /// The box for this history, whether to look everywhere instead, and how often it collapsed.
    fn region(&mut self, history: &[Observation]) -> (Region, bool, usize) {
        let mut ended: Vec<&Observation> = history.iter().filter(|o| o.value().is_some() || o.failed()).collect();
        let rank = |o: &Observation| o.value().unwrap_or(f64::INFINITY);
        ended.sort_by(|a, b| {
            (b.prior, a.number)
                .cmp(&(a.prior, b.number))
                .then(rank(a).total_cmp(&rank(b)))
        });
        let results: Vec<Option<f64>> = ended.iter().map(|o| o.value()).collect();
        let width = self.setup.space.len();
        let patience = (width.max(4) / self.setup.slots.max(1)).max(4) as u32;
        let trust = Trust::replay(&results, patience);
        let whole = Region::all(width);
        let Some(centre) = trust.centre.filter(|_| trust.age > OPENING) else {
            return (whole, true, trust.restarts);
        };
        let ground = &self.engine.ground;
        let (centre, axes) = (ground.row(&ended[centre].point), ground.encoding.axes().to_vec());
        let numbers: Vec<usize> = (0..width).filter(|d| ground.parts[*d] == Part::Number).collect();
        let weights = self.engine.best_fit(history).hyper.weights;
        let log_length = |d: usize| -0.5 * libm::log(weights[d]);
        let mean = numbers.iter().map(|d| log_length(*d)).sum::<f64>() / numbers.len().max(1) as f64;
        let mut region = whole;
        for d in numbers {
            let share = libm::exp((log_length(d) - mean).clamp(-2.0, 2.0));
            let cell = match axes[d] {
                Axis::Lattice(n) => 1.01 / n as f64,
                _ => 0.0,
            };
            let half = (0.5 * trust.side * share).max(cell);
            let middle = centre[d].clamp(0.0, 1.0);
            region.low[d] = (middle - half).max(0.0);
            region.high[d] = (middle + half).min(1.0);
        }
        (region, false, trust.restarts)
    }
}

impl Optimizer for Turbo {
    fn ask(&mut self, history: &[Observation], number: u64) -> Result<Proposal, AskError> {
        if let Some(start) = self.starts.ask(history, number) {
            return start;
        }
        let seen = Seen::new(&self.setup.space, history);
        if seen.exhausts(&self.setup.space) {
            return Err(AskError::Exhausted);
        }
        let (region, explore, restarts) = self.region(history);
        let plan = Plan {
            rule: Rule::Improvement { xi: 0.0 },
            per_second: false,
            explore,
            // Starting again elsewhere is what the region does.
            restless: false,
            inside: true,
            region,
        };
        let found = self.engine.propose(history, number, &seen, &plan);
        let found = found.map(|f| f.into_iter().next());
        let mut proposal = self.engine.proposal(found, &self.starts, history, number, &seen)?;
        if explore && restarts > 0 {
            let note = format!("trust region collapsed, looking elsewhere (restart {restarts})");
            proposal.notes.insert(0, note);
        }
        Ok(proposal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_grows_with_success_and_collapses_without() {
        let falling: Vec<Option<f64>> = (0..OPENING + 3).map(|i| Some(100.0 - 10.0 * i as f64)).collect();
        let trust = Trust::replay(&falling, 4);
        assert_eq!((trust.side, trust.centre), (1.6, Some(OPENING + 2)));
        let mut flat = falling.clone();
        flat.extend([Some(50.0), None, Some(50.0), Some(50.0)]);
        assert_eq!(Trust::replay(&flat, 4).side, 0.8);
        flat.extend(vec![Some(50.0); 4 * 7]);
        let trust = Trust::replay(&flat, 4);
        assert_eq!((trust.restarts, trust.side, trust.centre), (1, SIDE, None));
        assert_eq!(Trust::replay(&[], 4).centre, None);
        assert_eq!(Trust::replay(&[None, None], 4).centre, None);
    }
}
