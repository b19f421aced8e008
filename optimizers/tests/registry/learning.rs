//! That results are learnt from: better than random draws, and away from what fails.

use gage_optimizers::{Domain, Entry, Observation, Outcome, Point, Space, Value, registry};

use crate::given::{int, real, space};
use crate::{learners, make};

/// Runs a study of `trials` trials; `objective` gives `None` where a trial fails.
fn study(
    entry: &Entry,
    space: &Space,
    seed: u64,
    trials: u64,
    objective: impl Fn(&Point) -> Option<f64>,
) -> Vec<Observation> {
    let mut optimizer = make(entry, space, seed);
    let mut history = Vec::new();
    for number in 0..trials {
        let point = optimizer.ask(&history, number).unwrap().point;
        let outcome = objective(&point).map_or(Outcome::Failed, |v| Outcome::Value(vec![v]));
        history.push(Observation::new(number, point, Some(outcome)));
    }
    history
}

fn best(history: &[Observation]) -> f64 {
    history
        .iter()
        .filter_map(Observation::value)
        .fold(f64::INFINITY, f64::min)
}

fn number(point: &Point, i: usize) -> f64 {
    match point.0[i] {
        Some(Value::Real(v)) => v,
        Some(Value::Int(v)) => v as f64,
        Some(Value::Choice(v)) => v as f64,
        None => panic!("no value"),
    }
}

/// Sign test: 17 wins of 20 have probability 0.0013 under equal odds.
#[test]
fn beats_random_on_a_bowl() {
    let space = space([
        real(-5.0, 5.0),
        real(0.0, 1.0),
        int(-20, 20),
        Domain::Categorical { n: 3 },
    ]);
    let bowl = |p: &Point| {
        let z = [number(p, 0) / 5.0 - 0.3, number(p, 1) - 0.7, number(p, 2) / 20.0 + 0.4];
        Some(z.iter().map(|z| z * z).sum::<f64>() + if number(p, 3) == 1.0 { 0.0 } else { 0.5 })
    };
    let random = registry::find("random").unwrap();
    for entry in learners() {
        let wins = (0..20)
            .filter(|seed| {
                let theirs = best(&study(random, &space, *seed, 40, bowl));
                best(&study(entry, &space, *seed, 40, bowl)) < theirs
            })
            .count();
        assert!(wins >= 17, "{}: {wins} of 20", entry.name);
    }
}

/// The better the objective the nearer the cliff: half of the space fails, and a model of the results alone would
/// propose nothing but failures. Half of the proposals failing is what feeling for the edge costs.
#[test]
fn keeps_away_from_what_fails() {
    let space = space([real(0.0, 1.0), real(0.0, 1.0)]);
    let cliff = |p: &Point| (number(p, 0) < 0.5).then(|| (0.6 - number(p, 0)).abs() + number(p, 1));
    for entry in learners().filter(|e| e.name != "toy") {
        let mut failed = 0;
        for seed in 0..5 {
            let history = study(entry, &space, seed, 45, cliff);
            assert!(best(&history) < 0.35, "{}: {}", entry.name, best(&history));
            failed += history[15..].iter().filter(|o| o.failed()).count();
        }
        assert!(failed <= 90, "{}: {failed} of 150 failed", entry.name);
    }
}

/// Nothing but failures for a while: the search must not stand still.
#[test]
fn goes_elsewhere_while_all_fails() {
    let space = space([real(0.0, 1.0), Domain::Categorical { n: 4 }]);
    for entry in learners() {
        let history = study(entry, &space, 3, 20, |_| None);
        let spread: std::collections::BTreeSet<_> = history
            .iter()
            .map(|o| ((number(&o.point, 0) * 4.0) as u64, number(&o.point, 1) as u64))
            .collect();
        assert!(spread.len() >= 8, "{}: {} cells of 16", entry.name, spread.len());
    }
}

fn branin(p: &Point) -> Option<f64> {
    use std::f64::consts::PI;
    let (x, y) = (number(p, 0), number(p, 1));
    let a = y - 5.1 / (4.0 * PI * PI) * x * x + 5.0 / PI * x - 6.0;
    Some(a * a + 10.0 * (1.0 - 1.0 / (8.0 * PI)) * x.cos() + 10.0)
}

#[test]
fn forest_and_gbrt_come_near_the_minimum_of_branin() {
    let space = space([real(-5.0, 10.0), real(0.0, 15.0)]);
    for name in ["forest", "gbrt"] {
        for seed in 0..6 {
            let found = best(&study(registry::find(name).unwrap(), &space, seed, 40, branin));
            assert!(found < 2.5, "{name}, seed {seed}: {found}");
        }
    }
}
