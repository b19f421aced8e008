//! A project with some operations, a runs home and a directory for pidfiles, and the `gage` command in them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use gage::run::{Run, Status, id, meta, status};

pub struct Place {
    dir: tempfile::TempDir,
}

/// `wait` runs until it is stopped, `quick` ends at once; both print a line.
const OPERATIONS: &str = r#"
[wait]
exec = 'echo up $FLAG_X; exec sleep 1000'
sourcecode = false
[wait.flags]
x = 1

[quick]
exec = 'echo begin $FLAG_X; echo "loss: 0.$FLAG_X"'
sourcecode = false
[quick.flags]
x = 1

[missing]
exec = ["no-such-program"]
sourcecode = false
"#;

impl Place {
    pub fn new() -> Place {
        Place::with("")
    }

    /// With more operations.
    pub fn with(operations: &str) -> Place {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("tmp")).unwrap();
        fs::write(dir.path().join("gage.toml"), format!("{OPERATIONS}\n{operations}")).unwrap();
        Place { dir }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gage"));
        command.args(words.split_whitespace());
        self.set_up(&mut command);
        command
    }

    /// A shell in the project, with `$gage` to call.
    pub fn shell(&self, script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]).env("gage", env!("CARGO_BIN_EXE_gage"));
        self.set_up(&mut command);
        command
    }

    fn set_up(&self, command: &mut Command) {
        command.current_dir(self.dir.path()).stdin(Stdio::null());
        command
            .env("GAGE_HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"));
        command.env("PLACE", self.dir.path());
    }

    pub fn gage(&self, words: &str) -> Said {
        Said::of(self.command(words).output().unwrap())
    }

    /// A command that must end well.
    pub fn ok(&self, words: &str) -> Said {
        let said = self.gage(words);
        assert_eq!(said.code, Some(0), "gage {words}: {said:?}");
        said
    }

    pub fn home(&self) -> PathBuf {
        self.path("home/runs")
    }

    /// All runs, by the time they were made.
    pub fn runs(&self) -> Vec<Run> {
        let names = fs::read_dir(self.home()).into_iter().flatten().flatten();
        let ids = names.filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            name.strip_suffix(".meta")
                .filter(|id| id::is_valid(id))
                .map(str::to_string)
        });
        let mut runs: Vec<Run> = ids.map(|id| Run::new(self.home(), id)).collect();
        runs.sort_by_key(|run| meta::read_number(&run.meta("initialized")));
        runs
    }

    /// `count` of them are in this state.
    pub fn count(&self, state: Status) -> usize {
        self.runs().iter().filter(|run| status::of(run) == state).count()
    }

    /// The only run, or the batch.
    pub fn run(&self) -> Run {
        self.runs().into_iter().next().expect("there is a run")
    }

    pub fn pid_in(&self, file: &str) -> i32 {
        fs::read_to_string(self.path(file)).unwrap().parse().unwrap()
    }
}

impl Drop for Place {
    /// A test that failed leaves no process behind.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = self.command("stop --force --timeout 1 -y").output();
        }
    }
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Said {
    pub fn of(output: Output) -> Said {
        Said {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// The text with ids and pids named by what they are.
pub fn redacted(text: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_alphanumeric() {
            word.push(c);
            continue;
        }
        let is_id = word.len() == 32 && word.bytes().all(|b| b.is_ascii_hexdigit());
        out.push_str(if is_id { "ID" } else { &word });
        word.clear();
        if c != '\0' {
            out.push(c);
        }
    }
    out
}

pub fn wait_for(what: &str, mut test: impl FnMut() -> bool) {
    let began = Instant::now();
    while !test() {
        assert!(began.elapsed() < Duration::from_secs(60), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub fn is_alive(pid: i32) -> bool {
    gage::run::process::is_alive(pid, None)
}

pub fn send(signal: &str, pid: i32) {
    let sent = Command::new("kill").args([signal, "--", &pid.to_string()]).status();
    assert!(sent.unwrap().success());
}

/// The process group and the session of a process.
pub fn group_and_session(pid: i32) -> (i32, i32) {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let rest = stat.rsplit_once(')').unwrap().1;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    (fields[2].parse().unwrap(), fields[3].parse().unwrap())
}

pub fn text_of(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
