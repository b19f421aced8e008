//! Batches through the command: killed and gone on with, staged, started again, not needed.

use std::fs;
use std::path::Path;

use gage::batch::event::Status;
use gage::batch::record::Record;
use gage::batch::{replay, resume};

use crate::project::{Project, kill, text, wait_for};

/// Waits for `go` (or a moment, once it is there), then leaves a mark of its own.
const SCRIPT: &str = "touch $MARKS/up.$FLAG_X
while [ ! -e $MARKS/go ]; do sleep 0.02; done
echo loss: $FLAG_X
touch $MARKS/done.$FLAG_X.$RUN_ID";

#[test]
fn a_killed_driver_loses_nothing() {
    let project = Project::new(SCRIPT);
    let mut driver = project.start("run op x=[1,2,3,4,5,6] --jobs 2 --keep-batch -y");
    wait_for("two trials", || {
        project.path("up.1").exists() && project.path("up.2").exists()
    });
    kill(driver.id());
    driver.wait().unwrap();
    // What runs goes on without its driver.
    fs::write(project.path("go"), "").unwrap();
    let said = project.ok("run --resume -y");
    assert!(
        said.contains(": 0 finished, 2 adopted, 0 lost, 4 left") || said.contains("finished"),
        "{said}"
    );
    let marks = project.marks();
    assert_eq!(
        marks.values().copied().collect::<Vec<_>>(),
        [1, 1, 1, 1, 1, 1],
        "{marks:?}"
    );
    let record = Record::of(&project.events());
    assert_eq!(record.scheduler.counts().completed, 6);
    assert_eq!(text(&project.gage("run --resume")), "nothing to resume\n");
}

#[test]
fn killed_workers_and_programs_are_run_again() {
    let project = Project::new(SCRIPT);
    let mut driver = project.start("run op x=[1,2,3] --keep-batch -y");
    wait_for("a trial", || project.path("up.1").exists());
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", driver.id())).unwrap();
    let workers: Vec<u32> = children.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
    let programs = workers
        .iter()
        .map(|pid| fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap());
    let programs: Vec<u32> = programs
        .flat_map(|all| all.split_whitespace().map(|p| p.parse().unwrap()).collect::<Vec<u32>>())
        .collect();
    assert!(!programs.is_empty());
    kill(driver.id());
    workers.iter().chain(&programs).for_each(|pid| kill(*pid));
    driver.wait().unwrap();
    fs::write(project.path("go"), "").unwrap();
    let said = project.ok("run --resume -y");
    // A process that was just killed may still be seen for a moment.
    assert!(
        said.contains(" was lost with the process that ran it - it is run again"),
        "{said}"
    );
    let events = project.events();
    let record = Record::of(&events);
    assert_eq!(record.scheduler.counts().completed, 3, "{said}{}", project.journal());
    let first = record.trial(0).unwrap();
    assert_eq!(first.attempt, 1);
    assert_ne!(first.run, first.proposed.run);
    assert_eq!(project.marks().len(), 3);
}

#[test]
fn a_killed_worker_alone_does_not_stop_the_batch() {
    let project = Project::new(SCRIPT);
    let mut driver = project.start("run op x=[1,2] --keep-batch -y");
    wait_for("a trial", || project.path("up.1").exists());
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", driver.id())).unwrap();
    let worker: u32 = children.trim().parse().unwrap();
    let program = fs::read_to_string(format!("/proc/{worker}/task/{worker}/children")).unwrap();
    kill(worker);
    // Nobody takes down what the program says any more: it is stopped, and its trial run again.
    wait_for("the program to be stopped", || {
        !Path::new(&format!("/proc/{}", program.trim())).exists()
    });
    fs::write(project.path("go"), "").unwrap();
    assert!(driver.wait().unwrap().success());
    let record = Record::of(&project.events());
    assert_eq!(record.scheduler.counts().completed, 2);
    assert_eq!(record.trial(0).unwrap().attempt, 1);
}

#[test]
fn a_batch_that_is_carried_out_is_refused() {
    let project = Project::new(SCRIPT);
    let mut driver = project.start("run op x=[1,2] --keep-batch -y");
    wait_for("a trial", || project.path("up.1").exists());
    let refused = project.gage("run --resume -y");
    let said = text(&refused);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(
        said.contains(&format!("is being carried out by process {}", driver.id())),
        "{said}"
    );
    fs::write(project.path("go"), "").unwrap();
    assert!(driver.wait().unwrap().success());
}

#[test]
fn a_search_is_gone_on_with_as_if_nothing_had_happened() {
    let script = "echo loss: $FLAG_X; [ $FLAG_X -ge 0 ] && touch $MARKS/done.$RUN_ID.x";
    let words = "run op x=[0:1000] -o gp -m 8 --random-seed 7 -y";
    let whole = Project::new(script);
    whole.ok(words);
    let cut = Project::new(script);
    let mut driver = cut.start(words);
    wait_for("three trials", || cut.marks().len() >= 3);
    kill(driver.id());
    driver.wait().unwrap();
    cut.ok("run --resume -y");
    let values = |project: &Project| -> Vec<_> {
        let record = Record::of(&project.events());
        record.trials().map(|(_, t)| t.proposed.values.clone()).collect()
    };
    assert_eq!(values(&cut), values(&whole), "{}", cut.journal());
    let study = resume::open(&cut.batch()).unwrap();
    let replayed = replay::replay(&study.plan, &cut.events()).unwrap();
    assert_eq!((replayed.agreed, replayed.difference), (8, None));
    assert_eq!(cut.marks().len(), 8);
}

#[test]
fn a_staged_batch_is_started_and_started_again() {
    let project = Project::new("echo loss: $FLAG_X; touch $MARKS/done.$FLAG_X.$RUN_ID");
    let said = project.ok("run op x=[1,2] --stage --keep-batch -y");
    assert!(said.contains("op+ staged as "), "{said}");
    assert_eq!(fs::read_dir(project.home()).unwrap().filter(is_meta).count(), 1);
    let id = project.batch().id().to_string();
    project.ok(&format!("run --start {id} -y"));
    assert_eq!(project.marks().values().sum::<usize>(), 2);
    project.ok(&format!("run --restart {id} x=[1,2,3] -y"));
    assert_eq!(
        project.marks(),
        [("1".into(), 2), ("2".into(), 2), ("3".into(), 1)].into()
    );
    let record = Record::of(&project.events());
    assert_eq!(record.scheduler.counts().completed, 3);
    assert!(project.batch().meta("study-1.jsonl").exists());
}

fn is_meta(entry: &std::io::Result<fs::DirEntry>) -> bool {
    let name = entry.as_ref().unwrap().file_name();
    Path::new(&name).extension().is_some_and(|e| e == "meta")
}

#[test]
fn a_batch_that_is_not_needed_is_skipped() {
    let project = Project::new("echo loss: $FLAG_X");
    project.ok("run op x=[1,2] --keep-batch -y");
    let said = project.ok("run op x=[1,2] --keep-batch --needed -y");
    assert!(said.starts_with("Skipping because the following runs match"), "{said}");
    let said = project.ok("run op x=[1,3] --keep-batch --needed -y");
    assert!(said.contains("Running trial"), "{said}");
}

#[test]
fn failing_and_lost_results_stay_what_they_are() {
    let project = Project::new("[ $FLAG_X != 2 ] || exit 3; echo loss: nan");
    let output = project.gage("run op x=[1,2] --keep-batch -y");
    assert!(output.status.success(), "{}", text(&output));
    let record = Record::of(&project.events());
    let ended: Vec<_> = record.trials().map(|(_, t)| t.ended.clone().unwrap()).collect();
    assert_eq!(
        (ended[0].status, ended[1].status, ended[1].exit),
        (Status::Completed, Status::Error, 3)
    );
    assert!(ended[0].objective.unwrap().is_nan());
    assert_eq!(record.not_finite, 1);
}
