//! A runs home with staged runs, each of which writes its id to a list when its program starts.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command as Process, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

use gage::project::{Command, OpDef};
use gage::run::{Caller, Run, RunSpec, Staging, Template, create, stage};

pub struct World {
    dir: tempfile::TempDir,
}

impl World {
    pub fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("project")).unwrap();
        World { dir }
    }

    pub fn home(&self) -> PathBuf {
        self.dir.path().join("runs")
    }

    pub fn project(&self) -> PathBuf {
        self.dir.path().join("project")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A run of `script`, staged long ago.
    pub fn staged(&self, script: &str) -> Run {
        self.staged_with(script, |_| {})
    }

    pub fn staged_with(&self, script: &str, change: impl FnOnce(&mut RunSpec)) -> Run {
        let list = self.path("started");
        let script = format!("echo $RUN_ID >> '{}'; {script}", list.display());
        let mut spec = RunSpec {
            opdef: OpDef {
                name: "op".into(),
                ..OpDef::default()
            },
            namespace: Some("test".into()),
            command: Some(Command::Shell(script)),
            ..RunSpec::default()
        };
        change(&mut spec);
        let run = create(&self.home(), &spec).unwrap();
        let staging = Staging {
            source: &Template::default(),
            dependencies: &[],
            resolved: "",
            unmet: None,
            caller: Caller::here(),
            stop: None,
        };
        stage(&run, &staging).unwrap();
        self.age(&run);
        run
    }

    /// Makes it look as if the run had been staged long ago, so that no queue waits for it to settle.
    pub fn age(&self, run: &Run) {
        let path = run.meta("staged");
        let file = std::fs::File::open(path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
    }

    pub fn gage(&self, words: &[&str]) -> Process {
        let mut command = Process::new(env!("CARGO_BIN_EXE_gage"));
        command
            .args(words)
            .env("GAGE_RUNS", self.home())
            .env_remove("GAGE_HOME")
            .current_dir(self.project())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs gage to its end.
    pub fn run(&self, words: &[&str]) -> (Option<i32>, String) {
        said(self.gage(words).output().unwrap())
    }

    /// How often each run's program was started.
    pub fn starts(&self) -> BTreeMap<String, usize> {
        let text = std::fs::read_to_string(self.path("started")).unwrap_or_default();
        let mut starts = BTreeMap::new();
        for id in text.lines() {
            *starts.entry(id.to_string()).or_insert(0) += 1;
        }
        starts
    }

    /// Fails unless each of the runs was started exactly once, and no other.
    pub fn assert_once(&self, runs: &[Run]) {
        let expected = runs.iter().map(|run| (run.id().to_string(), 1)).collect();
        assert_eq!(self.starts(), expected);
    }
}

/// Exit code and both outputs.
pub fn said(output: Output) -> (Option<i32>, String) {
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let err = String::from_utf8_lossy(&output.stderr);
    (output.status.code(), out + &err)
}

pub fn end(child: Child) -> (Option<i32>, String) {
    said(child.wait_with_output().unwrap())
}

/// Waits for something that is to come within a minute.
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub fn signal(child: &Child, signal: nix::sys::signal::Signal) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id() as i32), signal).unwrap();
}
