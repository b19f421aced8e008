//! Scalars of real runs, from what a program prints to what commands show.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new(files: &[(&str, &str)]) -> Place {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        Place { dir }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn output(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gage"));
        for name in ["GAGE_RUNS", "RUNS_DIR", "GAGE_COMPAT"] {
            command.env_remove(name);
        }
        command
            .args(args)
            .env("GAGE_HOME", self.path().join("home"))
            .current_dir(self.path())
            .output()
            .unwrap()
    }

    /// Standard output of a command that must succeed.
    fn gage(&self, args: &[&str]) -> String {
        let output = self.output(args);
        assert!(
            output.status.success(),
            "{args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Exit code and standard error.
    fn fails(&self, args: &[&str]) -> (i32, String) {
        let output = self.output(args);
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    }
}

const STEPS: &str = "for i in range(3):\n    print(f'step: {i * 10}')\n    print(f'loss: {1 / (i + 1):.3f}')\n";

#[test]
fn printed_values_come_back_as_printed() {
    let place = Place::new(&[("op.py", STEPS)]);
    place.gage(&["run", "op.py", "-y", "-q"]);
    let id = place.gage(&["select"]);
    let table = place.gage(&[
        "compare",
        "--csv",
        "-",
        "-cc",
        "loss, first loss, loss step, avg loss as mean",
    ]);
    let expected = format!("run,loss,first loss,loss step,mean\n{},0.333,1.0,20,0.611\n", &id[..8]);
    assert_eq!(table, expected);
    let values = place.gage(&["tensorboard", "--export-scalars", "-"]);
    let id = id.trim_end();
    assert_eq!(
        values,
        format!(
            "run,path,tag,value,step\n{id},.guild,loss,1.0,0\n{id},.guild,loss,0.5,10\n{id},.guild,loss,0.333,20\n"
        )
    );
    let (code, text) = place.fails(&["tensorboard", "--export-scalars", "/no/such/dir.csv"]);
    assert_eq!(
        (code, text.as_str()),
        (1, "gage: cannot write /no/such/dir.csv: No such file or directory\n")
    );
}

#[test]
fn an_operations_own_patterns() {
    let operations = r#"
op:
  exec: python3 -c 'print("a=1 loss 5"); print("loss 7"); print("arch:", "tiny")'
  output-scalars:
    - '(\key)=(\value)'
    - loss: 'loss (\value)'
    - 'x ('
    - 'only (\value)'
  output-attrs: yes
"#;
    let place = Place::new(&[("gage.yaml", operations), ("out.txt", "a=1 loss 5\n")]);
    let run = place.output(&["run", "op", "-y", "-q"]);
    assert_eq!(run.status.code(), Some(0));
    assert_eq!(
        String::from_utf8_lossy(&run.stderr),
        "WARNING: error compiling pattern x (: unclosed group\n\
         WARNING: output scalar pattern 'only (\\value)' needs a key: use 'NAME: PATTERN' or (?P<NAME>...)\n"
    );
    let table = place.gage(&["compare", "--csv", "-", "-cc", "a, loss, count loss, .arch"]);
    assert!(table.ends_with(",1.0,7.0,2,tiny\n"), "{table}");
    let test = place.gage(&["run", "op", "--test-output-scalars", "out.txt"]);
    assert_eq!(
        test,
        "a=1 loss 5\n  '(\\key)=(\\value)': [('a', '1')] (a=1.0)\n  'loss (\\value)': [('5',)] (loss=5.0)\n"
    );
}

#[test]
fn bad_column_specs() {
    let place = Place::new(&[("op.py", STEPS)]);
    for (spec, reason) in [
        ("", "query string cannot be empty"),
        ("loss,", "unexpected end"),
        ("foo bar", "unexpected token 'bar', line 1, pos 5"),
        ("avg loss step", "step is not available for avg"),
    ] {
        let (code, text) = place.fails(&["compare", "-t", "-c", spec]);
        assert_eq!(
            (code, text),
            (1, format!("gage: invalid column spec '{spec}': {reason}\n"))
        );
    }
}

#[test]
fn corrupt_event_files_are_told_and_the_rest_is_shown() {
    let program = "import shutil\nprint('loss: 1')\nopen('events.out.tfevents.1.h', 'wb').write(b'x' * 40)\n";
    let place = Place::new(&[("op.py", program)]);
    place.gage(&["run", "op.py", "-y", "-q"]);
    // The second time the warning comes from the index.
    for _ in 0..2 {
        let output = place.output(&["compare", "--csv", "-", "-cc", "loss"]);
        let warning = String::from_utf8(output.stderr).unwrap();
        assert!(warning.starts_with("WARNING: corrupt event file ") && warning.ends_with(": skipping the rest\n"));
        assert!(String::from_utf8(output.stdout).unwrap().ends_with(",1.0\n"));
        assert_eq!(output.status.code(), Some(0));
    }
}

#[test]
fn the_index_is_only_a_cache() {
    let place = Place::new(&[("op.py", STEPS)]);
    for lr in ["1", "2", "3"] {
        place.gage(&["run", "op.py", "-y", "-q", "-l", lr]);
    }
    let index = place.path().join("home/runs/.index");
    let shown = place.gage(&["runs"]);
    let json = place.gage(&["runs", "--json"]);
    assert!(index.join("base").exists());
    for file in ["base", "recent"] {
        let bytes = fs::read(index.join(file)).unwrap();
        fs::write(index.join(file), &bytes[..bytes.len() / 2]).unwrap();
        assert_eq!(place.gage(&["runs"]), shown);
    }
    fs::remove_dir_all(&index).unwrap();
    assert_eq!(place.gage(&["runs", "--json"]), json);
    // What commands change is seen at once, also by a list that was just made.
    place.gage(&["label", "2", "-s", "other", "-y"]);
    place.gage(&["delete", "3", "-y"]);
    let shown = place.gage(&["runs", "-s"]);
    assert_eq!(shown, "[1]  op.py  completed  3\n[2]  op.py  completed  other\n");
    place.gage(&["restore", "-y"]);
    place.gage(&["run", "--restart", "3", "-y", "-q"]);
    assert_eq!(
        place.gage(&["runs", "-s"]),
        "[1]  op.py  completed  1\n[2]  op.py  completed  3\n[3]  op.py  completed  other\n"
    );
}
