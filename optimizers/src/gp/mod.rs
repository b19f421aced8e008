//! Gaussian process search: fit, say how much every point is worth, take the best one that was not tried.
//!
//! `kernel` covariances, `additive` their additive part, `transform` output warp, `prior` what is believed before any
//! result, `fit` parameters, `model` predictions, `partition` a process for each choice, `surface` predictions of
//! either, `acquisition` worth, `interior` where to begin, `feasibility` failures, `region` where to look and `search`
//! the best point there, `study` what a history means to all of these, `engine` from there to a point. Here: the optimizer and its options.
//!
//! `gp_hedge` is the default. Hedging between acquisition functions (Hoffman, Brochu and de Freitas 2011) guards
//! against a wrong one; with log EI it is the model that is wrong, so here the hedge is against that: expected
//! improvement, but space-filling while results are few, inside of the space rather than at its edges, and every fifth
//! trial keeps to the least tried choice, so that none is given up on the strength of one bad result, and without
//! progress half of the trials look elsewhere: among the other choices of the category that decides most, or, without
//! categories, by the values as they are, of which what surrounds the best is one basin of several.

pub mod acquisition;
mod additive;
pub mod engine;
pub mod feasibility;
pub mod fit;
pub mod interior;
pub mod kernel;
pub mod model;
pub mod partition;
mod prior;
pub mod region;
pub mod search;
pub mod study;
pub mod surface;
pub mod transform;

use acquisition::Rule;
use engine::{Engine, Plan};
use fit::Noise;
use region::Region;
use search::Scored;

use crate::choices::least_tried;
use crate::history::Observation;
use crate::lattice::Seen;
use crate::math::linalg::NotPositive;
use crate::options::{OptionKind, OptionSpec, Options};
use crate::registry::{AskError, Entry, Optimizer, Proposal, Setup};
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

struct Gp {
    setup: Setup,
    starts: Starts,
    engine: Engine,
    rule: Rule,
    per_second: bool,
    hedge: bool,
}

/// The hedge explores in every so manieth trial.
const HEDGED: u64 = 5;

impl Gp {
    fn new(setup: Setup, options: &Options) -> Gp {
        let noise = options.number("noise").map_or(Noise::Estimated, Noise::Known);
        let kappa = options.number("kappa").unwrap_or(1.96);
        let xi = options.number("xi").unwrap_or(0.05);
        let choice = options.text("acq-func");
        Gp {
            starts: Starts::new(&setup, options.int("random-starts")),
            engine: Engine::new(&setup.space, setup.seed, noise),
            rule: match choice {
                "LCB" => Rule::Bound { kappa },
                "PI" | "PIps" => Rule::Probability { xi },
                "gp_hedge" => Rule::Improvement { xi: 0.0 },
                _ => Rule::Improvement { xi },
            },
            per_second: choice.ends_with("ps"),
            hedge: choice == "gp_hedge",
            setup,
        }
    }

    fn plan(&self, history: &[Observation], number: u64) -> Plan {
        let width = self.setup.space.len();
        let mut region = Region::all(width);
        if self.hedge && number % HEDGED == HEDGED - 1 {
            let ground = &self.engine.ground;
            let rows: Vec<Vec<f64>> = history.iter().map(|o| ground.row(&o.point)).collect();
            let mut rng = stream(self.setup.seed, number, Purpose::Choose);
            let rows = rows.iter().map(Vec::as_slice);
            region.among = least_tried(&ground.space, ground.encoding.axes(), rows, &mut rng);
        }
        let used = history.iter().filter(|o| o.value().is_some()).count();
        Plan {
            rule: self.rule,
            per_second: self.per_second,
            explore: region.among.is_some() || (self.hedge && used < (width + 4).min(12)),
            restless: self.hedge,
            inside: self.hedge,
            region,
        }
    }

    fn propose(&mut self, history: &[Observation], number: u64, seen: &Seen) -> Result<Option<Scored>, NotPositive> {
        let plan = self.plan(history, number);
        let found = self.engine.propose(history, number, seen, &plan)?;
        Ok(found.into_iter().next())
    }
}

impl Optimizer for Gp {
    fn ask(&mut self, history: &[Observation], number: u64) -> Result<Proposal, AskError> {
        if let Some(start) = self.starts.ask(history, number) {
            return start;
        }
        let seen = Seen::new(&self.setup.space, history);
        if seen.exhausts(&self.setup.space) {
            return Err(AskError::Exhausted);
        }
        let found = self.propose(history, number, &seen);
        self.engine.proposal(found, &self.starts, history, number, &seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Outcome;
    use crate::space::{Dimension, Domain, Point, Space, Value};

    fn unit() -> Domain {
        Domain::Real {
            low: 0.0,
            high: 1.0,
            log: false,
            step: None,
        }
    }

    fn made(dimensions: Vec<Dimension>) -> Box<dyn Optimizer> {
        let setup = Setup {
            space: Space::new(dimensions).unwrap(),
            seed: 5,
            budget: None,
            slots: 1,
        };
        ENTRY.build(setup, []).unwrap()
    }

    fn square() -> Box<dyn Optimizer> {
        made(["x", "y"].map(|name| Dimension::new(name, unit())).to_vec())
    }

    fn coordinates(point: &Point) -> [f64; 2] {
        [0, 1].map(|d| match point.0[d] {
            Some(Value::Real(v)) => v,
            other => panic!("{other:?} is no real number"),
        })
    }

    /// A trial of x + y.
    fn trial(number: usize, point: Point) -> Observation {
        let value = coordinates(&point).iter().sum();
        Observation::new(number as u64, point, Some(Outcome::Value(vec![value])))
    }

    /// What is asked for trial `number` after 60 results of which the first is the best, `running` trials running.
    fn after_a_stall(number: u64, running: usize) -> [f64; 2] {
        let of = |i: u64| {
            [
                0.15 + 0.8 * (i as f64 * 0.755 % 1.0),
                0.15 + 0.8 * (i as f64 * 0.57 % 1.0),
            ]
        };
        let mut points: Vec<[f64; 2]> = (1..61).map(of).collect();
        points.sort_by(|a, b| (a[0] + a[1]).total_cmp(&(b[0] + b[1])));
        let point = |p: &[f64; 2]| Point(p.map(|v| Some(Value::Real(v))).to_vec());
        let mut history: Vec<Observation> = points.iter().enumerate().map(|(i, p)| trial(i, point(p))).collect();
        let begun = (0..running).map(|i| Observation::new(60 + i as u64, point(&[0.5, 0.3 + 0.005 * i as f64]), None));
        history.extend(begun);
        coordinates(&square().ask(&history, number).unwrap().point)
    }

    /// One choice is good whatever the numbers, and in steps that look like detail; the others are bad but for a basin.
    #[test]
    fn looks_elsewhere_among_the_other_choices() {
        let c = Dimension::new("c", Domain::Categorical { n: 4 });
        let mut gp = made(vec![Dimension::new("x", unit()), Dimension::new("y", unit()), c]);
        let mut history = Vec::new();
        for number in 0..48 {
            let point = gp.ask(&history, number).unwrap().point;
            let ([x, y], Some(Value::Choice(c))) = (coordinates(&point), point.0[2]) else {
                panic!("{point:?}");
            };
            let basin = (x - 0.8).powi(2) + (y - 0.2 * c as f64).powi(2);
            let value = match c {
                0 if x < 0.45 => 0.45 + 5.0 * (0.45 - x),
                0 if x > 0.55 => 0.45,
                0 => 0.425,
                _ => 8.8 - 8.0 * (-basin / 0.02).exp(),
            };
            // Half of the trials look elsewhere by now; every fifth keeps to the least tried choice.
            if number >= 28 && number % 4 < 2 && number % HEDGED < HEDGED - 1 {
                assert_ne!(c, 0, "{number}");
            }
            history.push(Observation::new(number, point, Some(Outcome::Value(vec![value]))));
        }
    }

    #[test]
    fn begins_inside_and_finds_what_lies_in_a_corner() {
        let mut gp = square();
        let mut history = Vec::new();
        for number in 0..30 {
            let point = gp.ask(&history, number as u64).unwrap().point;
            history.push(trial(number, point));
        }
        let points: Vec<[f64; 2]> = history.iter().map(|o| coordinates(&o.point)).collect();
        // The first three are space-filling, whatever is believed.
        let inside = |p: &[f64; 2]| p.iter().all(|v| (0.05..=0.95).contains(v));
        assert!(points[3..9].iter().all(inside), "{points:?}");
        assert!(points.iter().any(|p| p[0] + p[1] < 0.01), "{points:?}");
    }

    /// Two basins: the bottom of one is known to the last digit, and that of the other, nearly as deep, was never seen.
    #[test]
    fn looks_elsewhere_by_the_whole_and_not_by_digits() {
        let mut history = Vec::new();
        let mut add = |x: f64, y: f64| {
            let number = history.len();
            let basin = |a: f64, b: f64, bottom: f64| bottom + 5.0 * ((x - a).powi(2) + (y - b).powi(2));
            let value = basin(0.3, 0.3, 0.0).min(basin(0.75, 0.7, 0.02)).min(0.4);
            let point = Point([x, y].map(|v| Some(Value::Real(v))).to_vec());
            history.push(Observation::new(
                number as u64,
                point,
                Some(Outcome::Value(vec![value])),
            ));
        };
        for i in 0..20 {
            add(i as f64 * 0.755 % 1.0, i as f64 * 0.57 % 1.0);
        }
        for i in 0..20 {
            let (r, a) = (0.1 * 0.7_f64.powi(i), 2.4 * f64::from(i));
            add(0.3 + r * a.cos(), 0.3 + r * a.sin());
        }
        for number in [40, 41, 44, 45] {
            let at = coordinates(&square().ask(&history, number).unwrap().point);
            // Where digits count, it is (0.92, 0.92): far from everything.
            assert!((at[0] - 0.75).hypot(at[1] - 0.7) < 0.05, "{number}: {at:?}");
        }
    }

    #[test]
    fn looks_elsewhere_but_not_at_the_edges() {
        for number in [64, 65, 80, 81] {
            let at = after_a_stall(number, 0);
            assert!(at.iter().all(|v| (0.08..=0.92).contains(v)), "{number}: {at:?}");
        }
        // Its other trials follow what was learned, to the corner.
        for number in [66, 67, 82, 83] {
            let at = after_a_stall(number, 0);
            assert!(at.iter().any(|v| *v < 0.08), "{number}: {at:?}");
        }
        // So do all of them while there is much running that nobody knew the results for.
        for number in [120, 121] {
            let at = after_a_stall(number, 60);
            assert!(at.iter().any(|v| *v < 0.08), "{number}: {at:?}");
        }
    }
}
