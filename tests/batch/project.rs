//! A project with an operation `op` that is a shell text, and the `gage` command in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use gage::batch::event::Event;
use gage::batch::{journal, resume};
use gage::run::Run;

pub struct Project {
    dir: tempfile::TempDir,
}

impl Project {
    pub fn new(script: &str) -> Project {
        let dir = tempfile::tempdir().unwrap();
        let file = format!("[op]\nexec = '''{script}'''\nsourcecode = false\n[op.flags]\nx = 1\n");
        fs::write(dir.path().join("gage.toml"), file).unwrap();
        Project { dir }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn home(&self) -> PathBuf {
        self.path("home/runs")
    }

    pub fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gage"));
        command.args(words.split_whitespace());
        command.current_dir(self.dir.path()).env("GAGE_HOME", self.path("home"));
        command.env("MARKS", self.dir.path()).stdin(Stdio::null());
        command
    }

    pub fn gage(&self, words: &str) -> Output {
        self.command(words).output().unwrap()
    }

    /// Standard output and error of a command that must end well.
    pub fn ok(&self, words: &str) -> String {
        let output = self.gage(words);
        let text = text(&output);
        assert!(output.status.success(), "gage {words}: {text}");
        text
    }

    pub fn start(&self, words: &str) -> Child {
        self.command(words)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    pub fn batch(&self) -> Run {
        self.batches().next().expect("a batch")
    }

    pub fn has_batch(&self) -> bool {
        self.home().exists() && self.batches().next().is_some()
    }

    /// The journal of the batch that was started last.
    pub fn newest_events(&self) -> Vec<Event> {
        let began = |run: &Run| {
            fs::metadata(run.meta(journal::FILE))
                .and_then(|m| m.modified())
                .unwrap()
        };
        let newest = self.batches().max_by_key(began).expect("a batch");
        journal::read(&newest.meta(journal::FILE)).unwrap()
    }

    fn batches(&self) -> impl Iterator<Item = Run> {
        let home = self.home();
        let names = fs::read_dir(&home)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap());
        let ids: Vec<String> = names
            .filter_map(|n| n.strip_suffix(".meta").map(str::to_string))
            .collect();
        ids.into_iter()
            .map(move |id| Run::new(&home, id))
            .filter(resume::is_batch)
    }

    /// The journal as it is, for messages.
    pub fn journal(&self) -> String {
        fs::read_to_string(self.batch().meta(journal::FILE)).unwrap()
    }

    pub fn events(&self) -> Vec<Event> {
        journal::read(&self.batch().meta(journal::FILE)).unwrap()
    }

    /// How often each `x` was run to its end.
    pub fn marks(&self) -> BTreeMap<String, usize> {
        let mut marks = BTreeMap::new();
        for entry in fs::read_dir(self.dir.path()).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if let Some(rest) = name.strip_prefix("done.") {
                *marks.entry(rest.split('.').next().unwrap().to_string()).or_default() += 1;
            }
        }
        marks
    }
}

pub fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

pub fn wait_for(what: &str, mut test: impl FnMut() -> bool) {
    let began = Instant::now();
    while !test() {
        assert!(began.elapsed() < Duration::from_secs(60), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub fn kill(pid: u32) {
    let status = Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    assert!(status.success());
}
