//! Prints what every optimizer proposes in a small study, bit by bit: two builds, machines or versions that print the
//! same propose the same. `.ci/run` compares the debug build with the release build by it.

use gage_optimizers::{Dimension, Domain, Observation, Outcome, Point, Setup, Space, Value, registry};

/// Enough for a refit, an exploring trial and a generation.
const TRIALS: u64 = 28;

fn main() {
    let real = |low, high, log| Domain::Real {
        low,
        high,
        log,
        step: None,
    };
    let int = Domain::Int {
        low: 1,
        high: 60,
        log: true,
        step: 1,
    };
    let numbers = vec![real(-5.0, 5.0, false), real(1e-5, 1.0, true), int];
    let mixed = [numbers.clone(), vec![Domain::Categorical { n: 3 }]].concat();
    for (name, domains) in [("numbers", numbers), ("mixed", mixed)] {
        let dimensions = domains.iter().enumerate();
        let dimensions = dimensions.map(|(i, d)| Dimension::new(format!("x{i}"), d.clone()));
        let space = Space::new(dimensions.collect()).expect("the bounds are in order");
        for entry in registry::REGISTRY {
            study(entry, name, &space);
        }
    }
}

fn study(entry: &registry::Entry, name: &str, space: &Space) {
    let setup = Setup {
        space: space.clone(),
        seed: 11,
        budget: None,
        slots: 2,
    };
    let mut optimizer = entry.build(setup, []).expect("defaults are valid");
    let mut history: Vec<Observation> = Vec::new();
    for number in 0..TRIALS {
        let proposal = optimizer.ask(&history, number).expect("the space is infinite");
        let bits: Vec<String> = proposal.point.0.iter().map(|v| format!("{:x}", bits(*v))).collect();
        println!("{name} {} {number}: {}", entry.name, bits.join(" "));
        history.push(Observation::new(number, proposal.point, None));
        // The trial before the last has ended: one is always running.
        if let Some(k) = history.len().checked_sub(2) {
            history[k].outcome = Some(outcome(&history[k].point, k));
        }
    }
}

/// A valley in every number; every ninth trial fails.
fn outcome(point: &Point, k: usize) -> Outcome {
    let off = |v: &Option<Value>| match v {
        Some(Value::Real(x)) => (x - 0.3) * (x - 0.3),
        Some(Value::Int(x)) => (*x as f64 - 20.0).abs() / 20.0,
        Some(Value::Choice(c)) => [0.5, 0.0, 1.0][*c],
        None => 0.0,
    };
    match k % 9 {
        8 => Outcome::Failed,
        _ => Outcome::Value(vec![point.0.iter().map(off).sum()]),
    }
}

fn bits(value: Option<Value>) -> u64 {
    match value {
        Some(Value::Real(x)) => x.to_bits(),
        Some(Value::Int(k)) => k as u64,
        Some(Value::Choice(c)) => c as u64,
        None => u64::MAX,
    }
}
