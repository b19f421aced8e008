//! `gage stop`: every process of a run, whatever session it is in and whoever is still there to record its end.

use std::fs;
use std::time::{Duration, Instant};

use gage::run::{Status, meta, status};

use crate::place::{Place, is_alive, send, text_of, wait_for};

/// Ignores the polite signal, and so does a child in a session of its own.
const STUBBORN: &str = r#"
[stubborn]
exec = '''trap '' TERM INT
setsid sh -c 'echo $$ > $PLACE/child.$FLAG_X; while :; do sleep 0.1; done' &
echo up; while :; do sleep 0.1; done'''
sourcecode = false
[stubborn.flags]
x = 1
"#;

#[test]
fn a_session_of_its_own_is_no_hiding_place() {
    let place = Place::with(
        r#"
[hidden]
exec = '''setsid sh -c 'echo $$ > $PLACE/a; (setsid sh -c "echo \$\$ > $PLACE/b; exec sleep 1000" &); exec sleep 1000' &
exec sleep 1000'''
sourcecode = false
"#,
    );
    place.ok("run hidden -y --background");
    let number = |name: &str| text_of(&place.path(name)).trim().parse::<i32>().ok();
    wait_for("the processes", || number("a").is_some() && number("b").is_some());
    let pids = [number("a").unwrap(), number("b").unwrap()];
    assert!(pids.into_iter().all(is_alive));
    place.ok("stop -y");
    assert!(!pids.into_iter().any(is_alive));
}

#[test]
fn who_does_not_listen_is_named_and_then_killed() {
    let place = Place::with(STUBBORN);
    place.ok("run stubborn -y --background");
    wait_for("the child", || !text_of(&place.path("child.1")).is_empty());
    let program = meta::read_number(&place.run().meta("proc/lock")).unwrap() as i32;
    let child: i32 = text_of(&place.path("child.1")).trim().parse().unwrap();
    let said = place.gage("stop -y --timeout 1");
    assert_eq!(said.code, Some(1));
    let named = said
        .out
        .strip_prefix("The following processes did not stop as expected: ")
        .unwrap();
    let named: Vec<i32> = named.trim().split(", ").map(|pid| pid.parse().unwrap()).collect();
    assert!(
        named.contains(&program) && named.contains(&child) && named.is_sorted(),
        "{said:?}"
    );
    assert_eq!(status::of(&place.run()), Status::Running);
    let said = place.ok("stop -y --timeout 0 --force");
    assert_eq!(said.out, "");
    assert!(!is_alive(program) && !is_alive(child));
    assert_eq!(status::of(&place.run()), Status::Terminated);
    let said = place.ok("stop 1 -y");
    assert_eq!(said.out, format!("Run {} is not running\n", place.run().id()));
}

#[test]
fn without_its_gage_a_run_is_finalized_by_who_stops_it() {
    let place = Place::new();
    place.ok("run wait -y --pidfile pid");
    let run = place.run();
    send("-KILL", place.pid_in("pid"));
    wait_for("gage to go", || !is_alive(place.pid_in("pid")));
    assert_eq!(status::of(&run), Status::Running, "its program goes on");
    place.ok("stop -y");
    assert_eq!(status::exit_code(&run), Some(-15));
    assert!(run.meta("stopped").exists() && !run.meta("proc/lock").exists() && !run.lease_file().exists());
    assert!(!place.path("pid").exists(), "the pidfile went with the run");
}

#[test]
fn a_frozen_driver_and_its_trials_are_killed_and_finalized() {
    let place = Place::with(STUBBORN);
    place.ok("run stubborn x=[1,2,3] --jobs 2 -y --pidfile pid");
    wait_for("the children", || {
        ["child.1", "child.2"]
            .iter()
            .all(|name| !text_of(&place.path(name)).is_empty())
    });
    let child = |n: i32| {
        text_of(&place.path(&format!("child.{n}")))
            .trim()
            .parse::<i32>()
            .unwrap()
    };
    let (driver, children) = (place.pid_in("pid"), [child(1), child(2)]);
    send("-STOP", driver);
    place.ok("stop -y --timeout 0 --force");
    assert!(!is_alive(driver) && !children.into_iter().any(is_alive));
    let ended = place
        .runs()
        .into_iter()
        .filter(|run| status::exit_code(run).is_some_and(|code| code < 0));
    assert_eq!(ended.count(), 3, "the batch and two trials have a recorded end");
    assert_eq!((place.count(Status::Terminated), place.count(Status::Pending)), (3, 1));
}

#[test]
fn what_a_dead_batch_has_left_is_stopped_by_its_name() {
    let place = Place::new();
    place.ok("run wait x=[1,2] -y --pidfile pid");
    wait_for("the trial", || place.count(Status::Running) == 2);
    send("-KILL", place.pid_in("pid"));
    let batch = place.run();
    wait_for("its end to be seen", || status::of(&batch) == Status::Terminated);
    let said = place.ok(&format!("stop {} -y", batch.id()));
    assert_eq!(said.out, format!("Run {} is not running\n", batch.id()));
    assert!(
        said.err.starts_with("Stopping ") && !said.err.contains(batch.id()),
        "{said:?}"
    );
    assert_eq!(place.count(Status::Running), 0);
}

#[test]
fn a_trial_may_take_its_time_to_save_what_it_has() {
    // Longer than a run's own process gets before everyone else is asked.
    let place = Place::with(
        "[op]\nexec = '''trap \"sleep 6; touch $PLACE/saved; exit 0\" TERM\ntouch $PLACE/up; while :; do sleep 0.05; done'''\nsourcecode = false\n[op.flags]\nx = 1\n",
    );
    place.ok("run op x=[1] -y --background");
    wait_for("the trial", || place.path("up").exists());
    place.ok("stop -y");
    assert!(place.path("saved").exists(), "it was killed before it could save");
}

#[test]
fn stubborn_runs_are_waited_for_side_by_side() {
    let place = Place::with(STUBBORN);
    for x in 1..=4 {
        place.ok(&format!("run stubborn x={x} -y --background"));
    }
    let began = Instant::now();
    let said = place.gage("stop -y --timeout 3");
    assert_eq!((said.code, said.err.lines().count()), (Some(1), 4), "{said:?}");
    // One after the other it would be 12 seconds and more.
    assert!(began.elapsed() < Duration::from_secs(11), "{:?}", began.elapsed());
    place.ok("stop -y --timeout 0 --force");
    assert_eq!(place.count(Status::Terminated), 4);
}

#[test]
fn filters_and_the_question() {
    let place = Place::new();
    place.ok("run wait -y --background --label one");
    place.ok("run wait -y --background --label two");
    let declined = place.shell("echo n | \"$gage\" stop -Fl one").output().unwrap();
    assert_eq!(declined.status.code(), Some(4));
    assert_eq!(place.count(Status::Running), 2);
    assert_eq!(place.ok("stop -Fl three -y").out, "Nothing to stop.\n");
    place.ok("stop -Fl one -y");
    assert_eq!(place.count(Status::Running), 1);
    let agreed = place.shell("echo y | \"$gage\" runs stop").output().unwrap();
    assert!(agreed.status.success());
    assert_eq!(place.count(Status::Running), 0);
}

#[test]
fn steps_are_stopped_with_the_step_at_hand() {
    let place = Place::with("[both]\nsteps = [\"wait\", \"quick\"]\n");
    place.ok("run both -y --background");
    wait_for("the step", || place.count(Status::Running) == 2);
    let step = place.runs().pop().unwrap();
    wait_for("its program", || step.meta("proc/lock").exists());
    let pid = meta::read_number(&step.meta("proc/lock")).unwrap() as i32;
    place.ok("stop -y");
    assert!(!is_alive(pid));
    assert_eq!((place.count(Status::Terminated), place.runs().len()), (2, 2));
    assert!(
        fs::read_dir(place.path("tmp")).unwrap().next().is_none(),
        "its pidfile is gone"
    );
}
