//! Whatever happens to runs, a listing with the index says what reading every run says.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::*;
use crate::run::user::{self, Changes};
use crate::run::{meta, remove};
use crate::scalars::Scalar;
use crate::scalars::events::Writer;
use crate::store::{Store, entry};

/// A runs home whose clock we turn: file times are set back, so that nothing is too new to be believed.
struct Home {
    dir: tempfile::TempDir,
    clock: u64,
}

impl Home {
    fn new() -> Home {
        Home {
            dir: tempfile::tempdir().unwrap(),
            clock: 0,
        }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn run(&self, number: usize) -> Run {
        Run::new(self.path(), format!("{number:08x}"))
    }

    fn write(&self, run: &Run, name: &str, text: &str) {
        fs::create_dir_all(run.meta("proc")).unwrap();
        fs::create_dir_all(run.dir()).unwrap();
        meta::write(&run.meta(name), text.as_bytes()).unwrap();
    }

    fn make(&self, run: &Run, time: u64) {
        if remove::restore(run).is_ok() {
            return;
        }
        self.write(run, "opref", "1 test op");
        self.write(run, "config.json", &format!("{{\"x\": {time}}}"));
        self.write(run, "initialized", &time.to_string());
    }

    fn start(&self, run: &Run, time: u64) {
        let _ = fs::remove_file(run.meta("proc/exit"));
        self.write(run, "started", &time.to_string());
        self.write(run, "proc/lock", &std::process::id().to_string());
        fs::write(run.lease_file(), "{}").unwrap();
        let _ = fs::remove_file(run.lease_file());
    }

    fn stop(&self, run: &Run, time: u64) {
        self.write(run, "stopped", &time.to_string());
        self.write(run, "proc/exit", &(time % 2).to_string());
        let _ = fs::remove_file(run.meta("proc/lock"));
    }

    fn log(&self, dir: &Path, time: u64) {
        let scalar = Scalar {
            tag: "loss".into(),
            step: time as i64,
            value: time as f64,
        };
        Writer::new(dir).add(&scalar, 0.0).unwrap();
    }

    fn append(&self, dir: &Path, time: u64) {
        let Ok(mut entries) = fs::read_dir(dir) else { return };
        let Some(file) = entries.find_map(|e| e.ok().map(|e| e.path()).filter(|p| p.is_file())) else {
            return;
        };
        let other = tempfile::tempdir().unwrap();
        self.log(other.path(), time);
        let new = fs::read_dir(other.path()).unwrap().next().unwrap().unwrap().path();
        let bytes = [fs::read(&file).unwrap(), fs::read(new).unwrap()].concat();
        fs::write(file, bytes).unwrap();
    }

    /// Sets what changed since the last call a second after it, an hour ago.
    fn turn_clock(&mut self) {
        self.clock += 1;
        let now = SystemTime::now();
        let time = now - Duration::from_secs(1_000_000) + Duration::from_secs(self.clock);
        for path in below(self.path()) {
            let meta = fs::symlink_metadata(&path).unwrap();
            if !meta.is_symlink()
                && now
                    .duration_since(meta.modified().unwrap())
                    .is_ok_and(|d| d.as_secs() < 900_000)
            {
                let file = fs::File::open(&path).unwrap();
                file.set_modified(time).unwrap();
            }
        }
    }
}

fn below(dir: &Path) -> Vec<PathBuf> {
    let mut paths = vec![dir.to_path_buf()];
    let mut at = 0;
    while at < paths.len() {
        if fs::symlink_metadata(&paths[at]).unwrap().is_dir() && !paths[at].ends_with(".index") {
            paths.extend(fs::read_dir(&paths[at]).unwrap().map(|e| e.unwrap().path()));
        }
        at += 1;
    }
    paths
}

/// Reads every run, with no index.
fn plainly(home: &Path, scalars: bool) -> Vec<String> {
    let mut rows: Vec<RunRow> = ids(home, ".meta")
        .unwrap()
        .into_iter()
        .map(|id| RunRow::read(&Run::new(home, id), &mut Vec::new()))
        .filter(|row| row.status != Status::Unknown)
        .collect();
    rows.sort_by(|a, b| (b.began(), b.run.id()).cmp(&(a.began(), a.run.id())));
    rows.into_iter().map(|row| show(row, scalars)).collect()
}

fn show(mut row: RunRow, scalars: bool) -> String {
    if !scalars {
        row.scalars.clear();
    }
    format!("{row:?}")
}

fn listed(home: &Path) -> Vec<String> {
    Store::open(home)
        .list(&Filter::default())
        .unwrap()
        .rows
        .into_iter()
        .map(|row| show(row, true))
        .collect()
}

fn check(home: &Path) {
    let newest = Store::open(home).newest(&Filter::default(), 2).unwrap();
    let plain = plainly(home, false);
    assert_eq!(newest.total, plain.len());
    let rows: Vec<String> = newest.rows.into_iter().map(|row| show(row, false)).collect();
    assert_eq!(rows, plain[..plain.len().min(2)]);
    assert_eq!(listed(home), plainly(home, true));
}

#[derive(Debug, Clone)]
enum Step {
    Make(usize),
    Start(usize),
    Stop(usize),
    Delete(usize),
    Label(usize),
    Log(usize, &'static str),
    Append(usize),
    Link(usize, usize),
    Check,
    Tick,
    LoseIndex,
    TearIndex(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let run = 0usize..4;
    prop_oneof![
        2 => run.clone().prop_map(Step::Make),
        2 => run.clone().prop_map(Step::Start),
        2 => run.clone().prop_map(Step::Stop),
        1 => run.clone().prop_map(Step::Delete),
        1 => run.clone().prop_map(Step::Label),
        1 => (run.clone(), prop_oneof![Just(""), Just("logs/deep")]).prop_map(|(run, dir)| Step::Log(run, dir)),
        1 => run.clone().prop_map(Step::Append),
        1 => (run.clone(), run).prop_map(|(a, b)| Step::Link(a, b)),
        4 => Just(Step::Check),
        6 => Just(Step::Tick),
        1 => Just(Step::LoseIndex),
        1 => any::<u8>().prop_map(Step::TearIndex),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn the_index_changes_no_answer(steps in prop::collection::vec(step(), 1..40)) {
        let mut home = Home::new();
        for (time, step) in steps.into_iter().enumerate() {
            let time = 1_000_000 + time as u64;
            let exists = |run: usize| home.run(run).meta("opref").exists();
            match step {
                Step::Make(run) if !exists(run) => home.make(&home.run(run), time),
                Step::Start(run) if exists(run) => home.start(&home.run(run), time),
                Step::Stop(run) if exists(run) => home.stop(&home.run(run), time),
                Step::Delete(run) if exists(run) => remove::delete(&home.run(run)).unwrap(),
                Step::Label(run) if exists(run) => {
                    user::apply(&home.run(run), &Changes::new().label(&time.to_string())).unwrap();
                }
                // Only a run at work writes there.
                Step::Log(run, "") if exists(run) && !home.run(run).meta("proc/exit").exists() => home.log(&home.run(run).meta("scalars"), time),
                Step::Log(run, dir) if exists(run) => home.log(&home.run(run).dir().join(dir), time),
                Step::Append(run) if exists(run) => home.append(&home.run(run).dir().join("logs/deep"), time),
                Step::Link(run, to) if exists(run) && exists(to) => {
                    let _ = std::os::unix::fs::symlink(home.run(to).dir(), home.run(run).dir().join(format!("to{to}")));
                }
                Step::Check => check(home.path()),
                Step::Tick => home.turn_clock(),
                Step::LoseIndex => {
                    let _ = fs::remove_dir_all(home.path().join(".index"));
                }
                Step::TearIndex(at) => {
                    let path = home.path().join(".index/recent");
                    if let Ok(mut bytes) = fs::read(&path) {
                        bytes.truncate(bytes.len() * usize::from(at) / 256);
                        fs::write(path, bytes).unwrap();
                    }
                }
                _ => {}
            }
        }
        check(home.path());
    }
}

#[test]
fn a_listing_without_changes_reads_no_run() {
    let mut home = Home::new();
    for number in 0..5 {
        let run = home.run(number);
        home.make(&run, 5);
        home.start(&run, 10 + number as u64);
        home.stop(&run, 20);
    }
    check(home.path());
    home.turn_clock();
    let plain = plainly(home.path(), true);
    check(home.path());
    let index = Index::load(home.path());
    assert!(index.is_complete_at(entry::settled_time(home.path()).unwrap()));
    let lister = Lister::open(home.path()).unwrap();
    assert_eq!((lister.items.len(), lister.read.len()), (5, 0));
    // Nothing but the index is asked: a change that leaves no trace in any time is not seen.
    let config = home.run(1).meta("config.json");
    let time = fs::metadata(home.run(1).meta("")).unwrap().modified().unwrap();
    meta::write(&config, b"{\"x\": 99}").unwrap();
    fs::File::open(home.run(1).meta(""))
        .unwrap()
        .set_modified(time)
        .unwrap();
    assert_eq!(listed(home.path()), plain);
    fs::remove_dir_all(home.path().join(".index")).unwrap();
    assert_ne!(listed(home.path()), plain);
}

#[test]
fn two_may_refresh_the_index_at_once() {
    let home = Home::new();
    for number in 0..40 {
        let run = home.run(number);
        home.make(&run, 5);
        home.start(&run, 10 + number as u64);
        home.stop(&run, 20);
    }
    let plain = plainly(home.path(), true);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10 {
                    assert_eq!(listed(home.path()), plain);
                    let _ = fs::remove_file(home.path().join(".index/base"));
                }
            });
        }
    });
    assert_eq!(listed(home.path()), plain);
}

#[test]
fn a_home_that_is_not_there_has_no_runs() {
    let home = tempfile::tempdir().unwrap();
    let missing = home.path().join("none");
    let listing = Store::open(&missing).list(&Filter::default()).unwrap();
    assert_eq!((listing.rows.len(), listing.total), (0, 0));
    assert!(!missing.exists());
}
