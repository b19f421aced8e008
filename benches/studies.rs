//! What large studies cost: proposals computed again beside what they took, and the time until a batch of ten
//! thousand trials goes on. `cargo bench --bench studies` prints `name  value  budget  ok|over`.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Instant;

use gage::batch::event::{Ended, Event, Proposed, Status};
use gage::batch::history::{Searcher, numbers};
use gage::batch::journal::{self, Journal};
use gage::batch::plan::{BatchSpec, Plan, Proposes, plan};
use gage::batch::{replay, resume};
use gage::flags::{FlagValues, Resolved, Value};
use gage::run::Run;
use gage_optimizers::random::sample;
use gage_optimizers::rng::{Purpose, stream};
use nix::sys::resource::{UsageWho, getrusage};

/// Flags that are searched.
const FLAGS: [&str; 4] = ["a", "b", "c", "d"];
const TRIALS: u64 = 10_000;

fn main() {
    for (optimizer, count) in [("gp", 1000), ("tpe", 1000)] {
        replaying(optimizer, count);
    }
    for (optimizer, budget) in [("random", 1.0), ("tpe", 1.0), ("gp", 1.0)] {
        resuming(optimizer, budget);
    }
}

fn report(name: &str, value: f64, budget: f64) {
    let verdict = if value <= budget { "ok" } else { "over" };
    println!("{name}  {value:.3}  {budget}  {verdict}");
}

/// On a busy machine the processor time is the steadier figure.
fn both(name: &str, began: (Instant, f64), budget: f64) {
    report(&format!("{name} (s, wall)"), began.0.elapsed().as_secs_f64(), budget);
    report(&format!("{name} (s, processor)"), children() - began.1, budget);
}

/// Processor time of this process so far, all threads, in seconds.
fn own() -> f64 {
    processor(UsageWho::RUSAGE_SELF)
}

/// Processor time of all children so far, in seconds.
fn children() -> f64 {
    processor(UsageWho::RUSAGE_CHILDREN)
}

fn processor(who: UsageWho) -> f64 {
    let usage = getrusage(who).expect("usage of a process of ours");
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    seconds(usage.user_time()) + seconds(usage.system_time())
}

fn search(optimizer: &str, count: u64) -> Plan {
    let values: FlagValues = FLAGS
        .iter()
        .map(|name| (name.to_string(), Value::Function("uniform[0.0:1.0]".into())))
        .collect();
    plan(&BatchSpec {
        rows: vec![Resolved {
            user: values.clone(),
            values,
            warnings: Vec::new(),
        }],
        optimizer: optimizer.into(),
        max_trials: Some(count),
        seed: 1,
        jobs: 1,
        ..BatchSpec::default()
    })
    .expect("a plan")
}

fn end(trial: u64, values: &FlagValues) -> Event {
    let objective = values
        .values()
        .filter_map(Value::as_f64)
        .map(|v| (v - 0.3).powi(2))
        .sum();
    Event::Ended(Ended {
        trial,
        attempt: 0,
        status: Status::Completed,
        exit: 0,
        objective: Some(objective),
        seconds: Some(1.0),
        message: None,
        exceeded: None,
    })
}

/// Processor time that a study's proposals take, and that computing them again takes.
fn replaying(optimizer: &str, count: u64) {
    let plan = search(optimizer, count);
    let Proposes::Search { spec, constants } = &plan.proposes else {
        panic!("{optimizer} does not search");
    };
    let mut events = vec![Event::Opened(Box::new(plan.header()))];
    let mut searcher = Searcher::new(&plan.header()).expect("a searcher");
    let began = own();
    for trial in 0..count {
        let proposal = searcher.ask(trial, None).expect("a proposal");
        let values = plan.complete(&spec.values(&proposal.point), constants);
        let proposed = Event::Proposed(Proposed {
            trial,
            run: trial.to_string(),
            values: values.clone(),
            point: Some(numbers(&proposal)),
            seen: events.len() as u64,
            ..Proposed::default()
        });
        for event in [proposed, end(trial, &values)] {
            searcher.learn(&event);
            events.push(event);
        }
    }
    let took = own() - began;
    let began = own();
    let replayed = replay::replay(&plan, &events).expect("a replay");
    assert_eq!((replayed.agreed, replayed.difference), (count, None));
    let again = own() - began;
    println!("{count} {optimizer} proposals took {took:.2} s, replaying them {again:.2} s");
    report(
        &format!("{optimizer}: replay of {count} proposals, times what they took"),
        again / took,
        2.0,
    );
}

/// Seconds until a batch with all but one of ten thousand trials done has run the last one.
fn resuming(optimizer: &str, budget: f64) {
    let dir = tempfile::tempdir().expect("a directory");
    let project = dir.path();
    std::fs::write(
        project.join("gage.toml"),
        "[op]\nexec = 'echo loss: 1'\nsourcecode = false\n[op.flags]\na = 0.1\nb = 0.1\nc = 0.1\nd = 0.1\n",
    )
    .expect("a project");
    let ranges = FLAGS.map(|name| format!("{name}=uniform[0.0:1.0]")).join(" ");
    let staged = gage(
        project,
        &format!("run op {ranges} -o {optimizer} -m {TRIALS} --random-seed 1 --keep-batch --stage -y"),
    );
    let said = String::from_utf8_lossy(&staged.stderr).into_owned();
    let id = said
        .split("staged as ")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next());
    let batch = Run::new(project.join("home/runs"), id.expect("a batch"));
    fill(&batch);
    let began = (Instant::now(), children());
    let shown = gage(project, &format!("batch show {}", batch.id()));
    both(&format!("{optimizer}: show of {TRIALS} trials"), began, 1.0);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("9999 of 10000 trials"));
    let began = (Instant::now(), children());
    let resumed = gage(project, &format!("batch resume {}", batch.id()));
    both(
        &format!("{optimizer}: resume of {TRIALS} trials, and the last one"),
        began,
        budget,
    );
    assert!(resumed.status.success(), "{}", String::from_utf8_lossy(&resumed.stderr));
    let events = journal::read(&batch.meta(journal::FILE)).expect("a journal");
    assert!(resume::is_at_its_end(&events));
}

/// All trials but one, as they would stand in the journal.
fn fill(batch: &Run) {
    let plan = resume::read(batch).expect("a study").plan;
    let (mut journal, _) = Journal::open(&batch.meta(journal::FILE)).expect("a journal");
    let space = match &plan.proposes {
        Proposes::Search { spec, .. } => Some((spec, spec.space().expect("a space"))),
        _ => None,
    };
    for trial in 0..TRIALS - 1 {
        let point = space
            .as_ref()
            .map(|(_, space)| sample(space, &mut stream(7, trial, Purpose::Sample)));
        let values = match (&plan.proposes, &space, &point) {
            (Proposes::Listed(listed), ..) => listed[trial as usize].clone(),
            (_, Some((spec, _)), Some(point)) => spec.values(point),
            _ => panic!("nothing is searched"),
        };
        let proposed = Proposed {
            trial,
            run: format!("{trial:032x}"),
            values: values.clone(),
            point: point.as_ref().map(gage::batch::space::point_to_json),
            seen: journal.lines(),
            ..Proposed::default()
        };
        let started = Event::Started {
            trial,
            attempt: 0,
            pid: Some(1),
        };
        for event in [Event::Proposed(proposed), started, end(trial, &values)] {
            journal.append(&event).expect("room on the disk");
        }
    }
}

fn gage(project: &Path, words: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gage"));
    command.args(words.split_whitespace());
    command.current_dir(project).env("GAGE_HOME", project.join("home"));
    command.output().expect("gage runs")
}
