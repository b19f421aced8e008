//! Histories that break models: no panic, no point outside, and no proposal that takes for ever.

use std::time::{Duration, Instant};

use gage_optimizers::{Domain, Observation, Outcome, Point, Space, Value};
use proptest::prelude::*;

use crate::given::{int, real, space};
use crate::{ask, entries};

/// Far more than any proposal takes, on any machine.
const LIMIT: Duration = Duration::from_secs(60);

fn ill() -> Space {
    space([real(-1.0, 1.0), int(0, 9), Domain::Categorical { n: 2 }])
}

/// Where trial `i` was, by a kind of place.
fn place(kind: u8, i: u64) -> Point {
    let nth = |step: f64| (i as f64 * step).fract() * 2.0 - 1.0;
    let (x, k, c) = match kind {
        0 => (0.25, 5, 0),
        // Two columns are constant.
        1 => (nth(0.618), 3, 0),
        // Neighbouring doubles.
        2 => (f64::from_bits(0.25f64.to_bits() + i), 3, 1),
        // Denormals.
        3 => (f64::from_bits(i), (i % 10) as i64, 1),
        // A line through the space.
        4 => (nth(0.1), (i % 10) as i64, 0),
        // Outside of the bounds, as in an earlier study.
        5 => (3.0 * nth(0.618), (i * 7 % 30) as i64 - 10, 0),
        6 => (nth(0.618), (i * 7 % 10) as i64, (i % 2) as usize),
        _ => (
            if i.is_multiple_of(2) { -1.0 } else { 1.0 },
            if i.is_multiple_of(3) { 0 } else { 9 },
            1,
        ),
    };
    Point(vec![Some(Value::Real(x)), Some(Value::Int(k)), Some(Value::Choice(c))])
}

/// What came out of trial `i`, by a kind of result.
fn result(kind: u8, i: u64) -> Outcome {
    let value = match kind {
        0 => 2.5,
        1 if i.is_multiple_of(2) => 1e300,
        1 => -1e300,
        2 => i as f64 * 5e-324,
        3 => (i % 3) as f64,
        4 => 1.0 + i as f64 * f64::EPSILON,
        5 => 10f64.powi((i * 37 % 600) as i32 - 300),
        6 if i == 0 => f64::MIN,
        6 => f64::MAX,
        7 => return Outcome::Failed,
        8 if i.is_multiple_of(2) => return Outcome::Failed,
        9 => return Outcome::Stopped(vec![1e300; (i % 2) as usize]),
        10 => f64::NAN,
        _ => ((i as f64) * 0.618).fract(),
    };
    Outcome::Value(vec![value])
}

fn history(places: u8, results: u8, count: u64) -> Vec<Observation> {
    let space = ill();
    let mut all = Vec::new();
    for i in 0..count {
        let mut o = Observation::new(i, place(places, i), Some(result(results, i)));
        o.prior = !space.contains(&o.point);
        o.seconds = Some(10f64.powi((i % 40) as i32 - 20));
        all.push(o);
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn survives_whatever_came_out_wherever(
        places in 0u8..8,
        results in 0u8..12,
        count in 1u64..60,
        seed in any::<u64>(),
    ) {
        let (space, history) = (ill(), history(places, results, count));
        for entry in entries() {
            let began = Instant::now();
            let got = ask(entry, &space, seed, &history, count);
            let took = began.elapsed();
            prop_assert!(took < LIMIT, "{}: {took:?}", entry.name);
            let inside = got.as_ref().is_ok_and(|point| space.contains(point));
            prop_assert!(inside, "{}: {got:?}", entry.name);
        }
    }
}

#[test]
fn survives_ten_thousand_copies_of_a_point() {
    let space = ill();
    for results in [0, 1, 3] {
        let history = history(0, results, 10_000);
        for entry in entries() {
            let began = Instant::now();
            let got = ask(entry, &space, 1, &history, 10_000).unwrap();
            assert!(space.contains(&got), "{}: {got:?}", entry.name);
            assert!(began.elapsed() < LIMIT, "{}: {:?}", entry.name, began.elapsed());
        }
    }
}
