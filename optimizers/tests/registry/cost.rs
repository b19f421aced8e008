//! That the seconds a trial takes count where they are asked to, and only there.

use gage_optimizers::options::OptionKind;
use gage_optimizers::{Domain, Entry, Observation, Outcome, Point, Setup, Space, Value};

use crate::entries;
use crate::given::{real, space};

/// What an optimizer can be told to divide by the seconds.
fn per_second() -> impl Iterator<Item = (&'static Entry, &'static str)> {
    let words = |e: &'static Entry| {
        let kind = e.options.iter().find(|o| o.name == "acq-func").map(|o| o.kind);
        let choices = match kind {
            Some(OptionKind::Choice(choices)) => choices,
            _ => &[],
        };
        choices.iter().filter(|c| c.ends_with("ps")).map(move |c| (e, *c))
    };
    entries().flat_map(words)
}

fn point(x: f64, c: usize) -> Point {
    Point(vec![Some(Value::Real(x)), Some(Value::Choice(c))])
}

fn choice(point: &Point) -> usize {
    match point.0[1] {
        Some(Value::Choice(c)) => c,
        _ => panic!("a choice"),
    }
}

/// A bowl in x, the same under both choices, of which the second takes a hundred times as long.
fn history(seed: u64, seconds: impl Fn(usize) -> Option<f64>) -> Vec<Observation> {
    let at = |i: u64| {
        // Every place under both choices, so that nothing but the seconds tells them apart.
        let (x, c) = (((i / 2) as f64 * 0.618 + 0.1 * seed as f64).fract(), i as usize % 2);
        let value = Outcome::Value(vec![(x - 0.3) * (x - 0.3)]);
        Observation {
            seconds: seconds(c),
            ..Observation::new(i, point(x, c), Some(value))
        }
    };
    (0..14).map(at).collect()
}

fn ask(entry: &Entry, acq: &str, space: &Space, seed: u64, history: &[Observation]) -> Point {
    let setup = Setup {
        space: space.clone(),
        seed,
        budget: None,
        slots: 1,
    };
    let mut optimizer = entry.build(setup, [("acq-func", acq)]).unwrap();
    optimizer.ask(history, history.len() as u64).unwrap().point
}

#[test]
fn of_equal_improvements_the_cheaper_is_preferred() {
    let space = space([real(0.0, 1.0), Domain::Categorical { n: 2 }]);
    let dear = |c| Some(if c == 1 { 100.0 } else { 1.0 });
    let mut tested = 0;
    for (entry, acq) in per_second() {
        for seed in 0..8 {
            let got = ask(entry, acq, &space, seed, &history(seed, dear));
            assert_eq!(choice(&got), 0, "{} {acq}, seed {seed}: {got:?}", entry.name);
            // Whichever it is that is cheap.
            let got = ask(entry, acq, &space, seed, &history(seed, |c| dear(1 - c)));
            assert_eq!(choice(&got), 1, "{} {acq}, seed {seed}: {got:?}", entry.name);
            tested += 1;
        }
    }
    assert!(tested > 0, "no optimizer counts seconds");
}

#[test]
fn without_durations_the_results_alone_count() {
    let space = space([real(0.0, 1.0), Domain::Categorical { n: 2 }]);
    for (entry, acq) in per_second() {
        let plain = acq.strip_suffix("ps").unwrap();
        for seed in 0..3 {
            let unknown = history(seed, |_| None);
            let expected = ask(entry, plain, &space, seed, &unknown);
            assert_eq!(
                ask(entry, acq, &space, seed, &unknown),
                expected,
                "{} {acq}",
                entry.name
            );
            // Neither do durations count for who did not ask for it.
            let known = history(seed, |c| Some(1.0 + c as f64));
            assert_eq!(
                ask(entry, plain, &space, seed, &known),
                expected,
                "{} {plain}",
                entry.name
            );
        }
    }
}
