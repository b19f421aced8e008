//! How steps runs end: checks that fail, steps that fail, and somebody who stops them.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::world::World;

#[test]
fn checks_are_made_after_a_step() {
    let world = World::new(&[
        (
            "guild.yml",
            "a:\n  exec: sh -c 'echo hello > f.txt; echo said'\n\
             good:\n  steps: [{run: a, expect: [{file: '*.txt', contains: ell, compare-to: want.txt}, {output: '^said$'}]}, a]\n\
             bad:\n  steps: [{run: a, checks: [{file: foo}, {output: sa.d}]}, a]\n",
        ),
        ("want.txt", "hello\n"),
    ]);
    let said = world.ok("run good -y");
    assert!(
        said.err
            .contains("INFO: [gage] 2 of 2 checks passed\nINFO: [gage] running a: a\n"),
        "{}",
        said.err
    );
    let said = world.gage("run bad -y");
    assert_eq!(
        said.err,
        "INFO: [gage] running a: a\nERROR: [gage] check failed: no files matching foo in run ID\nINFO: [gage] 1 of 2 checks \
         passed\ngage: stopping because a check failed - see above for details\n"
    );
    assert_eq!(said.code, 3);
    assert_eq!(world.runs()[..2], ["a completed", "bad error"]);
}

#[test]
fn a_failing_step_is_the_last_one() {
    let world = World::new(&[(
        "guild.yml",
        "a: {exec: sh -c 'exit 7'}\nb: {exec: echo b}\ns: {steps: [b, a, b]}\n",
    )]);
    let said = world.gage("run s -y");
    assert_eq!((said.code, said.out.as_str()), (7, "b\n"));
    assert_eq!(world.runs(), ["a error", "b completed", "s error"]);
}

const SLOW: &str = "\
quick: {exec: echo quick}
slow:
  exec: sh -c 'trap \"sleep 0.3; touch ended; exit 9\" TERM; touch began; while :; do sleep 0.05; done'
s: {steps: [quick, slow, quick]}
";

/// Waits until something is so.
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what} takes too long");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A steps run whose second step has begun.
fn begun(world: &World) -> (Child, String) {
    let child = world
        .command("run s -y")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut slow = String::new();
    until("the slow step", || {
        let found = world
            .rows()
            .iter()
            .find(|row| row["operation"] == "slow")
            .map(|row| row["id"].clone());
        slow = found.and_then(|id| id.as_str().map(str::to_string)).unwrap_or_default();
        !slow.is_empty() && world.place(&slow, "began").exists()
    });
    (child, slow)
}

/// Processes that belong to a run.
fn left(run: &str) -> Vec<String> {
    let marker = format!("RUN_ID={run}");
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let with_marker = |dir: &Path| {
        std::fs::read(dir.join("environ")).is_ok_and(|env| env.split(|b| *b == 0).any(|v| v == marker.as_bytes()))
    };
    let pids = entries.filter(|entry| with_marker(&entry.path()));
    pids.map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn stopping_it_stops_its_step_and_finalizes_both() {
    let world = World::new(&[("guild.yml", SLOW)]);
    let (mut child, slow) = begun(&world);
    let steps = world.id("s", 0);
    let said = world.ok(&format!("stop {steps} -y"));
    assert!(said.err.starts_with("Stopping ID (pid "), "{}", said.err);
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert_eq!(world.runs(), ["slow terminated", "quick completed", "s terminated"]);
    // It was asked, and let come to its end.
    assert!(world.place(&slow, "ended").exists());
    for (run, exit) in [(&slow, "-15"), (&steps, "-15")] {
        assert_eq!(world.file(run, "meta/proc/exit"), exit);
        assert_eq!(left(run), Vec::<String>::new());
    }
}

#[test]
fn an_interrupt_is_passed_on() {
    let world = World::new(&[("guild.yml", SLOW)]);
    let (mut child, slow) = begun(&world);
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(world.runs(), ["slow terminated", "quick completed", "s terminated"]);
    assert_eq!(left(&slow), Vec::<String>::new());
}

#[test]
fn a_step_that_nobody_records_is_run_once_more() {
    let project = "\
slow:
  exec: sh -c 'touch began; while [ ! -e ../go ]; do sleep 0.05; done; echo done'
s: {steps: [slow]}
";
    let world = World::new(&[("guild.yml", project)]);
    let (mut child, slow) = begun(&world);
    let steps = world.id("s", 0);
    let program = world.file(&slow, "meta/proc/lock");
    let parents = || {
        let status = std::fs::read_to_string(format!("/proc/{program}/status")).unwrap();
        status
            .lines()
            .find_map(|line| line.strip_prefix("PPid:\t")?.parse::<i32>().ok())
            .unwrap()
    };
    let supervisor = parents();
    let pid: i32 = world.file(&steps, "meta/proc/lock").parse().unwrap();
    for pid in [child.id() as i32, pid, supervisor] {
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    }
    child.wait().unwrap();
    until("the death of the steps run", || {
        world.runs().last().is_some_and(|run| run == "s terminated")
    });
    std::fs::write(world.home().join("go.later"), "").unwrap();
    let again = world
        .command(&format!("run --restart {steps} -y"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until("the second start", || {
        let now = world.place(&slow, "meta/proc/lock");
        std::fs::read_to_string(now).is_ok_and(|pid| pid != program)
    });
    std::fs::rename(world.home().join("go.later"), world.home().join("go")).unwrap();
    let output = again.wait_with_output().unwrap();
    let err = super::world::masked(&String::from_utf8(output.stderr).unwrap());
    assert_eq!(
        err,
        "INFO: [gage] stopping slow: ID (the gage that ran it is gone)\nINFO: [gage] restarting slow: ID\n"
    );
    assert_eq!(
        (output.status.code(), output.stdout.as_slice()),
        (Some(0), b"done\n".as_slice())
    );
    assert_eq!(left(&slow), Vec::<String>::new());
}

#[test]
fn a_step_outlives_the_steps_run_and_is_waited_for() {
    let project = "\
slow:
  exec: sh -c 'touch began; while [ ! -e ../go ]; do sleep 0.05; done; echo done'
s: {steps: [slow, quick]}
quick: {exec: echo quick}
";
    let world = World::new(&[("guild.yml", project)]);
    let (mut child, slow) = begun(&world);
    let steps = world.id("s", 0);
    let pid: i32 = world.file(&steps, "meta/proc/lock").parse().unwrap();
    // Everything of the steps run dies; its step has a gage of its own.
    kill(Pid::from_raw(child.id() as i32), Signal::SIGKILL).unwrap();
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    child.wait().unwrap();
    until("the death of the steps run", || {
        world.runs().last().is_some_and(|run| run == "s terminated")
    });
    assert_eq!(world.runs(), ["slow running", "s terminated"]);
    let again = world
        .command(&format!("run --restart {steps} -y"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until("the second start", || {
        let output = world.file(&steps, "meta/output/40_run");
        output.contains(&format!("waiting for slow: {slow} (it is still running)\n"))
    });
    std::fs::write(world.home().join("go"), "").unwrap();
    let output = again.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "quick\n");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(world.file(&slow, "meta/output/40_run"), "done\n");
    assert_eq!(world.runs(), ["quick completed", "s completed", "slow completed"]);
}
