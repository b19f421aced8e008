//! Flags that the user forced on an operation and that its program has no place for.

use crate::config;
use crate::config::python::{self, Scope};
use crate::flags::FlagValues;
use crate::project::{FlagsDest, OpDef};

/// One warning (without `WARNING: `) for each flag that is neither defined nor a key of the file that flags are
/// written to: the program finds it in its environment only.
pub(super) fn warnings(op: &OpDef, values: &FlagValues) -> Vec<String> {
    let unknown: Vec<&String> = values.keys().filter(|name| !op.flags.contains_key(*name)).collect();
    if unknown.is_empty() {
        return Vec::new();
    }
    let (file, scope) = match (&op.flags_dest, &op.main_script) {
        (FlagsDest::Globals, Some(script)) => (script, Some(Scope::Globals)),
        (FlagsDest::Dict(name), Some(script)) => (script, Some(Scope::Dict(name.clone()))),
        (FlagsDest::Namespace(name), Some(script)) => (script, Some(Scope::Namespace(name.clone()))),
        (FlagsDest::Config(path), _) => (path, None),
        _ => return Vec::new(),
    };
    let root = op.project_dir.join(op.sourcecode.root.as_deref().unwrap_or_default());
    // A file that cannot be read is reported when the run is staged.
    let Ok(text) = std::fs::read_to_string(root.join(file)) else {
        return Vec::new();
    };
    let has = |name: &str| match &scope {
        Some(scope) => python::has(&text, scope, name),
        None => config::has(file, &text, name),
    };
    let absent = unknown.into_iter().filter(|name| !has(name).unwrap_or(true));
    absent
        .map(|name| {
            let variable = crate::flags::deliver::variable(name);
            format!("flag '{name}' is not defined in {file} - available as {variable} only")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::{FlagDef, Value};

    #[test]
    fn only_flags_without_a_place_are_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("train.py"), "lr = 0.1\nlayers = [1]\np = {'a': 1}\n").unwrap();
        std::fs::write(dir.path().join("c.yaml"), "m: {k: 1}\n").unwrap();
        let values: FlagValues = ["lr", "layers", "x-y", "a", "m.k", "known"]
            .map(|name| (name.to_string(), Value::Int(1)))
            .into();
        let warned = |dest: FlagsDest| {
            let op = OpDef {
                main_script: Some("train.py".into()),
                flags: [("known".to_string(), FlagDef::default())].into(),
                flags_dest: dest,
                project_dir: dir.path().to_path_buf(),
                ..OpDef::default()
            };
            let names: Vec<String> = warnings(&op, &values)
                .iter()
                .map(|text| text.split('\'').nth(1).unwrap().to_string())
                .collect();
            (names.join(" "), warnings(&op, &values).pop())
        };
        assert_eq!(warned(FlagsDest::Args), (String::new(), None));
        let (names, last) = warned(FlagsDest::Globals);
        assert_eq!(names, "a m.k x-y");
        let text = "flag 'x-y' is not defined in train.py - available as FLAG_X_Y only";
        assert_eq!(last.as_deref(), Some(text));
        assert_eq!(warned(FlagsDest::Dict("p".into())).0, "layers lr m.k x-y");
        assert_eq!(warned(FlagsDest::Config("c.yaml".into())).0, "a layers lr x-y");
        assert_eq!(warned(FlagsDest::Config("none.yaml".into())).0, "");
    }
}
