//! A project with a runs home of its own, and gage in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value as Json;

pub struct World {
    dir: tempfile::TempDir,
}

/// What a command printed, ids replaced by `ID` and `SHORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub out: String,
    pub err: String,
    pub code: i32,
}

impl World {
    /// A project of these files.
    pub fn new(files: &[(&str, &str)]) -> World {
        let world = World {
            dir: tempfile::tempdir().unwrap(),
        };
        fs::create_dir_all(world.path("")).unwrap();
        for (name, text) in files {
            world.write(name, text);
        }
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("project").join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn home(&self) -> PathBuf {
        self.dir.path().join("home/runs")
    }

    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gage"));
        command
            .args(shlex::split(line).unwrap())
            .current_dir(self.path(""))
            .env("GAGE_HOME", self.dir.path().join("home"))
            .env_remove("GAGE_RUNS")
            .env_remove("RUNS_DIR")
            .stdin(Stdio::null());
        command
    }

    /// Runs gage with the words of `line`.
    pub fn gage(&self, line: &str) -> Said {
        let output = self.command(line).output().unwrap();
        Said {
            out: masked(&String::from_utf8(output.stdout).unwrap()),
            err: masked(&String::from_utf8(output.stderr).unwrap()),
            code: output.status.code().unwrap_or(-1),
        }
    }

    /// Runs gage, which has to succeed.
    pub fn ok(&self, line: &str) -> Said {
        let said = self.gage(line);
        assert_eq!(said.code, 0, "gage {line}: {said:?}");
        said
    }

    /// Operation, status and label of every run, newest first.
    pub fn runs(&self) -> Vec<String> {
        let rows = self.rows();
        let text = |row: &Json, name: &str| masked(row[name].as_str().unwrap_or_default());
        rows.iter()
            .map(|row| {
                let line = ["operation", "status", "label"].map(|name| text(row, name)).join(" ");
                line.trim_end().to_string()
            })
            .collect()
    }

    pub fn rows(&self) -> Vec<Json> {
        let output = self.command("runs --json --all").output().unwrap();
        serde_json::from_slice::<Json>(&output.stdout)
            .unwrap()
            .as_array()
            .unwrap()
            .clone()
    }

    /// Id of the `nth` newest run of an operation, from 0.
    pub fn id(&self, operation: &str, nth: usize) -> String {
        let rows = self.rows();
        let mut of = rows.iter().filter(|row| row["operation"] == operation);
        of.nth(nth).unwrap()["id"].as_str().unwrap().to_string()
    }

    /// A file of a run's directory or, with `meta/` before it, of its meta directory.
    pub fn file(&self, id: &str, path: &str) -> String {
        fs::read_to_string(self.place(id, path)).unwrap()
    }

    pub fn place(&self, id: &str, path: &str) -> PathBuf {
        match path.strip_prefix("meta/") {
            Some(path) => self.home().join(format!("{id}.meta")).join(path),
            None => self.home().join(id).join(path),
        }
    }

    /// Names in a run's directory, links with where they lead.
    pub fn listed(&self, id: &str) -> Vec<String> {
        listed(&self.home().join(id))
    }
}

fn listed(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            match fs::read_link(entry.path()) {
                Ok(target) => format!("{name} -> {}", masked(&target.to_string_lossy())),
                Err(_) => name,
            }
        })
        .collect();
    names.sort();
    names
}

/// Hex words of 32 and 8 digits are ids, here.
pub fn masked(text: &str) -> String {
    let long = regex::Regex::new(r"\b[0-9a-f]{32}\b").unwrap();
    let short = regex::Regex::new(r"\b[0-9a-f]{8}\b").unwrap();
    short.replace_all(&long.replace_all(text, "ID"), "SHORT").into_owned()
}
