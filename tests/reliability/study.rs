//! A project with an operation `op` that is a shell text, a runs home wherever it is wanted, and what is left of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use gage::batch::record::Record;
use gage::batch::{journal, resume};
use gage::run::Run;

pub struct Study {
    dir: tempfile::TempDir,
    home: PathBuf,
}

impl Study {
    /// The script may leave marks in `$MARKS`, which is no part of the project.
    pub fn new(script: &str) -> Study {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("home");
        Study::with_home(script, dir, home)
    }

    pub fn with_home(script: &str, dir: tempfile::TempDir, home: PathBuf) -> Study {
        let project = dir.path().join("project");
        fs::create_dir_all(&project).unwrap();
        fs::create_dir_all(dir.path().join("marks")).unwrap();
        let file = "[op]\nexec = \"sh trial.sh\"\n[op.flags]\nx = 1\n";
        fs::write(project.join("gage.toml"), file).unwrap();
        fs::write(project.join("trial.sh"), script).unwrap();
        Study { dir, home }
    }

    pub fn project(&self) -> PathBuf {
        self.dir.path().join("project")
    }

    pub fn mark(&self, name: &str) -> PathBuf {
        self.dir.path().join("marks").join(name)
    }

    pub fn home(&self) -> &Path {
        &self.home
    }

    pub fn runs(&self) -> PathBuf {
        self.home.join("runs")
    }

    /// A gage command, started as `before` says.
    pub fn command(&self, before: &[&str], words: &str) -> Command {
        let mut all = before.iter().copied().chain([env!("CARGO_BIN_EXE_gage")]);
        let mut command = Command::new(all.next().unwrap());
        command.args(all).args(words.split_whitespace());
        command.current_dir(self.project()).env("GAGE_HOME", &self.home);
        command.env("MARKS", self.dir.path().join("marks")).stdin(Stdio::null());
        command
    }

    /// Exit code and everything that is said.
    pub fn gage(&self, words: &str) -> (i32, String) {
        said(self.command(&[], words))
    }

    pub fn ok(&self, words: &str) -> String {
        let (code, text) = self.gage(words);
        assert_eq!(code, 0, "gage {words}: {text}");
        text
    }

    pub fn batch(&self) -> Run {
        let runs = self.runs();
        let names = fs::read_dir(&runs).unwrap();
        let names = names.map(|e| e.unwrap().file_name().into_string().unwrap());
        let ids = names.filter_map(|n| {
            n.strip_suffix(".meta")
                .filter(|n| !n.starts_with('.'))
                .map(str::to_string)
        });
        let mut batches = ids.map(|id| Run::new(&runs, id)).filter(resume::is_batch);
        batches.next().expect("a batch")
    }

    pub fn record(&self) -> Record {
        Record::of(&journal::read(&self.batch().meta(journal::FILE)).unwrap())
    }

    /// The run of each trial that has ended.
    pub fn ended(&self) -> BTreeMap<u64, String> {
        let record = self.record();
        let ended = record.trials().filter(|(_, trial)| trial.ended.is_some());
        ended.map(|(number, trial)| (number, trial.run.clone())).collect()
    }

    /// Every trial of a finished batch completed with its `x` as result.
    pub fn check_complete(&self, planned: u64) {
        let record = self.record();
        assert_eq!(record.scheduler.counts().completed, planned, "{:?}", record.closed);
        for (number, trial) in record.trials() {
            let x = trial.proposed.values["x"].as_f64();
            let ended = trial.ended.as_ref().unwrap();
            assert_eq!(ended.objective, x, "trial {number}");
        }
        let replay = self.ok(&format!("batch replay {}", self.batch().id()));
        assert!(!replay.is_empty());
    }

    /// Processes that have this home in their environment.
    pub fn processes(&self) -> Vec<String> {
        let wanted = format!("GAGE_HOME={}", self.home.display()).into_bytes();
        let all = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
        all.filter(|dir| {
            let environment = fs::read(dir.join("environ")).unwrap_or_default();
            environment.split(|b| *b == 0).any(|entry| entry == wanted)
        })
        .map(|dir| String::from_utf8_lossy(&fs::read(dir.join("cmdline")).unwrap_or_default()).replace('\0', " "))
        .collect()
    }

    /// Nobody is left running.
    pub fn check_alone(&self) {
        wait_for("everybody to end", || self.processes().is_empty());
    }
}

pub fn said(mut command: Command) -> (i32, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
    assert!(!text.contains("panicked"), "{text}");
    (status.code().unwrap_or(-1), text)
}

pub fn wait_for(what: &str, mut test: impl FnMut() -> bool) {
    let began = Instant::now();
    while !test() {
        assert!(began.elapsed() < Duration::from_secs(60), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
