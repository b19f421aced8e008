//! Names under `.guild/` and `.gage/` that scripts of another age know, and the meta files and attributes they stand
//! for. They are not on disk. Whether a run directory has a real file of that name is the caller's to look at first.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use super::manifest::{self, FileKind};
use super::{Run, Status, meta, status, user};

/// What an alias leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A file that is there.
    File(PathBuf),
    /// A value that no file has in this form.
    Text(String),
}

/// `attrs/NAME` and the meta file that is shown as it is.
const SAME: [(&str, &str); 5] = [
    ("id", "id"),
    ("initialized", "initialized"),
    ("started", "started"),
    ("stopped", "stopped"),
    ("exit_status", "proc/exit"),
];

/// `attrs/NAME` and the meta file that is shown as YAML.
const YAML: [(&str, &str); 4] = [
    ("flags", "config.json"),
    ("cmd", "proc/cmd.json"),
    ("env", "proc/env.json"),
    ("op", "opdef.json"),
];

/// `NAME` and the meta file that it is.
const FILES: [(&str, &str); 6] = [
    ("LOCK", "proc/lock"),
    ("LOCK.remote", "lock.remote"),
    ("opref", "opref"),
    ("output", "output/40_run"),
    ("output.index", "output/40_run.index"),
    ("manifest", "manifest"),
];

/// The target of `.guild/NAME` or `.gage/NAME`; `None` for other paths and for names that lead to nothing.
pub fn resolve(run: &Run, path: &str) -> Option<Target> {
    let (name, own) = match path.split_once('/')? {
        (".guild", name) => (name, false),
        (".gage", name) => (name, true),
        _ => return None,
    };
    if name.is_empty()
        || name
            .split('/')
            .any(|part| part == ".." || part == "." || part.is_empty())
    {
        return None;
    }
    let found = special(run, name).or_else(|| within(&run.meta(""), name));
    found.or_else(|| if own { file(&run.meta(name)) } else { None })
}

/// The aliases that lead somewhere, as paths below the run directory, sorted.
pub fn list(run: &Run) -> Vec<String> {
    let mut names: Vec<String> = FILES.iter().map(|(name, _)| name.to_string()).collect();
    names.extend(["PENDING", "STAGED"].map(String::from));
    let attrs = SAME.iter().chain(&YAML).map(|(name, _)| *name);
    names.extend(
        attrs
            .chain(["label", "tags", "comments", "marked"])
            .map(|n| format!("attrs/{n}")),
    );
    names.extend(stems(&run.meta("sys")).map(|name| format!("attrs/{name}")));
    names.extend(entries(&run.meta("scalars")));
    let sources = manifest::read(run)
        .into_iter()
        .filter(|entry| entry.kind == FileKind::Source);
    names.extend(sources.map(|entry| format!("sourcecode/{}", entry.path.display())));
    let mut paths: Vec<String> = names.into_iter().map(|name| format!(".guild/{name}")).collect();
    paths.retain(|path| resolve(run, path).is_some());
    paths.sort();
    paths.dedup();
    paths
}

/// Names that mean something for the run alone, not for a batch's proto.
fn special(run: &Run, name: &str) -> Option<Target> {
    if let Some(path) = name.strip_prefix("sourcecode/") {
        let is_source =
            |entry: &manifest::ManifestEntry| entry.kind == FileKind::Source && entry.path.as_path() == Path::new(path);
        return manifest::read(run)
            .iter()
            .any(is_source)
            .then(|| run.dir().join(path))
            .and_then(|path| file(&path));
    }
    let in_status = |wanted| (status::of(run) == wanted).then(|| Target::Text(String::new()));
    match name {
        "PENDING" => in_status(Status::Pending),
        "STAGED" => in_status(Status::Staged),
        _ => user_attribute(run, name.strip_prefix("attrs/")?),
    }
}

fn user_attribute(run: &Run, name: &str) -> Option<Target> {
    let attrs = || user::read(run);
    let value = match name {
        "label" => json!(attrs().label?),
        "tags" => json!(Some(attrs().tags).filter(|tags| !tags.is_empty())?),
        "marked" => json!(attrs().marked.then_some(true)?),
        "comments" => {
            let comments = Some(attrs().comments).filter(|list| !list.is_empty())?;
            let comment = |c: user::Comment| json!({"user": c.author, "time": c.timestamp, "body": c.text});
            Json::Array(comments.into_iter().map(comment).collect())
        }
        _ => return None,
    };
    yaml(&value)
}

/// Names within a meta directory: a run's, or that of a proto in a batch's.
fn within(meta_dir: &Path, name: &str) -> Option<Target> {
    if let Some(inner) = name.strip_prefix("proto/") {
        let inner = inner.strip_prefix(".guild/").unwrap_or(inner);
        let proto = meta_dir.join("proto");
        return within(&proto, inner).or_else(|| file(&proto.join(inner)));
    }
    let find = |list: &[(&str, &str)], name: &str| {
        let found = list.iter().find(|(alias, _)| *alias == name);
        found.map(|(_, path)| meta_dir.join(path))
    };
    if let Some(path) = find(&FILES, name) {
        return file(&path);
    }
    if let Some(name) = name.strip_prefix("attrs/") {
        if let Some(path) = find(&SAME, name) {
            return file(&path);
        }
        let path = find(&YAML, name).unwrap_or_else(|| meta_dir.join("sys").join(format!("{name}.json")));
        return yaml(&meta::read_json(&path).ok().flatten()?);
    }
    if name.starts_with("events.out.tfevents.") {
        return file(&meta_dir.join("scalars").join(name));
    }
    None
}

fn file(path: &Path) -> Option<Target> {
    path.is_file().then(|| Target::File(path.to_path_buf()))
}

fn yaml(value: &Json) -> Option<Target> {
    let mut text = serde_saphyr::to_string(value).ok()?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Some(Target::Text(text))
}

fn entries(dir: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok())
}

fn stems(dir: &Path) -> impl Iterator<Item = String> {
    entries(dir).filter_map(|name| name.strip_suffix(".json").map(str::to_string))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::user::Changes;

    fn run() -> (tempfile::TempDir, Run) {
        let home = tempfile::tempdir().unwrap();
        let run = Run::new(home.path(), "abc");
        for (path, text) in [
            ("id", "abc"),
            ("initialized", "1"),
            ("config.json", r#"{"lr": 0.1, "act": "relu", "s": "1"}"#),
            ("sys/random_seed.json", "7"),
            ("output/40_run", "hi\n"),
            ("manifest", "s 00 a.py\ng 00 out.txt\n"),
            ("proto/config.json", r#"{"lr": [1, 2]}"#),
            ("proto/opref", "1 x y"),
        ] {
            let path = run.meta(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        fs::create_dir(run.dir()).unwrap();
        for name in ["a.py", "out.txt"] {
            fs::write(run.dir().join(name), name).unwrap();
        }
        (home, run)
    }

    fn text(run: &Run, path: &str) -> String {
        match resolve(run, path) {
            Some(Target::Text(text)) => text,
            Some(Target::File(path)) => fs::read_to_string(path).unwrap(),
            None => panic!("{path} leads to nothing"),
        }
    }

    #[test]
    fn names_lead_to_meta_files_and_values() {
        let (_home, run) = run();
        user::apply(&run, &Changes::new().label("best").tag("x")).unwrap();
        assert_eq!(text(&run, ".guild/output"), "hi\n");
        assert_eq!(text(&run, ".guild/attrs/id"), "abc");
        assert_eq!(text(&run, ".guild/attrs/flags"), "lr: 0.1\nact: relu\ns: \"1\"\n");
        assert_eq!(text(&run, ".guild/attrs/random_seed"), "7\n");
        assert_eq!(text(&run, ".guild/attrs/label"), "best\n");
        assert_eq!(text(&run, ".guild/attrs/tags").trim(), "- x");
        assert_eq!(text(&run, ".guild/PENDING"), "");
        assert_eq!(text(&run, ".guild/sourcecode/a.py"), "a.py");
        assert_eq!(text(&run, ".guild/proto/opref"), "1 x y");
        assert!(text(&run, ".guild/proto/.guild/attrs/flags").starts_with("lr:"));
        assert_eq!(text(&run, ".gage/attrs/id"), "abc");
        assert_eq!(text(&run, ".gage/output/40_run"), "hi\n");
    }

    #[test]
    fn other_names_lead_to_nothing() {
        let (_home, run) = run();
        for path in [
            ".guild/LOCK",
            ".guild/STAGED",
            ".guild/sourcecode/out.txt",
            ".guild/output/40_run",
            ".guild/attrs/label",
            ".guild/attrs/../id",
            ".guild/",
            ".guild",
            "a.py",
            ".gage/../abc.project",
        ] {
            assert_eq!(resolve(&run, path), None, "{path}");
        }
    }

    #[test]
    fn the_list_has_what_has_content() {
        let (_home, run) = run();
        let expected = [
            "PENDING",
            "attrs/flags",
            "attrs/id",
            "attrs/initialized",
            "attrs/random_seed",
            "manifest",
            "output",
            "sourcecode/a.py",
        ];
        assert_eq!(list(&run), expected.map(|name| format!(".guild/{name}")));
    }
}
