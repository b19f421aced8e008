//! Batches through the command: killed and gone on with, staged, started again, not needed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use gage::batch::event::{Event, Status};
use gage::batch::record::Record;
use gage::batch::{journal, replay, resume};
use gage::run::Run;

struct Project {
    dir: tempfile::TempDir,
}

impl Project {
    fn new(script: &str) -> Project {
        let dir = tempfile::tempdir().unwrap();
        let file = format!("[op]\nexec = '''{script}'''\nsourcecode = false\n[op.flags]\nx = 1\n");
        fs::write(dir.path().join("gage.toml"), file).unwrap();
        Project { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn home(&self) -> PathBuf {
        self.path("home/runs")
    }

    fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gage"));
        command.args(words.split_whitespace());
        command.current_dir(self.dir.path()).env("GAGE_HOME", self.path("home"));
        command.env("MARKS", self.dir.path()).stdin(Stdio::null());
        command
    }

    fn gage(&self, words: &str) -> Output {
        self.command(words).output().unwrap()
    }

    /// Standard output and error of a command that must end well.
    fn ok(&self, words: &str) -> String {
        let output = self.gage(words);
        let text = text(&output);
        assert!(output.status.success(), "gage {words}: {text}");
        text
    }

    fn start(&self, words: &str) -> Child {
        self.command(words)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn batch(&self) -> Run {
        let home = self.home();
        let names = fs::read_dir(&home)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap());
        let ids: Vec<String> = names
            .filter_map(|n| n.strip_suffix(".meta").map(str::to_string))
            .collect();
        let mut batches = ids.into_iter().map(|id| Run::new(&home, id)).filter(resume::is_batch);
        batches.next().expect("a batch")
    }

    /// The journal as it is, for messages.
    fn journal(&self) -> String {
        fs::read_to_string(self.batch().meta(journal::FILE)).unwrap()
    }

    fn events(&self) -> Vec<Event> {
        journal::read(&self.batch().meta(journal::FILE)).unwrap()
    }

    /// How often each `x` was run to its end.
    fn marks(&self) -> BTreeMap<String, usize> {
        let mut marks = BTreeMap::new();
        for entry in fs::read_dir(self.dir.path()).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if let Some(rest) = name.strip_prefix("done.") {
                *marks.entry(rest.split('.').next().unwrap().to_string()).or_default() += 1;
            }
        }
        marks
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn wait_for(what: &str, mut test: impl FnMut() -> bool) {
    let began = Instant::now();
    while !test() {
        assert!(began.elapsed() < Duration::from_secs(60), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn kill(pid: u32) {
    let status = Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    assert!(status.success());
}

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
