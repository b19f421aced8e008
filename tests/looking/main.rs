//! Looking at runs and changing them, as sessions that a person can read: one text file a theme.

mod home;

use home::{Home, Made};
use serde_json::{Value as Json, json};

#[test]
fn listing() {
    let home = Home::with_runs();
    home.add(Made {
        id: "99aa0011000000000000000000000004",
        op: "gpkg/m:prepare",
        at: 6,
        status: "staged",
        ..Made::default()
    });
    home.add(Made {
        id: "aabbccdd000000000000000000000005",
        op: "train.py+",
        at: 8,
        status: "terminated",
        ..Made::default()
    });
    home.session("listing");
}

#[test]
fn many_runs() {
    let home = Home::new();
    for n in 0..45 {
        home.add(Made {
            id: Box::leak(format!("{n:032x}").into_boxed_str()),
            at: n,
            ..Made::default()
        });
    }
    home.session("many_runs");
}

#[test]
fn no_runs() {
    Home::new().session("no_runs");
}

#[test]
fn filters() {
    Home::with_runs().session("filters");
}

#[test]
fn choosing() {
    Home::with_runs().session("choosing");
}

#[test]
fn showing() {
    Home::with_runs().session("showing");
}

#[test]
fn files() {
    Home::with_runs().session("files");
}

#[test]
fn comparing() {
    Home::with_runs().session("comparing");
}

#[test]
fn labels_tags_and_marks() {
    Home::with_runs().session("labels_tags_and_marks");
}

#[test]
fn comments() {
    Home::with_runs().session("comments");
}

#[test]
fn deleting() {
    Home::with_runs().session("deleting");
}

#[test]
fn stopping_and_watching() {
    Home::with_runs().session("stopping_and_watching");
}

/// The documented shape: what it is made of, and that numbers and times come back as they were.
#[test]
fn json_of_runs() {
    let home = Home::with_runs();
    let json = |line: &str| -> Json { serde_json::from_slice(&home.shell(line).stdout).unwrap() };
    let runs = json("gage runs --json");
    let newest = &runs[0];
    assert_eq!(runs.as_array().unwrap().len(), 3);
    assert_eq!(newest["format"], 1);
    assert_eq!(newest["flags"], json!({"lr": 0.01, "act": "tanh"}));
    assert_eq!(newest["scalars"], json!({"loss": 1.0 / 3.0}));
    assert_eq!(newest["started"], "2026-11-20T10:04:00.000000+00:00");
    assert_eq!(newest["exit_status"], 0);
    assert_eq!(runs[2]["scalars"], json!({"acc": 0.25, "loss": 0.5}));
    let keys: Vec<&String> = newest.as_object().unwrap().keys().collect();
    let documented = include_str!("../../docs/json.md");
    for key in keys {
        assert!(
            documented.contains(&format!("| `{key}` |")),
            "docs/json.md does not have {key}"
        );
    }
    let shown = json("gage show 1 --json");
    for (key, value) in shown.as_object().unwrap() {
        assert!(
            documented.contains(&format!("| `{key}` |")),
            "docs/json.md does not have {key}"
        );
        if let Some(listed) = newest.get(key) {
            assert_eq!(listed, value, "{key}");
        }
    }
    let compared = json("gage compare --json");
    assert_eq!(compared[0]["loss"], 1.0 / 3.0);
    assert_eq!(compared[0]["time"], 90.0);
}

/// Nobody to read the end of the list is no failure, and nothing is said about it.
#[test]
fn a_reader_may_leave_early() {
    let home = Home::with_runs();
    let output = home.shell("gage runs --json | head -c 1; gage runs | true");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.stdout, b"[");
}

#[test]
fn running() {
    Home::new().session("running");
}
