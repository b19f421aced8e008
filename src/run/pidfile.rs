//! The pidfile of a run in the background: claimed before the run is made, written by the process that supervises
//! the run, gone when the run has ended. Never takes a file that is somebody else's.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

use super::process;
use super::{Run, meta, reason};

/// Where a run that was started in the background keeps the path of its pidfile.
const ATTRIBUTE: &str = "sys/pidfile.json";
/// A file longer than this holds something else than a pid.
const LONGEST: u64 = 32;

/// Why a file cannot be a pidfile.
#[derive(Debug, thiserror::Error)]
pub enum PidfileError {
    #[error("cannot write pidfile {}: {}", path.display(), reason(error))]
    Write { path: PathBuf, error: io::Error },
    #[error("cannot write pidfile {}: it is not an ordinary file", .0.display())]
    NoFile(PathBuf),
    #[error("cannot write pidfile {}: it exists and holds something else than a pid", .0.display())]
    OtherContent(PathBuf),
    #[error("cannot write pidfile {}: it is that of process {pid}, which is running", path.display())]
    Taken { path: PathBuf, pid: i32 },
}

/// A pidfile that will be written. Dropped, a file that was not there before is taken away again.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    made: bool,
}

impl Claim {
    /// Makes sure that `path` can be written and is nobody else's.
    pub fn new(path: &Path) -> Result<Claim, PidfileError> {
        let made = !path.exists();
        open(path)?;
        Ok(Claim {
            path: path.to_path_buf(),
            made,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// From now on the file is another process's to take away.
    pub fn hand_over(mut self) {
        self.made = false;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.made {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The pidfile of this process. Dropped, it is taken away, unless another process has made it its own since.
#[derive(Debug)]
pub struct Pidfile {
    path: PathBuf,
}

impl Pidfile {
    /// Writes this process's pid.
    pub fn write(path: &Path) -> Result<Pidfile, PidfileError> {
        let mut file = open(path)?;
        let pid = std::process::id().to_string();
        let written = file.set_len(0).and_then(|()| file.write_all(pid.as_bytes()));
        written.map_err(|error| PidfileError::Write {
            path: path.to_path_buf(),
            error,
        })?;
        Ok(Pidfile {
            path: path.to_path_buf(),
        })
    }

    /// Lets a run know of it, so that whoever finalizes the run in our place can take it away. A run that cannot
    /// take the note runs all the same.
    pub fn note(&self, run: &Run) {
        let path = run.meta(ATTRIBUTE);
        let made = path.parent().map_or(Ok(()), fs::create_dir_all);
        let text = meta::json_text(&self.path.to_string_lossy());
        let _ = made.and_then(|()| meta::write(&path, text.as_bytes()));
    }
}

impl Drop for Pidfile {
    fn drop(&mut self) {
        remove_if(&self.path, |pid| pid == std::process::id() as i32);
    }
}

/// True for a run whose last start was in the background.
pub fn in_background(run: &Run) -> bool {
    run.meta(ATTRIBUTE).exists()
}

/// Takes the note of an earlier start away.
pub(crate) fn forget(run: &Run) -> io::Result<()> {
    match fs::remove_file(run.meta(ATTRIBUTE)) {
        Err(error) if !meta::is_missing(&error) => Err(error),
        _ => Ok(()),
    }
}

/// Takes the pidfile of a run away whose supervisor has died.
pub(crate) fn remove_stale(run: &Run) {
    let noted = meta::read_json(&run.meta(ATTRIBUTE)).ok().flatten();
    if let Some(path) = noted.as_ref().and_then(|path| path.as_str()) {
        remove_if(Path::new(path), |pid| !process::is_alive(pid, None));
    }
}

fn remove_if(path: &Path, test: impl Fn(i32) -> bool) {
    let pid = fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok());
    if pid.is_some_and(test) {
        let _ = fs::remove_file(path);
    }
}

/// Opens a pidfile for writing, making it if need be. What it holds must be nothing, or the pid of a gage that has
/// ended.
fn open(path: &Path) -> Result<fs::File, PidfileError> {
    let failed = |error| PidfileError::Write {
        path: path.to_path_buf(),
        error,
    };
    // Opening a FIFO would wait for its reader.
    let flags = OFlag::O_NONBLOCK.bits();
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .custom_flags(flags)
        .mode(0o644)
        .open(path)
        .map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    if !about.is_file() {
        return Err(PidfileError::NoFile(path.to_path_buf()));
    }
    let mut text = String::new();
    let readable = about.size() <= LONGEST && file.read_to_string(&mut text).is_ok();
    use std::io::Seek as _;
    file.rewind().map_err(failed)?;
    match text.trim().parse::<i32>() {
        Ok(pid) if pid != std::process::id() as i32 && is_gage(pid) => Err(PidfileError::Taken {
            path: path.to_path_buf(),
            pid,
        }),
        Ok(_) => Ok(file),
        Err(_) if readable && text.trim().is_empty() => Ok(file),
        Err(_) => Err(PidfileError::OtherContent(path.to_path_buf())),
    }
}

/// True for a living process of the same program as this one: a pid alone may have been given to any process since.
fn is_gage(pid: i32) -> bool {
    let name = |pid: &str| fs::read_to_string(format!("/proc/{pid}/comm")).ok();
    process::is_alive(pid, None) && name(&pid.to_string()).is_some_and(|other| Some(other) == name("self"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_gone_with_its_process() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pid");
        drop(Claim::new(&path).unwrap());
        assert!(!path.exists(), "a claim that came to nothing leaves nothing");
        Claim::new(&path).unwrap().hand_over();
        let pidfile = Pidfile::write(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), std::process::id().to_string());
        drop(pidfile);
        assert!(!path.exists());
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("train.py");
        for content in ["import os\n", "4711 4712", &"1".repeat(40), "-"] {
            fs::write(&path, content).unwrap();
            let error = Claim::new(&path).unwrap_err().to_string();
            assert!(
                error.ends_with("it exists and holds something else than a pid"),
                "{error}"
            );
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
        assert!(matches!(Claim::new(dir.path()), Err(PidfileError::Write { .. })));
        assert!(matches!(
            Claim::new(Path::new("/dev/null")),
            Err(PidfileError::NoFile(_))
        ));
        let missing = dir.path().join("none/pid");
        assert_eq!(
            Claim::new(&missing).unwrap_err().to_string(),
            format!("cannot write pidfile {}: No such file or directory", missing.display())
        );
    }

    #[test]
    fn a_pid_of_the_past_is_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pid");
        fs::write(&path, "99999999\n").unwrap();
        drop(Claim::new(&path).unwrap());
        assert!(path.exists(), "it was there before");
        let pidfile = Pidfile::write(&path).unwrap();
        fs::write(&path, "99999999").unwrap();
        drop(pidfile);
        assert!(path.exists(), "another process has taken it");
    }

    #[test]
    fn a_run_tells_who_finalizes_it() {
        let home = tempfile::tempdir().unwrap();
        let run = Run::new(home.path(), "abc");
        let path = home.path().join("pid");
        assert!(!in_background(&run));
        let pidfile = Pidfile::write(&path).unwrap();
        pidfile.note(&run);
        assert!(in_background(&run));
        remove_stale(&run);
        assert!(path.exists(), "its process lives");
        fs::write(&path, "99999999").unwrap();
        remove_stale(&run);
        assert!(!path.exists());
        forget(&run).unwrap();
        forget(&run).unwrap();
        assert!(!in_background(&run));
    }
}
