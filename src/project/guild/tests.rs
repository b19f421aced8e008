//! Guild files: what they define, and every way they can be wrong.

use serde_json::json;

use crate::project::tests::{project, refusal, words};
use crate::project::{FlagsDest, Project};

fn guild(text: &str) -> (tempfile::TempDir, Project) {
    project(&[("guild.yml", text)])
}

fn names(project: &Project) -> String {
    let names: Vec<&str> = project.operations().map(|op| op.name.as_str()).collect();
    names.join(" ")
}

#[test]
fn the_worked_example() {
    let (_dir, project) = project(&[
        (
            "guild.yml",
            "train:\n  description: Train a model\n  default: yes\n  main: train\n  flags-import: all\n  requires:\n    \
             - file: data\nscore:\n  main: score\n  requires:\n    - operation: train\n      select: model.bin\n",
        ),
        ("train.py", "lr = 0.1\n"),
    ]);
    assert_eq!(names(&project), "train score");
    let train = project.operation(None).unwrap();
    assert_eq!(words(&train), "python -u -m train");
    assert_eq!(
        (&train.flags_dest, train.main_script.as_deref()),
        (&FlagsDest::Globals, Some("train.py"))
    );
    assert_eq!(train.flags["lr"].default.to_json(), 0.1);
    assert!(train.sourcecode.guild_rules);
    assert_eq!(train.requires, [json!({"file": "data"})]);
    let score = project.operation(Some("score")).unwrap();
    assert_eq!(words(&score), "python -u -m score ${flag_args}");
    assert_eq!(score.requires, [json!({"operation": "train", "select": "model.bin"})]);
}

#[test]
fn what_runs() {
    let (dir, project) = project(&[
        (
            "guild.yml",
            "pass: {main: guild.pass}\npass2: {main: gage.pass}\nargs: {main: 'train --x 1 --lr ${lr}', flags: {lr: 1}}\n\
             pkg: {main: src/pkg.mod}\nscript: a.py\nnb: x.ipynb\nnamed: {}\nexec: {exec: './run.sh ${flag_args}'}\n\
             shell: {exec: 'echo $HOME > x'}\nlist: {exec: [echo, a b]}\nboth: {main: m, exec: e, steps: [a]}\n\
             steps: {steps: [pass]}\n",
        ),
        ("src/pkg/mod.py", "x = 1\n"),
        ("a.py", "import argparse\n"),
        ("named.py", "y = 1\n"),
    ]);
    assert!(dir.path().exists());
    for (op, run) in [
        ("pass", ""),
        ("pass2", ""),
        ("args", "python -u -m train --x 1 --lr ${lr} ${flag_args}"),
        ("pkg", "python -u -m pkg.mod"),
        ("script", "python -u a.py ${flag_args}"),
        ("named", "python -u -m named"),
        ("exec", "./run.sh ${flag_args}"),
        ("shell", "sh: echo $HOME > x"),
        ("list", "echo a b"),
        ("steps", ""),
    ] {
        assert_eq!(words(&project.operation(Some(op)).unwrap()), run, "{op}");
    }
    let pkg = project.operation(Some("pkg")).unwrap();
    assert_eq!(
        (pkg.python_path.join(":").as_str(), pkg.main_script.as_deref()),
        ("src", Some("src/pkg/mod.py"))
    );
    let both = project.operation(Some("both")).unwrap();
    assert_eq!(words(&both), "python -u -m m ${flag_args}");
    assert!(both.steps.is_empty());
    assert_eq!(
        both.warnings,
        [
            "operation 'main' and 'exec' both specified, ignoring 'exec'",
            "operation 'main' and 'steps' both specified, ignoring 'steps'"
        ]
    );
    let notebook = project.operation(Some("nb")).unwrap_err().to_string();
    assert!(
        notebook.starts_with("operation 'nb' is the notebook x.ipynb: "),
        "{notebook}"
    );
}

#[test]
fn models_extend_include_and_fill_in() {
    let (_dir, project) = project(&[
        (
            "guild.yml",
            "- config: common\n  flags: {a: 1, b: 2}\n  params: {mod: base}\n  sourcecode: no\n  operations:\n    \
             shared: {main: '{{mod}}', flags: {n: '{{n}}', t: 'x {{n}} {{none}}'}}\n\
             - config: top\n  extends: common\n  params: {mod: top}\n\
             - model: m\n  description: The model\n  extends: [common, top]\n  params: {n: 3, all: '{{n}}0'}\n  \
             operation-defaults: {tags: t, flags: {d: 1}}\n  operations:\n    own:\n      main: own\n      \
             flags: {$include: common, b: 5}\n    some: {main: own, flags: {$include: 'common#b'}}\n    \
             _hidden: {main: x, label: '{{all}}'}\n\
             - include: [more.yml, sub]\n- package: p\n- operations: {free: {main: guild.pass}}\n",
        ),
        (
            "more.yml",
            "- model: m2\n  operations: {own: {main: own}, other: {main: own}}\n",
        ),
        (
            "sub/guild.yml",
            "- model: m3\n  default: yes\n  operations: {third: {main: a}, own: {main: own}}\n",
        ),
    ]);
    assert_eq!(
        names(&project),
        "m:shared m:own m:some m:_hidden m2:own m2:other m3:third m3:own free"
    );
    let flags = |name: &str| {
        let def = project.operation(Some(name)).unwrap();
        let flags: Vec<String> = def
            .flags
            .iter()
            .map(|(n, f)| format!("{n}={}", f.default.to_json()))
            .collect();
        flags.join(" ")
    };
    assert_eq!(flags("m:own"), "d=1 a=1 b=5");
    assert_eq!(flags("m:some"), "d=1 b=2");
    assert_eq!(flags("m:shared"), r#"d=1 n=3 t="x 3 {{none}}""#);
    let shared = project.operation(Some("shared")).unwrap();
    assert_eq!(
        (words(&shared).as_str(), shared.tags),
        ("python -u -m top ${flag_args}", vec!["t".to_string()])
    );
    assert!(shared.sourcecode.patterns.is_empty() && !shared.sourcecode.guild_rules);
    assert_eq!(
        project.operation(Some("m:_hidden")).unwrap().label.as_deref(),
        Some("30")
    );
    assert_eq!(project.operation(Some("own")).unwrap().name, "m3:own");
    assert_eq!(
        project.operation(Some("m2:nope")).unwrap_err().to_string(),
        "operation 'nope' is not defined for model 'm2'\nTry 'gage operations m2' for a list of available operations."
    );
    assert_eq!(project.models[0].description, "The model");
}

#[test]
fn names_that_are_not_clear() {
    let (_dir, project) =
        guild("- model: a\n  operations: {op: {main: x}}\n- model: b\n  operations: {op: {main: x}}\n");
    assert_eq!(
        project.operation(Some("op")).unwrap_err().to_string(),
        "there are multiple operations that match 'op'\nTry specifying one of the following:\n  a:op\n  b:op"
    );
}

#[test]
fn fields_of_an_operation() {
    let (_dir, project) = guild(
        "op:\n  main: guild.pass\n  description: 12\n  env: {A: 1, B: yes, C: ~, D: x}\n  env-secrets: TOKEN\n  \
         label: ${a}\n  tags: [x, y]\n  compare: [=a, loss]\n  output-scalars: {loss: 'l=(\\value)'}\n  \
         output-attrs: yes\n  objective: {maximize: acc}\n  default-max-trials: 5\n  stoppable: yes\n  \
         delete-on-success: yes\n  can-stage-trials: no\n  stop-after: 1.5\n  python-path: lib\n  run-attrs: {k: [1]}\n  \
         python-requires: '>=3'\n  optimizers:\n    fast: {algorithm: gp, random-starts: 5, default: yes}\n    \
         tune: {optimizer: my-op, lr: 1.0}\n    random: ~\n  flags:\n    lr: {default: 0.1, type: number, min: 0.0, \
         max: 1.0, help-me: [1]}\n    bs: {choices: [10, {value: 20, description: big, alias: b, flags: {lr: 1}}]}\n    \
         v: {arg-switch: yes, default: no, arg-encoding: {yes: 1, no: off}, env-name: V}\n    l: [1, 2]\n    n: ~\n  \
         default-flag-arg-skip: yes\n  flags-dest: namespace:args\n  nonsense: 1\n",
    );
    assert_eq!(project.warnings, ["operation 'op': unknown key 'nonsense'"]);
    let def = project.operation(Some("op")).unwrap();
    let shown = serde_json::to_value(&def).unwrap();
    for (key, value) in [
        ("description", json!("12")),
        ("env", json!({"A": "1", "B": "1", "D": "x"})),
        ("env-secrets", json!(["TOKEN"])),
        ("label", json!("${a}")),
        ("tags", json!(["x", "y"])),
        ("compare", json!(["=a", "loss"])),
        ("output-scalars", json!({"loss": "l=(\\value)"})),
        ("output-attrs", json!(true)),
        ("objective", json!("-acc")),
        ("default-max-trials", json!(5)),
        ("stoppable", json!(true)),
        ("delete-on-success", json!(true)),
        ("stop-after", json!(1.5)),
        ("python-path", json!(["lib"])),
        ("run-attrs", json!({"k": [1]})),
        ("flags-dest", json!({"namespace": "args"})),
        (
            "optimizers",
            json!([
                {"name": "fast", "algorithm": "gp", "default": true, "flags": {"random-starts": 5}},
                {"name": "tune", "algorithm": "my-op", "flags": {"lr": 1.0}},
                {"name": "random", "algorithm": "random"}
            ]),
        ),
        (
            "flags",
            json!({
                "lr": {"default": 0.1, "type": "number", "min": 0.0, "max": 1.0, "arg-skip": true, "other": {"help-me": [1]}},
                "bs": {
                    "choices": [{"value": 10}, {"value": 20, "description": "big", "alias": "b", "flags": {"lr": 1}}],
                    "arg-skip": true
                },
                "v": {"default": false, "arg-switch": true, "arg-skip": true,
                      "arg-encoding": [[true, "1"], [false, "no"]], "env-name": "V"},
                "l": {"default": [1, 2], "arg-skip": true},
                "n": {"arg-skip": true}
            }),
        ),
    ] {
        assert_eq!(shown[key], value, "{key}");
    }
    assert_eq!(
        serde_json::from_value::<crate::project::OpDef>(shown).unwrap().flags,
        def.flags
    );
}

#[test]
fn resources_are_looked_up() {
    let (_dir, project) = guild(
        "- model: m\n  resources: {data: [{file: a.csv}], more: {path: x, sources: [{url: 'http://x'}]}}\n  \
         operations:\n    a: {main: guild.pass, requires: [data, 'n:r', {resource: more, name: z}, 'file:b.csv']}\n    \
         b: {main: guild.pass, requires: foo}\n    c: {main: guild.pass, requires: m2:x}\n    \
         d: {main: guild.pass, requires: n:x}\n- model: n\n  resources: {r: {sources: []}}\n",
    );
    let a = project.operation(Some("m:a")).unwrap();
    assert_eq!(
        serde_json::to_value(&a.resources).unwrap(),
        json!({
            "data": {"sources": [{"file": "a.csv"}]},
            "n:r": {"sources": []},
            "more": {"path": "x", "sources": [{"url": "http://x"}]},
            "file:b.csv": {"sources": [{"file": "b.csv"}]}
        })
    );
    for (op, reason) in [
        ("b", "resource 'foo' required by operation 'm:b' is not defined"),
        (
            "c",
            "model 'm2' in resource 'm2:x' required by operation 'm:c' is not defined",
        ),
        ("d", "resource 'n:x' required by operation 'm:d' is not defined"),
    ] {
        let error = project.operation(Some(op)).unwrap_err();
        assert_eq!(error.report(), "");
        assert_eq!(
            error.to_string(),
            format!("invalid definition for operation 'm:{op}': {reason}")
        );
    }
}

/// The table of bad input: texts after `ERROR: error in guild.yml: `.
#[test]
fn bad_files_are_explained() {
    for (text, message) in [
        (
            "a: 1",
            "invalid value for operation 'a' 1: expected a string or a mapping",
        ),
        (
            "a: ~",
            "invalid value for operation 'a' None: expected a string or a mapping",
        ),
        ("x", "invalid guildfile data 'x': expected a mapping"),
        (
            "- foo: 1",
            "missing required type (one of: config, include, model, package) in {'foo': 1}",
        ),
        (
            "- {model: m, config: x}",
            "multiple types (config, model) in {'model': 'm', 'config': 'x'}",
        ),
        ("- model:", "invalid model name None: expected a string"),
        ("- 3", "invalid item 3: expected a mapping"),
        ("[{model: m}, {model: m}]", "duplicate model 'm'"),
        ("[{package: m}, {package: n}]", "multiple package definitions"),
        (
            "- include: nope.yml",
            "cannot find include 'nope.yml' (includes must be local to including Guild file or a Guild package on the \
             system path)",
        ),
        ("- include: guild.yml", "cycle in 'include' (guild.yml -> guild.yml)"),
        ("- {model: m, extends: nope}", "undefined model or config 'nope'"),
        ("- {model: m, extends: m}", "cycle in 'extends' (m -> m)"),
        (
            "[{model: m, extends: a}, {config: a, extends: b}, {config: b, extends: a}]",
            "cycle in 'extends' (a -> b -> a)",
        ),
        (
            "[{model: m, operations: {a: {flags: {$include: c}}}}, {config: c, flags: {$include: c}}]",
            "cycle in '$include' (c -> c)",
        ),
        ("a: {flags: 3}", "invalid flags value 3: expected a mapping"),
        (
            "a: {flags-import: 3}",
            "invalid flags-import value 3: expected yes/all, no, or a list of flag names",
        ),
        (
            "a: {sourcecode: 3}",
            "invalid select files spec 3: expected a string, list, or mapping",
        ),
        (
            "a: {output-scalars: 3}",
            "invalid output-scalars 3: expected a mapping, list, string, or false",
        ),
        (
            "a: {optimizers: 3}",
            "invalid optimizer config 3: expected list or mapping",
        ),
        (
            "a: {optimizer: 3}",
            "invalid optimizer config 3: expected list or mapping",
        ),
        (
            "a: {optimizer: gp, optimizers: [gp]}",
            "conflicting optimizer configuration in operation 'a' - cannot specify both 'optimizer' and 'optimizers'",
        ),
        (
            "a: {flags: {x: {choices: 3}}}",
            "invalid flag choice data 3: expected a list of values or mappings",
        ),
        (
            "a: {requires: 3}",
            "invalid dependency value 3: expected a string or mapping",
        ),
        (
            "a: {requires: {select: x}}",
            "invalid source {'select': 'x'}: missing required attribute (one of config, file, module, operation, url)",
        ),
        ("a: {steps: 3}", "invalid steps data 3: expected a list"),
        (
            "a: {flags-dest: nowhere}",
            "invalid flags-dest value 'nowhere': expected args, globals, ",
        ),
        (
            "a: {objective: {max: x}}",
            "invalid objective {'max': 'x'}: expected a column, ",
        ),
        (
            "a: {default-max-trials: x}",
            "invalid default-max-trials value 'x': expected a positive integer",
        ),
        ("a: {env: 3}", "invalid env value 3: expected a mapping"),
        ("a: {label: [1]}", "invalid label value [1]: expected a string"),
        (
            "a: {tags: {b: 1}}",
            "invalid tags value {'b': 1}: expected a string or a list of strings",
        ),
        ("a: {exec: 3}", "invalid exec value 3: expected a string or a list"),
        ("a: {stop-after: x}", "invalid stop-after value 'x': expected a number"),
        (
            "- {model: m, resources: 3}",
            "invalid resources value 3: expected a mapping",
        ),
        (
            "- {model: m, operations: 3}",
            "invalid operations value 3: expected a mapping",
        ),
        ("- {model: m, params: 3}", "invalid params value 3: expected a mapping"),
        ("a: {\n", ""),
    ] {
        let said = refusal(&[("guild.yml", text)]);
        let (first, last) = said.split_once('\n').unwrap_or((&said, ""));
        assert!(
            first.starts_with(&format!("ERROR: error in guild.yml: {message}")),
            "{text:?}: {said}"
        );
        assert_eq!(
            last,
            "guildfile in the current directory contains an error (see above for details)"
        );
    }
}

#[test]
fn errors_in_included_files_name_them() {
    let said = refusal(&[
        ("guild.yml", "- include: a.yml"),
        ("a.yml", "- include: sub/b.yml"),
        ("sub/b.yml", "- include: ../a.yml"),
    ]);
    assert!(
        said.starts_with("ERROR: error in guild.yml: cycle in 'include' (a.yml -> sub/b.yml -> a.yml)"),
        "{said}"
    );
    let said = refusal(&[("guild.yml", "- include: a.yml"), ("a.yml", "- x: 1")]);
    assert!(
        said.starts_with("ERROR: error in a.yml: missing required type"),
        "{said}"
    );
    let said = refusal(&[("guild.yml", "- include: a.yml"), ("a.yml", "a: [")]);
    assert!(said.starts_with("ERROR: error in a.yml: "), "{said}");
}

proptest::proptest! {
    /// Any tree of the words that mean something is read or refused.
    #[test]
    fn any_file_is_read_or_refused(
        text in "(- )?(model|config|include|package|operations|a): ([{]?(main|flags|extends|steps|requires|sourcecode|optimizers|params|\\$include|operations|resources): ){0,3}(\\[|\\{)?(x|3|~|m|'[{]{2}x[}]{2}'|select: x)?(\\]|\\})?[}]{0,3}\n?(- (model|config): m\n)?"
    ) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("guild.yml"), text).unwrap();
        if let Ok(project) = Project::open(dir.path()) {
            let names: Vec<String> = project.operations().map(|op| op.name.clone()).collect();
            for name in names {
                let _ = project.operation(Some(&name));
            }
        }
    }
}
