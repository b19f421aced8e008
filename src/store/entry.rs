//! What one reading of a run found, with stamps that tell whether it still holds. The files are the truth; an entry
//! whose stamps moved is read again.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::fcntl::AtFlags;
use nix::sys::stat::{SFlag, fstatat};

use super::RunRow;
use super::index::Head;
use crate::run::Run;
use crate::run::status::Status;
use crate::scalars::found::{self, Link};

/// Changes within this many nanoseconds may leave a modification time as it is: the clock of file systems ticks
/// slowly. What changed so shortly before it was read is read again next time.
const TICK: i64 = 20_000_000;

/// More directories than this are not watched one by one: those that have event files, and the run directory.
const WATCHED_DIRS: usize = 200;

/// A run as it was read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    /// Its scalars are the run's own: those of linked runs are added when it is shown.
    pub row: RunRow,
    pub links: Vec<Link>,
    pub meta_times: MetaTimes,
    /// Where the scalars came from.
    pub stamps: Vec<Stamp>,
    /// Something had just changed when it was read.
    pub racy: bool,
    /// Texts for `WARNING: `.
    pub warnings: Vec<String>,
}

/// Modification times of the meta directory, its `proc` and the user attributes, in nanoseconds; 0 for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MetaTimes(pub [i64; 3]);

/// Time and size of a file or directory with scalars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Relative to the runs home where it is below it.
    pub path: PathBuf,
    /// Nanoseconds; 0 for none.
    pub time: i64,
    /// Of a file; 0 for directories.
    pub size: u64,
}

/// A runs home, open: a short name below it is looked up faster than a long path.
pub(super) struct Home {
    pub path: PathBuf,
    dir: Option<File>,
}

impl Home {
    /// The home need not exist.
    pub fn open(path: &Path) -> Home {
        Home {
            path: path.to_path_buf(),
            dir: File::open(path).ok(),
        }
    }

    /// Modification time in nanoseconds, and the size of a file; zeros if there is no such thing. `name` is relative
    /// to the home, or absolute.
    fn stat(&self, name: &Path) -> (i64, u64) {
        let Some(Ok(stat)) = self.dir.as_ref().map(|dir| fstatat(dir, name, AtFlags::empty())) else {
            return (0, 0);
        };
        let is_file = SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFREG;
        let time = stat
            .st_mtime
            .saturating_mul(1_000_000_000)
            .saturating_add(stat.st_mtime_nsec);
        let size = if is_file {
            u64::try_from(stat.st_size).unwrap_or(0)
        } else {
            0
        };
        (time, size)
    }

    /// The modification time of a run's meta directory.
    pub fn meta_time(&self, id: &str) -> i64 {
        self.stat(Path::new(&format!("{id}.meta"))).0
    }

    fn user_time(&self, id: &str) -> i64 {
        self.stat(Path::new(&format!("{id}.user"))).0
    }

    fn proc_time(&self, id: &str) -> i64 {
        self.stat(Path::new(&format!("{id}.meta/proc"))).0
    }

    fn stamp(&self, path: PathBuf) -> Stamp {
        let path = path.strip_prefix(&self.path).map(Path::to_path_buf).unwrap_or(path);
        let (time, size) = self.stat(&path);
        Stamp { path, time, size }
    }
}

impl Entry {
    /// Reads a run.
    pub fn read(home: &Home, id: &str) -> Entry {
        let began = now();
        let run = &Run::new(&home.path, id);
        let meta_times = MetaTimes([home.meta_time(id), home.proc_time(id), home.user_time(id)]);
        let mut warnings = Vec::new();
        let mut row = RunRow::read_facts(run, &mut warnings);
        let mut places = found::places(&run.dir(), &run.meta(""));
        let links = std::mem::take(&mut places.links);
        let mut dirs: BTreeSet<PathBuf> = std::mem::take(&mut places.dirs).into_iter().collect();
        if dirs.len() > WATCHED_DIRS {
            dirs = places
                .files
                .iter()
                .filter_map(|file| Some(file.path.parent()?.to_path_buf()))
                .collect();
            dirs.insert(run.dir());
        }
        if row.exit.is_some() {
            // No file comes into it unless the run is started again.
            dirs.remove(&run.meta("scalars"));
        }
        let watched = dirs
            .into_iter()
            .chain(places.files.iter().map(|file| file.path.clone()));
        let stamps: Vec<Stamp> = watched.map(|path| home.stamp(path)).collect();
        let own = found::sum_up(places, &run.meta(""));
        row.scalars = own.summaries;
        warnings.extend(own.warnings);
        let newest = stamps.iter().map(|stamp| stamp.time).chain(meta_times.0).max();
        Entry {
            row,
            links,
            meta_times,
            stamps,
            racy: newest.is_some_and(|newest| newest > began - TICK),
            warnings,
        }
    }

    /// True while nothing that lists show has changed. A run that ended is not at work again without a new time of
    /// its start, which lies in the meta directory itself.
    pub fn facts_hold(&self, home: &Home) -> bool {
        let (id, MetaTimes([meta, proc, user])) = (self.row.run.id(), self.meta_times);
        let ended = self.row.exit.is_some();
        !self.racy && home.meta_time(id) == meta && (ended || home.proc_time(id) == proc) && home.user_time(id) == user
    }

    /// True while no event file of the run has changed and none has come.
    pub fn scalars_hold(&self, home: &Home) -> bool {
        self.stamps
            .iter()
            .all(|stamp| home.stat(&stamp.path) == (stamp.time, stamp.size))
    }

    /// True for a run whose status is said by its files alone, and so stands while they do: it ended, or nobody
    /// started it.
    pub fn is_quiet(&self) -> bool {
        self.row.exit.is_some() || self.row.started.is_none() && self.row.status != Status::Running
    }

    pub fn head(&self) -> Head {
        Head {
            began: self.row.began().unwrap_or(i64::MIN),
            meta_time: self.meta_times.0[0],
            settled: !self.racy && self.is_quiet(),
            listed: self.row.status != Status::Unknown,
            gone: false,
        }
    }
}

/// The modification time of a runs home in nanoseconds; 0 if it may change without moving it.
pub(super) fn settled_time(home: &Path) -> io::Result<i64> {
    let began = now();
    let meta = fs::metadata(home)?;
    let time = meta
        .mtime()
        .saturating_mul(1_000_000_000)
        .saturating_add(meta.mtime_nsec());
    Ok(if time > began - TICK { 0 } else { time })
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
