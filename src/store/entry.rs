//! What one reading of a run found, with stamps that tell whether it still holds. The files are the truth; an entry
//! whose stamps moved is read again.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

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

impl MetaTimes {
    pub fn of(run: &Run) -> MetaTimes {
        MetaTimes([run.meta(""), run.meta("proc"), run.user_dir()].map(|path| time_of(&path)))
    }
}

impl Stamp {
    fn of(path: PathBuf, home: &Path) -> Stamp {
        let (time, size) = match fs::symlink_metadata(&path) {
            Ok(meta) => (nanoseconds(&meta), if meta.is_file() { meta.len() } else { 0 }),
            Err(_) => (0, 0),
        };
        let path = path.strip_prefix(home).map(Path::to_path_buf).unwrap_or(path);
        Stamp { path, time, size }
    }
}

impl Entry {
    /// Reads a run.
    pub fn read(run: &Run) -> Entry {
        let began = now();
        let meta_times = MetaTimes::of(run);
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
        let watched = dirs
            .into_iter()
            .chain(places.files.iter().map(|file| file.path.clone()));
        let stamps: Vec<Stamp> = watched.map(|path| Stamp::of(path, run.home())).collect();
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

    /// True while nothing that lists show has changed.
    pub fn facts_hold(&self) -> bool {
        !self.racy && MetaTimes::of(&self.row.run) == self.meta_times
    }

    /// True while no event file of the run has changed and none has come.
    pub fn scalars_hold(&self) -> bool {
        let home = self.row.run.home();
        self.stamps
            .iter()
            .all(|stamp| Stamp::of(home.join(&stamp.path), home) == *stamp)
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

/// Modification time of a directory in nanoseconds; 0 if there is none.
pub(super) fn time_of(path: &Path) -> i64 {
    fs::metadata(path).map_or(0, |meta| nanoseconds(&meta))
}

/// The modification time of a runs home, if nothing can have changed since without moving it.
pub(super) fn settled_time(home: &Path) -> io::Result<i64> {
    let began = now();
    let time = nanoseconds(&fs::metadata(home)?);
    Ok(if time > began - TICK { 0 } else { time })
}

fn nanoseconds(meta: &fs::Metadata) -> i64 {
    meta.mtime()
        .saturating_mul(1_000_000_000)
        .saturating_add(meta.mtime_nsec())
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
