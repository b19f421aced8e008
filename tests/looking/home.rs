//! A runs home made by hand, file by file, with ids and times that never change, and the sessions held on it.
//! Knows the layout from its specification, not from the library.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use gage::scalars::Scalar;
use gage::scalars::events::Writer;
use serde_json::{Value as Json, json};

/// 2026-11-20 10:00:00 UTC, in microseconds.
const MORNING: u64 = 1_795_168_800_000_000;

pub struct Home {
    dir: tempfile::TempDir,
}

/// A run to be made.
pub struct Made {
    pub id: &'static str,
    pub op: &'static str,
    /// Minutes after the morning at which it started; it took 90 seconds.
    pub at: u64,
    pub status: &'static str,
    pub flags: Json,
    pub label: &'static str,
    pub scalars: &'static [(&'static str, f64, i64)],
    pub output: &'static str,
    pub files: &'static [(&'static str, &'static str)],
}

impl Default for Made {
    fn default() -> Made {
        Made {
            id: "",
            op: "train.py",
            at: 0,
            status: "completed",
            flags: json!({}),
            label: "",
            scalars: &[],
            output: "",
            files: &[],
        }
    }
}

impl Home {
    pub fn new() -> Home {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("project")).unwrap();
        Home { dir }
    }

    /// Three runs of a search: the newest is the best, the middle one failed.
    pub fn with_runs() -> Home {
        let home = Home::new();
        let script = &[("train.py", "lr = 0.1\n")];
        home.add(Made {
            id: "0f12ab34000000000000000000000001",
            flags: json!({"lr": 0.1, "act": "relu"}),
            label: "act=relu lr=0.1",
            scalars: &[("loss", 0.75, 1), ("loss", 0.5, 2), ("acc", 0.25, 2)],
            output: "step: 1\nloss: 0.75\nstep: 2\nloss: 0.5\nacc: 0.25\n",
            files: script,
            ..Made::default()
        });
        home.add(Made {
            id: "78ad7963000000000000000000000002",
            at: 2,
            status: "error",
            flags: json!({"lr": 10.0, "act": "relu"}),
            label: "act=relu lr=10.0",
            output: "lr is too large\n",
            files: script,
            ..Made::default()
        });
        home.add(Made {
            id: "78ffee10000000000000000000000003",
            at: 4,
            flags: json!({"lr": 0.01, "act": "tanh"}),
            label: "act=tanh lr=0.01",
            scalars: &[("loss", 1.0 / 3.0, 2)],
            output: "step: 2\nloss: 0.3333333333333333\n",
            files: script,
            ..Made::default()
        });
        home
    }

    pub fn runs(&self) -> PathBuf {
        self.dir.path().join("runs")
    }

    pub fn project(&self) -> PathBuf {
        self.dir.path().join("project")
    }

    pub fn add(&self, made: Made) {
        let meta = self.runs().join(format!("{}.meta", made.id));
        let dir = self.runs().join(made.id);
        let began = MORNING + made.at * 60_000_000;
        write(&meta, "__schema__", "1");
        write(&meta, "id", made.id);
        write(&meta, "opref", &format!("1 project {}", made.op));
        write(&meta, "opdef.json", &json!({"name": made.op, "exec": {}}).to_string());
        write(&meta, "config.json", &made.flags.to_string());
        write(&meta, "proc/cmd.json", r#"["python", "train.py"]"#);
        write(&meta, "proc/env.json", "{}");
        write(&meta, "sys/random_seed.json", "7");
        write(
            &meta,
            "sys/sourcecode_digest.json",
            r#""20084a5dd8ba3d45d1d4991c6476c20a""#,
        );
        write(&meta, "initialized", &(began - 1000).to_string());
        let project = format!("file:{}", self.project().display());
        write(&self.runs(), &format!("{}.project", made.id), &project);
        if !made.label.is_empty() {
            let change = json!({"author": "ann", "timestamp": began, "set": {"label": made.label}, "delete": []});
            write(
                &self.runs(),
                &format!("{}.user/0001.json", made.id),
                &change.to_string(),
            );
        }
        if made.status == "pending" {
            return;
        }
        let mut manifest = String::new();
        for (name, text) in made.files {
            write(&dir, name, text);
            manifest.push_str(&format!("s {} {name}\n", "0".repeat(64)));
        }
        fs::create_dir_all(&dir).unwrap();
        write(&meta, "manifest", &manifest);
        write(&meta, "staged", &began.to_string());
        if made.status == "staged" {
            return;
        }
        write(&meta, "started", &began.to_string());
        self.print(&meta, made.output);
        if !made.scalars.is_empty() {
            fs::create_dir_all(meta.join("scalars")).unwrap();
            let mut writer = Writer::new(meta.join("scalars"));
            for (tag, value, step) in made.scalars {
                let scalar = Scalar {
                    tag: tag.to_string(),
                    value: *value,
                    step: *step,
                };
                writer.add(&scalar, began as f64 / 1e6).unwrap();
            }
            writer.flush().unwrap();
        }
        let exit = match made.status {
            "completed" => "0",
            "error" => "1",
            "terminated" => "-15",
            other => panic!("a run cannot be made {other} by hand"),
        };
        write(&meta, "stopped", &(began + 90_000_000).to_string());
        write(&meta, "proc/exit", exit);
    }

    /// Odd lines go to standard error.
    fn print(&self, meta: &Path, output: &str) {
        write(meta, "output/40_run", output);
        let mut index = Vec::new();
        for (number, _) in output.lines().enumerate() {
            index.extend((MORNING / 1000).to_be_bytes());
            index.push(u8::from(number % 2 == 1));
        }
        fs::write(meta.join("output/40_run.index"), index).unwrap();
    }

    /// Runs a line of shell in the project, with gage first on PATH.
    pub fn shell(&self, line: &str) -> Output {
        let gage = Path::new(env!("CARGO_BIN_EXE_gage"));
        let path = format!(
            "{}:{}",
            gage.parent().unwrap().display(),
            std::env::var("PATH").unwrap()
        );
        Command::new("sh")
            .args(["-c", line])
            .current_dir(self.project())
            .env_clear()
            .envs([
                ("PATH", path.as_str()),
                ("TZ", "UTC"),
                ("USER", "ann"),
                ("GAGE_HOME", self.dir.path().to_str().unwrap()),
                ("HOME", self.dir.path().to_str().unwrap()),
            ])
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Runs each line that begins with `$ ` of the session in `tests/looking/NAME.txt` and compares what comes: lines
    /// of standard output as they are, lines of standard error after `! `, an exit code other than 0 as `[N]`.
    /// `SNAPSHOTS=overwrite` writes the file anew.
    pub fn session(&self, name: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/looking/{name}.txt"));
        let text = fs::read_to_string(&path).unwrap();
        let mut held = String::new();
        for line in text.lines() {
            let Some(command) = line.strip_prefix("$ ") else {
                if line.starts_with('#') {
                    held.push_str(&format!("{line}\n"));
                }
                continue;
            };
            held.push_str(&format!("$ {command}\n{}\n", self.said(&self.shell(command))));
        }
        let held = held.trim_end().to_string() + "\n";
        snapbox::Assert::new()
            .action_env("SNAPSHOTS")
            .eq(held, snapbox::Data::read_from(&path, None).raw());
    }

    fn said(&self, output: &Output) -> String {
        let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
        if !said.is_empty() && !said.ends_with('\n') {
            said.push_str("<no line end>\n");
        }
        for line in String::from_utf8_lossy(&output.stderr).lines() {
            said.push_str(format!("! {line}").trim_end());
            said.push('\n');
        }
        if output.status.code() != Some(0) {
            said.push_str(&format!("[{}]\n", output.status.code().unwrap_or(-1)));
        }
        // What differs from one machine or day to the next.
        said.replace(&self.dir.path().display().to_string(), "HOME")
    }
}

fn write(dir: &Path, name: &str, text: &str) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}
