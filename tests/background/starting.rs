//! Starting a run in the background: what is said, the pidfile, what is told before the terminal is free again.

use std::fs;
use std::os::unix::process::CommandExt;

use gage::run::{Status, meta, status};

use crate::place::{Place, Said, group_and_session, is_alive, send, text_of, wait_for};

#[test]
fn it_is_said_and_stoppable_at_once() {
    let place = Place::new();
    let said = place.ok("run wait -y --background --label a");
    let run = place.run();
    let pidfile = place.path("tmp").join(format!("gage-{}.pid", run.short_id()));
    let expected = format!(
        "wait started in background as {} (pidfile {})\n",
        run.id(),
        pidfile.display()
    );
    assert_eq!((said.err, said.out), (expected, String::new()));
    let stopped = place.ok("stop -y");
    let pid = stopped.err.trim().rsplit(' ').next().unwrap().trim_end_matches(')');
    assert_eq!(stopped.err, format!("Stopping {} (pid {pid})\n", run.id()));
    assert!(!is_alive(pid.parse().unwrap()));
    assert_eq!(status::of(&run), Status::Terminated);
    wait_for("the pidfile to go", || !pidfile.exists());
}

#[test]
fn the_pidfile_names_the_gage_that_leads_a_session_of_its_own() {
    let place = Place::new();
    place.ok("run wait -y --pidfile pid");
    let gage = place.pid_in("pid");
    assert_eq!(group_and_session(gage), (gage, gage));
    let program = meta::read_number(&place.run().meta("proc/lock")).unwrap() as i32;
    assert_ne!(program, gage);
    for fd in 0..3 {
        let open = fs::read_link(format!("/proc/{gage}/fd/{fd}")).unwrap();
        assert_eq!(open.to_str(), Some("/dev/null"), "file {fd} of gage");
    }
    assert_eq!(
        fs::read_link(format!("/proc/{gage}/cwd")).unwrap(),
        place.path("").canonicalize().unwrap()
    );
    // The other way to stop it.
    send("-TERM", gage);
    wait_for("the end", || {
        status::of(&place.run()) == Status::Terminated && !place.path("pid").exists()
    });
    assert!(!is_alive(program));
}

#[test]
fn it_outlives_the_terminal() {
    let place = Place::new();
    // Whoever runs the tests may leave hangups alone, and children do as they find it.
    let script = "\"$gage\" run wait -y --pidfile pid 2> /dev/null; kill -HUP 0; sleep 1000";
    let mut shell = place.shell(&format!("exec env --default-signal=HUP sh -c '{script}'"));
    let mut shell = shell.process_group(0).spawn().unwrap();
    assert!(!shell.wait().unwrap().success(), "the shell was hung up on");
    let gage = place.pid_in("pid");
    assert!(is_alive(gage));
    assert_eq!(status::of(&place.run()), Status::Running);
    place.ok("stop -y");
}

#[test]
fn below_nohup_a_run_in_the_foreground_stays_too() {
    let place = Place::new();
    let mut shell = place.shell("trap '' HUP; exec \"$gage\" run wait -y > /dev/null 2>&1");
    let mut gage = shell.spawn().unwrap();
    wait_for("the run", || place.count(Status::Running) == 1);
    send("-HUP", gage.id() as i32);
    send("-TERM", gage.id() as i32);
    // The hangup, which came first, would have made it 129.
    assert_eq!(gage.wait().unwrap().code(), Some(143));
}

#[test]
fn what_is_wrong_is_told_in_the_foreground() {
    let place = Place::new();
    fs::write(place.path("notes.txt"), "dear diary\n").unwrap();
    let usage = "Try 'gage run --help' for more information.";
    for (words, code, text) in [
        (
            "run wait --background --stage -y",
            1,
            format!("--stage and --background cannot both be used\n{usage}"),
        ),
        (
            "run wait --pidfile p --stage -y",
            1,
            format!("--stage and --pidfile cannot both be used\n{usage}"),
        ),
        (
            "run wait -b --print-cmd",
            1,
            format!("--print-cmd and --background cannot both be used\n{usage}"),
        ),
        (
            "run wait x=[1,2] -b --print-trials",
            1,
            format!("--print-trials and --background cannot both be used\n{usage}"),
        ),
        ("run wait y=1 -b -y", 1, "unsupported flag 'y'".into()),
        (
            "run nope -b -y",
            1,
            "operation 'nope' is not defined for this project".into(),
        ),
        (
            "run wait -o random -b -y",
            1,
            "do not contain any search dimensions".into(),
        ),
        (
            "run wait --pidfile /no/dir/x -y",
            1,
            "cannot write pidfile /no/dir/x: No such file or directory\n".into(),
        ),
        ("run wait --pidfile tmp -y", 1, "tmp: Is a directory\n".into()),
        (
            "run wait --pidfile /dev/null -y",
            1,
            "cannot write pidfile /dev/null: it is not an ordinary file\n".into(),
        ),
        (
            "run wait --pidfile notes.txt -y",
            1,
            "notes.txt: it exists and holds something else than a pid\n".into(),
        ),
        ("run wait --pidfile", 2, "--pidfile".into()),
        ("run wait --backgroud -y", 2, "No such option: --backgroud".into()),
        ("run wait -b --stop-after 0 -y", 2, "--stop-after".into()),
    ] {
        let said = place.gage(words);
        assert_eq!(said.code, Some(code), "gage {words}: {said:?}");
        assert!(
            said.err.starts_with("gage: ") && said.err.contains(&text),
            "gage {words}: {said:?}"
        );
    }
    assert_eq!(place.runs(), [], "no run was made");
    assert_eq!(
        fs::read_dir(place.path("tmp")).unwrap().count(),
        0,
        "no pidfile was left"
    );
    assert_eq!(text_of(&place.path("notes.txt")), "dear diary\n");
}

#[test]
fn a_program_that_cannot_be_started_is_told_too() {
    let place = Place::new();
    let said = place.gage("run missing -y --pidfile pid");
    assert_eq!(said.code, Some(127));
    assert_eq!(
        said.err,
        "gage: cannot run missing: command not found: no-such-program\n"
    );
    assert_eq!(status::of(&place.run()), Status::Error);
    assert!(!place.path("pid").exists());
}

#[test]
fn a_pidfile_belongs_to_one_process() {
    let place = Place::new();
    fs::write(place.path("pid"), "99999999\n").unwrap();
    place.ok("run wait -y --pidfile pid");
    let first = place.pid_in("pid");
    let said = place.gage("run wait -y --pidfile pid");
    let expected = format!(
        "gage: cannot write pidfile {}: it is that of process {first}, which is running\n",
        place.path("pid").display()
    );
    assert_eq!((said.code, said.err), (Some(1), expected));
    assert_eq!(place.runs().len(), 1);
    place.ok("stop -y");
    wait_for("the pidfile to go", || !place.path("pid").exists());
}

#[test]
fn staged_runs_and_runs_started_again() {
    let place = Place::new();
    place.ok("run quick x=2 --stage -y");
    let run = place.run();
    let said = place.ok(&format!("run --start {} -y --background", run.id()));
    assert!(
        said.err
            .starts_with(&format!("quick started in background as {} (pidfile ", run.id()))
    );
    wait_for("the end", || status::of(&run) == Status::Completed);
    assert_eq!(text_of(&run.meta("output/40_run")), "begin 2\nloss: 0.2\n");
    place.ok(&format!("run --restart {} x=3 -y --background", run.id()));
    wait_for("the second end", || {
        text_of(&run.meta("output/40_run")) == "begin 3\nloss: 0.3\n"
    });
    wait_for("the second end", || status::of(&run) == Status::Completed);
    assert_eq!(place.runs(), [run]);
}

#[test]
fn a_run_that_is_running_is_not_started_again() {
    let place = Place::new();
    place.ok("run wait -y --background");
    let run = place.run();
    let said = place.gage(&format!("run --restart {} -y --background", run.id()));
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("because it's running"), "{said:?}");
    place.ok("stop -y");
}

#[test]
fn needed_runs_only() {
    let place = Place::new();
    place.ok("run quick -y");
    let said = place.ok("run quick --needed -y --pidfile pid");
    assert!(said.out.starts_with("Skipping because"), "{said:?}");
    assert!(said.err.is_empty() && !place.path("pid").exists() && place.runs().len() == 1);
}

#[test]
fn an_interim_run_goes_when_it_has_completed() {
    let place = Place::with("[once]\nexec = 'true'\nsourcecode = false\ndelete-on-success = true\n");
    place.ok("run once -y --background");
    wait_for("the run to go", || place.runs().is_empty());
    place.ok("run once -y --background --keep-run");
    wait_for("the end", || place.count(Status::Completed) == 1);
}

#[test]
fn its_time_may_be_limited() {
    let place = Place::new();
    place.ok("run wait -y --pidfile pid --stop-after 0.01");
    wait_for("the end", || status::of(&place.run()) == Status::Terminated);
    wait_for("the pidfile to go", || !place.path("pid").exists());
}

#[test]
fn a_run_started_by_another_run_is_a_run_of_its_own() {
    let place = Place::with(
        "[outer]\nexec = '\"$GAGE\" -C \"$PLACE\" -H \"$PLACE/home\" run wait -y --pidfile inner; exec sleep 1000'\nsourcecode = false\n",
    );
    let mut outer = place.command("run outer -y --pidfile outer");
    let said = Said::of(outer.env("GAGE", env!("CARGO_BIN_EXE_gage")).output().unwrap());
    assert_eq!(said.code, Some(0), "{said:?}");
    wait_for("the inner run", || {
        place.count(Status::Running) == 2 && place.path("inner").exists()
    });
    place.ok("stop -y -Fo outer");
    assert_eq!(place.count(Status::Running), 1, "the inner run goes on");
    assert!(is_alive(place.pid_in("inner")));
    place.ok("stop -y");
}
