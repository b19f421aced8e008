//! `gage check`, `gage operations` and `gage help` as a user sees them.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs gage in a directory with a home of its own: standard output, standard error, exit code.
fn gage(dir: &Path, words: &[&str]) -> (String, String, i32) {
    let output = Command::new(env!("CARGO_BIN_EXE_gage"))
        .args(words)
        .current_dir(dir)
        .env("GAGE_HOME", dir.join(".home"))
        .env_remove("GAGE_RUNS")
        .env_remove("RUNS_DIR")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
}

fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

const OUT: fn(&str) -> (String, String, i32) = |text| (text.to_string(), String::new(), 0);
const ERR: fn(&str, i32) -> (String, String, i32) = |text, code| (String::new(), text.to_string(), code);

const SCRIPT: &str = r#"
import argparse
p = argparse.ArgumentParser()
p.add_argument("--lr", type=float, default=0.1, help="Rate")
p.add_argument("--n", type=int, default=1)
p.add_argument("--sw", action="store_true")
p.add_argument("--nsw", action="store_false")
p.add_argument("--c", choices=["a", "b"], default="a")
p.add_argument("--l", nargs="+", type=int, default=[1, 2])
p.add_argument("--req", required=True)
p.add_argument("--s", default="x y")
p.add_argument("pos")
"#;

#[test]
fn operations_are_listed_in_order() {
    let dir = project(&[(
        "gage.toml",
        "[train]\ndescription = \"Train a model\\nat length\"\nexec = \"python train.py\"\n[score]\nexec = \"x\"\n\
         [_hidden]\nexec = \"y\"\n",
    )]);
    assert_eq!(gage(dir.path(), &["ops"]), OUT("train  Train a model\nscore\n"));
    assert_eq!(gage(dir.path(), &["operations", "-a", "SCO"]), OUT("score\n"));
    assert_eq!(
        gage(dir.path(), &["operations", "-a"]).0,
        "train    Train a model\nscore\n_hidden\n"
    );
    assert_eq!(gage(dir.path(), &["ops", "-v", "score"]).0, "score\n  exec: x\n");
    let (json, _, _) = gage(dir.path(), &["ops", "--json"]);
    assert!(json.contains("\"name\": \"score\""), "{json}");
    assert_eq!(
        gage(dir.path(), &["ops", "nope"]),
        ERR("gage: No operations match 'nope'\n", 1)
    );
    let empty = project(&[]);
    let none = "gage: No operations defined for the current directory\n";
    assert_eq!(gage(empty.path(), &["ops"]), ERR(none, 1));
}

#[test]
fn a_file_is_checked() {
    let dir = project(&[
        ("gage.toml", "[train]\nexec = \"x\"\n"),
        ("bad.json", "[]"),
        ("deep.yaml", "train:\n  exec: {foo: 1}\n  foo: 2\n"),
        ("guild.yml", "a: {main: guild.pass, nonsense: 1}\n"),
        ("lacking.toml", "[x]\n"),
        ("syntax.toml", "[x\n"),
    ]);
    let check = |words: &[&str]| gage(dir.path(), &[&["check"], words].concat());
    assert_eq!(check(&["."]), OUT("gage.toml is a valid Gage file\n"));
    assert_eq!(check(&["gage.toml"]), OUT("gage.toml is a valid Gage file\n"));
    assert_eq!(
        check(&["guild.yml"]),
        (
            "guild.yml is a valid Guild file\n".into(),
            "WARNING: operation 'a': unknown key 'nonsense'\n".into(),
            0
        )
    );
    assert_eq!(
        check(&["bad.json"]),
        ERR(
            "There are errors in bad.json\nThe instance must be of type \"object\"\n",
            1
        )
    );
    assert_eq!(
        check(&["-v", "deep.yaml"]),
        ERR(
            "There are errors in deep.yaml\n/: Properties ['train'] are invalid\n\
             /train: Properties ['exec'] are invalid\n/train: Additional properties: ['foo']\n\
             /train/exec: Additional properties: ['foo']\n",
            1
        )
    );
    assert_eq!(check(&["nope.toml"]), ERR("gage: nope.toml does not exist\n", 1));
    assert_eq!(check(&["lacking.toml"]).2, 0);
    assert!(
        check(&["lacking.toml"])
            .1
            .starts_with("WARNING: operation 'x' has nothing to run: ")
    );
    let (_, error, code) = check(&["syntax.toml"]);
    assert!(error.starts_with("There are errors in syntax.toml\nsyntax.toml: ") && error.contains(", line 1, column "));
    assert_eq!(code, 1);
    fs::write(dir.path().join("guild.yml"), "a: {main: guild.pass, requires: foo}\n").unwrap();
    assert_eq!(
        check(&["guild.yml"]),
        ERR(
            "There are errors in guild.yml\ninvalid definition for operation 'a': resource 'foo' required by operation \
             'a' is not defined\n",
            1
        )
    );
}

#[test]
fn a_gage_file_hides_a_guild_file_silently() {
    let dir = project(&[
        ("gage.toml", "[a]\nexec = \"x\"\n"),
        ("guild.yml", "b: {main: guild.pass}\n"),
    ]);
    assert_eq!(gage(dir.path(), &["ops"]), OUT("a\n"));
    let (_, debug, _) = gage(dir.path(), &["--debug", "ops"]);
    assert!(
        debug.contains("gage.toml is used, ") && debug.contains("guild.yml is not"),
        "{debug}"
    );
}

#[test]
fn an_invalid_file_stops_every_command_that_needs_it() {
    let gage_file = project(&[("gage.json", "{\"train\": {\"foo\": 1}}")]);
    let text = "There are errors in gage.json\nProperties ['train'] are invalid\nAdditional properties: ['foo']\n";
    let guild_file = project(&[("guild.yml", "a: 1\n")]);
    let guild_text = "ERROR: error in guild.yml: invalid value for operation 'a' 1: expected a string or a mapping\n\
                      gage: guildfile in the current directory contains an error (see above for details)\n";
    for words in [vec!["ops"], vec!["help"], vec!["help", "train"], vec!["check", "."]] {
        assert_eq!(gage(gage_file.path(), &words), ERR(text, 1), "{words:?}");
        assert_eq!(gage(guild_file.path(), &words), ERR(guild_text, 1), "{words:?}");
    }
}

#[test]
fn help_shows_the_flags_of_a_script() {
    let dir = project(&[("fl.py", SCRIPT)]);
    let expected = "Usage: gage run [OPTIONS] fl.py [FLAG]...

Use 'gage run --help' for a list of options.

Flags:
  c    (default is a)

       Choices:  a, b

  l    (default is '1 2')
  lr   Rate (default is 0.1)
  n    (default is 1)
  nsw  (default is yes)

       Choices:  yes, no

  req  (required)
  s    (default is 'x y')
  sw   (default is no)

       Choices:  yes, no
";
    assert_eq!(gage(dir.path(), &["help", "fl.py"]), OUT(expected));
    assert_eq!(gage(dir.path(), &["run", "fl.py", "-h"]), OUT(expected));
    assert_eq!(gage(dir.path(), &["run", "fl.py", "--help-op"]), OUT(expected));
    let (json, _, _) = gage(dir.path(), &["help", "fl.py", "--json"]);
    let definition: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(definition["flags"]["lr"]["default"], 0.1);
    assert!(gage(dir.path(), &["help", "check"]).0.contains("Usage: gage check"));
    assert!(gage(dir.path(), &["help"]).0.contains("Commands:"));
    assert_eq!(gage(dir.path(), &["help", "nope"]).2, 1);
}

#[test]
fn help_is_not_hidden_by_a_directory_without_operations() {
    let dir = project(&[]);
    for name in ["optimizers", "notes"] {
        fs::create_dir(dir.path().join(name)).unwrap();
    }
    assert_eq!(
        gage(dir.path(), &["help", "optimizers"]),
        OUT(include_str!("../docs/optimizers.md"))
    );
    assert!(gage(dir.path(), &["help", "notes"]).0.contains("Commands:"));
}

#[test]
fn check_says_where_things_are_and_compares_versions() {
    let dir = project(&[]);
    let (text, _, code) = gage(dir.path(), &["check"]);
    let version = env!("CARGO_PKG_VERSION");
    assert!(
        text.starts_with(&format!("version:         {version}\n")) && code == 0,
        "{text}"
    );
    assert!(
        text.contains(&format!(
            "runs:            {}\n",
            dir.path().join(".home/runs").display()
        )),
        "{text}"
    );
    assert_eq!(gage(dir.path(), &["check", "--version", ">=0.0.1"]), OUT(""));
    assert_eq!(
        gage(dir.path(), &["check", "--version", "<0.0.1"]),
        ERR(
            &format!("gage: version mismatch: current version '{version}' does not match '<0.0.1'\n"),
            3
        )
    );
}

/// The schema in the documentation is the one that files are checked against. To write it anew:
/// `SNAPSHOTS=overwrite cargo test --test operations`.
#[test]
fn the_published_schema_is_current() {
    let schema = format!("{:#}\n", gage::project::json_schema());
    snapbox::assert_data_eq!(schema, snapbox::file!["../docs/gage-schema.json"].raw());
}

#[test]
fn help_shows_a_model_and_a_project() {
    let dir = project(&[(
        "guild.yml",
        "- model: m\n  description: The model\n  operations:\n    a: {main: guild.pass, description: First, flags: {x: 1}}\n    \
         b: {main: guild.pass, exec: x}\n",
    )]);
    let expected = "Usage: gage run [OPTIONS] m:OPERATION [FLAG]...\n\nThe model\n\n\
                    Use 'gage run OPERATION -h' for help on an operation.\n\nOperations of m:\n  m:a  First\n  m:b\n";
    assert_eq!(gage(dir.path(), &["help", "m"]), OUT(expected));
    assert_eq!(gage(dir.path(), &["run", "m:a", "--help-model"]), OUT(expected));
    let all = "Usage: gage run [OPTIONS] OPERATION [FLAG]...\n\nOperations:\n\n  m:a  First\n      \
               x  (default is 1)\n\n  m:b\n";
    assert_eq!(gage(dir.path(), &["help"]), OUT(all));
    let (_, error, _) = gage(dir.path(), &["run", "b", "--print-cmd"]);
    assert!(
        error.starts_with("WARNING: operation 'main' and 'exec' both specified, ignoring 'exec'\n"),
        "{error}"
    );
}

/// Every operations file in the documentation is one.
#[test]
fn documented_files_are_valid() {
    let text = include_str!("../docs/operations.md");
    let mut count = 0;
    for block in text.split("```").skip(1).step_by(2) {
        let Some((first, body)) = block.split_once('\n').and_then(|(_, body)| body.split_once('\n')) else {
            continue;
        };
        let Some(name) = first.strip_prefix("# ") else { continue };
        let dir = project(&[(name, body), ("train.py", "lr = 0.1\n"), ("score.py", "")]);
        let kind = if name.starts_with("guild") { "Guild" } else { "Gage" };
        let (out, error, _) = gage(dir.path(), &["check", "."]);
        assert_eq!(
            (out, error.as_str()),
            (format!("{name} is a valid {kind} file\n"), ""),
            "{body}"
        );
        count += 1;
    }
    assert_eq!(count, 3);
}
