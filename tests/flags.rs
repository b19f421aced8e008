//! Flags from the command line to the program, and what is refused: through the command itself.

use std::fs;
use std::path::Path;
use std::process::Command;

struct Project(tempfile::TempDir);

impl Project {
    fn new(files: &[(&str, &str)]) -> Project {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        Project(dir)
    }

    fn dir(&self) -> &Path {
        self.0.path()
    }

    /// Runs `gage run WORDS -y`: standard output, standard error, exit code.
    fn run(&self, words: &[&str]) -> (String, String, i32) {
        let output = Command::new(env!("CARGO_BIN_EXE_gage"))
            .arg("run")
            .args(words)
            .arg("-y")
            .current_dir(self.dir())
            .env("GAGE_HOME", self.dir().join(".home"))
            .env_remove("GAGE_RUNS")
            .env_remove("RUNS_DIR")
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (text(output.stdout), text(output.stderr), output.status.code().unwrap())
    }

    /// Runs that were made, in whatever state.
    fn runs(&self) -> Vec<std::path::PathBuf> {
        let entries = fs::read_dir(self.dir().join(".home/runs")).into_iter().flatten();
        let mut runs: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        runs.retain(|path| path.extension().is_some_and(|suffix| suffix == "meta"));
        runs.sort();
        runs
    }
}

const TRAIN: &str = "lr = 0.1  # rate\nepochs = 3\nname = 'a b'\nlayers = [1, 2]\nprint(lr, epochs, name, layers)\n";

const OPERATIONS: &str = r#"
op:
  exec: sh -c 'echo "$0" "$@"' x ${flag_args}
  flags:
    lr: {default: 0.1, type: number, min: 0.0, max: 1.0}
    f: {type: float}
    n: {type: int}
    b: {type: boolean}
    p: {type: existing-path}
    bs: {choices: [10, 20], default: 10}
    req: {description: Needed flag, required: yes}
    verbose: {arg-switch: yes, default: no}
    x: 1
    xx: {alias: a}
env:
  exec: sh -c 'env | grep ^FLAG_ | sort'
  flags: {lr: 0.1, on: yes, off: no, none: null, a-b.c: x y, own: {default: 1, env-name: OWN_NAME}}
"#;

#[test]
fn a_script_gets_its_values_and_stays_as_it_was() {
    let project = Project::new(&[("train.py", TRAIN)]);
    assert_eq!(
        project.run(&["train.py", "lr=1e-3"]),
        ("0.001 3 a b [1, 2]\n".into(), String::new(), 0)
    );
    let (out, _, _) = project.run(&["train.py", "name=it's \"q\"", "layers=3 x", "epochs=null"]);
    assert_eq!(out, "0.1 None it's \"q\" [3, 'x']\n");
    assert_eq!(fs::read_to_string(project.dir().join("train.py")).unwrap(), TRAIN);
    let config = fs::read_to_string(project.runs()[0].join("config.json")).unwrap();
    let keys = ["\"epochs\"", "\"layers\"", "\"lr\"", "\"name\""];
    assert!(keys.iter().all(|key| config.contains(key)), "{config}");
}

#[test]
fn forced_flags_reach_the_environment() {
    let project = Project::new(&[("train.py", "import os\nx = 1\nprint(os.environ['FLAG_FOO_BAR'], x)\n")]);
    let warning = "WARNING: flag 'foo-bar' is not defined in train.py - available as FLAG_FOO_BAR only\n";
    assert_eq!(
        project.run(&["train.py", "foo-bar=7", "--force-flags"]),
        ("7 1\n".into(), warning.into(), 0)
    );
}

#[test]
fn arguments_and_variables_are_as_documented() {
    let project = Project::new(&[("guild.yml", OPERATIONS)]);
    let (out, err, code) = project.run(&["op", "req=1", "verbose=yes"]);
    assert_eq!(
        (out.as_str(), code),
        ("x --bs 10 --lr 0.1 --req 1 --verbose --x 1\n", 0),
        "{err}"
    );
    let (out, _, _) = project.run(&["op", "req=it's $HOME", "lr=1e-05", "bs=20", "b=no"]);
    assert_eq!(out, "x --b  --bs 20 --lr 1e-05 --req it's $HOME --x 1\n");
    let (out, err, _) = project.run(&["env", "on=no", "off=yes"]);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(
        lines,
        ["FLAG_A_B_C=x y", "FLAG_LR=0.1", "FLAG_OFF=1", "FLAG_ON="],
        "{err}"
    );
}

#[test]
fn configuration_files_are_rewritten_in_the_run() {
    let yaml = "# settings\nmodel:\n  lr: 0.1   # rate\n  act: 'relu'\n";
    let project = Project::new(&[
        (
            "gage.toml",
            "[op]\nexec = \"cat conf.yaml\"\nconfig = \"conf.yaml#**.*\"\n",
        ),
        ("conf.yaml", yaml),
    ]);
    let (out, err, code) = project.run(&["op", "model.lr=1e-5", "model.act=it's"]);
    let expected = "# settings\nmodel:\n  lr: 1.0e-05   # rate\n  act: 'it''s'\n";
    assert_eq!((out.as_str(), code), (expected, 0), "{err}");
    let (_, err, code) = project.run(&["op", "lr=1"]);
    assert!(err.starts_with("gage: unsupported flag 'lr'\n") && code == 1, "{err}");
}

#[test]
fn lists_and_sequences_make_trials() {
    let project = Project::new(&[("train.py", TRAIN)]);
    let (out, err, code) = project.run(&["train.py", "lr=[0.1,0.2]", "epochs=range[1:2]", "--print-trials"]);
    let table = "#  epochs  layers  lr   name\n1  1       1 2     0.1  a b\n2  1       1 2     0.2  a b\n3  2       1 2     \
                 0.1  a b\n4  2       1 2     0.2  a b\n";
    assert_eq!((out.as_str(), err.as_str(), code), (table, "", 0));
    let (_, err, code) = project.run(&["train.py", "epochs=[1..10]", "--print-trials"]);
    let slip = "WARNING: 'epochs=[1..10]' is not a range - use range[1:10]\n";
    assert_eq!((err.as_str(), code), (slip, 0));
    let (out, err, code) = project.run(&["train.py", "epochs=range[1:2:1:1]", "--print-trials"]);
    let extra = "WARNING: unsupported arguments for range function: (1,) - ignoring\n";
    assert_eq!((out.lines().count(), err.as_str(), code), (3, extra, 0));
}

#[test]
fn bad_flags_are_refused_before_a_run_is_made() {
    let project = Project::new(&[
        ("guild.yml", OPERATIONS),
        ("t.json", "1"),
        ("u.json", "[123]"),
        ("t.xml", ""),
        ("bad.csv", "lr\n0.1,2\n"),
    ]);
    let value = |text: &str| format!("invalid value {text}");
    let choices = "Unsupported value for 'bs' - supported values are:\n\n  10  \n  20  \n\nRun the command again using one \
                   of these options.";
    let missing = "Operation requires the following missing flags:\n\n  req  Needed flag\n\nRun the command again with \
                   these flags or try 'gage run op --help-op' for help.";
    let unsupported = "unsupported flag 'foo'\nTry 'gage run op --help-op' for a list of flags or use --force-flags to \
                       skip this check.";
    for (word, text) in [
        ("foo", "invalid argument(s):\nfoo\nexpected NAME=VAL".to_string()),
        ("foo=1", unsupported.into()),
        ("lr=5", value("5 for lr: out of range (greater than max 1.0)")),
        ("lr=-1", value("-1 for lr: out of range (less than min 0.0)")),
        ("lr=abc", value("abc for lr: invalid value for type 'number'")),
        ("f=", value("'' for f: invalid value for type 'float'")),
        ("n=1.5", value("1.5 for n: invalid value for type 'int'")),
        ("n=[1,x]", value("[1, x] for n: invalid value for type 'int'")),
        ("b=maybe", value("maybe for b: invalid value for type 'boolean'")),
        ("p=/none", value("/none for p: /none does not exist")),
        ("bs=11", choices.into()),
        ("req=", missing.into()),
        (
            "x=range[a:b]",
            value("range[a:b] for x: invalid arg 'a': expected a number"),
        ),
        ("x=range[]", value("range[] for x: function requires at least 1 arg(s)")),
        (
            "x=linspace[5]",
            value("linspace[5] for x: function requires at least 2 arg(s)"),
        ),
        ("x=range[1:2:0]", value("range[1:2:0] for x: step cannot be zero")),
        ("x=range[5:1]", value("range[5:1] for x: sequence is empty")),
        ("@none.csv", "batch file none.csv does not exist".into()),
        ("@t.xml", "cannot read trials for t.xml: unsupported extension".into()),
        (
            "@t.json",
            "cannot read trials for t.json: invalid data type for trials: expected list or dict, got int".into(),
        ),
        (
            "@u.json",
            "cannot read trials for u.json: invalid data type for trial 123: expected dict".into(),
        ),
        (
            "@bad.csv",
            "cannot read trials for bad.csv: 2 values for 1 names, line 2".into(),
        ),
    ] {
        let words = if word.starts_with("req") {
            vec!["op", word]
        } else {
            vec!["op", "req=1", word]
        };
        assert_eq!(
            project.run(&words),
            (String::new(), format!("gage: {text}\n"), 1),
            "{word}"
        );
    }
    let (_, err, code) = project.run(&["op", "req=1", "a=1", "xx=2"]);
    let both = "gage: cannot specify both alias 'a' and name for flag 'xx'\nUse --force-flags to skip this check.\n";
    assert_eq!((err.as_str(), code), (both, 1));
    assert!(project.runs().is_empty());
}
