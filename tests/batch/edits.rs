//! Changes to a batch while it runs and while it rests, through `gage batch`.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use gage::batch::event::{Event, Status};
use gage::batch::record::Record;
use gage::flags::Value;

use crate::project::{Project, kill, text, wait_for};

/// Fails if there is a file `bad.X`; waits for `go` or `go.X`.
const SCRIPT: &str = "touch $MARKS/up.$FLAG_X
while [ ! -e $MARKS/go ] && [ ! -e $MARKS/go.$FLAG_X ]; do sleep 0.02; done
[ ! -e $MARKS/bad.$FLAG_X ] || exit 3
echo loss: $FLAG_X
touch $MARKS/done.$FLAG_X.$RUN_ID";

fn record(project: &Project) -> Record {
    Record::of(&project.events())
}

fn replays(project: &Project) {
    let id = project.batch().id().to_string();
    project.ok(&format!("batch replay {id}"));
}

fn go(project: &Project, name: &str) {
    fs::write(project.path(name), "").unwrap();
}

fn up(project: &Project, x: i64) {
    wait_for("a trial", || project.path(&format!("up.{x}")).exists());
}

#[test]
fn a_running_batch_is_changed() {
    let project = Project::new(SCRIPT);
    let mut driver = project.start("run op x=[1,2,3,4] -m 2 --random-seed 3 --keep-batch -y");
    wait_for("a trial", || (1..=4).any(|x| project.path(&format!("up.{x}")).exists()));
    assert!(project.ok("batch set --jobs 3").contains("runs 3 trials at a time"));
    assert!(project.ok("batch enqueue x=9").contains("Enqueued as trial 3 of batch"));
    up(&project, 9);
    assert!(project.ok("batch add-trials 1").contains("has 4 trials"));
    let refused = project.gage("batch set --max-trials 9");
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused);
    assert!(said.contains("its grid has 4 points, and 1 were enqueued"), "{said}");
    go(&project, "go");
    assert!(driver.wait().unwrap().success());
    let record = record(&project);
    assert_eq!(record.scheduler.counts().completed, 4);
    let by_hand = record.trial(2).unwrap();
    assert!(by_hand.proposed.by_hand && by_hand.proposed.values["x"] == Value::Int(9));
    let mut tried: Vec<_> = record
        .trials()
        .map(|(_, t)| t.proposed.values["x"].as_f64().unwrap())
        .collect();
    tried.sort_by(f64::total_cmp);
    tried.dedup();
    assert_eq!(tried.len(), 4, "no point of the grid is tried twice: {tried:?}");
    replays(&project);
}

#[test]
fn a_paused_batch_starts_nothing_until_it_is_continued() {
    let project = Project::new(SCRIPT);
    let mut driver = project.start("run op x=[1,2] --keep-batch -y");
    up(&project, 1);
    assert!(
        project
            .ok("batch pause")
            .contains("is paused: running trials come to their end")
    );
    assert!(project.ok("batch pause").contains("is paused already"));
    go(&project, "go.1");
    wait_for("the first trial", || record(&project).scheduler.counts().completed == 1);
    // The answer to a later request shows that the driver had its chance to start another trial.
    project.ok("batch set --jobs 2");
    assert_eq!(record(&project).scheduler.counts().live, 0);
    let shown = project.ok("batch show");
    assert!(
        shown.contains("status: paused (process ") && shown.contains("use 'gage batch continue"),
        "{shown}"
    );
    assert!(project.ok("batch continue").contains(" goes on"));
    assert!(project.ok("batch continue").contains("is not paused"));
    go(&project, "go");
    assert!(driver.wait().unwrap().success());
    assert_eq!(record(&project).scheduler.counts().completed, 2);
    let over = project.gage("batch pause");
    assert_eq!(
        (over.status.code(), text(&over).contains("no batch is running")),
        (Some(1), true)
    );
    let id = project.batch().id().to_string();
    let over = text(&project.gage(&format!("batch pause {id}")));
    assert!(over.contains("has come to its end"), "{over}");
}

#[test]
fn failed_trials_are_run_again() {
    let project = Project::new(SCRIPT);
    for name in ["go", "bad.2", "bad.3"] {
        go(&project, name);
    }
    project.gage("run op x=[1,2,3] --keep-batch --random-seed 5 -y");
    let before = record(&project);
    assert_eq!(before.scheduler.counts().failed, 2);
    let said = project.ok("batch show");
    assert!(said.contains("gage batch retry --failed"), "{said}");
    fs::remove_file(project.path("bad.2")).unwrap();
    let said = project.ok("batch retry --failed");
    assert!(
        said.contains("2 trials of batch") && said.contains("are run again"),
        "{said}"
    );
    let after = record(&project);
    let counts = after.scheduler.counts();
    assert_eq!((counts.completed, counts.failed), (2, 1));
    let (old, new) = (before.trial(1).unwrap(), after.trial(1).unwrap());
    assert_ne!(old.run, new.run);
    assert_eq!(
        (new.attempt, &new.proposed),
        (1, &old.proposed),
        "the same values and seed"
    );
    let refused = project.gage("batch retry --trial 1");
    assert!(text(&refused).contains("trial 1 of batch") && text(&refused).contains("has completed"));
    fs::remove_file(project.path("bad.3")).unwrap();
    project.ok("batch retry --trial 3");
    assert_eq!(record(&project).scheduler.counts().completed, 3);
    assert!(project.ok("batch retry --failed").contains("has no such trials"));
    replays(&project);
}

#[test]
fn a_finished_search_goes_on_with_more_trials() {
    let script = "echo loss: $FLAG_X; touch $MARKS/done.$RUN_ID.x";
    let short = Project::new(script);
    short.ok("run op x=[0:1000] -o gp -m 6 --random-seed 7 -y");
    short.ok("batch add-trials 2");
    short.ok("batch add-trials 1 --later");
    let listed = short.ok("batch list --unfinished");
    assert!(listed.contains("8 of 9 trials"), "{listed}");
    short.ok("batch resume");
    assert_eq!(short.marks().len(), 9);
    replays(&short);
    // Random draws do not depend on the number of trials.
    let (grown, whole) = (Project::new(script), Project::new(script));
    grown.ok("run op x=[0:1000] -m 3 --random-seed 7 --keep-batch -y");
    grown.ok("batch add-trials 4");
    whole.ok("run op x=[0:1000] -m 7 --random-seed 7 --keep-batch -y");
    let values = |project: &Project| -> Vec<_> {
        record(project)
            .trials()
            .map(|(_, t)| t.proposed.values.clone())
            .collect()
    };
    assert_eq!(values(&grown), values(&whole));
    replays(&grown);
}

#[test]
fn a_dead_batch_is_changed_and_resumed() {
    let project = Project::new(SCRIPT);
    let mut driver = project.start("run op x=[1,2] --keep-batch -y");
    up(&project, 1);
    kill(driver.id());
    driver.wait().unwrap();
    let said = project.ok("batch enqueue x=7");
    assert!(
        said.contains("Enqueued as trial 3") && said.contains("use 'gage batch resume"),
        "{said}"
    );
    project.ok("batch set --jobs 2");
    let shown = project.ok("batch show");
    assert!(
        shown.contains("status: terminated") && shown.contains("jobs: 2"),
        "{shown}"
    );
    let refused = project.gage("batch pause");
    assert!(
        text(&refused).contains("is not being carried out"),
        "{}",
        text(&refused)
    );
    go(&project, "go");
    project.ok("batch resume");
    assert_eq!(project.marks().values().copied().collect::<Vec<_>>(), [1, 1, 1]);
    assert_eq!(record(&project).scheduler.counts().completed, 3);
}

#[test]
fn trials_stopped_with_their_batch_are_run_again() {
    let project = Project::new(SCRIPT);
    let mut driver = project.start("run op x=[1,2,3] --jobs 2 --keep-batch -y");
    up(&project, 1);
    up(&project, 2);
    let stopped = std::process::Command::new("kill").arg(driver.id().to_string()).status();
    assert!(stopped.unwrap().success());
    assert_eq!(driver.wait().unwrap().code(), Some(143));
    assert_eq!(record(&project).scheduler.counts().terminated, 2);
    go(&project, "go");
    let said = project.ok("batch resume");
    assert!(said.contains("Resuming batch"), "{said}");
    let record = record(&project);
    assert_eq!(record.scheduler.counts().completed, 3, "{}", project.journal());
    assert_eq!(
        (record.trial(0).unwrap().attempt, record.trial(2).unwrap().attempt),
        (1, 0)
    );
    assert_eq!(project.marks().values().copied().collect::<Vec<_>>(), [1, 1, 1]);
}

#[test]
fn a_driver_that_dies_loses_no_request_and_doubles_none() {
    let project = Project::new("sleep 0.05; echo loss: $FLAG_X; touch $MARKS/done.$FLAG_X.$RUN_ID");
    let mut driver = project.start("run op x=[1,2,3,4,5,6] --jobs 2 --keep-batch -y");
    wait_for("a trial", || !project.marks().is_empty());
    let id = project.batch().id().to_string();
    for round in 0..5 {
        let words = format!("batch enqueue {id} x={}", 100 + round);
        let asking = project
            .command(&words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        // Each time the driver dies at another moment of the request: none of them may matter.
        std::thread::sleep(Duration::from_millis(4 * round));
        let _ = driver.kill();
        driver.wait().unwrap();
        driver = project.start(&format!("batch resume {id}"));
        let asked = asking.unwrap().wait_with_output().unwrap();
        assert!(asked.status.success(), "round {round}: {}", text(&asked));
    }
    driver.wait().unwrap();
    project.ok(&format!("batch resume {id}"));
    let record = record(&project);
    let counts = record.scheduler.counts();
    assert_eq!((counts.completed, counts.done()), (11, 11), "{}", project.journal());
    let by_hand = record.trials().filter(|(_, t)| t.proposed.by_hand);
    let mut asked: Vec<_> = by_hand.map(|(_, t)| t.proposed.values["x"].clone()).collect();
    asked.sort_by_key(|x| x.as_f64().map(|x| x as i64));
    assert_eq!(asked, (100..105).map(Value::Int).collect::<Vec<_>>());
    assert!(
        project.marks().values().all(|count| *count == 1),
        "{:?}",
        project.marks()
    );
}

#[test]
fn what_is_asked_for_wrongly_is_said() {
    let project = Project::new("echo loss: $FLAG_X");
    for (words, code, expected) in [
        ("batch show", 1, "there are no batches"),
        ("batch list", 0, ""),
        ("batch pause", 1, "no batch is running"),
        ("batch resume", 0, "nothing to resume"),
        ("batch set", 2, "missing one of: --jobs, --max-trials"),
        ("batch retry", 2, "missing one of: --failed, --terminated, --trial"),
        (
            "batch set --jobs 0",
            2,
            "Invalid value for '-j' / '--jobs': 0 is not in the range x>=1.",
        ),
        ("batch add-trials x", 2, "'x' is not a valid integer."),
        ("batch enqueue", 2, "Missing argument"),
    ] {
        let output = project.gage(words);
        let said = text(&output);
        assert!(
            output.status.code() == Some(code) && said.contains(expected),
            "{words}: {said}"
        );
    }
    project.ok("run op x=[1,2] --keep-batch -y");
    for (words, expected) in [
        ("batch enqueue 1 x=[1,2]", "is not a batch"),
        ("batch enqueue y=1", "no batch is running"),
        ("batch set --jobs 3", "no batch is running"),
        ("batch replay nope", "could not find a run matching"),
    ] {
        let output = project.gage(words);
        let said = text(&output);
        assert!(
            output.status.code() == Some(1) && said.contains(expected),
            "{words}: {said}"
        );
    }
    let id = project.batch().id().to_string();
    for (words, expected) in [
        (
            format!("batch enqueue {id} x=[1,2]"),
            "flag x has to have one value, not '[1, 2]'",
        ),
        (format!("batch enqueue {id} y=1"), "unsupported flag 'y'"),
        (format!("batch set {id} --jobs 3"), "has come to its end"),
        (format!("batch set {id} --max-trials 1"), "2 are proposed already"),
        (format!("batch add-trials 1 {id}"), "its grid has 2 points"),
        (format!("batch retry {id} --trial 3"), "has no trial 3"),
    ] {
        let output = project.gage(&words);
        let said = text(&output);
        assert!(
            output.status.code() == Some(1) && said.contains(expected),
            "{words}: {said}"
        );
    }
    let events = project.events();
    assert!(
        events.iter().all(|event| !matches!(event, Event::Edited(_))),
        "nothing of it happened"
    );
    let ended = events
        .iter()
        .filter(|e| matches!(e, Event::Ended(e) if e.status == Status::Completed));
    assert_eq!(ended.count(), 2);
}
