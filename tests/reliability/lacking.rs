//! What a batch needs is missing or goes away: space, permission, directories, links, files, processes. It says so,
//! keeps what it had, calls no trial failed for it, and goes on when the thing is there again.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::study::{Study, said, wait_for};

const SCRIPT: &str = "echo loss: $FLAG_X";
/// Waits for a mark.
const WAITING: &str = "touch $MARKS/up.$FLAG_X
while [ ! -e $MARKS/go ]; do sleep 0.02; done
echo loss: $FLAG_X";

/// A file system of its own, as far as this user may have one.
struct Disk(tempfile::TempDir);

impl Disk {
    fn mount(size: &str) -> Option<Disk> {
        let dir = tempfile::tempdir().unwrap();
        let mounted = mount(&["-t", "tmpfs", "-o", &format!("size={size}"), "gage-test"], dir.path());
        if !mounted {
            println!("skipped: mounting a small file system needs root");
        }
        mounted.then_some(Disk(dir))
    }

    fn change(&self, options: &str) {
        assert!(
            mount(&["-o", &format!("remount,{options}")], self.0.path()),
            "{options}"
        );
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

fn mount(words: &[&str], at: &Path) -> bool {
    let mut command = Command::new("mount");
    command.args(words).arg(at).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Words that start a command under strace, if there is one.
fn traced<'a>(rules: &[&'a str]) -> Option<Vec<&'a str>> {
    let works = Command::new("strace")
        .args(["-qq", "-o", "/dev/null", "true"])
        .stderr(Stdio::null())
        .status();
    if !works.is_ok_and(|status| status.success()) {
        println!("skipped: strace is not installed, or may not trace here");
        return None;
    }
    let rules = rules.iter().flat_map(|rule| ["-e", rule]);
    Some(
        ["strace", "-f", "-qq", "-o", "/dev/null"]
            .into_iter()
            .chain(rules)
            .collect(),
    )
}

/// A batch that could not go on: nothing failed, what had ended is still the same after it has.
fn check_goes_on(study: &Study, planned: u64) {
    study.check_alone();
    let before = study.ended();
    assert_eq!(study.record().scheduler.counts().failed, 0);
    study.ok("run --resume -y");
    let after = study.ended();
    for (number, run) in before {
        assert_eq!(after[&number], run, "trial {number} was run again");
    }
    study.check_complete(planned);
}

#[test]
fn a_full_disk() {
    let Some(disk) = Disk::mount("1m") else { return };
    let script = "head -c 30000 /dev/zero | tr '\\0' x; echo; echo loss: $FLAG_X";
    let study = Study::with_home(script, tempfile::tempdir().unwrap(), disk.0.path().join("home"));
    let (code, text) = study.gage("run op x=[0:1000] -o tpe -m 30 --jobs 2 --keep-batch -y");
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("No space left on device"), "{text}");
    let hint = format!(
        "To go on with the batch, use 'gage run --resume {}'.",
        study.batch().id()
    );
    assert!(text.contains(&hint), "{text}");
    assert!(!study.ended().is_empty(), "{text}");
    // As long as nothing has changed, it says the same again.
    let (code, text) = study.gage("run --resume -y");
    assert!(code == 1 && text.contains("No space left on device"), "{text}");
    disk.change("size=100m");
    check_goes_on(&study, 30);
}

#[test]
fn a_home_that_is_read_only() {
    let Some(disk) = Disk::mount("20m") else { return };
    let study = Study::with_home(SCRIPT, tempfile::tempdir().unwrap(), disk.0.path().join("home"));
    study.ok("run op x=[1,2] --stage --keep-batch -y");
    disk.change("ro");
    for words in ["run op x=[1,2] -y", "run op -y", "run --resume -y"] {
        let (code, text) = study.gage(words);
        assert_eq!(code, 1, "gage {words}: {text}");
        assert!(text.contains("Read-only file system"), "gage {words}: {text}");
    }
    // Looking needs no permission.
    assert!(study.ok("runs").contains("staged"));
    disk.change("rw");
    study.ok("run --resume -y");
    study.check_complete(2);
}

#[test]
fn a_project_that_is_deleted() {
    let study = Study::new(WAITING);
    let driver = study
        .command(&[], "run op x=[1,2,3] --keep-batch -y")
        .stderr(Stdio::null())
        .spawn();
    wait_for("a trial", || study.mark("up.1").exists());
    fs::remove_dir_all(study.project()).unwrap();
    fs::write(study.mark("go"), "").unwrap();
    assert!(driver.unwrap().wait().unwrap().success());
    fs::create_dir(study.project()).unwrap();
    study.check_complete(3);
}

#[test]
fn a_run_directory_that_is_deleted() {
    let study = Study::new(WAITING);
    let driver = study
        .command(&[], "run op x=[1,2] --keep-batch -y")
        .stderr(Stdio::null())
        .spawn();
    wait_for("a trial", || study.mark("up.1").exists());
    let record = study.record();
    fs::remove_dir_all(study.runs().join(&record.trial(0).unwrap().run)).unwrap();
    fs::write(study.mark("go"), "").unwrap();
    assert!(driver.unwrap().wait().unwrap().success());
    // What the program said was not in there.
    study.check_complete(2);
}

#[test]
fn a_home_that_is_deleted() {
    let study = Study::new(WAITING);
    let driver = study
        .command(&[], "run op x=[1,2,3] --jobs 2 -y")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for("two trials", || {
        study.mark("up.1").exists() && study.mark("up.2").exists()
    });
    fs::remove_dir_all(study.home()).unwrap();
    fs::write(study.mark("go"), "").unwrap();
    let output = driver.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("No such file or directory"), "{text}");
    study.check_alone();
    assert!(!study.mark("up.3").exists(), "nothing more is started");
}

#[test]
fn a_file_system_without_hard_links() {
    let Some(before) = traced(&["trace=link,linkat", "inject=link,linkat:error=EPERM"]) else {
        return;
    };
    let study = Study::new(SCRIPT);
    let (code, text) = said(study.command(&before, "run op x=[1,2] --keep-batch -y"));
    assert_eq!(code, 0, "{text}");
    study.check_complete(2);
}

#[test]
fn no_more_processes() {
    let never = [
        "trace=clone,clone3,vfork,fork",
        "inject=clone,clone3,vfork,fork:error=EAGAIN:when=9+",
    ];
    let Some(before) = traced(&never) else { return };
    let study = Study::new(SCRIPT);
    let (code, text) = said(study.command(&before, "run op x=[1,2,3,4,5,6,7,8] --jobs 4 --keep-batch -y"));
    // How many are started before depends on who is traced when.
    if code != 0 {
        assert!(text.contains("Resource temporarily unavailable"), "{text}");
        assert!(text.contains("gage run --resume"), "{text}");
        check_goes_on(&study, 8);
    }
    study.check_complete(8);
}

#[test]
fn too_many_open_files() {
    for limit in ["12", "16", "20", "26", "34", "10000"] {
        let study = Study::new(SCRIPT);
        let before = ["sh", "-c", "ulimit -n $0 && exec \"$@\"", limit];
        let (code, text) = said(study.command(&before, "run op x=[1,2,3,4,5,6] --jobs 3 --keep-batch -y"));
        if limit == "10000" {
            assert_eq!(code, 0, "{text}");
        } else if code != 0 {
            assert!(text.contains("Too many open files"), "{limit}: {text}");
            if !study.runs().exists() || !has_batch(&study) {
                continue;
            }
            check_goes_on(&study, 6);
        }
        study.check_complete(6);
    }
}

fn has_batch(study: &Study) -> bool {
    let names = fs::read_dir(study.runs()).unwrap().flatten();
    names
        .filter(|e| !e.file_name().to_string_lossy().starts_with('.'))
        .any(|e| e.path().join("study.jsonl").exists())
}
