//! The scripts, for a few rounds each.

use std::path::Path;
use std::process::Command;

/// What a script exits with that cannot do its work here.
const SKIPPED: i32 = 77;

fn script(name: &str, words: &[&str]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/reliability")
        .join(name);
    let output = Command::new("python3")
        .arg(path)
        .args(["--gage", env!("CARGO_BIN_EXE_gage")])
        .args(words)
        .output()
        .expect("python3 can be started");
    println!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(
        output.status.success() || output.status.code() == Some(SKIPPED),
        "{name}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn kills_at_random_moments() {
    script("kills.py", &["--kills", "12"]);
}

#[test]
fn kills_at_system_calls() {
    script("every_call.py", &["--step", "61"]);
}

#[test]
fn system_calls_that_fail() {
    script("every_call.py", &["--errors", "--step", "31"]);
}

#[test]
fn kills_of_a_supervisor_that_a_queue_started() {
    script("queue_calls.py", &["--step", "41"]);
}

#[test]
fn power_cuts() {
    script("power_cut.py", &["--cuts", "2"]);
}
