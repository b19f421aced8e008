//! Gaussian process search: fit, say how much every point is worth, take the best one that was not tried.
//!
//! `kernel` covariances, `transform` output warp, `fit` parameters, `model` predictions, `acquisition` worth,
//! `feasibility` failures, `search` its maximum, `study` what a history means to all of these. Here: the optimizer,
//! its options, and what it keeps between calls, which is a cache of pure results and changes speed only.

pub mod acquisition;
pub mod feasibility;
pub mod fit;
pub mod kernel;
pub mod model;
pub mod search;
pub mod study;
pub mod transform;

use acquisition::Rule;
use feasibility::Feasibility;
use fit::{Fitted, Noise};
use model::Model;
use search::{Effort, Ground, Region, Scored, Target, search};
use study::Results;

use crate::history::Observation;
use crate::lattice::Seen;
use crate::math::linalg::NotPositive;
use crate::options::{OptionKind, OptionSpec, Options};
use crate::registry::{AskError, Entry, Optimizer, Origin, Proposal, Setup};
use crate::rng::{Purpose, stream};
use crate::starts::{KAPPA, PREV_TRIALS, RANDOM_STARTS, Starts, XI};

/// Registry line.
pub const ENTRY: Entry = Entry {
    name: "gp",
    aliases: &["bayesian"],
    summary: "Gaussian process with learned noise, for costly trials",
    when: "Up to some hundreds of trials over a few to fifty flags, numbers above all, each costing seconds or more.",
    options: &[
        RANDOM_STARTS,
        OptionSpec {
            name: "acq-func",
            kind: OptionKind::Choice(&["LCB", "EI", "PI", "gp_hedge", "EIps", "PIps"]),
            default: "gp_hedge",
            help: "what makes a point worth trying; EIps and PIps count the seconds a trial takes",
        },
        KAPPA,
        XI,
        OptionSpec {
            name: "noise",
            kind: OptionKind::NumberOr("gaussian"),
            default: "gaussian",
            help: "variance of the objective between repeated trials; gaussian estimates it",
        },
        PREV_TRIALS,
    ],
    sequential: true,
    make: |setup, options| Box::new(Gp::new(setup, options)),
};

/// Which acquisition is used.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Choice {
    Improvement,
    Probability,
    Bound,
    Hedge,
    ImprovementPerSecond,
    ProbabilityPerSecond,
}

struct Gp {
    setup: Setup,
    starts: Starts,
    ground: Ground,
    choice: Choice,
    kappa: f64,
    xi: f64,
    noise: Noise,
    /// The last fit and what it was fitted to.
    fitted: Option<(Results, Fitted)>,
}

impl Gp {
    fn new(setup: Setup, options: &Options) -> Gp {
        Gp {
            starts: Starts::new(&setup, options.int("random-starts")),
            ground: Ground::new(&setup.space),
            choice: match options.text("acq-func") {
                "EI" => Choice::Improvement,
                "PI" => Choice::Probability,
                "LCB" => Choice::Bound,
                "EIps" => Choice::ImprovementPerSecond,
                "PIps" => Choice::ProbabilityPerSecond,
                _ => Choice::Hedge,
            },
            kappa: options.number("kappa").unwrap_or(1.96),
            xi: options.number("xi").unwrap_or(0.05),
            noise: options.number("noise").map_or(Noise::Estimated, Noise::Known),
            fitted: None,
            setup,
        }
    }

    /// The acquisition of trial `number`: a hedge takes turns by draw (Hoffman, Brochu and de Freitas 2011, with gains
    /// that stay equal).
    fn rule(&self, number: u64) -> Rule {
        let (xi, kappa) = (self.xi, self.kappa);
        match self.choice {
            Choice::Improvement | Choice::ImprovementPerSecond => Rule::Improvement { xi },
            Choice::Probability | Choice::ProbabilityPerSecond => Rule::Probability { xi },
            Choice::Bound => Rule::Bound { kappa },
            Choice::Hedge => match stream(self.setup.seed, number, Purpose::Choose).below(3) {
                0 => Rule::Improvement { xi },
                1 => Rule::Bound { kappa },
                _ => Rule::Probability { xi },
            },
        }
    }

    fn fit(&mut self, results: &Results) -> Fitted {
        let training = results.for_fit();
        if let Some((known, fitted)) = &self.fitted
            && *known == training
        {
            return fitted.clone();
        }
        let columns = kernel::Columns::new(&self.ground.parts, &training.rows());
        let fitted = fit::fit(&columns, &transform::Outputs::new(&training.values), self.noise);
        self.fitted = Some((training, fitted.clone()));
        fitted
    }

    fn propose(&mut self, history: &[Observation], number: u64, seen: &Seen) -> Result<Vec<Scored>, NotPositive> {
        let results = Results::new(&self.ground, history);
        let fitted = self.fit(&results);
        let local = results.for_model();
        let outputs = transform::Outputs::new(&local.values);
        let z = outputs.warp(fitted.log_warp).z;
        let parts = &self.ground.parts;
        let model = Model::new(parts, &local.rows(), z.clone(), fitted.hyper.clone())?;

        // Under noise the best observation is the luckiest; the best prediction at an observed point is not.
        let rows = local.rows();
        let means: Vec<f64> = model.predict_many(&rows).iter().map(|p| p.0).collect();
        let best = means.iter().copied().fold(f64::INFINITY, f64::min);
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by(|a, b| means[*a].total_cmp(&means[*b]));
        let incumbents: Vec<Vec<f64>> = order.iter().take(8).map(|i| rows[*i].to_vec()).collect();

        // Running trials are believed to give what is predicted (the Kriging believer of Ginsbourger, Le Riche and
        // Carraro 2010, section 4), so that the next proposal looks elsewhere.
        let model = if local.pending.is_empty() {
            model
        } else {
            let pending: Vec<&[f64]> = local.pending.iter().map(Vec::as_slice).collect();
            let believed = model.predict_many(&pending).into_iter().map(|p| p.0);
            let all = rows.iter().copied().chain(pending.iter().copied()).collect::<Vec<_>>();
            Model::new(
                parts,
                &all,
                z.into_iter().chain(believed).collect(),
                fitted.hyper.clone(),
            )?
        };

        let (ended, success) = local.ended();
        let feasibility = if success.iter().all(|s| *s) {
            None
        } else {
            Some(Feasibility::new(parts, &ended, &success)?)
        };
        let durations = match self.choice {
            Choice::ImprovementPerSecond | Choice::ProbabilityPerSecond => local.durations(),
            _ => None,
        };
        let duration = match &durations {
            Some((rows, logs)) => {
                let (model, _) = Model::fit(parts, rows, logs, Noise::Estimated)?;
                Some((model, study::spread(logs)))
            }
            None => None,
        };
        let target = Target {
            model: &model,
            rule: self.rule(number),
            best,
            feasibility: feasibility.as_ref(),
            duration: duration.as_ref().map(|(m, s)| (m, *s)),
        };
        let n = model.size();
        let effort = Effort {
            pool: (120_000 / n.max(1)).clamp(160, 768),
            near: (60_000 / n.max(1)).clamp(96, 384),
            climbs: (1000 / n.max(1)).clamp(2, 6),
            steps: (4000 / n.max(1)).clamp(12, 40),
        };
        let mut rng = stream(self.setup.seed, number, Purpose::Search);
        let region = Region::all(self.ground.space.len());
        Ok(search(
            &self.ground,
            &target,
            &incumbents,
            seen,
            &region,
            effort,
            &mut rng,
        ))
    }
}

impl Optimizer for Gp {
    fn ask(&mut self, history: &[Observation], number: u64) -> Result<Proposal, AskError> {
        if let Some(start) = self.starts.ask(history, number) {
            return start;
        }
        let space = &self.setup.space;
        let seen = Seen::new(space, history);
        if seen.exhausts(space) {
            return Err(AskError::Exhausted);
        }
        let used = history.iter().filter(|o| o.value().is_some()).count();
        let mut notes = Vec::new();
        let found = self.propose(history, number, &seen);
        let point = match found.as_ref().map(|f| f.first()) {
            Ok(Some(best)) => self.ground.point(&best.row),
            Ok(None) => self.starts.fresh(&seen, number)?,
            Err(NotPositive) => {
                notes.push("the results cannot be modelled, drew a point instead".to_string());
                self.starts.fresh(&seen, number)?
            }
        };
        let point = self.starts.opening(point, number, &seen);
        Ok(Proposal {
            point,
            origin: Origin::Model { used },
            notes,
        })
    }
}
