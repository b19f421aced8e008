//! Projects from real directories: what is found, completed and refused.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{Command, FlagsDest, OpDef, Project};

pub(super) fn write(dir: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

pub(super) fn project(files: &[(&str, &str)]) -> (tempfile::TempDir, Project) {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), files);
    let project = Project::open(dir.path()).unwrap_or_else(|e| panic!("{}{e}", e.report()));
    (dir, project)
}

/// What opening a project says: the report, then the message.
pub(super) fn refusal(files: &[(&str, &str)]) -> String {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), files);
    match Project::open(dir.path()) {
        Ok(_) => "valid".into(),
        Err(error) => format!("{}\n{error}", error.report()).trim().to_string(),
    }
}

fn error(project: &Project, name: Option<&str>) -> String {
    project.operation(name).unwrap_err().to_string()
}

pub(super) fn words(def: &OpDef) -> String {
    match &def.exec.run {
        None => String::new(),
        Some(Command::Shell(text)) => format!("sh: {text}"),
        Some(Command::Words(words)) => words.join(" "),
    }
}

#[test]
fn scripts_need_no_operations_file() {
    let (dir, project) = project(&[
        ("train.py", "'''Trains.'''\nlr = 0.1\n"),
        ("sub/args.py", "import argparse\np.add_argument('--x', default=1)\n"),
        ("broken.py", "def (\n"),
        ("tool.sh", "#!/bin/sh\n"),
        ("data.csv", "1\n"),
    ]);
    fs::set_permissions(dir.path().join("tool.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    let train = project.operation(Some("./train.py")).unwrap();
    assert_eq!(
        (
            train.name.as_str(),
            words(&train).as_str(),
            &train.flags_dest,
            train.description.as_str()
        ),
        ("train.py", "python train.py", &FlagsDest::Globals, "Trains.")
    );
    assert!(train.bare);
    assert_eq!(train.main_script.as_deref(), Some("train.py"));
    assert_eq!(train.project_dir, dir.path());
    assert_eq!(train.sourcecode.patterns.len(), 4);
    let args = project.operation(Some("sub/args.py")).unwrap();
    assert_eq!(words(&args), "python sub/args.py ${flag_args}");
    assert_eq!(args.flags["x"].default.to_json(), 1);
    let tool = project.operation(Some("tool.sh")).unwrap();
    assert_eq!(words(&tool), "./tool.sh ${flag_args}");
    assert!(project.operation(Some("broken.py")).unwrap().flags.is_empty());
    let elsewhere = Project::open(&dir.path().join("sub")).unwrap();
    let train = elsewhere.operation(Some("../train.py")).unwrap();
    assert_eq!(train.project_dir, dir.path().canonicalize().unwrap());
    assert_eq!(train.name, "train.py");
    assert_eq!(
        error(&project, Some("data.csv")),
        "cannot run data.csv: it is neither a Python script nor executable\nTry 'chmod +x data.csv' first."
    );
    assert_eq!(
        error(&project, Some("nope")),
        "cannot find operation nope\nYou may need to include a model in the form MODEL:OPERATION. Try 'gage \
         operations' for a list of available operations."
    );
    assert!(error(&project, None).starts_with("a default operation is not defined for this project\n"));
    assert!(error(&project, Some("sub")).starts_with("cannot find operation sub"));
}

#[test]
fn the_first_file_counts() {
    let all = [
        ("guild.yaml", "h: {main: x}"),
        ("guild.yml", "g: {main: x}"),
        ("gage.json", "{\"f\": {}}"),
        ("gage.yml", "e: {}"),
        ("gage.yaml", "d: {}"),
        ("gage.toml", "[c]"),
        (".gage/gage.json", "{\"b\": {}}"),
        (".gage/gage.toml", "[a]"),
    ];
    for count in 3..=all.len() {
        let (dir, project) = project(&all[..count]);
        let names: Vec<&str> = project.operations().map(|op| op.name.as_str()).collect();
        assert_eq!(names.join(" "), ["f", "e", "d", "c", "b", "a"][count - 3]);
        assert_eq!(project.file.unwrap(), dir.path().join(all[count - 1].0));
        assert_eq!(project.dir, dir.path());
        assert_eq!(project.hidden, Some(dir.path().join("guild.yml")));
    }
    let (_dir, guild) = project(&all[..2]);
    assert_eq!(guild.hidden, None);
}

#[test]
fn configuration_without_flags_makes_its_keys_flags() {
    let (_dir, project) = project(&[
        (
            "gage.toml",
            "[train]\nconfig = \"train.py\"\n[own]\nexec = \"true\"\nconfig = \"train.py\"\nflags = { x = 1 }\n",
        ),
        ("train.py", "lr = 0.1\nlayers = [1, 2]\n"),
    ]);
    let train = project.operation(Some("train")).unwrap();
    let names: Vec<&str> = train.flags.keys().map(String::as_str).collect();
    assert_eq!((names, &train.flags_dest), (vec!["lr"], &FlagsDest::Env));
    assert_eq!(words(&train), "python train.py");
    let own = project.operation(Some("own")).unwrap();
    assert_eq!(own.flags.keys().collect::<Vec<_>>(), ["x"]);
}

#[test]
fn the_worked_example_of_a_gage_file() {
    let (dir, project) = project(&[
        (
            "gage.toml",
            "\"$runs-dir\" = \"out/runs\"\n[train]\ndescription = \"Train a model\"\ndefault = true\n\
             exec = \"python train.py\"\nconfig = \"train.py\"\n[[train.depends]]\nfiles = \"data/*.csv\"\n\
             [score]\nexec = { run = [\"python\", \"score.py\"], finalize = \"\" }\n\
             depends = { run-select = \"train\", files = \"model.bin\" }\n",
        ),
        ("train.py", "lr = 0.1\n"),
    ]);
    assert_eq!(project.runs_dir, Some(dir.path().join("out/runs")));
    let train = project.operation(None).unwrap();
    assert_eq!(
        (train.name.as_str(), words(&train).as_str()),
        ("train", "sh: python train.py")
    );
    assert_eq!(train.config[0].keys, ["train.py"]);
    assert_eq!(train.depends[0]["files"], "data/*.csv");
    let score = project.operation(Some("score")).unwrap();
    assert_eq!(
        (words(&score).as_str(), &score.exec.finalize),
        ("python score.py", &None)
    );
    assert_eq!(score.depends[0]["run-select"], "train");
}

#[test]
fn operations_without_exec_run_the_file_of_their_name() {
    let (_dir, project) = project(&[
        ("gage.yaml", "train: {}\ntool: {exec: ''}\nnone: {}\n"),
        ("train.py", "x = 1\n"),
    ]);
    assert_eq!(words(&project.operation(Some("train")).unwrap()), "python train.py");
    assert_eq!(words(&project.operation(Some("tool")).unwrap()), "");
    assert_eq!(
        error(&project, Some("none")),
        "operation 'none' has nothing to run: it has no 'exec', and there is no file none or none.py"
    );
    assert_eq!(
        error(&project, Some("nope")),
        "operation 'nope' is not defined for this project\nTry 'gage operations' for a list of available operations."
    );
}

#[test]
fn flags_reach_the_script_of_a_command() {
    let (_dir, project) = project(&[
        (
            "gage.yaml",
            "globals: {exec: python train.py, flags: {lr: 0.2}}\n\
             imports: {exec: [python, -u, train.py], flags-import: [lr], flags: {lr: {min: 0}}}\n\
             rest: {exec: python train.py, flags-import: true, flags-import-skip: lr}\n\
             args: {exec: 'python args.py ${flag_args}', flags-import: all}\n\
             unpassed: {exec: python args.py, flags: {x: 1}}\n\
             said: {exec: ./x, flags: {a: 1}, flags-dest: 'global:params'}\n",
        ),
        ("train.py", "lr = 0.1\nn = 1\n"),
        ("args.py", "import argparse\np.add_argument('--x', default=1)\n"),
    ]);
    let shown = |name: &str| {
        let def = project.operation(Some(name)).unwrap();
        let flags: Vec<String> = def
            .flags
            .iter()
            .map(|(n, f)| format!("{n}={}", f.default.to_json()))
            .collect();
        format!(
            "{} {} {}",
            def.flags_dest.text(),
            def.main_script.unwrap_or_default(),
            flags.join(" ")
        )
    };
    assert_eq!(shown("globals"), "globals train.py lr=0.2");
    assert_eq!(shown("imports"), "globals train.py lr=0.1");
    assert_eq!(shown("rest"), "globals train.py n=1");
    assert_eq!(shown("args"), "args args.py x=1");
    assert_eq!(shown("unpassed"), "env args.py x=1");
    assert_eq!(shown("said"), "dict:params  a=1");
    assert_eq!(
        project.check().warnings,
        ["flags of 'unpassed' are not passed to args.py: add ${flag_args} to its exec"]
    );
}

#[test]
fn selected_keys_are_flags() {
    let (_dir, project) = project(&[
        (
            "gage.yaml",
            "one: {exec: python train.py, config: train.py}\n\
             all: {exec: x, config: ['conf/*.yaml#**.*', {keys: 'train.py#d.*', strip-prefix: d., prefix: p.}]}\n\
             own: {exec: x, config: train.py, flags: {lr: 5}}\n\
             none: {exec: x, config: [-train.py, nope.py, notes.txt]}\n",
        ),
        ("train.py", "lr = 0.1\nd = {'x': 1, 'y': 'two'}\n"),
        ("conf/a.yaml", "b: {c: 1}\nl: [1, 2]\n"),
        ("notes.txt", "z = 1\n"),
    ]);
    let shown = |name: &str| {
        let def = project.operation(Some(name)).unwrap();
        let flags: Vec<String> = def
            .flags
            .iter()
            .map(|(n, f)| format!("{n}={}", f.default.to_json()))
            .collect();
        format!("{} {}", def.flags_dest.text(), flags.join(" "))
    };
    assert_eq!(shown("one"), "env lr=0.1");
    assert_eq!(shown("all"), "env b.c=1 l.0=1 l.1=2 p.x=1 p.y=\"two\"");
    assert_eq!(shown("own"), "env lr=5");
    assert_eq!(shown("none"), "env ");
}

#[test]
fn flags_of_a_dict_a_namespace_or_a_file() {
    let (_dir, project) = project(&[
        (
            "guild.yml",
            "dict: {main: train, flags-import: all, flags-dest: 'global:params'}\n\
             ns: {main: train, flags-import: [b], flags-dest: 'namespace:args'}\n\
             file: {main: train, flags-import: all, flags-dest: 'config:c.json', flags: {k.x: {default: 3}}}\n\
             globals: {main: args, flags-import: all, flags-dest: globals}\n\
             args: {main: train, flags-import: all, flags-dest: args}\n",
        ),
        (
            "train.py",
            "lr = 1\nparams = dict(a=1, b=2)\nargs = SimpleNamespace(b=3)\n",
        ),
        ("args.py", "import argparse\nx = 1\np.add_argument('--y')\n"),
        ("c.json", "{\"k\": {\"x\": 1, \"y\": 2}}"),
    ]);
    for (op, expected) in [
        ("dict", "dict:params a=1 b=2"),
        ("ns", "namespace:args b=3"),
        ("file", "config:c.json k.x=3 k.y=2"),
        ("globals", "globals x=1"),
        ("args", "args "),
    ] {
        let def = project.operation(Some(op)).unwrap();
        let flags: Vec<String> = def
            .flags
            .iter()
            .map(|(n, f)| format!("{n}={}", f.default.to_json()))
            .collect();
        assert_eq!(
            format!("{} {}", def.flags_dest.text(), flags.join(" ")),
            expected,
            "{op}"
        );
    }
}

#[test]
fn the_first_default_is_the_default() {
    let (_dir, two) = project(&[(
        "gage.yaml",
        "a: {exec: a}\nb: {exec: b, default: yes}\nc: {exec: c, default: yes}\n",
    )]);
    assert_eq!(two.operation(None).unwrap().name, "b");
    let (_dir, only) = project(&[("gage.yaml", "_private: {exec: a}\nb: {exec: b}\n")]);
    assert_eq!(only.operation(None).unwrap().name, "b");
    let (_dir, none) = project(&[("gage.yaml", "a: {exec: a}\nb: {exec: b}\n")]);
    assert!(none.operation(None).is_err());
}

/// A value of any shape, made of what operations files are made of.
fn any_value() -> impl proptest::strategy::Strategy<Value = serde_json::Value> {
    use proptest::prelude::*;
    let words = [
        "",
        "a",
        "all",
        "train.py",
        "conf/*#**.*",
        "-#x",
        "gp",
        "python train.py ${flag_args}",
        "-loss",
        "INT",
        "a:b",
        "[",
    ];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        (-2..9i64).prop_map(serde_json::Value::from),
        prop::sample::select(words.to_vec()).prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        let keys = [
            "run", "keys", "prefix", "rename", "files", "default", "choices", "value", "min", "a", "file", "flags",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(serde_json::Value::from),
            prop::collection::vec((prop::sample::select(keys.to_vec()), inner), 0..3).prop_map(|entries| entries
                .into_iter()
                .map(|(key, value)| (key.to_string(), value))
                .collect()),
        ]
    })
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]

    /// Whatever an operation says, in either dialect, it is refused or completed; nothing panics.
    #[test]
    fn any_operation_is_completed_or_refused(
        entries in proptest::collection::vec((0..64usize, any_value()), 0..4),
        guild in proptest::bool::ANY,
    ) {
        let schema = super::json_schema();
        let known = schema["patternProperties"].as_object().unwrap().values().next().unwrap()["properties"].as_object().unwrap();
        let more = ["main", "notebook", "python-path", "run-attrs", "env-secrets"];
        let keys: Vec<&str> = known.keys().map(String::as_str).chain(more).collect();
        let op: serde_json::Value = entries.into_iter().map(|(i, value)| (keys[i % keys.len()].to_string(), value)).collect();
        let name = if guild { "guild.yml" } else { "gage.json" };
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &[(name, &serde_json::json!({ "op": op }).to_string()), ("train.py", "lr = 1\n")]);
        if let Ok(project) = Project::open(dir.path()) {
            let _ = project.operation(Some("op"));
            project.check();
        }
    }
}
