//! Applying a run's flags to the copies of files that hold them: selected configuration keys and, where the
//! operation delivers flags so, a script's own assignments. Decides what becomes of each text; writes nothing.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use similar::TextDiff;

use super::error::During;
use super::{RunError, meta};
use crate::config::python::{self, Scope};
use crate::config::{self, ConfigError, Selector};
use crate::flags::{FlagDef, FlagValues, Value, decode};
use crate::project::{FlagsDest, OpDef};

/// What becomes of the files.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    /// New contents.
    pub changed: BTreeMap<PathBuf, Vec<u8>>,
    /// Unified diffs, for `log/patched`.
    pub patch: String,
    pub warnings: Vec<String>,
}

/// Reads a file of the run directory; `None` if there is none.
pub(crate) type Read<'a> = &'a dyn Fn(&Path) -> Result<Option<Cow<'a, [u8]>>, RunError>;

/// True when the operation wants files rewritten at all.
pub(crate) fn is_wanted(opdef: &OpDef) -> bool {
    !opdef.config.is_empty() || !matches!(opdef.flags_dest, FlagsDest::Args | FlagsDest::Env)
}

/// Applies `flags` to those of `files` (relative to the run directory, sorted) that the operation says.
pub(crate) fn apply(opdef: &OpDef, flags: &FlagValues, files: &[&Path], read: Read<'_>) -> Result<Applied, RunError> {
    let mut applied = Applied::default();
    if !is_wanted(opdef) {
        return Ok(applied);
    }
    let selectors = opdef.config.iter().map(|c| {
        let (prefix, strip, rename) = (c.prefix.as_deref(), c.strip_prefix.as_deref(), c.rename.as_deref());
        Selector::new(&c.keys, prefix, strip, rename)
    });
    let selectors = selectors
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| RunError::Config {
            file: "the run".into(),
            reason: error.to_string(),
        })?;
    let own = destination(opdef);
    for &path in files {
        let Some(name) = path.to_str() else { continue };
        let selected: Vec<&Selector> = selectors.iter().filter(|s| s.selects_file(name)).collect();
        let own = own.as_ref().filter(|(file, _)| file == path).map(|(_, scope)| scope);
        if selected.is_empty() && own.is_none() {
            continue;
        }
        if !selected.is_empty() && !config::is_supported(name) {
            applied
                .warnings
                .push(format!("configuration for {name} is not supported"));
            continue;
        }
        let fail = |reason: String| RunError::Config {
            file: name.to_string(),
            reason,
        };
        let Some(bytes) = read(path)? else { continue };
        let old = std::str::from_utf8(&bytes).map_err(|_| fail("not UTF-8 text".into()))?;
        let rewritten = rewrite(opdef, flags, name, old, &selected, own).map_err(|e| fail(e.to_string()))?;
        if let Some(new) = rewritten {
            applied.patch.push_str(&patch(name, old, &new));
            applied.changed.insert(path.to_path_buf(), new.into_bytes());
        }
    }
    Ok(applied)
}

/// Applies `flags` to files of a run directory.
pub(crate) fn of_directory(
    opdef: &OpDef,
    flags: &FlagValues,
    dir: &Path,
    files: &[&Path],
) -> Result<Applied, RunError> {
    let read = |path: &Path| {
        let full = dir.join(path);
        match fs::read(&full) {
            Ok(bytes) => Ok(Some(Cow::Owned(bytes))),
            Err(error) if meta::is_missing(&error) => Ok(None),
            Err(error) => Err(error).during("read", &full),
        }
    };
    apply(opdef, flags, files, &read)
}

/// Replaces the content of a file; its permissions stay.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<fs::Metadata> {
    let mode = fs::metadata(path)?.permissions();
    fs::remove_file(path)?;
    fs::write(path, content)?;
    fs::set_permissions(path, mode)?;
    fs::metadata(path)
}

/// The file that the operation's flags go to, and where in it.
fn destination(opdef: &OpDef) -> Option<(PathBuf, Option<Scope>)> {
    let below = Path::new(opdef.sourcecode.dest.as_deref().unwrap_or_default());
    let scope = match &opdef.flags_dest {
        FlagsDest::Args | FlagsDest::Env => return None,
        FlagsDest::Globals => Scope::Globals,
        FlagsDest::Dict(name) => Scope::Dict(name.clone()),
        FlagsDest::Namespace(name) => Scope::Namespace(name.clone()),
        FlagsDest::Config(path) => return Some((below.join(path.strip_suffix(".in").unwrap_or(path)), None)),
    };
    Some((below.join(opdef.main_script.as_deref()?), Some(scope)))
}

fn rewrite(
    opdef: &OpDef,
    flags: &FlagValues,
    name: &str,
    old: &str,
    selected: &[&Selector],
    own: Option<&Option<Scope>>,
) -> Result<Option<String>, ConfigError> {
    let mut text = Cow::Borrowed(old);
    if !selected.is_empty() {
        let mut values = FlagValues::new();
        for (key, _) in config::read(name, &text)? {
            for selector in selected.iter().filter(|s| s.selects(name, &key)) {
                if let Some(value) = flags.get(&selector.name(&key)) {
                    values.insert(key.clone(), value.clone());
                }
            }
        }
        if let Some(new) = config::rewrite(name, &text, &values)? {
            text = Cow::Owned(new);
        }
    }
    if let Some(scope) = own {
        let values = delivered(opdef, flags);
        let new = match scope {
            Some(scope) => python::rewrite(&text, &values, scope)?,
            None => config::rewrite(name, &text, &values)?,
        };
        if let Some(new) = new {
            text = Cow::Owned(new);
        }
    }
    Ok(match text {
        Cow::Owned(new) if new != old => Some(new),
        _ => None,
    })
}

/// The values as the file gets them: words of a flag that is a list there become one.
fn delivered(opdef: &OpDef, flags: &FlagValues) -> FlagValues {
    let value = |(name, value): (&String, &Value)| {
        let splits = opdef.flags.get(name).is_some_and(splits);
        let value = match value {
            Value::Text(text) if splits => list(text),
            Value::Int(_) | Value::Float(_) | Value::Bool(_) if splits => Value::List(vec![value.clone()]),
            other => other.clone(),
        };
        (name.clone(), value)
    };
    flags.iter().map(value).collect()
}

fn splits(def: &FlagDef) -> bool {
    !matches!(def.arg_split, None | Some(Value::Null | Value::Bool(false)))
}

fn list(text: &str) -> Value {
    let words = shlex::split(text).unwrap_or_else(|| text.split_whitespace().map(str::to_string).collect());
    let word = |w: String| decode::decode(&w, None).map_or(Value::Text(w), |d| d.value);
    Value::List(words.into_iter().map(word).collect())
}

fn patch(name: &str, old: &str, new: &str) -> String {
    TextDiff::from_lines(old, new)
        .unified_diff()
        .context_radius(3)
        .header(name, name)
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::ConfigSelect;

    fn apply_to(opdef: &OpDef, flags: &[(&str, Value)], files: &[(&str, &str)]) -> Result<Applied, RunError> {
        let flags: FlagValues = flags.iter().map(|(k, v)| (k.to_string(), v.clone())).collect();
        let paths: Vec<&Path> = files.iter().map(|f| Path::new(f.0)).collect();
        let read = |path: &Path| {
            let found = files.iter().find(|f| Path::new(f.0) == path);
            Ok(found.map(|f| Cow::Owned(f.1.as_bytes().to_vec())))
        };
        apply(opdef, &flags, &paths, &read)
    }

    fn select(keys: &[&str]) -> OpDef {
        OpDef {
            config: vec![ConfigSelect {
                keys: keys.iter().map(|k| k.to_string()).collect(),
                ..ConfigSelect::default()
            }],
            ..OpDef::default()
        }
    }

    #[test]
    fn the_patch_is_as_documented() {
        let files = [("say.py", "msg = \"Hi there\"\nprint(msg)\n"), ("x.py", "msg = 1\n")];
        let applied = apply_to(
            &select(&["say.py"]),
            &[("msg", "Ho there".into()), ("zz", Value::Int(1))],
            &files,
        )
        .unwrap();
        let want = "--- say.py\n+++ say.py\n@@ -1,2 +1,2 @@\n-msg = \"Hi there\"\n+msg = \"Ho there\"\n print(msg)\n";
        assert_eq!(applied.patch, want);
        assert_eq!(applied.changed.len(), 1);
        let digest = "5731a9341311c35130d58b168042305320d140ed9c1b8f8f9f48133637cd2903";
        assert_eq!(
            super::super::tree::digest_of(&applied.changed[Path::new("say.py")]),
            digest
        );
        let same = apply_to(&select(&["say.py"]), &[("msg", "Hi there".into())], &files).unwrap();
        assert!(same.changed.is_empty() && same.patch.is_empty());
    }

    #[test]
    fn what_cannot_be_configured_is_said() {
        let opdef = select(&["say.txt", "say.py"]);
        let applied = apply_to(&opdef, &[("x", Value::Int(1))], &[("say.txt", "x = 2")]).unwrap();
        assert_eq!(applied.warnings, ["configuration for say.txt is not supported"]);
        let error = apply_to(&opdef, &[("x", Value::Int(1))], &[("say.py", "x = 2\n\n(\n")]).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("cannot apply configuration to say.py: invalid syntax, line "),
            "{text}"
        );
        let read = |_: &Path| Ok(Some(Cow::Owned(vec![0xff])));
        let error = apply(&opdef, &FlagValues::new(), &[Path::new("say.py")], &read).unwrap_err();
        assert!(error.to_string().contains("not UTF-8"), "{error}");
    }

    #[test]
    fn globals_of_the_main_script_are_rewritten() {
        let mut opdef = OpDef {
            flags_dest: FlagsDest::Globals,
            main_script: Some("t.py".into()),
            ..OpDef::default()
        };
        let split = FlagDef {
            arg_split: Some(Value::Bool(true)),
            ..FlagDef::default()
        };
        opdef.flags.insert("l".into(), split);
        let files = [("t.py", "lr = 0.1\nl = [1, 2]\n"), ("u.py", "lr = 0.1\n")];
        let flags = [("lr", Value::Float(1e-5)), ("l", "3 4".into()), ("other", Value::Null)];
        let applied = apply_to(&opdef, &flags, &files).unwrap();
        assert_eq!(applied.changed.len(), 1);
        assert_eq!(applied.changed[Path::new("t.py")], b"lr = 1e-05\nl = [3, 4]\n");
    }
}
