//! Making a run: its meta directory with everything that is known before staging. No run directory yet.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::error::During;
use super::log::Log;
use super::{Run, RunError, clock, id, meta, user};
use crate::flags::FlagValues;
use crate::project::{Command, OpDef};

/// What a new run is made of.
#[derive(Debug, Clone, Default)]
pub struct RunSpec {
    pub opdef: OpDef,
    /// First part of the opref; the name of the project directory if not given.
    pub namespace: Option<String>,
    /// Recorded name, if it is not the operation's (`train+` for a batch).
    pub op_name: Option<String>,
    /// The run's flags, defaults included: `config.json`.
    pub flags: FlagValues,
    /// The command with all flags in it; see [`super::compose()`].
    pub command: Option<Command>,
    /// Environment to add, without flags and the variables every run has: `proc/env.json`.
    pub env: BTreeMap<String, String>,
    /// Further system attributes (`sys/NAME.json`), such as `random_seed`.
    pub attrs: BTreeMap<String, Json>,
    pub label: Option<String>,
    pub tags: Vec<String>,
    pub comment: Option<String>,
    /// An id given by hand.
    pub id: Option<String>,
    /// A directory of the user's to be the run directory.
    pub dir: Option<PathBuf>,
}

impl RunSpec {
    /// Name under which the run is recorded and listed.
    pub fn name(&self) -> &str {
        self.op_name.as_deref().unwrap_or(&self.opdef.name)
    }

    /// The text of `opref`.
    pub fn opref(&self) -> String {
        let project = || {
            let name = self.opdef.project_dir.file_name();
            name.map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
        };
        let namespace = self.namespace.clone().unwrap_or_else(project);
        let mut parts = vec![namespace, self.name().to_string()];
        parts.extend(self.opdef.version.clone());
        let quoted: Vec<String> = parts.iter().map(|p| quote(p)).collect();
        format!("{} {}", parts.len() - 1, quoted.join(" "))
    }
}

fn quote(part: &str) -> String {
    shlex::try_quote(part).map_or_else(|_| "''".to_string(), |q| q.into_owned())
}

/// Makes a run (`make` and `init`). The meta directory appears whole, under its name, or not at all.
pub fn create(home: &Path, spec: &RunSpec) -> Result<Run, RunError> {
    create_with(home, spec, |_| Ok(()))
}

/// Makes a run with more in its meta directory, which `more` adds before anybody sees it.
pub(crate) fn create_with(
    home: &Path,
    spec: &RunSpec,
    more: impl FnOnce(&Path) -> Result<(), RunError>,
) -> Result<Run, RunError> {
    let id = match &spec.id {
        Some(id) if !id::is_valid(id) => return Err(RunError::InvalidId(id.clone())),
        Some(id) => id.clone(),
        None => id::new().during("make a random id for", home)?,
    };
    let run = Run::new(home, id);
    let temporary = home.join(format!(".{}.meta", run.id()));
    if let Err(error) = fs::create_dir(&temporary) {
        if error.kind() == std::io::ErrorKind::NotFound {
            fs::create_dir_all(home).during("make directory", home)?;
        }
        fs::create_dir_all(&temporary).during("make directory", &temporary)?;
    }
    let added = init(&temporary, run.id(), spec).and_then(|()| more(&temporary));
    let made = added.and_then(|()| {
        if run.meta("").exists() {
            return Err(RunError::AlreadyInitialized(run.id().to_string()));
        }
        write_project(&run, &spec.opdef.project_dir)?;
        if let Some(changes) = user::Changes::of_new_run(spec.label.as_deref(), &spec.tags, spec.comment.as_deref()) {
            user::apply(&run, &changes)?;
        }
        link_dir(&run, spec.dir.as_deref())?;
        let dir = run.meta("");
        fs::rename(&temporary, &dir).during("make directory", &dir)
    });
    if let Err(error) = made {
        // Nothing half-made is left behind; the error at hand is the one to report.
        let _ = fs::remove_dir_all(&temporary);
        if !matches!(error, RunError::AlreadyInitialized(_)) {
            let _ = fs::remove_file(run.project_file());
            let _ = fs::remove_dir_all(run.user_dir());
        }
        return Err(error);
    }
    Ok(run)
}

/// Writes the meta files of a new run into `dir`.
pub(crate) fn init(dir: &Path, id: &str, spec: &RunSpec) -> Result<(), RunError> {
    for name in ["log", "proc"] {
        let path = dir.join(name);
        fs::create_dir(&path).during("make directory", &path)?;
    }
    let file = |name: &str, content: &str| {
        let path = dir.join(name);
        meta::create(&path, content.as_bytes()).during("write", &path)
    };
    let mut log = Log::open(&dir.join("log/runner"));
    file("opref", &spec.opref())?;
    file("__schema__", super::SCHEMA)?;
    file("id", id)?;
    log.line("Writing meta id");
    file("opdef.json", &meta::json_text(&spec.opdef))?;
    log.line("Writing meta opdef");
    file("config.json", &meta::json_text(&spec.flags))?;
    log.line("Writing meta config");
    let none = Command::Words(Vec::new());
    file(
        "proc/cmd.json",
        &meta::json_text(spec.command.as_ref().unwrap_or(&none)),
    )?;
    log.line("Writing meta proc cmd");
    file("proc/env.json", &meta::json_text(&spec.env))?;
    log.line("Writing meta proc env");
    if !spec.attrs.is_empty() {
        let sys = dir.join("sys");
        fs::create_dir(&sys).during("make directory", &sys)?;
        for (name, value) in &spec.attrs {
            file(&format!("sys/{name}.json"), &meta::json_text(value))?;
            log.line(format_args!("Writing meta sys/{name}"));
        }
    }
    file("initialized", &clock::timestamp().to_string())?;
    log.line("Writing meta initialized");
    Ok(())
}

/// `file:PATH`, relative to the runs home when the project contains it, so that both may move together.
fn write_project(run: &Run, project: &Path) -> Result<(), RunError> {
    if project.as_os_str().is_empty() {
        return Ok(());
    }
    let path = run.project_file();
    let text = match run.home().strip_prefix(project) {
        Ok(below) => match below.components().map(|_| "..").collect::<Vec<_>>().join("/") {
            up if up.is_empty() => "file:.".to_string(),
            up => format!("file:{up}"),
        },
        Err(_) => format!("file:{}", project.display()),
    };
    meta::create(&path, text.as_bytes()).during("write", &path)
}

/// The project directory that a run came from, if it is recorded.
pub fn project_dir(run: &Run) -> Option<PathBuf> {
    let text = meta::read_text(&run.project_file()).ok()??;
    let path = Path::new(text.strip_prefix("file:")?);
    if path.is_absolute() {
        return Some(path.to_path_buf());
    }
    let mut dir = run.home().to_path_buf();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => {
                dir.pop();
            }
            std::path::Component::CurDir => {}
            other => dir.push(other),
        }
    }
    Some(dir)
}

/// With `--run-dir` the run directory is a link to the user's.
fn link_dir(run: &Run, dir: Option<&Path>) -> Result<(), RunError> {
    let Some(dir) = dir else { return Ok(()) };
    fs::create_dir_all(dir).during("make directory", dir)?;
    let target = fs::canonicalize(dir).during("read", dir)?;
    let link = run.dir();
    std::os::unix::fs::symlink(target, &link).during("make link", &link)
}

/// Attributes of this machine and user, worth recording with a run: `host`, `user`, `platform`.
pub fn system_attrs() -> BTreeMap<String, Json> {
    let user = nix::unistd::User::from_uid(nix::unistd::getuid())
        .ok()
        .flatten()
        .map(|u| u.name);
    let user = user.or_else(|| std::env::var("USER").ok()).unwrap_or_default();
    BTreeMap::from([
        ("host".to_string(), Json::from(super::process::host())),
        ("user".to_string(), Json::from(user)),
        (
            "platform".to_string(),
            serde_json::json!({"os": std::env::consts::OS, "architecture": std::env::consts::ARCH, "gage": env!("CARGO_PKG_VERSION")}),
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> RunSpec {
        RunSpec {
            opdef: OpDef {
                name: "test".into(),
                ..OpDef::default()
            },
            namespace: Some("test".into()),
            command: Some(Command::Words(vec!["python".into(), "say.py".into()])),
            ..RunSpec::default()
        }
    }

    fn listing(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(dir)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_new_run_has_its_facts_and_no_directory() {
        let home = tempfile::tempdir().unwrap();
        let run = create(&home.path().join("runs"), &spec()).unwrap();
        let text = |name: &str| fs::read_to_string(run.meta(name)).unwrap();
        assert_eq!(text("opref"), "1 test test");
        assert_eq!(
            (text("__schema__"), text("id")),
            ("1".to_string(), run.id().to_string())
        );
        assert_eq!(text("proc/cmd.json"), "[\n  \"python\",\n  \"say.py\"\n]");
        assert_eq!(
            (text("config.json"), text("proc/env.json")),
            ("{}".to_string(), "{}".to_string())
        );
        let files = [
            "__schema__",
            "config.json",
            "id",
            "initialized",
            "log",
            "opdef.json",
            "opref",
            "proc",
        ];
        assert_eq!(listing(&run.meta("")), files);
        assert_eq!(listing(run.home()), [format!("{}.meta", run.id())]);
        assert!(
            text("opdef.json").starts_with("{\n  \"exec\": {"),
            "{}",
            text("opdef.json")
        );
    }

    #[test]
    fn oprefs_are_quoted_and_versioned() {
        let mut spec = spec();
        assert_eq!(spec.opref(), "1 test test");
        spec.opdef.version = Some("1".into());
        spec.op_name = Some("m:op+".into());
        spec.namespace = Some("my project".into());
        assert_eq!(spec.opref(), "2 'my project' m:op+ 1");
    }

    #[test]
    fn the_same_id_twice_is_refused_and_harms_nothing() {
        let home = tempfile::tempdir().unwrap();
        let spec = RunSpec {
            id: Some("mine".into()),
            label: Some("first".into()),
            ..spec()
        };
        let run = create(home.path(), &spec).unwrap();
        let before = listing(home.path());
        let error = create(home.path(), &spec).unwrap_err();
        assert_eq!(error.to_string(), "run mine is already initialized");
        assert_eq!(listing(home.path()), before);
        assert!(run.meta("opref").exists());
        let bad = RunSpec {
            id: Some("../x".into()),
            ..spec
        };
        assert!(matches!(create(home.path(), &bad), Err(RunError::InvalidId(_))));
    }

    #[test]
    fn projects_around_the_runs_home_are_relative() {
        let project = tempfile::tempdir().unwrap();
        let mut spec = spec();
        spec.opdef.project_dir = project.path().to_path_buf();
        let run = create(&project.path().join("a/runs"), &spec).unwrap();
        assert_eq!(fs::read_to_string(run.project_file()).unwrap(), "file:../..");
        assert_eq!(project_dir(&run).unwrap(), project.path());
        spec.opdef.project_dir = "/elsewhere".into();
        let run = create(&project.path().join("a/runs"), &spec).unwrap();
        assert_eq!(project_dir(&run).unwrap(), Path::new("/elsewhere"));
    }
}
