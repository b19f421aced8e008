//! `--deterministic`: seed and jobs at the start fix every trial, whatever the machine is busy with, whoever dies, and
//! however many trials run at a time later.

use std::process::{Child, Command};

use gage::batch::record::Record;
use gage::flags::FlagValues;

use crate::project::{Project, kill, wait_for};

/// Takes between 0 and a quarter of a second, each time another; fails for some values.
const SCRIPT: &str = "sleep 0.$(od -An -N1 -tu1 /dev/urandom | tr -d ' ' | sed 's/^/00/' | tail -c 4)
[ $(( FLAG_X % 7 )) -ne 3 ] || exit 1
echo loss: $(( (FLAG_X - 300) * (FLAG_X - 300) ))
touch $MARKS/done.$FLAG_X.$RUN_ID";

const RUN: &str = "run op x=[0:1000] -o gp -m 20 --jobs 8 --deterministic --random-seed 11 -y -q";

fn record(project: &Project) -> Record {
    Record::of(&project.events())
}

fn values(project: &Project) -> Vec<FlagValues> {
    let record = record(project);
    assert_eq!(record.scheduler.counts().done(), 20, "{}", project.journal());
    let id = project.batch().id().to_string();
    project.ok(&format!("batch replay {id}"));
    record.trials().map(|(_, t)| t.proposed.values.clone()).collect()
}

/// Waits until so many trials have ended.
fn ended(project: &Project, count: u64) {
    wait_for("trials", || {
        project.has_batch() && record(project).scheduler.counts().done() >= count
    });
}

/// A process that needs a processor for as long as this lives.
struct Spinning(Child);

impl Spinning {
    fn new() -> Spinning {
        let busy = ["-c", "while :; do :; done"];
        Spinning(Command::new("sh").args(busy).spawn().unwrap())
    }
}

impl Drop for Spinning {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn timing_deaths_and_edits_change_no_trial() {
    let calm = Project::new(SCRIPT);
    calm.ok(RUN);
    let expected = values(&calm);

    // On a machine that is busy with something else.
    let busy = Project::new(SCRIPT);
    let spinning: Vec<Spinning> = (0..6).map(|_| Spinning::new()).collect();
    busy.ok(RUN);
    drop(spinning);
    assert_eq!(values(&busy), expected);

    // Killed, gone on with, stopped, gone on with.
    let broken = Project::new(SCRIPT);
    let mut driver = broken.start(RUN);
    ended(&broken, 4);
    kill(driver.id());
    driver.wait().unwrap();
    let mut driver = broken.start("batch resume -q");
    ended(&broken, 10);
    assert!(
        Command::new("kill")
            .arg(driver.id().to_string())
            .status()
            .unwrap()
            .success()
    );
    driver.wait().unwrap();
    broken.ok("batch resume -q");
    assert_eq!(values(&broken), expected);

    // Changed while it runs.
    let edited = Project::new(SCRIPT);
    let mut driver = edited.start(RUN);
    ended(&edited, 2);
    edited.ok("batch set --jobs 3");
    edited.ok("batch pause");
    edited.ok("batch continue");
    ended(&edited, 8);
    let said = edited.ok("batch set --jobs 12");
    assert!(said.contains("with --deterministic no more than 8"), "{said}");
    assert!(driver.wait().unwrap().success());
    assert_eq!(values(&edited), expected);
}
