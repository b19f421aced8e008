//! Programs that misbehave and supervisors that die: a run survives each, says what happened, and its status is true.

use std::fs;
use std::process::{Child, Command as Process, Stdio};
use std::time::{Duration, Instant};

use gage::project::Command;
use gage::run::lease::Lease;
use gage::run::{
    Asked, Caller, Event, Exit, Run, Status, StopFlag, Supervise, create, finalize_orphan, process, status, stop,
    supervise,
};

use crate::life::{Place, execute, listing, log, meta, spec};

/// Waits for something that is to come within half a minute.
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn gage(words: &[&str]) -> Process {
    let mut command = Process::new(env!("CARGO_BIN_EXE_gage"));
    command
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// `gage exec` of a run, once its program has said `up`.
fn background(run: &Run) -> Child {
    let child = gage(&["exec", run.dir().to_str().unwrap()]).spawn().unwrap();
    until("the program", || {
        fs::read_to_string(run.meta("output/40_run")).is_ok_and(|t| t.contains("up"))
    });
    child
}

fn pid(run: &Run) -> i32 {
    meta(run, "proc/lock").parse().unwrap()
}

/// Executes a run with a flag to stop it, raised by `raise` at its first output.
fn execute_with(run: &Run, stop_after: Option<Duration>, mut raise: impl FnMut(&StopFlag)) -> (Exit, Vec<String>) {
    let flag = StopFlag::new().unwrap();
    let mut notices = Vec::new();
    let exit = supervise(
        run,
        &mut Supervise {
            on: &mut |event| match event {
                Event::Output { .. } => raise(&flag),
                Event::Notice(notice) => notices.push(format!("{notice:?}")),
                _ => {}
            },
            stop: Some(&flag),
            stop_after,
            adopt: false,
            stdin: false,
            fresh: false,
            caller: Caller::here(),
        },
    );
    (exit.unwrap(), notices)
}

#[test]
fn a_program_that_prints_nothing() {
    let place = Place::new();
    let run = place.shell("true");
    let (exit, out, err) = execute(&run);
    assert_eq!((exit.code, out + &err, exit.problems), (0, String::new(), vec![]));
    assert_eq!(
        (
            meta(&run, "output/40_run").len(),
            meta(&run, "output/40_run.index").len()
        ),
        (0, 0)
    );
    assert!(!run.meta("scalars").exists() && !run.meta("summary.json").exists());
}

#[test]
fn an_operation_with_nothing_to_run() {
    let place = Place::new();
    for nothing in [Command::Words(vec![]), Command::Shell(" ".into())] {
        let run = place.staged(nothing);
        assert_eq!(execute(&run).0.code, 0);
        assert_eq!(
            (meta(&run, "output/40_run").as_str(), status::of(&run)),
            ("", Status::Completed)
        );
    }
}

#[test]
fn a_command_that_is_not_there() {
    let place = Place::new();
    let run = place.staged(Command::Words(vec!["no-such-command".into()]));
    let exit = execute(&run).0;
    assert_eq!((exit.code, exit.status, exit.process_code()), (127, Status::Error, 127));
    assert_eq!(
        exit.not_started.as_deref(),
        Some("cannot run test: command not found: no-such-command")
    );
    assert_eq!(
        (meta(&run, "proc/exit").as_str(), status::of(&run)),
        ("127", Status::Error)
    );
    assert!(run.meta("stopped").exists() && !run.meta("proc/lock").exists() && !run.lease_file().exists());
    let run = place.staged(Command::Words(vec!["/etc/passwd".into()]));
    let exit = execute(&run).0;
    assert_eq!(
        (exit.code, exit.not_started.as_deref()),
        (126, Some("cannot run test: /etc/passwd is not executable"))
    );
    // A file that is executable and no program.
    let script = place.project().join("empty");
    fs::write(&script, "\x01\x02").unwrap();
    Process::new("chmod").arg("+x").arg(&script).status().unwrap();
    let run = place.staged(Command::Words(vec![script.to_str().unwrap().into()]));
    let exit = execute(&run).0;
    assert_eq!(exit.code, 126, "{exit:?}");
    assert!(exit.not_started.unwrap().contains("Exec format error"));
}

#[test]
fn a_program_that_dies_by_a_signal() {
    let place = Place::new();
    for (signal, code, process_code) in [("KILL", -9, 137), ("SEGV", -11, 139), ("TERM", -15, 143)] {
        let run = place.shell(&format!("echo dying; kill -{signal} $$"));
        let exit = execute(&run).0;
        assert_eq!(
            (exit.code, exit.process_code(), exit.stopped),
            (code, process_code, false)
        );
        assert_eq!(status::of(&run), Status::Terminated);
        assert_eq!(meta(&run, "output/40_run"), "dying\n");
    }
    let run = place.shell("exit 143");
    assert_eq!(
        (execute(&run).0.code, status::of(&run)),
        (143, Status::Error),
        "a code of its own is no signal"
    );
}

#[test]
fn binary_output_is_kept_as_it_is() {
    let place = Place::new();
    let script = "import sys\nsys.stdout.buffer.write(bytes(range(256)) * 1000 + b'\\n')\nsys.stdout.flush()\nsys.stderr.buffer.write(b'\\xff\\xfe\\n')\n";
    let run = place.staged(Command::Words(vec!["python3".into(), "-c".into(), script.into()]));
    assert_eq!(execute(&run).0.code, 0);
    let bytes = fs::read(run.meta("output/40_run")).unwrap();
    assert_eq!(bytes.len(), 256_004);
    let lines = bytes.split_inclusive(|&b| b == b'\n').count();
    let index = gage::run::output::read_index(&fs::read(run.meta("output/40_run.index")).unwrap());
    assert_eq!(index.len(), lines);
    assert_eq!(index.iter().filter(|r| r.1 == gage::run::Stream::Err).count(), 1);
}

#[test]
fn a_hundred_megabytes_without_a_line_end() {
    let place = Place::new();
    let run = place.staged(Command::Shell(
        "head -c 100000000 /dev/zero; echo; echo 'loss: 1'".into(),
    ));
    let mut scalars = 0;
    let exit = supervise(
        &run,
        &mut Supervise {
            on: &mut |event| scalars += usize::from(matches!(event, Event::Scalar(_))),
            stop: None,
            stop_after: None,
            adopt: false,
            stdin: false,
            fresh: false,
            caller: Caller::here(),
        },
    );
    assert_eq!((exit.unwrap().code, scalars), (0, 1));
    assert_eq!(fs::metadata(run.meta("output/40_run")).unwrap().len(), 100_000_009);
    assert_eq!(fs::metadata(run.meta("output/40_run.index")).unwrap().len(), 18);
}

#[test]
fn endless_output_is_stopped_with_its_program() {
    let place = Place::new();
    let run = place.staged(Command::Words(vec!["yes".into()]));
    let mut times = 0;
    let (exit, _) = execute_with(&run, None, |flag| {
        times += 1;
        if times == 20 {
            flag.stop();
        }
    });
    assert_eq!((exit.code, exit.stopped, exit.status), (-15, true, Status::Terminated));
    assert!(fs::metadata(run.meta("output/40_run")).unwrap().len() > 20);
}

#[test]
fn a_program_that_closes_its_output_and_goes_on() {
    let place = Place::new();
    let run = place.shell("echo first; exec >&- 2>&-; sleep 0.3; : > late; exit 3");
    let exit = execute(&run).0;
    assert_eq!((exit.code, meta(&run, "output/40_run").as_str()), (3, "first\n"));
    assert!(meta(&run, "manifest").contains(" late\n"));
}

#[test]
fn children_that_keep_the_output_open_are_waited_for_a_while_only() {
    let place = Place::new();
    let run = place.shell("echo up; (sleep 1; echo child) & exit 0");
    assert_eq!(execute(&run).1, "up\nchild\n", "a child that ends soon is heard");
    let run = place.shell("echo up; sleep 1000 & echo $! > child; exit 0");
    let began = Instant::now();
    let (exit, notices) = execute_with(&run, None, |_| {});
    let took = began.elapsed();
    assert_eq!((exit.code, exit.status), (0, Status::Completed));
    assert!(
        took >= Duration::from_secs(5) && took < Duration::from_secs(50),
        "{took:?}"
    );
    assert_eq!(notices, ["OutputClosed"]);
    assert!(log(&run).iter().any(|l| l.contains("still open")));
    let child: i32 = fs::read_to_string(run.dir().join("child"))
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    assert!(process::is_alive(child, None), "it is not ours to end");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child), nix::sys::signal::Signal::SIGKILL).unwrap();
}

#[test]
fn a_stop_reaches_every_process_of_the_run() {
    let place = Place::new();
    let script = "(setsid sh -c 'echo $$ > own; exec sleep 1000' &)
        until [ -s own ]; do sleep 0.01; done; sleep 1000 & echo up; wait";
    let run = place.shell(script);
    let (exit, notices) = execute_with(&run, None, |flag| flag.stop());
    assert_eq!((exit.code, exit.status), (-15, Status::Terminated));
    assert_eq!(notices[0], "Stopping");
    let own: i32 = fs::read_to_string(run.dir().join("own"))
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    assert!(!process::is_alive(own, None), "a session of its own");
}

#[test]
fn a_second_wish_kills_at_once() {
    let place = Place::new();
    let run = place.shell("trap '' TERM INT; echo up; while :; do sleep 0.05; done");
    let began = Instant::now();
    let (exit, _) = execute_with(&run, None, |flag| {
        flag.stop();
        flag.stop();
        assert_eq!(flag.asked(), Asked::Kill);
    });
    assert_eq!((exit.code, exit.status), (-9, Status::Terminated));
    assert!(began.elapsed() < Duration::from_secs(25));
}

#[test]
fn a_program_that_ends_well_when_stopped_was_still_stopped() {
    let place = Place::new();
    let script = "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done";
    let (exit, _) = execute_with(&place.shell(script), None, |flag| flag.stop());
    assert_eq!((exit.code, exit.status, exit.stopped), (-15, Status::Terminated, true));
    let mut stoppable = spec(Command::Shell(script.into()));
    stoppable.opdef.stoppable = true;
    let run = create(&place.home(), &stoppable).unwrap();
    gage::run::stage(&run, &crate::life::staging(&Default::default())).unwrap();
    let (exit, _) = execute_with(&run, None, |flag| flag.stop());
    assert_eq!((exit.code, exit.status), (0, Status::Completed));
}

#[test]
fn a_run_whose_time_is_up() {
    let place = Place::new();
    let run = place.shell("echo up; sleep 1000");
    let (exit, notices) = execute_with(&run, Some(Duration::from_millis(200)), |_| {});
    assert_eq!((exit.code, exit.time_up, exit.process_code()), (-15, true, 0));
    assert_eq!((status::of(&run), notices[0].as_str()), (Status::Terminated, "TimeUp"));
}

#[test]
fn a_supervisor_that_is_killed_leaves_a_true_status() {
    let place = Place::new();
    let run = place.shell("echo up; exec sleep 1000");
    let mut supervisor = background(&run);
    assert_eq!(status::of(&run), Status::Running);
    supervisor.kill().unwrap();
    supervisor.wait().unwrap();
    assert_eq!(status::of(&run), Status::Running, "its process lives on");
    let program = pid(&run);
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(program), nix::sys::signal::Signal::SIGKILL).unwrap();
    until("the end of the program", || !process::is_alive(program, None));
    assert_eq!(status::of(&run), Status::Terminated);
    finalize_orphan(&run, -9).unwrap();
    assert_eq!(
        (status::of(&run), meta(&run, "proc/exit").as_str()),
        (Status::Terminated, "-9")
    );
    assert!(!run.lease_file().exists() && !run.meta("proc/lock").exists());
    assert!(listing(&run.meta("")).iter().all(|l| l.starts_with("r- ")));
    finalize_orphan(&run, -15).unwrap();
    assert_eq!(meta(&run, "proc/exit"), "-9", "once is enough");
}

#[test]
fn a_pid_that_was_given_away_again_is_not_our_run() {
    let place = Place::new();
    let run = place.shell("echo up; exec sleep 1000");
    let mut supervisor = background(&run);
    let mut lease = Lease::read(&run).unwrap();
    supervisor.kill().unwrap();
    supervisor.wait().unwrap();
    let program = pid(&run);
    lease.pid_started = lease.pid_started.map(|s| s + 1);
    fs::write(run.lease_file(), serde_json::to_vec(&lease).unwrap()).unwrap();
    assert_eq!(status::of(&run), Status::Terminated);
    assert_eq!(
        stop::stop(&run, stop::TIMEOUT, true).unwrap(),
        stop::Stopped::NotRunning
    );
    assert!(process::is_alive(program, None), "a stranger is not stopped");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(program), nix::sys::signal::Signal::SIGKILL).unwrap();
}

#[test]
fn a_run_is_stopped_from_another_process() {
    let place = Place::new();
    let run = place.shell("trap 'exit 7' TERM; sleep 1000 & echo up; wait");
    let mut supervisor = background(&run);
    let program = pid(&run);
    assert_eq!(stop::stop(&run, stop::TIMEOUT, false).unwrap(), stop::Stopped::Stopped);
    assert_eq!(
        (status::of(&run), meta(&run, "proc/exit").as_str()),
        (Status::Terminated, "-15")
    );
    assert!(!process::is_alive(program, None));
    assert_eq!(supervisor.wait().unwrap().code(), Some(143));
    assert_eq!(
        stop::stop(&run, stop::TIMEOUT, false).unwrap(),
        stop::Stopped::NotRunning
    );
}

#[test]
fn a_stubborn_run_goes_on_until_it_is_forced() {
    let place = Place::new();
    let run = place.shell("trap '' TERM; echo up; while :; do sleep 0.05; done");
    let mut supervisor = background(&run);
    let short = Duration::from_millis(200);
    let stop::Stopped::Left(left) = stop::stop(&run, short, false).unwrap() else {
        panic!("it ignores the signal");
    };
    assert!(left.contains(&pid(&run)), "{left:?}");
    assert_eq!(status::of(&run), Status::Running);
    assert_eq!(stop::stop(&run, short, true).unwrap(), stop::Stopped::Stopped);
    assert_eq!(
        (status::of(&run), meta(&run, "proc/exit").as_str()),
        (Status::Terminated, "-9")
    );
    supervisor.wait().unwrap();
}

#[test]
fn stopping_finalizes_a_run_that_nobody_supervises() {
    let place = Place::new();
    let run = place.shell("echo up; exec sleep 1000");
    let mut supervisor = background(&run);
    supervisor.kill().unwrap();
    supervisor.wait().unwrap();
    assert_eq!(stop::stop(&run, stop::TIMEOUT, false).unwrap(), stop::Stopped::Stopped);
    assert_eq!(
        (meta(&run, "proc/exit").as_str(), status::of(&run)),
        ("-15", Status::Terminated)
    );
    assert!(run.meta("stopped").exists() && !run.lease_file().exists());
}
