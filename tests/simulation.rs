//! Studies in virtual time with accidents at every step. The promises are checked by `simulation::play` itself:
//! each trial completes at most once, the planned number is reached, no result is lost, nothing is left running,
//! never more runs than slots, and the journal adds up to what the driver held. Here, scenarios are made up, and
//! proposals compared with those of a study to which nothing happens.

use std::collections::HashMap;

use gage::batch::event::{Reason, Rules};
use gage::batch::simulation::{Scenario, Story, play};
use gage::executor::accidents::{Accident, PerAccident, Plan};

fn calm(rules: Rules) -> Scenario {
    Scenario {
        seed: 0,
        rules,
        accidents: Plan::default(),
        sieved: true,
        failing: 0.2,
        edits: 0,
        stops: 0,
    }
}

fn rules(planned: u64, slots: usize) -> Rules {
    Rules {
        planned: Some(planned),
        slots,
        ..Rules::default()
    }
}

/// Variations by seed: number of trials, slots, kind of study, kinds of accidents.
fn varied(seed: u64) -> Scenario {
    // Mixed, so that neighbours differ in everything and every combination comes up in time.
    let mixed = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let bit = |n: u64| mixed >> (63 - n) & 1 == 1;
    let mut chances = PerAccident::default();
    let wanted = [
        (Accident::Crash, 0.02),
        (Accident::TornLine, 0.01),
        (Accident::FullDisk, 0.01),
        (Accident::LostEvent, 0.1),
        (Accident::DuplicatedEvent, 0.2),
        (Accident::LateEvent, 0.2),
        (Accident::FailedLaunch, 0.1),
        (Accident::DeadWorker, 0.05),
        (Accident::DeadTogether, 0.5),
    ];
    for (n, (accident, chance)) in (0..).zip(wanted) {
        chances[accident] = if bit(n) { chance } else { 0.0 };
    }
    Scenario {
        seed,
        rules: Rules {
            planned: Some(1 + seed % 23),
            slots: 1 + (seed / 23 % 5) as usize,
            known: bit(10),
            deterministic: bit(11),
            fail_on_trial_error: seed % 17 == 16,
            attempts: 1000,
        },
        accidents: Plan { chances, at: None },
        sieved: bit(12),
        failing: 0.2,
        edits: if bit(13) { 1 + seed % 7 } else { 0 },
        stops: if bit(14) { 1 + seed % 3 } else { 0 },
    }
}

/// Proposals of studies to which nothing happens, by their rules.
#[derive(Default)]
struct Undisturbed(HashMap<(u64, usize), std::collections::BTreeMap<u64, u64>>);

impl Undisturbed {
    /// Under `--deterministic` nothing that happens may change a proposal, unless people ask for it.
    fn compare(&mut self, scenario: &Scenario, story: &Story) -> bool {
        let rules = scenario.rules;
        if scenario.edits > 0 || !rules.deterministic || rules.known || rules.fail_on_trial_error {
            return false;
        }
        let key = (rules.planned.unwrap(), rules.slots);
        let values = self.0.entry(key).or_insert_with(|| play(&calm(rules)).unwrap().values);
        assert_eq!(
            *values, story.values,
            "scenario {} after {} deaths",
            scenario.seed, story.deaths
        );
        true
    }
}

/// What happened in a number of scenarios.
#[derive(Default)]
struct Tally {
    deaths: u64,
    compared: u64,
    edited: u64,
    stopped: u64,
    happened: PerAccident<u64>,
}

impl Tally {
    fn of(seeds: impl Iterator<Item = u64>) -> Tally {
        let mut tally = Tally::default();
        let mut undisturbed = Undisturbed::default();
        for seed in seeds {
            let scenario = varied(seed);
            let story = play(&scenario).unwrap_or_else(|promise| panic!("scenario {seed}: {promise}"));
            tally.compared += u64::from(undisturbed.compare(&scenario, &story));
            tally.deaths += story.deaths;
            tally.edited += story.edited;
            tally.stopped += story.stopped;
            for (accident, _) in Accident::ALL {
                tally.happened[accident] += story.happened[accident];
            }
        }
        tally
    }

    fn add(mut self, other: &Tally) -> Tally {
        self.deaths += other.deaths;
        self.edited += other.edited;
        self.stopped += other.stopped;
        self.compared += other.compared;
        for (accident, _) in Accident::ALL {
            self.happened[accident] += other.happened[accident];
        }
        self
    }
}

/// `GAGE_SCENARIOS=1000000 cargo test --release --test simulation many -- --nocapture` plays a million and says
/// what happened in them.
#[test]
fn many_studies_keep_their_promises() {
    let count = std::env::var("GAGE_SCENARIOS").map_or(10_000, |n| n.parse().expect("a number of scenarios"));
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let tally = std::thread::scope(|scope| {
        let part = |first: u64| move || Tally::of((first..count).step_by(threads as usize));
        let parts: Vec<_> = (0..threads).map(|first| scope.spawn(part(first))).collect();
        let tallies = parts
            .into_iter()
            .map(|part| part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        tallies.fold(Tally::default(), |sum, tally| sum.add(&tally))
    });
    println!("{count} scenarios, {} of them with proposals compared", tally.compared);
    println!("{:>9}  drivers that died or gave up", tally.deaths);
    println!("{:>9}  changes made by people", tally.edited);
    println!("{:>9}  stops, each gone on from", tally.stopped);
    for (accident, name) in Accident::ALL {
        println!("{:>9}  {name}", tally.happened[accident]);
        assert!(
            tally.happened[accident] >= count / 50,
            "hardly any {name}: nothing was tested"
        );
    }
    assert!(tally.edited >= count / 2 && tally.stopped >= count / 4);
    assert!(tally.compared >= count / 20 && tally.deaths >= count / 2);
}

/// One accident, at each occasion for it, in a small study of each sort.
#[test]
fn any_accident_may_happen_at_any_step() {
    let mut played = 0;
    for (known, deterministic, sieved) in [(false, false, true), (true, false, false), (false, true, false)] {
        let rules = Rules {
            known,
            deterministic,
            attempts: 5,
            ..rules(6, 2)
        };
        let calm = Scenario { sieved, ..calm(rules) };
        let undisturbed = play(&calm).unwrap();
        for (accident, name) in Accident::ALL {
            // That one needs a driver that dies: at each step, with all that runs.
            let (accident, together) = match accident {
                Accident::DeadTogether => (Accident::Crash, 1.0),
                accident => (accident, 0.0),
            };
            for at in 1..=undisturbed.occasions[accident] {
                let mut scenario = calm;
                scenario.accidents.at = Some((accident, at));
                scenario.accidents.chances[Accident::DeadTogether] = together;
                let story = play(&scenario).unwrap_or_else(|promise| panic!("{name}, occasion {at}: {promise}"));
                assert_eq!(story.reason, Reason::Done, "{name}, occasion {at}");
                assert_eq!(story.happened[accident], 1, "{name}, occasion {at}");
                if deterministic {
                    assert_eq!(story.values, undisturbed.values, "{name}, occasion {at}");
                }
                played += 1;
            }
        }
    }
    println!("{played} single accidents");
    assert!(played > 300, "only {played} were played");
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
