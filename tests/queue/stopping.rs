//! The end of a queue: told to, or when nothing is left.

use gage::run::{Status, status};
use nix::sys::signal::Signal;

use crate::world::{World, end, signal, until};

#[test]
fn interrupted_while_idle_it_has_done_its_work() {
    let world = World::new();
    let queue = world.gage(&["queue"]).spawn().unwrap();
    until("the queue", || world.run(&["runs", "-s"]).1.contains("queue  running"));
    until("its first look", || {
        world.run(&["cat", "-O"]).1.contains("Waiting for staged runs")
    });
    signal(&queue, Signal::SIGINT);
    let (code, text) = end(queue);
    assert_eq!(code, Some(0), "{text}");
    for (line, part) in text.lines().zip([
        "Starting queue",
        "Waiting for staged runs",
        "Stopping queue",
        "Deleting interim run",
    ]) {
        assert!(line.contains(part), "{text}");
    }
    assert_eq!(world.run(&["runs", "-s"]).1, "");
    assert!(world.run(&["runs", "-s", "--deleted"]).1.contains("queue  completed"));
}

#[test]
fn interrupted_at_work_it_stops_what_runs_and_starts_no_more() {
    let world = World::new();
    let run = world.staged("echo up; sleep 1000");
    let next = world.staged("true");
    let queue = world.gage(&["queue"]).spawn().unwrap();
    until("the program", || run.meta("proc/lock").exists());
    signal(&queue, Signal::SIGINT);
    let (code, text) = end(queue);
    assert_eq!(code, Some(130), "{text}");
    assert!(text.contains(&format!("Stopping run {}", run.id())), "{text}");
    assert!(text.contains(&format!("Run {} was terminated", run.id())), "{text}");
    assert_eq!(
        (status::of(&run), status::of(&next)),
        (Status::Terminated, Status::Staged)
    );
    world.assert_once(&[run]);
}

#[test]
fn a_second_interrupt_kills_at_once() {
    let world = World::new();
    let run = world.staged("trap '' TERM; echo up; while :; do sleep 0.05; done");
    let queue = world.gage(&["queue"]).spawn().unwrap();
    until("the program", || {
        std::fs::read_to_string(run.meta("output/40_run")).is_ok_and(|text| text.contains("up"))
    });
    signal(&queue, Signal::SIGTERM);
    until("the first word", || {
        std::fs::read_to_string(run.meta("log/runner")).is_ok_and(|text| text.contains("asked to"))
    });
    signal(&queue, Signal::SIGTERM);
    let (code, text) = end(queue);
    assert_eq!((code, status::of(&run)), (Some(143), Status::Terminated), "{text}");
}

#[test]
fn stop_ends_a_queue() {
    let world = World::new();
    let run = world.staged("echo up; sleep 1000");
    let queue = world.gage(&["queue"]).spawn().unwrap();
    until("the program", || run.meta("proc/lock").exists());
    let (code, text) = world.run(&["stop", "-y", "--operation", "queue"]);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(end(queue).0, Some(143));
    assert_eq!(status::of(&run), Status::Terminated);
}

#[test]
fn once_ends_with_nothing_to_do() {
    let world = World::new();
    let (code, text) = world.run(&["queue", "--once"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("Processing staged runs"), "{text}");
    assert!(!text.contains("Waiting"), "{text}");
    let (_, text) = world.run(&["queue", "--once", "--keep-run"]);
    assert!(!text.contains("Deleting"), "{text}");
    assert!(world.run(&["runs", "-s"]).1.contains("queue  completed"));
}
