//! Several queues, and others, on one home.

use std::process::Child;

use gage::run::{Run, Status, status};
use nix::sys::signal::Signal;

use crate::world::{World, end, signal, until};

#[test]
fn fifty_runs_and_three_queues_one_of_them_elsewhere() {
    let world = World::new();
    let runs: Vec<Run> = (0..50).map(|_| world.staged("true")).collect();
    let queues: Vec<Child> = (0..3)
        .map(|number| {
            let mut command = world.gage(&["queue", "--once", "--jobs", "2"]);
            if number == 2 {
                command.env("GAGE_HOST", "elsewhere");
            }
            command.spawn().unwrap()
        })
        .collect();
    for queue in queues {
        let (code, text) = end(queue);
        assert_eq!(code, Some(0), "{text}");
        assert!(!text.contains("ERROR") && !text.contains("WARNING"), "{text}");
    }
    world.assert_once(&runs);
    assert!(runs.iter().all(|run| status::of(run) == Status::Completed));
    assert!(runs.iter().all(|run| !run.lease_file().exists()));
}

#[test]
fn one_queue_starts_them_in_the_order_they_were_made() {
    let world = World::new();
    let runs: Vec<Run> = (0..5).map(|_| world.staged("true")).collect();
    let (code, text) = world.run(&["queue", "--once"]);
    assert_eq!(code, Some(0), "{text}");
    let started: Vec<&str> = text
        .lines()
        .filter_map(|line| Some(line.split_once("Starting staged run ")?.1))
        .collect();
    let ids: Vec<&str> = runs.iter().map(Run::id).collect();
    assert_eq!(started, ids);
}

#[test]
fn killed_queues_lose_nothing_and_start_nothing_twice() {
    let world = World::new();
    let runs: Vec<Run> = (0..20).map(|_| world.staged("sleep 0.03")).collect();
    let done = || runs.iter().filter(|run| status::of(run).is_final()).count();
    for killed in [3, 7, 8, 12, 15] {
        let queues: Vec<Child> = (0..2)
            .map(|_| world.gage(&["queue", "-q", "--jobs", "2"]).spawn().unwrap())
            .collect();
        until("some runs", || done() >= killed);
        for mut queue in queues {
            queue.kill().unwrap();
            queue.wait().unwrap();
        }
    }
    let (code, text) = world.run(&["queue", "--once"]);
    assert_eq!(code, Some(0), "{text}");
    // What the workers of a killed queue had at hand they bring to its end.
    until("all runs", || done() == runs.len());
    world.assert_once(&runs);
    assert!(runs.iter().all(|run| status::of(run) == Status::Completed));
}

#[test]
fn a_run_whose_worker_is_killed_is_not_started_again() {
    let world = World::new();
    let run = world.staged("echo up; sleep 1000");
    let other = world.staged("true");
    let queue = world.gage(&["queue", "--once"]).spawn().unwrap();
    until("the program", || {
        !world.starts().is_empty() && run.meta("proc/lock").exists()
    });
    let lease = gage::run::lease::Lease::read(&run).unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(lease.supervisor), Signal::SIGKILL).unwrap();
    let (code, text) = end(queue);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("was stopped, as the process that ran it has gone"),
        "{text}"
    );
    assert_eq!(
        (status::of(&run), status::of(&other)),
        (Status::Terminated, Status::Completed)
    );
    world.assert_once(&[run, other]);
}

#[test]
fn a_queue_and_start_race_for_every_run() {
    let world = World::new();
    let runs: Vec<Run> = (0..12).map(|_| world.staged("true")).collect();
    let queue = world
        .gage(&["queue", "-q", "--jobs", "2", "--poll-interval", "0.02"])
        .spawn()
        .unwrap();
    for run in runs.iter().rev() {
        let (code, text) = world.run(&["run", "--start", run.id(), "-y"]);
        let late = text.contains("was started by somebody else") || text.contains("it's running");
        // Started when it had ended already, it was asked to run again: that is another thing.
        let again = !late && world.starts()[run.id()] == 2;
        assert!(code == Some(0) || late, "{text}");
        if again {
            let list = std::fs::read_to_string(world.path("started")).unwrap();
            let first = list.replacen(&format!("{}\n", run.id()), "", 1);
            std::fs::write(world.path("started"), first).unwrap();
        }
    }
    until("all runs", || runs.iter().all(|run| status::of(run).is_final()));
    signal(&queue, Signal::SIGTERM);
    end(queue);
    world.assert_once(&runs);
}

#[test]
fn the_trials_of_a_batch_at_work_are_left_to_it() {
    let world = World::new();
    std::fs::write(world.project().join("op.py"), "x = 1\nprint(f'loss: {x}')\n").unwrap();
    let queue = world.gage(&["queue", "--poll-interval", "0.01"]).spawn().unwrap();
    until("the queue", || world.home().exists());
    let (code, text) = world.run(&["run", "op.py", "x=range[1:15]", "-y", "--keep-batch", "--jobs", "2"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains("Skipping"), "{text}");
    for number in 0..5 {
        let (code, text) = world.run(&["run", "op.py", &format!("x={number}"), "-y"]);
        assert_eq!(code, Some(0), "{text}");
    }
    signal(&queue, Signal::SIGINT);
    let (code, text) = end(queue);
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains("Starting staged run"), "{text}");
}
