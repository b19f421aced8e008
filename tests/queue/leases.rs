//! Runs that somebody has claimed, here or on another host, and may or may not be alive.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use gage::run::lease::Lease;
use gage::run::{Run, Status, process, status};

use crate::world::{World, until};

fn write(run: &Run, lease: &Lease) {
    std::fs::write(run.lease_file(), serde_json::to_string(lease).unwrap()).unwrap();
}

fn elsewhere() -> Lease {
    Lease {
        host: "elsewhere".into(),
        token: "theirs".into(),
        every: 100,
        ..Lease::default()
    }
}

#[test]
fn a_claim_of_a_dead_process_of_this_host_is_taken_over_at_once() {
    let world = World::new();
    let run = world.staged("true");
    write(
        &run,
        &Lease {
            host: process::host().into(),
            machine: process::machine().into(),
            boot_id: process::boot_id().into(),
            supervisor: std::process::id() as i32,
            supervisor_started: Some(1),
            ..Lease::default()
        },
    );
    let (code, text) = world.run(&["queue", "--once"]);
    assert_eq!((code, status::of(&run)), (Some(0), Status::Completed), "{text}");
    world.assert_once(&[run]);
}

#[test]
fn a_claim_of_another_host_is_taken_over_when_it_does_not_move() {
    let world = World::new();
    // Whatever the clock says of its age.
    for (name, time) in [
        ("now", SystemTime::now()),
        ("old", SystemTime::now() - Duration::from_secs(86_400)),
        ("to come", SystemTime::now() + Duration::from_secs(86_400)),
    ] {
        let run = world.staged("true");
        write(&run, &elsewhere());
        let file = File::options().write(true).open(run.lease_file()).unwrap();
        file.set_modified(time).unwrap();
        let (code, text) = world.run(&["queue", "--once"]);
        assert_eq!((code, status::of(&run)), (Some(0), Status::Completed), "{name}: {text}");
    }
    assert!(world.starts().values().all(|times| *times == 1));
}

#[test]
fn a_claim_of_another_host_stands_while_it_moves() {
    let world = World::new();
    let claimed = world.staged("true");
    let free = world.staged("sleep 4");
    let over = AtomicBool::new(false);
    // Free after six touches without a move: less than the free run takes, more than a busy machine stalls a thread.
    let lease = Lease {
        every: 500,
        ..elsewhere()
    };
    write(&claimed, &lease);
    let (code, text) = std::thread::scope(|scope| {
        scope.spawn(|| {
            // As holders do, in one write over the line there is: no reader ever sees half a lease.
            let file = File::options().write(true).open(claimed.lease_file()).unwrap();
            for beat in 1.. {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                let lease = Lease { beat, ..lease.clone() };
                let line = format!("{:<512}", serde_json::to_string(&lease).unwrap());
                file.write_all_at(line.as_bytes(), 0).unwrap();
                // To all clocks it was touched an hour ago.
                file.set_modified(SystemTime::now() - Duration::from_secs(3600))
                    .unwrap();
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        let queue = world.gage(&["queue"]).spawn().unwrap();
        until("the free run", || status::of(&free) == Status::Completed);
        let held = Lease::read(&claimed);
        over.store(true, Ordering::Relaxed);
        assert!(held.as_ref().is_some_and(|held| held.host == "elsewhere"), "{held:?}");
        assert!(!world.starts().contains_key(claimed.id()));
        // Its holder died: nothing else is needed for it to be started.
        until("the claimed run", || status::of(&claimed) == Status::Completed);
        crate::world::signal(&queue, nix::sys::signal::Signal::SIGTERM);
        crate::world::end(queue)
    });
    // 143 if it was told to stop before it heard that the run had ended.
    assert!(matches!(code, Some(0 | 143)), "{code:?} {text}");
    world.assert_once(&[claimed, free]);
}

#[test]
fn who_died_before_its_program_was_recorded_leaves_a_run_that_is_started() {
    let world = World::new();
    let run = world.staged("true");
    std::fs::write(run.meta("started"), "1").unwrap();
    let (code, text) = world.run(&["queue", "--once"]);
    assert_eq!((code, status::of(&run)), (Some(0), Status::Completed), "{text}");
    world.assert_once(&[run]);
}

#[test]
fn a_run_of_another_host_is_running_while_its_lease_is_touched() {
    let world = World::new();
    let run = world.staged("true");
    for (name, text) in [("started", "1"), ("proc/lock", "1")] {
        std::fs::write(run.meta(name), text).unwrap();
    }
    let touched = |time: SystemTime| {
        write(
            &run,
            &Lease {
                every: 0,
                pid: Some(1),
                ..elsewhere()
            },
        );
        let file = File::options().write(true).open(run.lease_file()).unwrap();
        file.set_modified(time).unwrap();
        world.run(&["runs", "-s"]).1
    };
    let now = SystemTime::now();
    let minutes = |n: u64| Duration::from_secs(60 * n);
    assert!(touched(now).contains("op  running"));
    assert!(touched(now - minutes(2)).contains("op  terminated"));
    // A clock that was put back since.
    assert!(touched(now + minutes(2)).contains("op  terminated"));
    // Nothing was remembered of that.
    assert!(touched(SystemTime::now()).contains("op  running"));
    let (code, text) = world.run(&["stop", "-y", run.id()]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("is running on elsewhere: stop it there"), "{text}");
    let (code, text) = world.run(&["run", "--restart", run.id(), "-y"]);
    assert!(code == Some(1) && text.contains("it's running"), "{text}");
    assert!(world.starts().is_empty());
}
