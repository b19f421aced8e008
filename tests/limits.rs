//! `--trial-timeout` and `--trial-memory`: a trial that goes beyond is ended whole, fails in a way of its own, and
//! the search goes on.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

struct World {
    dir: tempfile::TempDir,
}

/// Sleeps or takes memory, in a process that hides in a session of its own as well.
const SCRIPT: &str = r#"
import os, subprocess, sys, time
sleep = 0
megabytes = 0
print("loss: 1", flush=True)
if sleep:
    p = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"], start_new_session=True)
    with open(os.environ["PIDS"], "a") as f: print(os.getpid(), p.pid, file=f)
    time.sleep(sleep)
if megabytes:
    code = f"import time; b = bytearray({megabytes} << 20); time.sleep(1000)"
    p = subprocess.Popen([sys.executable, "-c", code])
    with open(os.environ["PIDS"], "a") as f: print(os.getpid(), p.pid, file=f)
    p.wait()
"#;

impl World {
    fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("project")).unwrap();
        std::fs::write(dir.path().join("project/op.py"), SCRIPT).unwrap();
        World { dir }
    }

    fn pids(&self) -> PathBuf {
        self.dir.path().join("pids")
    }

    fn gage(&self, words: &[&str]) -> (Option<i32>, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_gage"))
            .args(words)
            .env("GAGE_RUNS", self.dir.path().join("runs"))
            .env_remove("GAGE_HOME")
            .env("PIDS", self.pids())
            .current_dir(self.dir.path().join("project"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), out + &String::from_utf8_lossy(&output.stderr))
    }

    /// Fails if a process that wrote itself down lives.
    fn assert_nobody_left(&self) {
        let text = std::fs::read_to_string(self.pids()).unwrap();
        let pids: Vec<i32> = text.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
        assert!(pids.len() >= 2, "{text}");
        for pid in pids {
            assert!(!gage::run::process::is_alive(pid, None), "{pid}");
        }
    }

    /// The events of a kind of the only batch's journal.
    fn events(&self, kind: &str) -> Vec<Json> {
        let (_, ids) = self.gage(&["select", "--operation", "op.py+*"]);
        let path = self.dir.path().join(format!("runs/{}.meta/study.jsonl", ids.trim()));
        let text = std::fs::read_to_string(path).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
        lines
            .filter_map(|mut line| Some(line["event"].get_mut(kind)?.take()))
            .collect()
    }
}

#[test]
fn a_trial_that_takes_too_long_fails_and_the_others_do_not() {
    let world = World::new();
    let began = Instant::now();
    let words = [
        "run",
        "op.py",
        "sleep=[0,1000]",
        "-y",
        "--keep-batch",
        "--trial-timeout",
        "8s",
    ];
    let (code, text) = world.gage(&words);
    assert_eq!(code, Some(0), "{text}");
    assert!(began.elapsed() < Duration::from_secs(60));
    assert!(
        text.contains("exited with an error: (124) it ran longer than 8s"),
        "{text}"
    );
    world.assert_nobody_left();
    let (_, list) = world.gage(&["runs", "-s"]);
    assert!(
        list.contains("op.py   error (timeout)  megabytes=0 sleep=1000"),
        "{list}"
    );
    assert!(list.contains("op.py   completed        megabytes=0 sleep=0"), "{list}");
    let (_, chosen) = world.gage(&["runs", "-s", "-F", "exceeded = timeout and status = error"]);
    assert_eq!(chosen.lines().count(), 1, "{chosen}");
    let (_, json) = world.gage(&["runs", "--json", "-Se"]);
    let json: Json = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json[0]["exceeded"], &json[0]["exit_status"]),
        (&"timeout".into(), &124.into())
    );
    // What the journal says is what an optimizer is told: a failure, of its own kind.
    let ended = world.events("ended");
    assert_eq!(ended.len(), 2);
    assert_eq!(
        (&ended[1]["status"], &ended[1]["exceeded"]),
        (&"error".into(), &"timeout".into())
    );
    assert_eq!(ended[1]["objective"], Json::Null);
    assert_eq!(
        (&ended[0]["status"], ended[0].get("exceeded")),
        (&"completed".into(), None)
    );
    assert_eq!(world.events("opened")[0]["limits"], serde_json::json!({"timeout": 8.0}));
    let (_, text) = world.gage(&["run", "--resume"]);
    assert!(text.contains("nothing to resume"), "{text}");
    let (_, shown) = world.gage(&["batch", "show"]);
    assert!(shown.contains("error (timeout)"), "{shown}");
    let (code, text) = world.gage(&["batch", "replay"]);
    assert_eq!(code, Some(0), "{text}");
    // Asked for, it is tried again, with the same limit.
    let (_, text) = world.gage(&["batch", "retry", "--failed"]);
    assert!(text.contains("it ran longer than 8s"), "{text}");
    assert_eq!(world.events("ended").len(), 3);
    world.assert_nobody_left();
}

#[test]
fn a_trial_that_takes_too_much_memory_is_killed_with_its_children() {
    let world = World::new();
    let words = [
        "run",
        "op.py",
        "megabytes=[10,400]",
        "-y",
        "--trial-memory",
        "200M",
        "--trial-timeout",
        "5s",
    ];
    let (code, text) = world.gage(&words);
    assert_eq!(code, Some(1), "the other one has only slept: {text}");
    assert!(text.contains("(137) it used more memory than 200 MiB"), "{text}");
    assert!(text.contains("(124) it ran longer than 5s"), "{text}");
    assert!(text.contains("All 2 trials failed"), "{text}");
    world.assert_nobody_left();
    let (_, list) = world.gage(&["runs", "-s"]);
    assert!(list.contains("error (memory)   megabytes=400"), "{list}");
    assert!(list.contains("error (timeout)  megabytes=10"), "{list}");
    let (_, shown) = world.gage(&["show", "-F", "exceeded = memory"]);
    assert!(shown.contains("status: error (memory)"), "{shown}");
    assert!(shown.contains("exceeded: memory"), "{shown}");
}

#[test]
fn a_search_learns_that_they_fail() {
    let world = World::new();
    let (code, text) = world.gage(&[
        "run",
        "op.py",
        "sleep=uniform[0.0:0.2]",
        "-o",
        "gp",
        "-m",
        "4",
        "-y",
        "--random-seed",
        "1",
        "--trial-timeout",
        "0.001s",
    ]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("All 4 trials failed"), "{text}");
    // Later proposals were made knowing the failures, and the replay agrees.
    assert_eq!(
        world
            .events("ended")
            .iter()
            .filter(|e| e["exceeded"] == "timeout")
            .count(),
        4
    );
    assert_eq!(world.events("proposed").len(), 4);
}

#[test]
fn staged_trials_take_their_limits_along() {
    let world = World::new();
    let words = [
        "run",
        "op.py",
        "sleep=[1000]",
        "-y",
        "--stage-trials",
        "--trial-timeout",
        "8s",
    ];
    let (code, text) = world.gage(&words);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = world.gage(&["queue", "--once"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("(124) it ran longer than 8s"), "{text}");
    world.assert_nobody_left();
    let (_, list) = world.gage(&["runs", "-s"]);
    assert!(list.contains("error (timeout)"), "{list}");
    // Started again, and within its time, it is as any other.
    let (code, text) = world.gage(&["run", "--restart", "1", "sleep=0", "-y"]);
    assert_eq!(code, Some(0), "{text}");
    let (_, list) = world.gage(&["runs", "-s"]);
    assert!(list.contains("completed") && !list.contains("timeout"), "{list}");
}

#[test]
fn bad_input_is_refused() {
    let world = World::new();
    for (option, value, text) in [
        (
            "--trial-timeout",
            "soon",
            "'soon' is not a duration, such as 90s, 10m or 1h30m.",
        ),
        ("--trial-timeout", "0", "'0' is not longer than 0."),
        ("--trial-memory", "much", "'much' is not a size, such as 500M or 2G."),
        ("--trial-memory", "0", "'0' is less than a byte."),
    ] {
        let (code, said) = world.gage(&["run", "op.py", "sleep=[0,1]", "-y", option, value]);
        assert!(code == Some(2) && said.contains(text), "{said}");
    }
    let (code, text) = world.gage(&["run", "op.py", "-y", "--trial-timeout", "1s", "--trial-memory", "1G"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("WARNING: not a batch run - ignoring --trial-timeout"),
        "{text}"
    );
    assert!(
        text.contains("WARNING: not a batch run - ignoring --trial-memory"),
        "{text}"
    );
}
