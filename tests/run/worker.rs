//! `gage worker`: lines in, events out, and runs that do not depend on who asked.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command as Process, Stdio};

use serde_json::Value as Json;

use gage::project::Command;
use gage::run::{Run, Status, status};

use crate::fault::until;
use crate::life::{Place, meta};

struct Worker {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Worker {
    fn start(words: &[&str]) -> Worker {
        let mut child = Process::new(env!("CARGO_BIN_EXE_gage"))
            .arg("worker")
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Worker {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    fn run(&mut self, run: &Run) {
        self.say(run.dir().to_str().unwrap());
    }

    fn event(&mut self) -> Json {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line:?}"))
    }

    /// Events up to the end of a run, with outputs joined.
    fn until_the_end(&mut self) -> (Vec<Json>, Vec<u8>) {
        let (mut events, mut bytes) = (Vec::new(), Vec::new());
        loop {
            let event = self.event();
            if event["event"] == "output" {
                let mut part = vec![0; event["bytes"].as_u64().unwrap() as usize];
                self.output.read_exact(&mut part).unwrap();
                bytes.extend(part);
                continue;
            }
            let last = event["event"] == "exited" || event["final"] == true;
            events.push(event);
            if last {
                return (events, bytes);
            }
        }
    }
}

fn kinds(events: &[Json]) -> Vec<&str> {
    events.iter().map(|e| e["event"].as_str().unwrap()).collect()
}

#[test]
fn one_run_after_another() {
    let place = Place::new();
    let mut worker = Worker::start(&["--output", "--scalars"]);
    for code in [0, 3] {
        let run = place.shell(&format!("echo 'loss: 0.1'; echo; exit {code}"));
        worker.run(&run);
        let (events, bytes) = worker.until_the_end();
        assert_eq!(kinds(&events), ["started", "scalar", "exited"]);
        assert!(events.iter().all(|e| e["run"] == run.id()));
        assert!(events[0]["pid"].as_i64().unwrap() > 1);
        let scalar = &events[1];
        assert_eq!(
            (&scalar["tag"], &scalar["step"], &scalar["value"]),
            (&"loss".into(), &0.into(), &0.1.into())
        );
        assert_eq!(bytes, b"loss: 0.1\n\n");
        let status = if code == 0 { "completed" } else { "error" };
        assert_eq!(
            (&events[2]["code"], &events[2]["status"]),
            (&code.into(), &status.into())
        );
        assert_eq!(meta(&run, "proc/exit"), code.to_string(), "exited means finalized");
        assert!(!run.lease_file().exists());
    }
    drop(worker.input.take());
    assert!(worker.child.wait().unwrap().success());
}

#[test]
fn what_cannot_run_is_said_and_the_next_runs() {
    let place = Place::new();
    let mut worker = Worker::start(&[]);
    worker.say("not a path");
    assert_eq!(worker.event()["event"], "error");
    worker.say("");
    worker.run(&Run::new(place.home(), "nobody"));
    let event = worker.event();
    assert_eq!(
        (&event["message"], &event["final"]),
        (&"run nobody does not exist".into(), &true.into())
    );
    worker.run(&place.staged(Command::Words(vec!["no-such-command".into()])));
    let (events, _) = worker.until_the_end();
    assert_eq!(kinds(&events), ["error", "exited"]);
    assert_eq!(
        events[0]["message"],
        "cannot run test: command not found: no-such-command"
    );
    worker.run(&place.shell("echo quiet"));
    assert_eq!(kinds(&worker.until_the_end().0), ["started", "exited"]);
}

#[test]
fn a_line_stops_the_run_at_hand_only() {
    let place = Place::new();
    let mut worker = Worker::start(&["--output"]);
    worker.say("stop");
    let run = place.shell("echo up; sleep 1000");
    worker.run(&run);
    assert_eq!(worker.event()["event"], "started");
    worker.say("stop");
    let (events, _) = worker.until_the_end();
    assert_eq!(
        (&events.last().unwrap()["code"], status::of(&run)),
        (&(-15).into(), Status::Terminated)
    );
    worker.run(&place.shell("trap '' TERM; echo up; while :; do sleep 0.05; done"));
    assert_eq!(worker.event()["event"], "started");
    worker.say("kill");
    assert_eq!(worker.until_the_end().0.last().unwrap()["status"], "terminated");
    worker.run(&place.shell("true"));
    assert_eq!(worker.until_the_end().0.last().unwrap()["code"], 0);
}

#[test]
fn a_run_goes_on_when_nobody_asks_any_more() {
    let place = Place::new();
    let mut worker = Worker::start(&["--output"]);
    let run = place.shell("until [ -e go ]; do sleep 0.01; done; yes | head -c 300000; echo; echo end");
    worker.run(&run);
    assert_eq!(worker.event()["event"], "started");
    let Worker {
        mut child,
        input,
        output,
    } = worker;
    drop((input, output));
    fs::write(run.dir().join("go"), "").unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(status::of(&run), Status::Completed);
    assert!(meta(&run, "output/40_run").ends_with("end\n"));
}

#[test]
fn a_signal_ends_the_run_and_the_worker() {
    let place = Place::new();
    let signal = |child: &Child| {
        let pid = nix::unistd::Pid::from_raw(child.id() as i32);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    };
    let mut worker = Worker::start(&[]);
    let run = place.shell("echo up; sleep 1000");
    worker.run(&run);
    assert_eq!(worker.event()["event"], "started");
    signal(&worker.child);
    assert_eq!(worker.until_the_end().0.last().unwrap()["status"], "terminated");
    assert_eq!(worker.child.wait().unwrap().code(), Some(143));
    assert_eq!(status::of(&run), Status::Terminated);
    // With nothing at hand it just ends.
    let mut worker = Worker::start(&[]);
    worker.run(&place.shell("true"));
    worker.until_the_end();
    signal(&worker.child);
    until("the idle worker's end", || worker.child.try_wait().unwrap().is_some());
}
