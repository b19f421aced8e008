//! Studies in virtual time with faults at every step. The promises are checked by `simulation::play` itself:
//! each trial completes at most once, the planned number is reached, no result is lost, nothing is left running,
//! never more runs than slots, and the journal adds up to what the driver held.

use gage::batch::event::{Reason, Rules};
use gage::batch::simulation::{Scenario, play};
use gage::executor::fake::Faults;

fn calm(rules: Rules) -> Scenario {
    Scenario {
        seed: 0,
        rules,
        faults: Faults::default(),
        crash: 0.0,
        crash_at: None,
        torn: 0.0,
        full_disk: 0.0,
        dead_worker: 0.0,
        failing: 0.2,
    }
}

fn rules(planned: u64, slots: usize) -> Rules {
    Rules {
        planned: Some(planned),
        slots,
        ..Rules::default()
    }
}

/// Variations by seed: number of trials, slots, kind of study, kinds of faults.
fn varied(seed: u64) -> Scenario {
    let bit = |n: u64| seed >> n & 1 == 1;
    Scenario {
        seed,
        rules: Rules {
            planned: Some(1 + seed % 23),
            slots: 1 + (seed / 3 % 5) as usize,
            known: bit(0),
            deterministic: bit(1),
            fail_on_trial_error: seed.is_multiple_of(17),
            attempts: 1000,
        },
        faults: Faults {
            lost_event: if bit(2) { 0.1 } else { 0.0 },
            duplicated_event: if bit(3) { 0.2 } else { 0.0 },
            late_event: if bit(4) { 0.2 } else { 0.0 },
            failed_launch: if bit(5) && !bit(1) { 0.05 } else { 0.0 },
            dead_worker: if bit(6) { 0.05 } else { 0.0 },
        },
        crash: if bit(7) { 0.02 } else { 0.0 },
        crash_at: None,
        torn: 0.5,
        full_disk: if bit(8) { 0.01 } else { 0.0 },
        dead_worker: if bit(9) { 0.5 } else { 0.0 },
        failing: 0.2,
    }
}

/// `GAGE_SCENARIOS=1000000 cargo test --release --test simulation many` plays a million.
#[test]
fn many_studies_keep_their_promises() {
    let count = std::env::var("GAGE_SCENARIOS").map_or(2000, |n| n.parse().expect("a number of scenarios"));
    let mut deaths = 0;
    for seed in 0..count {
        let story = play(&varied(seed)).unwrap_or_else(|promise| panic!("scenario {seed}: {promise}"));
        deaths += story.deaths;
    }
    assert!(deaths > count / 10, "only {deaths} drivers died: nothing was tested");
}

#[test]
fn a_driver_may_die_at_any_step() {
    for known in [false, true] {
        let scenario = calm(Rules { known, ..rules(6, 2) });
        let steps = play(&scenario).unwrap().steps;
        for (at, torn) in (1..=steps).flat_map(|at| [(at, 0.0), (at, 1.0)]) {
            let story = play(&Scenario {
                crash_at: Some(at),
                torn,
                dead_worker: (at % 2) as f64,
                ..scenario.clone()
            });
            let story = story.unwrap_or_else(|promise| panic!("dying at step {at}: {promise}"));
            assert_eq!((story.deaths, story.reason), (1, Reason::Done), "dying at step {at}");
        }
    }
}

#[test]
fn a_deterministic_study_is_the_same_whatever_happens() {
    for seed in 0..300 {
        let mut scenario = varied(seed << 10 | 0b11_1101_1110);
        scenario.rules.deterministic = true;
        scenario.rules.known = false;
        scenario.rules.fail_on_trial_error = false;
        let calm = play(&calm(scenario.rules)).unwrap();
        let wild = play(&scenario).unwrap_or_else(|promise| panic!("scenario {seed}: {promise}"));
        assert_eq!(calm.values, wild.values, "scenario {seed} after {} deaths", wild.deaths);
    }
}

#[test]
fn slots_are_used() {
    let one = play(&calm(rules(200, 1))).unwrap();
    let ten = play(&calm(rules(200, 10))).unwrap();
    assert!(ten.time * 7 < one.time, "{} and {} ms", ten.time, one.time);
}

#[test]
fn a_failing_trial_ends_the_study_if_asked_to() {
    let scenario = calm(Rules {
        fail_on_trial_error: true,
        known: true,
        ..rules(50, 1)
    });
    let story = play(&scenario).unwrap();
    let counts = story.record.scheduler.counts();
    assert_eq!((story.reason, counts.failed), (Reason::TrialFailed, 1));
    assert_eq!(counts.ready + counts.done(), 50, "the others wait");
    assert!(counts.ready > 0);
}
