//! What a batch does to its trials, and says.

use gage::batch::event::Reason;
use gage::run::Status;

use crate::world::World;

#[test]
fn a_grid_runs_in_order_and_leaves_its_trials() {
    let world = World::new();
    let spec = world.spec("echo loss: $FLAG_A$FLAG_B", "+", &[("a", "[1,2]"), ("b", "[3,4]")]);
    let (outcome, notes) = world.drive(&spec);
    assert_eq!((outcome.exit, outcome.reason, outcome.deleted), (0, Reason::Done, true));
    assert_eq!(
        notes.lines(),
        [
            "INFO: Running trial ID: op (a=1, b=3)",
            "loss: 13",
            "INFO: Running trial ID: op (a=1, b=4)",
            "loss: 14",
            "INFO: Running trial ID: op (a=2, b=3)",
            "loss: 23",
            "INFO: Running trial ID: op (a=2, b=4)",
            "loss: 24"
        ]
    );
    let runs = world.runs();
    assert_eq!(
        runs.keys().collect::<Vec<_>>(),
        ["a=1 b=3", "a=1 b=4", "a=2 b=3", "a=2 b=4"]
    );
    assert!(runs.values().all(|s| *s == Status::Completed));
}

#[test]
fn failing_trials_are_told_of_and_the_batch_goes_on() {
    let world = World::new();
    let mut spec = world.spec("exit $FLAG_CODE", "+", &[("code", "[0,3,0]")]);
    let (outcome, notes) = world.drive(&spec);
    assert_eq!(outcome.exit, 0);
    assert_eq!(
        notes.lines(),
        [
            "INFO: Running trial ID: op (code=0)",
            "INFO: Running trial ID: op (code=3)",
            "ERROR: Trial ID exited with an error (3) - see log for details",
            "INFO: Running trial ID: op (code=0)",
        ]
    );
    spec.fail_on_trial_error = true;
    let (outcome, notes) = world.drive(&spec);
    assert_eq!(
        (outcome.exit, outcome.reason, outcome.deleted),
        (1, Reason::TrialFailed, false)
    );
    let last = notes.lines().pop().unwrap();
    assert_eq!(
        last,
        "ERROR: Stopping batch because a trial failed (pending trials can be started as needed)"
    );
    let statuses: Vec<Status> = world.runs().into_values().collect();
    assert!(statuses.contains(&Status::Error));
}

#[test]
fn a_batch_all_of_whose_trials_fail_says_so() {
    let world = World::new();
    let (outcome, notes) = world.drive(&world.spec("exit 1", "+", &[("x", "[1,2,3,4]")]));
    assert_eq!((outcome.exit, outcome.deleted), (1, false));
    assert_eq!(notes.lines().pop().unwrap(), "ERROR: All 4 trials failed");
    let (outcome, notes) = world.drive(&world.spec("kill -9 $$", "+", &[("x", "[1]")]));
    assert_eq!(outcome.exit, 1);
    assert_eq!(
        notes.lines()[1..],
        ["WARNING: Trial ID was terminated", "ERROR: The only trial failed"]
    );
}

#[test]
fn a_program_that_cannot_be_found_fails_its_trial_alone() {
    let world = World::new();
    let mut spec = world.spec("", "+", &[("x", "[1,2]")]);
    spec.opdef.exec.run = Some(gage::project::Command::Words(vec!["no-such-program".into()]));
    let (outcome, notes) = world.drive(&spec);
    assert_eq!(outcome.exit, 1);
    assert_eq!(
        notes.lines()[1],
        "ERROR: Trial ID exited with an error: (127) cannot run op: command not found: no-such-program"
    );
}

#[test]
fn a_search_says_where_proposals_come_from_and_repeats() {
    let script = "echo loss: $FLAG_X";
    let search = |seed| {
        let world = World::new();
        let mut spec = world.spec(script, "gp", &[("x", "[0:1000]"), ("c", "a")]);
        spec.max_trials = Some(5);
        spec.seed = seed;
        let (outcome, notes) = world.drive(&spec);
        assert_eq!((outcome.exit, outcome.deleted), (0, false));
        assert_eq!(world.runs()["op+gp"], Status::Completed);
        notes.lines()
    };
    let lines = search(1);
    assert_eq!(lines[0], "INFO: Random start for optimization (1 of 3)");
    assert!(
        lines[1].starts_with("INFO: Running trial ID: op (c=a, x="),
        "{}",
        lines[1]
    );
    assert_eq!(lines[9], "INFO: Found 3 previous trial(s) for use in optimization");
    assert_eq!(lines.len(), 15);
    assert_eq!(search(1), lines);
    assert_ne!(search(2), lines);
}

#[test]
fn a_search_without_objective_goes_on_at_random() {
    let world = World::new();
    let mut spec = world.spec("echo loss: $FLAG_X", "gp", &[("x", "[0:9]")]);
    spec.max_trials = Some(3);
    spec.objective = Some("nope".into());
    spec.options = vec![("random-starts".into(), "1".into())];
    let (outcome, notes) = world.drive(&spec);
    assert_eq!(outcome.exit, 0);
    let starts: Vec<String> = notes
        .lines()
        .into_iter()
        .filter(|l| l.contains("Random start"))
        .collect();
    assert_eq!(
        starts,
        [
            "INFO: Random start for optimization (1 of 1)",
            "INFO: Random start for optimization (cannot find objective 'nope')",
            "INFO: Random start for optimization (cannot find objective 'nope')"
        ]
    );
}

#[test]
fn trials_run_side_by_side() {
    let world = World::new();
    // Each waits until all have started: one after another they would wait for ever.
    let script = "touch ../../$FLAG_X.here; while [ $(ls ../../*.here | wc -l) -lt 4 ]; do sleep 0.01; done";
    let mut spec = world.spec(script, "+", &[("x", "[1,2,3,4]")]);
    spec.jobs = 4;
    let (outcome, _) = world.drive(&spec);
    assert_eq!(outcome.exit, 0);
    assert_eq!(world.runs().len(), 4);
}

#[test]
fn staged_trials_wait_for_others() {
    let world = World::new();
    let mut spec = world.spec("echo", "+", &[("x", "[1,2]")]);
    spec.stage_trials = true;
    let (outcome, notes) = world.drive(&spec);
    assert_eq!((outcome.exit, outcome.deleted), (0, true));
    assert_eq!(notes.lines()[0], "INFO: Staging trial ID: op (x=1)");
    assert!(world.runs().values().all(|s| *s == Status::Staged));
}

#[test]
fn a_stopped_batch_stops_its_trial_and_leaves_the_rest() {
    let world = World::new();
    let spec = world.spec("touch ../../up; exec sleep 100", "+", &[("x", "[1,2,3]")]);
    let up = world.project().join("up");
    let (stop, home) = (world.stop.clone(), world.home());
    let stopper = std::thread::spawn(move || {
        let locked = || {
            let runs = std::fs::read_dir(&home).into_iter().flatten().flatten();
            runs.filter(|entry| entry.path().join("proc/lock").exists()).count() == 2
        };
        while !up.exists() || !locked() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        stop.stop();
    });
    let (outcome, notes) = world.drive(&spec);
    stopper.join().unwrap();
    assert_eq!(
        (outcome.exit, outcome.reason, outcome.deleted),
        (143, Reason::Stopped, false)
    );
    let lines = notes.lines();
    assert_eq!(
        lines[1],
        "INFO: Stopping batch (pending trials can be started as needed)"
    );
    assert!(lines[2].starts_with("INFO: Stopping trial (proc "), "{lines:?}");
    assert_eq!(lines[3..], ["WARNING: Trial ID was terminated"]);
    let runs = world.runs();
    assert_eq!(
        (runs["x=1"], runs["x=2"], runs["x=3"], runs["op+"]),
        (Status::Terminated, Status::Pending, Status::Pending, Status::Terminated)
    );
}

#[test]
fn a_program_can_propose() {
    let world = World::new();
    let mut spec = world.spec("echo loss: $FLAG_X", "halving", &[("x", "[1,2]"), ("c", "7")]);
    let script = r#"echo thinking
        x=8
        while :; do
            echo "{\"x\": $x}" >&3
            read result <&4
            echo "$result" | sed 's/"run":"[^"]*",//'
            x=$((x / 2)); [ $x -gt 1 ] || break
        done"#;
    let mut program = spec.opdef.clone();
    program.name = "halving".into();
    program.exec.run = Some(gage::project::Command::Shell(script.into()));
    spec.program = Some(program);
    let (outcome, notes) = world.drive(&spec);
    assert_eq!((outcome.exit, outcome.deleted), (0, false));
    let runs = world.runs();
    for label in ["c=7 x=8", "c=7 x=4", "c=7 x=2"] {
        assert_eq!(runs[label], Status::Completed);
    }
    assert_eq!(runs.len(), 4, "{runs:?}");
    let lines = notes.lines();
    assert!(lines.contains(&"thinking".to_string()));
    assert!(
        lines.contains(&r#"{"status":"completed","objective":8.0}"#.to_string()),
        "{lines:?}"
    );
}

#[test]
fn a_program_that_fails_ends_the_batch() {
    let world = World::new();
    let mut spec = world.spec("echo", "broken", &[("x", "1")]);
    let mut program = spec.opdef.clone();
    program.exec.run = Some(gage::project::Command::Shell("echo '{\"x\": 1}' >&3; exit 3".into()));
    spec.program = Some(program);
    let (outcome, notes) = world.drive(&spec);
    assert_eq!(outcome.exit, 1);
    assert_eq!(
        notes.lines().pop().unwrap(),
        "ERROR: The optimizer exited with an error (3)"
    );
}
