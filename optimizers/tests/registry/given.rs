//! Spaces and histories for the property tests: every kind of dimension, and every kind of mishap.

use gage_optimizers::space::Condition;
use gage_optimizers::{Dimension, Domain, Observation, Outcome, Point, Space, Value, sobol};
use proptest::prelude::*;

pub fn real(low: f64, high: f64) -> Domain {
    Domain::Real {
        low,
        high,
        log: false,
        step: None,
    }
}

pub fn int(low: i64, high: i64) -> Domain {
    Domain::Int {
        low,
        high,
        log: false,
        step: 1,
    }
}

pub fn space(domains: impl IntoIterator<Item = Domain>) -> Space {
    let named = |(i, d)| Dimension::new(format!("x{i}"), d);
    Space::new(domains.into_iter().enumerate().map(named).collect()).unwrap()
}

fn domain() -> impl Strategy<Value = Domain> {
    prop_oneof![
        (-1e6..1e6f64, 1e-6..1e6f64).prop_map(|(low, width)| real(low, low + width)),
        (1e-9..1.0f64, 1.5..1e9f64).prop_map(|(low, ratio)| Domain::Real {
            low,
            high: low * ratio,
            log: true,
            step: None
        }),
        (1u32..30, 1e-3..10.0f64).prop_map(|(n, step)| Domain::Real {
            low: -1.0,
            high: -1.0 + f64::from(n) * step,
            log: false,
            step: Some(step)
        }),
        (-50i64..50, 0i64..40).prop_map(|(low, width)| int(low, low + width)),
        (1i64..10, 0i64..2000).prop_map(|(low, width)| Domain::Int {
            low,
            high: low + width,
            log: true,
            step: 1
        }),
        (0i64..100, 1i64..7).prop_map(|(width, step)| Domain::Int {
            low: -3,
            high: -3 + width,
            log: false,
            step
        }),
        Just(int(i64::MIN, i64::MAX)),
        prop::collection::btree_set(-100i32..100, 1..6).prop_map(|v| Domain::Ordinal {
            values: v.into_iter().map(f64::from).collect()
        }),
        (1usize..7).prop_map(|n| Domain::Categorical { n }),
    ]
}

/// One to five dimensions; some hang on an earlier choice, some have an initial value.
pub fn any_space() -> impl Strategy<Value = Space> {
    let dimension = (domain(), any::<bool>(), any::<bool>(), 0.0..1.0f64);
    prop::collection::vec(dimension, 1..6).prop_map(|given| {
        let mut dimensions: Vec<Dimension> = Vec::new();
        for (i, (domain, hangs, starts, at)) in given.into_iter().enumerate() {
            let mut dimension = Dimension::new(format!("x{i}"), domain);
            let parent = dimensions
                .iter()
                .position(|d| matches!(d.domain, Domain::Categorical { .. }));
            if let (Some(parent), true) = (parent, hangs) {
                dimension.condition = Some(Condition {
                    parent,
                    choices: vec![0],
                });
            }
            if starts {
                let alone = Space::new(vec![Dimension::new("x", dimension.domain.clone())]).unwrap();
                let encoding = gage_optimizers::Encoding::new(&alone);
                dimension.initial = sobol::place(&alone, &encoding, &[at], false).0[0];
            }
            dimensions.push(dimension);
        }
        Space::new(dimensions).unwrap()
    })
}

fn outcome() -> impl Strategy<Value = Option<Outcome>> {
    let number = prop_oneof![
        6 => -10.0..10.0f64,
        2 => (0u8..3).prop_map(f64::from),
        1 => prop_oneof![Just(1e300), Just(-1e300), Just(5e-324), Just(f64::NAN), Just(f64::INFINITY), Just(f64::MAX)],
    ];
    prop_oneof![
        8 => number.clone().prop_map(|v| Some(Outcome::Value(vec![v]))),
        1 => Just(Some(Outcome::Failed)),
        1 => number.prop_map(|v| Some(Outcome::Stopped(vec![v]))),
        1 => Just(Some(Outcome::Stopped(Vec::new()))),
        1 => Just(None),
    ]
}

/// A history of up to `most` trials of `space`, with repeats, and some from an earlier study that lie outside.
pub fn any_history(space: Space, most: usize) -> impl Strategy<Value = (Space, Vec<Observation>)> {
    let width = space.len();
    let unit = prop::collection::vec(0.0..1.0f64, width);
    let trial = (unit, outcome(), 0u8..10, any::<prop::sample::Index>());
    prop::collection::vec(trial, 0..most).prop_map(move |given| {
        let encoding = gage_optimizers::Encoding::new(&space);
        let mut history: Vec<Observation> = Vec::new();
        let (mut own, mut earlier) = (0, 0);
        for (unit, outcome, dice, pick) in given {
            let mut point = sobol::place(&space, &encoding, &unit, false);
            if dice == 0 && !history.is_empty() {
                point = history[pick.index(history.len())].point.clone();
            }
            let prior = dice == 1 || !space.contains(&point);
            if prior {
                outside(&mut point);
            }
            let number = if prior { &mut earlier } else { &mut own };
            let mut o = Observation::new(*number, point, outcome);
            *number += 1;
            o.prior = prior;
            history.push(o);
        }
        (space.clone(), history)
    })
}

/// As if the bounds had been wider in an earlier study, or a flag had been missing.
fn outside(point: &mut Point) {
    for v in &mut point.0 {
        *v = match *v {
            Some(Value::Real(x)) => Some(Value::Real(x * 3.0 - 1.0)),
            Some(Value::Int(k)) => Some(Value::Int(k.saturating_mul(3))),
            _ => None,
        };
    }
}
