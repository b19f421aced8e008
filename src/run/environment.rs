//! The environment of a run's processes: the caller's, then the run's own, then what every run is told.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::Run;
use super::facts::Facts;

/// Where `gage` was started from and how much it says; told to every program.
#[derive(Debug, Clone)]
pub struct Caller {
    pub cwd: PathBuf,
    /// Of Python's `logging`: 20 is INFO, 10 DEBUG.
    pub log_level: u32,
}

impl Caller {
    /// This process.
    pub fn here() -> Caller {
        Caller {
            cwd: std::env::current_dir().unwrap_or_default(),
            log_level: 20,
        }
    }
}

/// Variables to set on top of the caller's environment, for the run and its hooks.
pub fn of_run(run: &Run, facts: &Facts, caller: &Caller) -> BTreeMap<OsString, OsString> {
    let mut env: BTreeMap<OsString, OsString> = BTreeMap::new();
    let mut set = |name: &str, value: OsString| {
        env.insert(name.into(), value);
    };
    set("PYTHONUNBUFFERED", "1".into());
    if std::env::var_os("PYTHONDONTWRITEBYTECODE").is_none() {
        set("PYTHONDONTWRITEBYTECODE", "1".into());
    }
    if let Some(path) = python_path(run, facts) {
        set("PYTHONPATH", path);
    }
    for (name, value) in secrets(facts) {
        set(&name, value.into());
    }
    for (name, value) in &facts.env {
        // A name that the system refuses would stop the program from being started at all.
        if !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0') {
            set(name, value.into());
        }
    }
    for (name, value) in crate::flags::deliver::environment(&facts.opdef.flags, &facts.flags) {
        if !value.contains('\0') {
            set(&name, value.into());
        }
    }
    let dir = run.dir();
    let home = run
        .home()
        .parent()
        .filter(|_| run.home().ends_with("runs"))
        .unwrap_or(run.home());
    let project = facts.project_dir.as_deref().unwrap_or(Path::new(""));
    set("RUN_ID", run.id().into());
    set("RUN_DIR", dir.clone().into());
    set("run_id", run.id().into());
    set("run_dir", dir.into());
    set("project_dir", project.into());
    set("PROJECT_DIR", project.into());
    set("GAGE_HOME", home.into());
    set("GUILD_HOME", home.into());
    set("GAGE_OP", facts.name.clone().into());
    set("GUILD_OP", facts.name.clone().into());
    set("CMD_DIR", caller.cwd.clone().into());
    set("PARENT_PWD", caller.cwd.clone().into());
    set("FLAGS_DEST", facts.opdef.flags_dest.text().into());
    set("LOG_LEVEL", caller.log_level.to_string().into());
    if let Some(seed) = facts.seed {
        set("RANDOM_SEED", seed.to_string().into());
    }
    env
}

/// The value of a variable as the run's processes will see it.
pub fn lookup(env: &BTreeMap<OsString, OsString>, name: &str) -> Option<OsString> {
    env.get(std::ffi::OsStr::new(name))
        .cloned()
        .or_else(|| std::env::var_os(name))
}

fn python_path(run: &Run, facts: &Facts) -> Option<OsString> {
    let own = facts.opdef.python_path.iter().chain(&facts.opdef.sourcecode.dest);
    let mut paths: Vec<PathBuf> = own.map(|p| run.dir().join(p)).collect();
    if paths.is_empty() {
        return None;
    }
    let outer = facts
        .env
        .get("PYTHONPATH")
        .map(OsString::from)
        .or_else(|| std::env::var_os("PYTHONPATH"));
    paths.extend(std::env::split_paths(&outer.unwrap_or_default()).filter(|p| !p.as_os_str().is_empty()));
    std::env::join_paths(paths).ok()
}

/// Secrets that the caller's environment does not have are looked up in the project's `.env`; they are stored
/// nowhere.
fn secrets(facts: &Facts) -> Vec<(String, String)> {
    let missing: Vec<&String> = facts
        .opdef
        .env_secrets
        .iter()
        .filter(|n| std::env::var_os(n).is_none())
        .collect();
    let Some(project) = facts.project_dir.as_deref().filter(|_| !missing.is_empty()) else {
        return Vec::new();
    };
    let text = std::fs::read_to_string(project.join(".env")).unwrap_or_default();
    let mut all = dotenv(&text);
    all.retain(|(name, _)| missing.contains(&name));
    all
}

/// `NAME=VALUE` lines; `export ` before and quotes around are taken off, `#` lines left out.
fn dotenv(text: &str) -> Vec<(String, String)> {
    let entry = |line: &str| {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line.split_once('=').filter(|_| !line.starts_with('#'))?;
        let value = value.trim();
        let unquoted = ['"', '\''].iter().find_map(|&q| value.strip_prefix(q)?.strip_suffix(q));
        Some((name.trim().to_string(), unquoted.unwrap_or(value).to_string()))
    };
    text.lines().filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::Value;

    fn value(env: &BTreeMap<OsString, OsString>, name: &str) -> String {
        env.get(std::ffi::OsStr::new(name))
            .map(|v| v.to_string_lossy().into_owned())
            .unwrap_or_default()
    }

    #[test]
    fn a_run_knows_where_it_is_and_what_it_is() {
        let run = Run::new("/h/runs", "abc");
        let mut facts = Facts {
            seed: Some(7),
            project_dir: Some("/p".into()),
            ..Facts::default()
        };
        facts.name = "train".into();
        facts.opdef.python_path = vec!["lib".into()];
        facts.flags.insert("learning-rate".into(), Value::Float(0.1));
        facts.env.insert("RUN_ID".into(), "mine".into());
        facts.env.insert("X".into(), "1".into());
        facts.env.insert("a=b".into(), "1".into());
        let env = of_run(
            &run,
            &facts,
            &Caller {
                cwd: "/c".into(),
                log_level: 20,
            },
        );
        for (name, want) in [
            ("RUN_ID", "abc"),
            ("RUN_DIR", "/h/runs/abc"),
            ("run_dir", "/h/runs/abc"),
            ("GAGE_HOME", "/h"),
            ("GUILD_OP", "train"),
            ("CMD_DIR", "/c"),
            ("PARENT_PWD", "/c"),
            ("PROJECT_DIR", "/p"),
            ("X", "1"),
            ("RANDOM_SEED", "7"),
            ("FLAGS_DEST", "env"),
            ("PYTHONUNBUFFERED", "1"),
            ("LOG_LEVEL", "20"),
            ("FLAG_LEARNING_RATE", "0.1"),
            ("a=b", ""),
        ] {
            assert_eq!(value(&env, name), want, "{name}");
        }
        assert!(value(&env, "PYTHONPATH").starts_with("/h/runs/abc/lib"));
    }

    #[test]
    fn secrets_are_taken_from_dotenv() {
        let text = "# c\nA=1\nexport B='x y'\nC=\"q\"\nbad\n D = 2 \n";
        let want = [("A", "1"), ("B", "x y"), ("C", "q"), ("D", "2")];
        assert_eq!(dotenv(text), want.map(|(a, b)| (a.to_string(), b.to_string())));
    }
}
