//! Which runs a queue takes, and what it says of them.

use gage::run::{Run, Status, status};
use nix::sys::signal::Signal;

use crate::world::{World, end, signal, until};

#[test]
fn output_and_failures_are_shown_and_the_next_run_follows() {
    let world = World::new();
    let failing = world.staged("echo one; exit 3");
    let missing = world.staged("true");
    std::fs::remove_dir_all(missing.dir()).unwrap();
    let good = world.staged("echo two");
    let (code, text) = world.run(&["queue", "--once"]);
    assert_eq!(code, Some(1), "one could not be started: {text}");
    assert!(text.contains("one\n") && text.contains("two\n"), "{text}");
    assert!(
        text.contains(&format!("ERROR: [gage] Run {} exited with an error (3)", failing.id())),
        "{text}"
    );
    assert!(
        text.contains(&format!("ERROR: [gage] Cannot start staged run {}", missing.id())),
        "{text}"
    );
    assert_eq!(
        (status::of(&failing), status::of(&good)),
        (Status::Error, Status::Completed)
    );
    let (_, quiet) = {
        world.staged("echo three");
        world.run(&["queue", "--once", "-q"])
    };
    assert!(!quiet.contains("three"), "{quiet}");
}

#[test]
fn filters_choose() {
    let world = World::new();
    let with = |label: &str| {
        world.staged_with("true", |spec| {
            spec.label = Some(label.into());
        })
    };
    let (a, b) = (with("alpha"), with("beta"));
    let (code, text) = world.run(&["queue", "--once", "--label", "beta"]);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!((status::of(&a), status::of(&b)), (Status::Staged, Status::Completed));
}

#[test]
fn gpus_go_to_those_that_have_none_of_their_own() {
    let world = World::new();
    let with = |gpus: Option<&str>| {
        world.staged_with("echo gpus=$CUDA_VISIBLE_DEVICES", |spec| {
            let gpus = gpus.map(|gpus| ("CUDA_VISIBLE_DEVICES".to_string(), gpus.to_string()));
            spec.env = gpus.into_iter().collect();
        })
    };
    let (none, same, other) = (with(None), with(Some("1")), with(Some("0")));
    let (code, text) = world.run(&["queue", "--once", "--gpus", "1"]);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(text.matches("gpus=1\n").count(), 2, "{text}");
    let statuses = [&none, &same, &other].map(status::of);
    assert_eq!(statuses, [Status::Completed, Status::Completed, Status::Staged]);
}

#[test]
fn others_are_waited_for() {
    let world = World::new();
    let other = world.staged("until [ -e go ]; do sleep 0.01; done");
    let mut running = world.gage(&["exec", other.dir().to_str().unwrap()]).spawn().unwrap();
    until("the other run", || status::of(&other) == Status::Running);
    let run = world.staged("true");
    let queue = world
        .gage(&["queue", "--once", "--wait-for-running", "--poll-interval", "0.1"])
        .spawn()
        .unwrap();
    let found = || {
        let queues = world.run(&["select", "--operation", "queue"]).1;
        world.run(&["cat", "-O", queues.trim()]).1
    };
    until("the queue to wait", || {
        found().contains(&format!(
            "Found staged run {} (waiting for runs to finish: {})",
            run.id(),
            other.id()
        ))
    });
    assert_eq!(status::of(&run), Status::Staged);
    std::fs::write(other.dir().join("go"), "").unwrap();
    running.wait().unwrap();
    let (code, text) = end(queue);
    assert_eq!((code, status::of(&run)), (Some(0), Status::Completed), "{text}");
}

#[test]
fn staged_trials_become_results() {
    let world = World::new();
    std::fs::write(world.project().join("op.py"), "x = 1\nprint(f'loss: {x * 2}')\n").unwrap();
    let (code, text) = world.run(&["run", "op.py", "x=[1,2,3]", "-y", "--stage-trials"]);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(world.run(&["runs", "-s"]).1.matches("staged").count(), 3);
    let (code, text) = world.run(&["queue", "--once", "--jobs", "2"]);
    assert_eq!(code, Some(0), "{text}");
    let (_, table) = world.run(&["compare", "--csv", "-", "-cc", "=x,loss"]);
    let (_, best) = world.run(&["runs", "-s", "-F", "loss = 2"]);
    assert!(best.contains("x=1"), "{table}{best}");
    assert_eq!(world.run(&["runs", "-s"]).1.matches("completed").count(), 3);
}

#[test]
fn a_staged_batch_is_carried_out() {
    let world = World::new();
    std::fs::write(world.project().join("op.py"), "x = 1\nprint(f'loss: {x * 2}')\n").unwrap();
    let (code, text) = world.run(&["run", "op.py", "x=[1,2,3]", "-y", "--stage", "--keep-batch"]);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = world.run(&["queue", "--once"]);
    assert_eq!(code, Some(0), "{text}");
    let (_, list) = world.run(&["runs", "-s"]);
    assert_eq!(list.matches("op.py   completed").count(), 3, "{text}{list}");
    assert_eq!(list.matches("op.py+").count(), 1, "{list}");
}

#[test]
fn what_is_staged_while_it_waits_is_started() {
    let world = World::new();
    let queue = world.gage(&["queue", "--poll-interval", "0.2"]).spawn().unwrap();
    until("the queue", || {
        world.run(&["cat", "-O"]).1.contains("Waiting for staged runs")
    });
    let own = world.run(&["select"]).1.trim().to_string();
    let runs: Vec<Run> = (0..3).map(|_| world.staged("true")).collect();
    until("the runs", || {
        runs.iter().all(|run| status::of(run) == Status::Completed)
    });
    // A run has ended a moment before the queue has heard of it.
    until("the queue to wait again", || {
        let said = world.run(&["cat", "-O", &own]).1;
        said.lines()
            .last()
            .is_some_and(|line| line.ends_with("Waiting for staged runs"))
    });
    signal(&queue, Signal::SIGTERM);
    assert_eq!(end(queue).0, Some(0));
    world.assert_once(&runs);
}

#[test]
fn a_staged_steps_run_runs_its_steps() {
    let world = World::new();
    let file = "all:\n  steps: [one, one x=2]\none:\n  exec: echo x=${x}\n  flags: {x: 1}\n";
    std::fs::write(world.project().join("gage.yaml"), file).unwrap();
    let (code, text) = world.run(&["run", "all", "-y", "--stage"]);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = world.run(&["queue", "--once"]);
    assert_eq!(code, Some(0), "{text}");
    let (_, list) = world.run(&["runs", "-s"]);
    assert_eq!(list.matches("completed").count(), 3, "{text}{list}");
    assert_eq!(text.matches("Starting staged run").count(), 1, "{text}");
}

#[test]
fn the_operation_queue_does_the_same() {
    let world = World::new();
    let runs: Vec<Run> = (0..3).map(|_| world.staged("echo hello")).collect();
    let (code, text) = world.run(&["run", "queue", "run-once=yes", "jobs=2", "-y"]);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(text.matches("hello\n").count(), 3, "{text}");
    assert!(
        text.contains("('queue' is configured for deletion on success)"),
        "{text}"
    );
    world.assert_once(&runs);
    let (code, text) = world.run(&["run", "queue", "-y", "--background", "poll-interval=0.1"]);
    assert_eq!(code, Some(0), "{text}");
    let late = world.staged("true");
    until("the late run", || status::of(&late) == Status::Completed);
    let (code, text) = world.run(&["stop", "-y", "--operation", "queue"]);
    assert_eq!(code, Some(0), "{text}");
    until("its end", || !world.run(&["runs", "-s"]).1.contains("queue"));
    let (_, help) = world.run(&["run", "queue", "--help-op"]);
    assert!(help.contains("poll-interval"), "{help}");
    let (code, text) = world.run(&["run", "queue", "jobs=0", "-y"]);
    assert_eq!(code, Some(1), "{text}");
}

#[test]
fn bad_input_is_refused() {
    let world = World::new();
    for (words, text) in [
        (&["queue", "--jobs", "0"][..], "0 is not in the range x>=1."),
        (&["queue", "--poll-interval", "0"], "0 is not in the range 0<x<1000000"),
        (&["queue", "--poll-interval", "soon"], "'soon' is not a number"),
        (&["queue", "-S", "x"], "unrecognized status char 'x' in option '-S'"),
    ] {
        let (code, said) = world.run(words);
        assert!(code != Some(0) && said.contains(text), "{said}");
    }
    assert!(!world.home().exists());
}
