//! Time of one proposal of every optimizer on one thread: `cargo bench -p gage-optimizers --bench proposals [NAME...]`.
//! Prints value, budget and ratio for 8 parameters, values alone for 5 and 20. What is measured is the ask after a
//! new result, of an optimizer that has been asked before: what a running study pays.

use std::time::Instant;

use gage_optimizers::rng::{Purpose, stream};
use gage_optimizers::{Dimension, Domain, Entry, Observation, Outcome, Setup, Space, Value, random, registry};

/// Milliseconds at 100, 1000 and 10 000 observations in 8 parameters.
const BUDGETS: &[(&str, [f64; 3])] = &[
    ("random", [0.005, 0.005, 0.005]),
    ("sobol", [0.005, 0.005, 0.005]),
    ("tpe", [0.3, 0.5, 1.0]),
    ("gp", [15.0, 60.0, 500.0]),
    ("forest", [15.0, 60.0, 400.0]),
    ("gbrt", [60.0, 300.0, 2000.0]),
    ("cmaes", [0.1, 0.1, 0.1]),
];
const SIZES: [usize; 4] = [20, 100, 1000, 10_000];
/// Asks measured; a size is left after so many seconds.
const REPEATS: usize = 15;
const SECONDS: f64 = 6.0;

fn main() {
    let names: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let one = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .expect("one thread can be had");
    println!(
        "{:<8} {:>3} {:>7} {:>12} {:>10} {:>7}",
        "", "d", "n", "ms", "budget", "ratio"
    );
    for entry in registry::REGISTRY {
        if !names.is_empty() && !names.iter().any(|n| n == entry.name) {
            continue;
        }
        for d in [5, 8, 20] {
            for n in SIZES {
                let ms = one.install(|| measure(entry, d, n));
                let place = SIZES[1..].iter().position(|s| *s == n);
                let budgets = BUDGETS.iter().find(|(name, _)| *name == entry.name);
                let budget = budgets.zip(place).filter(|_| d == 8).map(|((_, b), i)| b[i]);
                let (budget, ratio) = match budget {
                    Some(b) => (b.to_string(), format!("{:.2}", ms / b)),
                    None => ("-".into(), "-".into()),
                };
                println!("{:<8} {d:>3} {n:>7} {ms:>12.4} {budget:>10} {ratio:>7}", entry.name);
            }
        }
    }
}

fn objective(o: &Observation) -> f64 {
    let unit = |(i, v): (usize, &Option<Value>)| match v {
        Some(Value::Real(x)) => (i + 1) as f64 * (x - 0.57).powi(2) + 0.01 * (50.0 * x).sin(),
        _ => 0.0,
    };
    o.point.0.iter().enumerate().map(unit).sum()
}

/// Time of an ask: mean processor time, or the lower third of the wall times where that is too short to be counted, with `n` random observations of `d` numbers, in milliseconds.
fn measure(entry: &Entry, d: usize, n: usize) -> f64 {
    let real = Domain::Real {
        low: 0.0,
        high: 1.0,
        log: false,
        step: None,
    };
    let dimensions = (0..d).map(|i| Dimension::new(format!("x{i}"), real.clone()));
    let space = Space::new(dimensions.collect()).expect("a unit cube is a space");
    let mut history: Vec<Observation> = Vec::new();
    let add = |history: &mut Vec<Observation>, point| {
        let mut o = Observation::new(history.len() as u64, point, None);
        o.outcome = Some(Outcome::Value(vec![objective(&o)]));
        history.push(o);
    };
    for number in 0..n as u64 {
        add(
            &mut history,
            random::sample(&space, &mut stream(1, number, Purpose::Sample)),
        );
    }
    let setup = Setup {
        space,
        seed: 1,
        budget: None,
        slots: 1,
    };
    let mut optimizer = entry.build(setup, []).expect("defaults are valid");
    let mut times = Vec::new();
    let begun = Instant::now();
    let mut processor = None;
    // The first ask has nothing to go by; it is not what a running study pays.
    for repeat in 0..=REPEATS {
        if repeat == 1 {
            processor = processor_ms();
        }
        let start = Instant::now();
        let proposal = optimizer
            .ask(&history, history.len() as u64)
            .expect("the space is infinite");
        if repeat > 0 {
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        add(&mut history, proposal.point);
        if repeat > 0 && begun.elapsed().as_secs_f64() > SECONDS {
            break;
        }
    }
    let spent = processor.zip(processor_ms()).map(|(before, after)| after - before);
    if let Some(ms) = spent.filter(|ms| *ms > 40.0) {
        return ms / times.len() as f64;
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 3]
}

/// Processor time of this thread so far, which other work on the machine does not lengthen; counted in ticks of a few
/// milliseconds, and on Linux only.
fn processor_ms() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split(' ').next()?.parse::<f64>().ok()? / 1e6)
}
