//! Flags and comments written in an editor, and runs that are kept only when they fail.

use std::process::Command;

struct Project {
    dir: tempfile::TempDir,
    home: tempfile::TempDir,
}

impl Project {
    fn gage(&self, line: &str, editor: &str) -> (i32, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_gage"))
            .args(shlex::split(line).unwrap())
            .current_dir(self.dir.path())
            .env("GAGE_HOME", self.home.path())
            .env("NO_COLOR", "1")
            .env("VISUAL", editor)
            .env_remove("GAGE_RUNS")
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (
            output.status.code().unwrap_or(-1),
            text(output.stdout),
            text(output.stderr),
        )
    }
}

fn project() -> Project {
    let project = Project {
        dir: tempfile::tempdir().unwrap(),
        home: tempfile::tempdir().unwrap(),
    };
    let files = [
        ("op.py", "x = 1\ny = 2\nprint(f'x={x} y={y}')\n"),
        (
            "gage.toml",
            "[interim]\nexec = \"sh -c 'exit ${code}'\"\ndelete-on-success = true\nflags = { code = 0 }\n",
        ),
    ];
    for (name, text) in files {
        std::fs::write(project.dir.path().join(name), text).unwrap();
    }
    project
}

#[test]
fn flags_are_edited_before_they_are_checked() {
    let project = project();
    let (code, out, err) = project.gage("run op.py y=5 -e -y", "sed -i s/x=1/x=7/");
    assert_eq!((code, out.as_str()), (0, "x=7 y=5\n"), "{err}");
    let (code, _, err) = project.gage("run op.py -e -y", "false");
    assert_eq!(code, 1);
    assert!(err.contains("the editor 'false' failed"), "{err}");
}

#[test]
fn a_comment_is_written_in_an_editor() {
    let project = project();
    let (code, _, err) = project.gage("run op.py -c draft -ec -y", "sed -i s/draft/final/");
    assert_eq!(code, 0, "{err}");
    let (_, out, _) = project.gage("runs --json", "true");
    assert!(out.contains("final") && !out.contains("draft"), "{out}");
}

#[test]
fn an_interim_run_goes_when_it_succeeds() {
    let project = project();
    let listed = |project: &Project| project.gage("runs -s", "true").1.lines().count();
    let (code, _, err) = project.gage("run interim -y", "true");
    assert_eq!(code, 0);
    assert!(
        err.contains("('interim' is configured for deletion on success)"),
        "{err}"
    );
    assert_eq!(listed(&project), 0);
    assert_eq!(project.gage("run interim code=3 -y", "true").0, 3);
    assert_eq!(project.gage("run interim --keep-run -y", "true").0, 0);
    assert_eq!(listed(&project), 2);
}
