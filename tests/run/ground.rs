//! What a run stands on goes away: directories are deleted, disks fill up. The program goes on, and nothing is half made.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command as Process, Stdio};

use gage::project::Command;
use gage::run::{Caller, Event, Notice, Status, Supervise, create, status, supervise};

use crate::life::{Place, execute, log, meta, spec};

#[test]
fn a_run_directory_deleted_under_a_running_program() {
    let place = Place::new();
    let run = place.shell("echo up; rm -rf \"$run_dir\"; echo still here");
    let (exit, out, _) = execute(&run);
    assert_eq!((exit.code, out.as_str()), (0, "up\nstill here\n"));
    assert_eq!((exit.problems.len(), status::of(&run)), (1, Status::Completed));
    assert!(
        exit.problems[0].starts_with("cannot read run directory "),
        "{:?}",
        exit.problems
    );
    assert!(log(&run).iter().any(|l| l.starts_with("cannot read run directory")));
}

#[test]
fn a_meta_directory_deleted_under_a_running_program() {
    let place = Place::new();
    let run = place.shell("echo up; rm -rf \"$run_dir\" \"$run_dir\".*; echo still here; exit 3");
    let (exit, out, _) = execute(&run);
    assert_eq!((exit.code, out.as_str()), (3, "up\nstill here\n"));
    assert!(
        exit.problems.iter().any(|p| p.contains("proc/exit")),
        "{:?}",
        exit.problems
    );
    assert_eq!(fs::read_dir(place.home()).unwrap().count(), 0, "nothing comes back");
    // The next run of the same process is as if nothing had been.
    assert_eq!(execute(&place.shell("true")).0.problems, Vec::<String>::new());
}

/// A small file system of its own, as far as this user may have one.
struct SmallDisk {
    dir: tempfile::TempDir,
}

impl SmallDisk {
    fn mount(size: &str) -> Option<SmallDisk> {
        let dir = tempfile::tempdir().unwrap();
        let mounted = Process::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "gage-test"])
            .arg(dir.path())
            .stderr(Stdio::null())
            .status();
        match mounted {
            Ok(status) if status.success() => Some(SmallDisk { dir }),
            _ => {
                println!("skipped: mounting a small file system needs root");
                None
            }
        }
    }

    fn fill(&self) {
        let mut file = fs::File::create(self.dir.path().join("filler")).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Process::new("umount").arg("-l").arg(self.dir.path()).status();
    }
}

#[test]
fn a_full_disk_does_not_stop_the_program_nor_lose_its_end() {
    let Some(disk) = SmallDisk::mount("400k") else { return };
    for (script, code, state) in [
        (
            "echo up; head -c 1000000 /dev/zero; echo 'loss: 1'; echo done",
            0,
            Status::Completed,
        ),
        ("echo up; head -c 1000000 /dev/zero; exit 3", 3, Status::Error),
    ] {
        let home = disk.dir.path().join(format!("runs{code}"));
        let run = create(&home, &spec(Command::Shell(script.into()))).unwrap();
        gage::run::stage(&run, &crate::life::staging(&Default::default())).unwrap();
        let mut said = Vec::new();
        let mut heard = 0;
        let exit = supervise(
            &run,
            &mut Supervise {
                on: &mut |event| match event {
                    Event::Output { bytes, .. } => {
                        heard += bytes.len();
                        disk.fill();
                    }
                    Event::Notice(Notice::OutputLost(reason)) => said.push(reason.to_string()),
                    _ => {}
                },
                stop: None,
                stop_after: None,
                adopt: false,
                stdin: false,
                fresh: false,
                caller: Caller::here(),
            },
        )
        .unwrap();
        assert!(heard > 1_000_000, "the program went on");
        assert_eq!((exit.code, exit.status), (code, state));
        assert!(
            !said.is_empty() && said.len() <= 2 && said[0] == "No space left on device",
            "{said:?}"
        );
        assert!(
            exit.problems.iter().any(|p| p.contains("No space left on device")),
            "{:?}",
            exit.problems
        );
        assert_eq!((status::of(&run), meta(&run, "proc/exit")), (state, code.to_string()));
        assert!(run.meta("stopped").exists() && !run.meta("proc/lock").exists());
        fs::remove_file(disk.dir.path().join("filler")).unwrap();
        fs::remove_dir_all(&home).unwrap();
    }
}

#[test]
fn a_full_disk_makes_no_half_made_run() {
    let Some(disk) = SmallDisk::mount("400k") else { return };
    let home = disk.dir.path().join("runs");
    fs::create_dir(&home).unwrap();
    disk.fill();
    let error = create(&home, &spec(Command::Shell("true".into()))).unwrap_err();
    assert!(error.to_string().contains("No space left on device"), "{error}");
    assert_eq!(fs::read_dir(&home).unwrap().count(), 0);
}

#[test]
fn a_runs_home_that_cannot_be_written() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let home: &Path = file.path();
    let error = create(home, &spec(Command::Shell("true".into()))).unwrap_err();
    assert!(error.to_string().starts_with("cannot make directory "), "{error}");
}
