//! From a history to the best next points: fit, condition, score, search. Shared by every optimizer that is built on
//! the process; each says by a [`Plan`] what it wants. Keeps fits between calls, as a cache of pure results only.

use std::ops::Range;

use super::acquisition::Rule;
use super::feasibility::Feasibility;
use super::fit::{Fitted, Noise, fit};
use super::interior::Interior;
use super::kernel::Columns;
use super::model::Model;
use super::partition::{Gate, Shape, partitions};
use super::region::Region;
use super::search::{Effort, Expert, Ground, Scored, Target, search};
use super::study::Results;
use super::surface::Surface;
use super::transform::{LOG_WARP, Outputs};
use crate::choices::Among;
use crate::encode::Axis;
use crate::history::Observation;
use crate::lattice::Seen;
use crate::math::linalg::NotPositive;
use crate::progress::look_elsewhere;
use crate::registry::{AskError, Origin, Proposal};
use crate::rng::{Purpose, stream};
use crate::space::{Dimension, Domain, Space};
use crate::starts::Starts;

/// What a proposal is to be.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The acquisition.
    pub rule: Rule,
    /// Divide by the predicted duration.
    pub per_second: bool,
    /// Choose among a few space-filling points instead of climbing to the very best one: what an acquisition makes of
    /// few results are corners.
    pub explore: bool,
    /// Look elsewhere once there is no progress.
    pub restless: bool,
    /// Begin inside of the space rather than at its edges.
    pub inside: bool,
    /// Where to look.
    pub region: Region,
}

/// The process of one study.
#[derive(Debug)]
pub struct Engine {
    /// The space it searches.
    pub ground: Ground,
    seed: u64,
    noise: Noise,
    /// The last fits and what they were fitted to.
    fits: Vec<(Results, Vec<Explanation>)>,
    gates: Vec<Gate>,
}

/// A way to see the results.
#[derive(Debug, Clone, PartialEq)]
struct Explanation {
    /// Of one process; its warp of the values is that of all explanations.
    fitted: Fitted,
    shape: Shape,
    /// Logarithm of its weight.
    log_weight: f64,
}

/// The categories of a space.
fn gates(space: &Space) -> Vec<Gate> {
    let gate = |(dimension, d): (usize, &Dimension)| match &d.domain {
        Domain::Categorical { n } => Some(Gate {
            dimension,
            parts: n + usize::from(d.condition.is_some()),
        }),
        _ => None,
    };
    space.dimensions().iter().enumerate().filter_map(gate).collect()
}

/// An improvement smaller than this, in standard deviations of the objective as it is modelled, is not looked for: a
/// flag that plays no part would be varied for ever at the best point, where the model is sure of what comes out.
const NEGLIGIBLE: f64 = 0.02;
/// The improvement looked for elsewhere within the choice that a trial keeps to, in the same unit.
const LARGE: f64 = 0.3;

/// Of four trials without progress, which look elsewhere: two in a row, so that both optimizers do where another is asked
/// in turns with this one.
const ELSEWHERE: Range<u64> = 0..2;

/// An explanation whose weight is below exp(-5) of the best one's is not heard.
const UNHEARD: f64 = 5.0;

/// How many space-filling points and neighbours an exploring proposal chooses from.
const EXPLORED: (usize, usize) = (64, 32);
/// And one that keeps to the least tried choice: none near the best points, whose other values were found for other
/// choices, and few, or it is the model that chooses after all.
const KEPT: (usize, usize) = (24, 0);

impl Engine {
    /// Of a space.
    pub fn new(space: &Space, seed: u64, noise: Noise) -> Engine {
        Engine {
            ground: Ground::new(space),
            seed,
            noise,
            fits: Vec::new(),
            gates: gates(space),
        }
    }

    /// The best points for trial `number`, best first; none of them in `seen`.
    pub fn propose(
        &mut self,
        history: &[Observation],
        number: u64,
        seen: &Seen,
        plan: &Plan,
    ) -> Result<Vec<Scored>, NotPositive> {
        let results = Results::new(&self.ground, history);
        let fits = self.fit(&results, results.counted());
        let local = results.for_model();
        let (width, running) = (self.ground.parts.len(), results.pending.len());
        let elsewhere = plan.restless && look_elsewhere(&results.values, width, running, number, ELSEWHERE);
        let mut region = plan.region.clone();
        // Without choices, elsewhere is what is seen without the warp, which magnifies what surrounds the best.
        let straight = elsewhere && self.gates.is_empty();
        // The improvement looked for, and the results on whose best.
        let (mut aim, mut rivals) = (NEGLIGIBLE, Region::all(width));
        if elsewhere {
            region.leave_edges(self.ground.encoding.axes());
            let decisive = match region.among {
                None => self.decisive(&results, &fits, number),
                Some(_) => None,
            };
            match decisive {
                // Another choice has to be learned before it can be compared.
                Some((d, choice, n)) => {
                    region.among = Some(Among::others(d, choice, n));
                    rivals = region.clone();
                }
                None if straight => {}
                None => aim = LARGE,
            }
        }
        let (experts, incumbents) = self.experts(&local, &fits, straight, aim, &rivals)?;
        let parts = &self.ground.parts;
        let (ended, success) = local.ended();
        let feasibility = match success.iter().all(|s| *s) {
            true => None,
            false => Some(Feasibility::new(parts, &ended, &success)?),
        };
        let durations = if plan.per_second { local.durations() } else { None };
        let duration = match &durations {
            Some((rows, logs)) => Some(Model::fit_straight(parts, rows, logs)?),
            None => None,
        };
        let so_far = results.values.len() + results.failed.len() + running;
        let interior = plan.inside.then(|| Interior::new(self.ground.encoding.axes(), so_far));
        let target = Target {
            experts: &experts,
            rule: plan.rule,
            feasibility: feasibility.as_ref(),
            duration: duration.as_ref().map(|(model, unit)| (model, *unit)),
            interior: interior.as_ref(),
        };
        let n = experts[0].surface.size();
        let effort = if plan.explore {
            let (pool, near) = if plan.region.among.is_some() { KEPT } else { EXPLORED };
            Effort {
                pool,
                near,
                climbs: 0,
                steps: 0,
            }
        } else {
            Effort {
                pool: (120_000 / n).clamp(160, 768),
                near: (60_000 / n).clamp(96, 384),
                climbs: (1000 / n).clamp(2, 6),
                steps: (4000 / n).clamp(12, 40),
            }
        };
        let mut rng = stream(self.seed, number, Purpose::Search);
        let mut found = search(&self.ground, &target, &incumbents, seen, &region, effort, &mut rng);
        // All that the choices allow may have been tried.
        if found.is_empty() && region.among.take().is_some() {
            found = search(&self.ground, &target, &incumbents, seen, &region, effort, &mut rng);
        }
        Ok(found)
    }

    /// The category that parts the results best, any if none is known to, with its choice in the best result and how many
    /// choices there are.
    fn decisive(&self, results: &Results, fits: &[Explanation], number: u64) -> Option<(usize, f64, usize)> {
        let split = fits.iter().find_map(|e| match e.shape {
            Shape::Split(d, _) => Some(d),
            Shape::Whole(_) => None,
        });
        let any = || {
            let mut rng = stream(self.seed, number, Purpose::Choose);
            let count = self.gates.len() as u64;
            (count > 0).then(|| self.gates[rng.below(count) as usize].dimension)
        };
        let d = split.or_else(any)?;
        let Axis::Category(n) = self.ground.encoding.axes()[d] else {
            return None;
        };
        let values = &results.values;
        let best = (0..values.len()).min_by(|a, b| values[*a].total_cmp(&values[*b]))?;
        let choice = results.rows()[best][d];
        (choice >= 0.0 && n > 1).then_some((d, choice, n))
    }

    /// The proposal of what was found for trial `number`, or of a space-filling point where nothing was.
    pub fn proposal(
        &self,
        found: Result<Option<Scored>, NotPositive>,
        starts: &Starts,
        history: &[Observation],
        number: u64,
        seen: &Seen,
    ) -> Result<Proposal, AskError> {
        let mut notes = Vec::new();
        let point = match found {
            Ok(Some(best)) => self.ground.point(&best.row),
            Ok(None) => starts.fresh(seen, number)?,
            Err(NotPositive) => {
                notes.push("the results cannot be modelled, drew a point instead".to_string());
                starts.fresh(seen, number)?
            }
        };
        Ok(Proposal {
            point: starts.opening(point, number, seen),
            origin: Origin::Model {
                used: history.iter().filter(|o| o.value().is_some()).count(),
            },
            notes,
        })
    }

    /// The parameters in use for this history: of its best explanation.
    pub fn best_fit(&mut self, history: &[Observation]) -> Fitted {
        let results = Results::new(&self.ground, history);
        self.fit(&results, results.counted()).swap_remove(0).fitted
    }

    /// Parameters learned from the first `counted` results. One of the starts of the fit is what was learned from half
    /// as many, which follows from the history like everything else: what is kept here only saves time.
    fn fit(&mut self, results: &Results, counted: usize) -> Vec<Explanation> {
        let training = results.for_fit(counted);
        if let Some((_, explanations)) = self.fits.iter().find(|(known, _)| *known == training) {
            return explanations.clone();
        }
        let mut half = 6;
        while half * 2 < counted {
            half *= 2;
        }
        let from = (half < counted).then(|| self.fit(results, half).swap_remove(0).fitted);
        let (parts, rows) = (&self.ground.parts, training.rows());
        let outputs = Outputs::new(&training.values);
        let fitted = fit(&Columns::new(parts, &rows), &outputs, self.noise, from.as_ref());
        let explain = |fitted: &Fitted, shape, log_weight| Explanation {
            fitted: fitted.clone(),
            shape,
            log_weight,
        };
        // Tempered: a mode's height is not its mass.
        let whole = |f: &Fitted| explain(f, Shape::Whole(f.hyper.clone()), 0.5 * (fitted[0].loss - f.loss));
        let mut explanations: Vec<Explanation> = fitted.iter().map(whole).collect();
        let split = partitions(parts, &rows, &outputs, self.noise, &fitted[0], &self.gates);
        explanations.extend(split.into_iter().map(|(shape, w)| explain(&fitted[0], shape, w)));
        if self.fits.len() > 16 {
            self.fits.remove(0);
        }
        self.fits.push((training, explanations.clone()));
        explanations
    }

    /// The explanations conditioned on results, not warped if `straight`, and running trials, `aim` below the best of the
    /// results in `rivals` of which improvement begins, and those predicted to be best.
    fn experts(
        &self,
        local: &Results,
        fits: &[Explanation],
        straight: bool,
        aim: f64,
        rivals: &Region,
    ) -> Result<(Vec<Expert>, Vec<Vec<f64>>), NotPositive> {
        let (parts, rows) = (&self.ground.parts, local.rows());
        let outputs = Outputs::new(&local.values);
        let pending: Vec<&[f64]> = local.pending.iter().map(Vec::as_slice).collect();
        let everything: Vec<&[f64]> = rows.iter().chain(&pending).copied().collect();
        let most = match rows.len() {
            0..=60 => 3,
            61..=150 => 2,
            _ => 1,
        };
        let top = fits.iter().map(|f| f.log_weight).fold(f64::NEG_INFINITY, f64::max);
        let is_split = |e: &&Explanation| matches!(e.shape, Shape::Split(..));
        let wholes = fits.iter().filter(|e| !is_split(e)).take(most);
        let heard = wholes
            .chain(fits.iter().filter(is_split))
            .filter(|e| e.log_weight > top - UNHEARD);
        let (mut experts, mut incumbents) = (Vec::new(), Vec::new());
        for explanation in heard {
            let log_warp = if straight {
                LOG_WARP.0
            } else {
                explanation.fitted.log_warp
            };
            let z = outputs.warp(log_warp).z;
            let Ok(mut surface) = Surface::new(parts, &rows, z.clone(), &explanation.shape) else {
                continue;
            };
            // Under noise the best observation is the luckiest; the best prediction at an observed point is not.
            let means: Vec<f64> = surface.predict_many(&rows).iter().map(|p| p.0).collect();
            let mut order: Vec<usize> = (0..rows.len()).filter(|i| rivals.contains(rows[*i])).collect();
            // Nothing of them was tried yet: then all results are rivals.
            if order.is_empty() {
                order = (0..rows.len()).collect();
            }
            order.sort_by(|a, b| means[*a].total_cmp(&means[*b]));
            let best = order.first().map_or(f64::INFINITY, |i| means[*i]) - aim;
            if experts.is_empty() {
                incumbents = order.iter().take(8).map(|i| rows[*i].to_vec()).collect();
            }
            // Running trials are believed to give what is predicted (the Kriging believer of Ginsbourger, Le Riche
            // and Carraro 2010, section 4), so that the next proposal looks elsewhere.
            if !pending.is_empty() {
                let believed = surface.predict_many(&pending).into_iter().map(|p| p.0);
                let z = z.into_iter().chain(believed).collect();
                surface = Surface::new(parts, &everything, z, &explanation.shape)?;
            }
            experts.push(Expert {
                surface,
                best,
                log_weight: explanation.log_weight - top,
            });
        }
        let total: f64 = experts.iter().map(|e| libm::exp(e.log_weight)).sum();
        for expert in &mut experts {
            expert.log_weight -= libm::log(total);
        }
        if experts.is_empty() {
            Err(NotPositive)
        } else {
            Ok((experts, incumbents))
        }
    }
}
