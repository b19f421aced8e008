//! Flags of an operation that names configuration and declares no flags: the selected keys, with the values that
//! the project's files have. Reads files, changes none.

use std::path::Path;

use indexmap::IndexMap;

use super::{OpDef, ProjectError, source};
use crate::config::{self, Selector};
use crate::flags::FlagDef;

/// The flags by the names users see; of keys with one name the first gives the default. Files that are not there
/// yet have none: a hook may make them.
pub(super) fn flags(def: &OpDef, root: &Path) -> Result<IndexMap<String, FlagDef>, ProjectError> {
    let mut flags = IndexMap::new();
    for entry in &def.config {
        let (prefix, strip, rename) = (
            entry.prefix.as_deref(),
            entry.strip_prefix.as_deref(),
            entry.rename.as_deref(),
        );
        let selector = Selector::new(&entry.keys, prefix, strip, rename)
            .map_err(|error| ProjectError::new(format!("{error} in operation '{}'", def.name)))?;
        for file in files(&selector, def, root)? {
            if !config::is_supported(&file) {
                continue;
            }
            let Ok(bytes) = std::fs::read(root.join(&file)) else {
                continue;
            };
            let fail = |reason: String| ProjectError::new(format!("cannot read configuration of {file}: {reason}"));
            let text = String::from_utf8(bytes).map_err(|_| fail("not UTF-8 text".into()))?;
            for (key, default) in config::read(&file, &text).map_err(|error| fail(error.to_string()))? {
                if selector.selects(&file, &key) {
                    let flag = FlagDef {
                        default,
                        ..FlagDef::default()
                    };
                    flags.entry(selector.name(&key)).or_insert(flag);
                }
            }
        }
    }
    Ok(flags)
}

/// The files that may hold selected keys. Source code is listed only if a pattern asks for it.
fn files(selector: &Selector, def: &OpDef, root: &Path) -> Result<Vec<String>, ProjectError> {
    if !selector.has_globs() {
        let named = selector.named_files().into_iter();
        return Ok(named
            .filter(|file| selector.selects_file(file))
            .map(str::to_string)
            .collect());
    }
    let selected = source::select(root, &def.sourcecode, &[])?.files;
    Ok(selected
        .into_iter()
        .filter(|file| selector.selects_file(file))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::encode;
    use crate::project::{ConfigSelect, SourceCode};

    fn flags_of(files: &[(&str, &str)], keys: &[&str], prefix: Option<&str>) -> Result<String, String> {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let def = OpDef {
            config: vec![ConfigSelect {
                keys: keys.iter().map(|k| k.to_string()).collect(),
                prefix: prefix.map(str::to_string),
                ..ConfigSelect::default()
            }],
            sourcecode: SourceCode {
                patterns: vec!["**/* text".into()],
                ..SourceCode::default()
            },
            ..OpDef::default()
        };
        let flags = flags(&def, dir.path()).map_err(|error| error.to_string())?;
        let shown: Vec<String> = flags
            .iter()
            .map(|(k, def)| format!("{k}={}", encode(&def.default)))
            .collect();
        Ok(shown.join(" "))
    }

    #[test]
    fn keys_are_flags_with_the_files_values() {
        let files = [
            ("say.py", "msg = 'hi'\nopts = {'lr': 0.1}\n"),
            ("conf/a.yaml", "x: 1\nm: {y: 2}\n"),
            ("conf/b.toml", "x = 5\nz = true\n"),
            ("conf/c.txt", "w = 1\n"),
        ];
        for (keys, prefix, shown) in [
            (&["say.py"][..], None, "msg=hi"),
            (&["say.py", "#opts.lr"], None, "msg=hi opts.lr=0.1"),
            (&["conf/*#**.*"], None, "x=1 m.y=2 z=yes"),
            (&["conf/a.yaml#m.*"], Some("c-"), "c-m.y=2"),
            (&["say.py", "-#msg", "none.py"], None, ""),
        ] {
            assert_eq!(flags_of(&files, keys, prefix).as_deref(), Ok(shown), "{keys:?}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let error = flags_of(&[("a.py", "x = (\n")], &["a.py"], None).unwrap_err();
        assert!(
            error.starts_with("cannot read configuration of a.py: invalid syntax, line "),
            "{error}"
        );
        let error = flags_of(&[], &["a.py#"], None).unwrap_err();
        assert_eq!(error, "invalid config path 'a.py#': no key behind '#' in operation ''");
    }
}
