//! Which points are proposed: always of the space, the same for the same history, and never one twice.

use std::sync::OnceLock;

use gage_optimizers::lattice::count;
use gage_optimizers::{AskError, Domain, Observation, Origin, Outcome, Point, Space, Value};
use proptest::prelude::*;

use crate::given::{any_history, any_space, int, real, space};
use crate::{ask, entries, learners, make};

fn finished(number: u64, point: Point, value: f64) -> Observation {
    Observation::new(number, point, Some(Outcome::Value(vec![value])))
}

fn two_threads() -> &'static rayon::ThreadPool {
    static POOL: OnceLock<rayon::ThreadPool> = OnceLock::new();
    POOL.get_or_init(|| rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// In the space, and whatever comes out comes out again: from a fresh optimizer, from one that was asked other
    /// things before, with the history listed in another order, and on more threads.
    #[test]
    fn lie_in_the_space_and_depend_on_the_history_alone(
        (space, history) in any_space().prop_flat_map(|s| any_history(s, 24)),
        seed in any::<u64>(),
        shuffled in any::<prop::sample::Index>(),
    ) {
        let number = history.iter().filter(|o| !o.prior).count() as u64;
        for entry in entries() {
            let got = ask(entry, &space, seed, &history, number);
            match &got {
                Ok(point) => prop_assert!(space.contains(point), "{}: {:?} is outside", entry.name, point),
                Err(AskError::Exhausted) => prop_assert!(count(&space).is_some(), "{}", entry.name),
            }
            prop_assert_eq!(&ask(entry, &space, seed, &history, number), &got, "{} again", entry.name);
            let mut other = history.clone();
            other.rotate_left(shuffled.index(history.len().max(1)));
            other.reverse();
            prop_assert_eq!(&ask(entry, &space, seed, &other, number), &got, "{} in another order", entry.name);
            let mut used = make(entry, &space, seed);
            for n in 0..=history.len().min(6) {
                let _ = used.ask(&history[..n], n as u64);
            }
            let again = used.ask(&history, number).map(|p| p.point);
            prop_assert_eq!(&again, &got, "{} asked other things before", entry.name);
            let two = two_threads().install(|| ask(entry, &space, seed, &history, number));
            prop_assert_eq!(&two, &got, "{} on two threads", entry.name);
        }
    }

    /// With everything pending, each of 16 proposals is another point.
    #[test]
    fn differ_while_sixteen_are_pending(space in any_space(), seed in any::<u64>(), told in 0usize..8) {
        for entry in learners() {
            let mut optimizer = make(entry, &space, seed);
            let mut history: Vec<Observation> = Vec::new();
            for number in 0..told as u64 + 16 {
                match optimizer.ask(&history, number) {
                    Ok(p) => {
                        let twice = history.iter().any(|o| o.point == p.point);
                        prop_assert!(!twice, "{} proposed {:?} twice", entry.name, p.point);
                        history.push(Observation::new(number, p.point, None));
                    }
                    Err(AskError::Exhausted) => {
                        prop_assert_eq!(count(&space), Some(history.len() as u64), "{}", entry.name);
                        break;
                    }
                }
                if let Some(o) = history.get_mut(number as usize).filter(|_| (number as usize) < told) {
                    o.outcome = Some(Outcome::Value(vec![(number * 7 % 5) as f64]));
                }
            }
        }
    }
}

/// A conditional space of 3 x 4 + 2 points, and the order in which an optimizer visits it.
#[test]
fn visit_every_point_of_a_finite_space_once() {
    let mut momentum = gage_optimizers::Dimension::new("momentum", int(0, 3));
    momentum.condition = Some(gage_optimizers::space::Condition {
        parent: 0,
        choices: vec![0, 2, 4],
    });
    let opt = gage_optimizers::Dimension::new("opt", Domain::Categorical { n: 5 });
    let space = Space::new(vec![opt, momentum]).unwrap();
    for entry in learners() {
        for seed in 0..3 {
            let mut optimizer = make(entry, &space, seed);
            let mut history: Vec<Observation> = Vec::new();
            for number in 0..14 {
                let p = optimizer.ask(&history, number).unwrap();
                assert!(
                    history.iter().all(|o| o.point != p.point),
                    "{}: {:?} twice",
                    entry.name,
                    p.point
                );
                history.push(match number % 4 {
                    3 => Observation::new(number, p.point, Some(Outcome::Failed)),
                    _ => finished(number, p.point, 1.0),
                });
            }
            assert_eq!(optimizer.ask(&history, 14), Err(AskError::Exhausted), "{}", entry.name);
        }
    }
}

#[test]
fn do_not_depend_on_the_number_of_threads() {
    let space = space([real(0.0, 1.0), int(1, 40), Domain::Categorical { n: 3 }]);
    let pool = |n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
    for entry in entries() {
        let mut history = Vec::new();
        for number in 0..30 {
            let one = pool(1).install(|| ask(entry, &space, 5, &history, number)).unwrap();
            let two = pool(2).install(|| ask(entry, &space, 5, &history, number)).unwrap();
            assert_eq!(one, two, "{}", entry.name);
            let Some(Value::Real(x)) = one.0[0] else { panic!() };
            history.push(finished(number, one, (x - 0.3).abs()));
        }
    }
}

#[test]
fn begin_with_the_initial_values() {
    let mut space = vec![
        gage_optimizers::Dimension::new("a", real(0.0, 1.0)),
        gage_optimizers::Dimension::new("b", Domain::Categorical { n: 9 }),
    ];
    space[1].initial = Some(Value::Choice(7));
    let space = Space::new(space).unwrap();
    let mut earlier = finished(0, Point(vec![Some(Value::Real(0.5)), Some(Value::Choice(2))]), 1.0);
    earlier.prior = true;
    for entry in entries() {
        for seed in 0..5 {
            let point = ask(entry, &space, seed, &[], 0).unwrap();
            assert_eq!(point.0[1], Some(Value::Choice(7)), "{}", entry.name);
            // Also where a model proposes the first trial.
            let options = entry
                .options
                .iter()
                .any(|o| o.name == "random-starts")
                .then_some(("random-starts", "0"));
            let setup = gage_optimizers::Setup {
                space: space.clone(),
                seed,
                budget: None,
                slots: 1,
            };
            let proposal = entry.build(setup, options).unwrap().ask(&[earlier.clone()], 0).unwrap();
            assert_eq!(proposal.point.0[1], Some(Value::Choice(7)), "{}", entry.name);
            if entry.sequential && options.is_some() {
                assert_eq!(proposal.origin, Origin::Model { used: 1 }, "{}", entry.name);
            }
        }
    }
}

/// Grids and lists of random trials are made beforehand: their proposals must not look at results.
#[test]
fn of_what_does_not_learn_ignore_results() {
    let space = space([real(0.0, 1.0), Domain::Categorical { n: 2 }]);
    for entry in entries().filter(|e| !e.sequential) {
        let free = ask(entry, &space, 3, &[], 4).unwrap();
        let history: Vec<_> = (0..4)
            .map(|i| finished(i, ask(entry, &space, 3, &[], i).unwrap(), 1.0))
            .chain([finished(9, free.clone(), 0.0)])
            .collect();
        assert_eq!(ask(entry, &space, 3, &history, 4), Ok(free), "{}", entry.name);
    }
}
