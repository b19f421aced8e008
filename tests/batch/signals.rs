//! Ctrl-C, SIGTERM and `gage stop` on a batch in the foreground.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use gage::run::{Run, Status, status};

use crate::project::{Project, text, wait_for};

fn send(signal: &str, pid: u32) {
    assert!(
        Command::new("kill")
            .args([signal, &pid.to_string()])
            .status()
            .unwrap()
            .success()
    );
}

/// How many runs have which status; the batch counts as one.
fn statuses(project: &Project) -> BTreeMap<Status, usize> {
    let mut counts = BTreeMap::new();
    for entry in fs::read_dir(project.home()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if let Some(id) = name.strip_suffix(".meta") {
            *counts.entry(status::of(&Run::new(project.home(), id))).or_default() += 1;
        }
    }
    counts
}

fn up(project: &Project, count: usize) {
    wait_for("trials", || {
        (1..=count).all(|x| project.path(&format!("up.{x}")).exists())
    });
}

#[test]
fn ctrl_c_stops_every_running_trial() {
    let project = Project::new("touch $MARKS/up.$FLAG_X; exec sleep 100");
    let mut batch = project.start("run op x=[1,2,3] --jobs 2 -y");
    up(&project, 2);
    send("-INT", batch.id());
    assert_eq!(batch.wait().unwrap().code(), Some(130));
    assert_eq!(
        statuses(&project),
        [(Status::Terminated, 3), (Status::Pending, 1)].into()
    );
    let said = fs::read_to_string(project.batch().meta("output/40_run")).unwrap();
    assert!(
        said.contains("INFO: [gage] Stopping batch (pending trials can be started as needed)\n"),
        "{said}"
    );
    assert_eq!(said.matches("WARNING: [gage] Trial ").count(), 2, "{said}");
}

#[test]
fn a_second_ctrl_c_kills_at_once() {
    let project = Project::new("trap '' TERM; touch $MARKS/up.$FLAG_X; while :; do sleep 0.1; done");
    let mut batch = project.start("run op x=[1,2] -y");
    up(&project, 1);
    let began = Instant::now();
    send("-INT", batch.id());
    wait_for("the stop", || {
        let said = fs::read_to_string(project.batch().meta("output/40_run")).unwrap_or_default();
        said.contains("Stopping batch")
    });
    send("-INT", batch.id());
    assert_eq!(batch.wait().unwrap().code(), Some(130));
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "it waited for a program that does not listen"
    );
    assert_eq!(
        statuses(&project),
        [(Status::Terminated, 2), (Status::Pending, 1)].into()
    );
}

#[test]
fn a_stopped_trial_alone_lets_the_batch_go_on() {
    let project = Project::new("touch $MARKS/up.$FLAG_X; [ $FLAG_X = 2 ] || exec sleep 100");
    let mut batch = project.start("run op x=[1,2] --keep-batch -y");
    up(&project, 1);
    let trial = project.ok("select --running -Fo op");
    let stopped = project.gage(&format!("stop {} -y", trial.trim()));
    assert!(stopped.status.success(), "{}", text(&stopped));
    assert_eq!(batch.wait().unwrap().code(), Some(0));
    assert_eq!(
        statuses(&project),
        [(Status::Completed, 2), (Status::Terminated, 1)].into()
    );
}

#[test]
fn a_stopped_batch_stops_its_trial() {
    let project = Project::new("touch $MARKS/up.$FLAG_X; exec sleep 100");
    let mut batch = project.start("run op x=[1,2] -y");
    up(&project, 1);
    let stopped = project.gage(&format!("stop {} -y", project.batch().id()));
    assert!(stopped.status.success(), "{}", text(&stopped));
    assert_eq!(batch.wait().unwrap().code(), Some(143));
    assert_eq!(
        statuses(&project),
        [(Status::Terminated, 2), (Status::Pending, 1)].into()
    );
}
