//! What is typed wrongly: a clear message, the exit code, and no run left behind. A row a mistake, as the
//! specification lists them.

use std::path::Path;
use std::process::Command;

const OPERATIONS: &str = r#"
op:
  exec: python3 train.py ${flag_args}
  flags:
    lr: {default: 0.1, type: number, min: 0.0, max: 1.0}
    f: {default: 0.1, type: float}
    n: {default: 1, type: int}
    b: {default: no, type: boolean}
    p: {type: existing-path}
    bs: {choices: [10, 20], default: 10}
    xx: {default: 1, alias: x}
need:
  exec: "true"
  flags:
    req: {description: Needed flag, required: yes}
several:
  exec: "true"
  flags: {x: 1}
  optimizers:
    a: {algorithm: gp}
    b: {algorithm: random}
"#;

struct Project {
    dir: tempfile::TempDir,
    home: tempfile::TempDir,
}

impl Project {
    fn new() -> Project {
        let project = Project {
            dir: tempfile::tempdir().unwrap(),
            home: tempfile::tempdir().unwrap(),
        };
        for (name, text) in [
            ("gage.yaml", OPERATIONS),
            ("t.xml", "x"),
            ("one.json", "1"),
            ("list.json", "[123]"),
            ("op.py", "x = 1.0\ny = 2\nz = 'a'\nprint(f'loss: {x}')\n"),
        ] {
            std::fs::write(project.dir.path().join(name), text).unwrap();
        }
        project
    }

    /// Exit code, standard output and error of `gage LINE`.
    fn gage(&self, line: &str) -> (i32, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_gage"))
            .args(shlex::split(line).unwrap())
            .current_dir(self.dir.path())
            .env("GAGE_HOME", self.home.path())
            .env("NO_COLOR", "1")
            .env_remove("GAGE_RUNS")
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (
            output.status.code().unwrap_or(-1),
            text(output.stdout),
            text(output.stderr),
        )
    }

    fn runs(&self) -> usize {
        std::fs::read_dir(self.home.path().join("runs")).map_or(0, Iterator::count)
    }
}

/// Checks rows of (words after `gage `, whole standard error, exit code).
fn refused(rows: &[(&str, &str, i32)]) {
    let project = Project::new();
    for (line, want, code) in rows {
        let (got, _, stderr) = project.gage(line);
        assert_eq!((stderr.trim_end(), got), (*want, *code), "gage {line}");
    }
    assert_eq!(project.runs(), 0, "something was left behind");
}

const CHECK: &str = "Try 'gage run op --help-op' for a list of flags or use --force-flags to skip this check.";
const RUN_HELP: &str = "Try 'gage run --help' for more information.";

#[test]
fn flags() {
    refused(&[
        ("run op foo", "gage: invalid argument(s):\nfoo\nexpected NAME=VAL", 1),
        ("run op foo=1", &format!("gage: unsupported flag 'foo'\n{CHECK}"), 1),
        (
            "run op lr=5",
            "gage: invalid value 5 for lr: out of range (greater than max 1.0)",
            1,
        ),
        (
            "run op lr=-1",
            "gage: invalid value -1 for lr: out of range (less than min 0.0)",
            1,
        ),
        (
            "run op lr=abc",
            "gage: invalid value abc for lr: invalid value for type 'number'",
            1,
        ),
        (
            "run op f=",
            "gage: invalid value '' for f: invalid value for type 'float'",
            1,
        ),
        (
            "run op n=1.5",
            "gage: invalid value 1.5 for n: invalid value for type 'int'",
            1,
        ),
        (
            "run op b=maybe",
            "gage: invalid value maybe for b: invalid value for type 'boolean'",
            1,
        ),
        (
            "run op p=/none",
            "gage: invalid value /none for p: /none does not exist",
            1,
        ),
        (
            "run op bs=11",
            "gage: Unsupported value for 'bs' - supported values are:\n\n  10  \n  20  \n\nRun the command again using one of these options.",
            1,
        ),
        (
            "run need",
            "gage: Operation requires the following missing flags:\n\n  req  Needed flag\n\nRun the command again with these flags or try 'gage run need --help-op' for help.",
            1,
        ),
        (
            "run op x=1 xx=2",
            "gage: cannot specify both alias 'x' and name for flag 'xx'\nUse --force-flags to skip this check.",
            1,
        ),
        (
            "run op n=range[a:b]",
            "gage: invalid value range[a:b] for n: invalid arg 'a': expected a number",
            1,
        ),
        (
            "run op n=range[]",
            "gage: invalid value range[] for n: function requires at least 1 arg(s)",
            1,
        ),
        (
            "run op n=linspace[5]",
            "gage: invalid value linspace[5] for n: function requires at least 2 arg(s)",
            1,
        ),
        (
            "run op n=range[1:2:0]",
            "gage: invalid value range[1:2:0] for n: step cannot be zero",
            1,
        ),
        (
            "run op n=range[5:1]",
            "gage: invalid value range[5:1] for n: sequence is empty",
            1,
        ),
        ("run op @none.csv", "gage: batch file none.csv does not exist", 1),
        (
            "run op @t.xml",
            "gage: cannot read trials for t.xml: unsupported extension",
            1,
        ),
        (
            "run op @one.json",
            "gage: cannot read trials for one.json: invalid data type for trials: expected list or dict, got int",
            1,
        ),
        (
            "run op @list.json",
            "gage: cannot read trials for list.json: invalid data type for trial 123: expected dict",
            1,
        ),
    ]);
}

#[test]
fn batches() {
    refused(&[
        (
            "run op.py --print-trials",
            "gage: cannot print trials for a non-batch operation",
            1,
        ),
        (
            "run op.py --save-trials f.csv",
            "gage: cannot save trials for a non-batch operation",
            1,
        ),
        (
            "run op.py x=[1,2] --save-trials f.xml",
            "gage: Unsupported extension '.xml' - use '.csv', '.json', or no extension",
            1,
        ),
        (
            "run op.py x=[1:2] -o gp --print-trials",
            "gage: optimizer does not support printing trials",
            1,
        ),
        (
            "run op.py x=[1:2] -o gp --print-cmd",
            "gage: optimizer does not support printing trials command",
            1,
        ),
        (
            "run op.py x=[1:2] -o gp --save-trials f.csv",
            "gage: optimizer does not support saving trials",
            1,
        ),
        (
            "run op.py x=[1:2] -o gp --stage-trials",
            "gage: operation 'gp' does not support --stage-trials",
            1,
        ),
        (
            "run op.py x=[1,2] --max-trials 0",
            &format!(
                "gage: Invalid value for '-m' / '--max-trials' / '--trials': 0 is not in the range x>=1.\n{RUN_HELP}"
            ),
            2,
        ),
        (
            "run op.py --random-seed x",
            &format!("gage: Invalid value for '--random-seed': 'x' is not a valid integer.\n{RUN_HELP}"),
            2,
        ),
        (
            "run op.py --random-seed 4294967296",
            &format!(
                "gage: Invalid value for '--random-seed': 4294967296 is not in the range 0<=x<=4294967295.\n{RUN_HELP}"
            ),
            2,
        ),
        (
            "run op.py --random-seed -1",
            &format!("gage: Invalid value for '--random-seed': -1 is not in the range 0<=x<=4294967295.\n{RUN_HELP}"),
            2,
        ),
        ("run op.py x=[]", "gage: flag x has no values to choose from", 1),
        (
            "run op.py -Fo x=1",
            "gage: invalid optimizer flag x=1: no optimizer specified",
            1,
        ),
        (
            "run op.py x=[1:2] -Fo x=1 -o gp",
            "gage: unsupported flag 'x'\nTry 'gage run gp --help-op' for a list of flags or use --force-flags to skip this check.",
            1,
        ),
        (
            "run several x=[1:2] -O",
            "gage: no default optimizer defined for several\nSpecify one of the following with '--optimizer': a, b",
            1,
        ),
        (
            "run op.py x=[1:2] -N a -X b",
            &format!("gage: --minimize and --maximize cannot both be used\n{RUN_HELP}"),
            1,
        ),
        (
            "run op.py x=[1:2] -o random -O",
            &format!("gage: --optimize and --optimizer cannot both be used\n{RUN_HELP}"),
            1,
        ),
        (
            "run op.py x=[1:2] -o gp -N 'the quick brown fox'",
            "gage: invalid objective 'the quick brown fox': unexpected token 'quick', line 1, pos 5",
            1,
        ),
        (
            "run op.py x=[1:2] -o gp -N 'loss, accuracy'",
            "gage: invalid objective 'loss, accuracy': too many columns",
            1,
        ),
        (
            "run op.py -o random",
            "gage: flags for batch (x=1.0, y=2, z=a) do not contain any search dimensions\nTry specifying a range for one or more flags as NAME=[MIN:MAX].",
            1,
        ),
        (
            "run op.py x=floop[1:2]",
            "gage: unknown function 'floop' used for flag x",
            1,
        ),
        (
            "run op.py x=uniform[1:2:3:4]",
            "gage: uniform requires 2 or 3 args, got (1, 2, 3, 4) for flag x",
            1,
        ),
        (
            "run op.py x=loguniform[1.2:1.1]",
            "gage: invalid function args in 'x=loguniform[1.2:1.1]': the lower bound 1.2 has to be less than the upper bound 1.1",
            1,
        ),
        (
            "run op.py x=loguniform[0:1]",
            "gage: invalid function args in 'x=loguniform[0:1]': bounds must be greater than 0",
            1,
        ),
        (
            "run op.py x=[1:10:20]",
            "gage: invalid function args in 'x=[1:10:20]': initial value 20 is out of range",
            1,
        ),
        (
            "run op.py x=[1:b]",
            "gage: invalid function args in 'x=[1:b]': bounds must be numbers",
            1,
        ),
    ]);
}

#[test]
fn options_of_optimizers() {
    let unsupported = |name: &str, values: &[&str]| {
        let rows: String = values.iter().map(|v| format!("  {v}  \n")).collect();
        format!(
            "gage: Unsupported value for '{name}' - supported values are:\n\n{rows}\nRun the command again using one of these options."
        )
    };
    refused(&[
        (
            "run op.py x=[1:2] -o gp -Fo random-starts=-1",
            "gage: invalid value -1 for random-starts: out of range (less than min 0)",
            1,
        ),
        (
            "run op.py x=[1:2] -o gp -Fo random-starts=x",
            "gage: invalid value x for random-starts: invalid value for type 'int'",
            1,
        ),
        (
            "run op.py x=[1:2] -o gp -Fo prev-trials=all",
            &unsupported("prev-trials", &["batch", "sourcecode", "operation"]),
            1,
        ),
        (
            "run op.py x=[1:2] -o gp -Fo noise=loud",
            "gage: invalid value loud for noise: expected 'gaussian' or a number",
            1,
        ),
    ]);
}

#[test]
fn options_that_exclude_each_other_and_unknown_things() {
    refused(&[
        (
            "badcmd",
            "gage: No such command 'badcmd'.\nTry 'gage --help' for more information.",
            2,
        ),
        ("run --bad", &format!("gage: No such option: --bad\n{RUN_HELP}"), 2),
        (
            "runs --bad",
            "gage: No such option: --bad\nTry 'gage runs --help' for more information.",
            2,
        ),
        (
            "runs -s stop",
            "gage: options cannot be listed before command ('stop')",
            1,
        ),
        (
            "run --gpus 0 --no-gpus op",
            &format!("gage: --gpus and --no-gpus cannot both be used\n{RUN_HELP}"),
            1,
        ),
        (
            "run --restart x --proto y",
            &format!("gage: --proto cannot be used with --restart\n{RUN_HELP}"),
            1,
        ),
        (
            "run --restart x op",
            &format!("gage: OPERATION cannot be used with --restart\n{RUN_HELP}"),
            1,
        ),
        (
            "run nope",
            "gage: operation 'nope' is not defined for this project\nTry 'gage operations' for a list of available operations.",
            1,
        ),
        (
            "run -y",
            "gage: a default operation is not defined for this project\nTry 'gage operations' for a list of available operations.",
            1,
        ),
        (
            "completion -s csh",
            "gage: Invalid value for '-s' / '--shell': 'csh' is not one of 'bash', 'zsh', 'fish'.\nTry 'gage completion --help' for more information.",
            2,
        ),
    ]);
}

#[test]
fn warnings_do_not_stop_a_run() {
    let project = Project::new();
    let (code, out, err) = project.gage("run op.py --max-trials 3 -bc hello -y");
    assert_eq!((code, out.as_str()), (0, "loss: 1.0\n"));
    assert_eq!(
        err,
        "WARNING: not a batch run - ignoring --max-trials\nWARNING: operation is not a batch - ignoring batch comment\n"
    );
    let (code, _, err) = project.gage("run op.py y=range[1:2:1:1] --print-trials");
    assert_eq!(
        (code, err.as_str()),
        (
            0,
            "WARNING: unsupported arguments for range function: (1,) - ignoring\n"
        )
    );
}

#[test]
fn the_end_of_input_declines_and_leaves_nothing() {
    let project = Project::new();
    let (code, _, err) = project.gage("run op.py");
    assert_eq!(code, 1);
    assert!(err.ends_with("Continue? (Y/n) \n"), "{err:?}");
    assert_eq!(project.runs(), 0);
    assert!(!Path::new(&project.dir.path().join("runs")).exists());
}
