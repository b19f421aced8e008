//! What is known of the runs of a home from earlier listings, so that a list does not read every run again.
//! Only a cache: it may be deleted, torn, old or written by two at once, and no answer changes. Nothing of it is
//! believed unless the stamps in it still hold; that is `listing`'s care.
//!
//! Two files in `RUNS/.index`: `base`, and `recent`, which holds what changed since and stays small, so that a
//! listing after one new run does not write everything again. Each is replaced whole by a rename.

pub(super) mod codec;
mod segment;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use segment::{Build, Segment, Window};

/// The directory below the runs home.
const DIR: &str = ".index";

/// `recent` is merged into `base` when it holds more than this and more than an eighth of it.
const RECENT: usize = 500;

/// What one who reads entries in order has at hand of the files.
#[derive(Default)]
pub(super) struct Windows {
    base: Window,
    recent: Window,
}

/// A run in the index, by place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    recent: bool,
    at: u32,
}

/// What is known of a run without reading its entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Head {
    /// Start, else initialisation, in microseconds; runs without either come last.
    pub began: i64,
    /// The meta directory's modification time in nanoseconds.
    pub meta_time: i64,
    /// The run ended and its entry was read long enough after its last change.
    pub settled: bool,
    /// Has a status that lists show.
    pub listed: bool,
    /// The run is there no more.
    pub gone: bool,
}

/// A change to the index: a run and its new entry, or that it is gone.
pub(super) struct Change {
    pub id: String,
    pub head: Head,
    pub entry: Vec<u8>,
}

/// The index of a runs home.
pub(super) struct Index {
    dir: PathBuf,
    base: Segment,
    recent: Segment,
}

impl Index {
    /// Reads the index, as far as there is one that can be read.
    pub fn load(home: &Path) -> Index {
        let dir = home.join(DIR);
        Index {
            base: Segment::open(&dir.join("base")),
            recent: Segment::open(&dir.join("recent")),
            dir,
        }
    }

    /// Makes the directory of the index, if that can be and is needed.
    pub fn make_dir(home: &Path) {
        let _ = std::fs::create_dir(home.join(DIR));
    }

    /// True when no run was made, started, ended, deleted or restored since the index was written, going by the
    /// modification time of the runs home in nanoseconds.
    pub fn is_complete_at(&self, home_time: i64) -> bool {
        home_time != 0 && self.recent.home_time == home_time && self.recent.base == self.base.base
    }

    /// All runs, newest first, and whether they are gone.
    pub fn places(&self) -> Vec<Place> {
        let replaced: HashSet<&str> = self.recent.places().map(|at| self.recent.id(at)).collect();
        let mut base = self
            .base
            .places()
            .filter(|at| !replaced.contains(self.base.id(*at)))
            .peekable();
        let mut recent = self.recent.places().peekable();
        let mut places = Vec::with_capacity(self.base.len() + self.recent.len());
        loop {
            let from_recent = match (base.peek(), recent.peek()) {
                (None, None) => return places,
                (Some(_), None) => false,
                (None, Some(_)) => true,
                (Some(b), Some(r)) => {
                    let key = |segment: &'_ Segment, at: u32| segment.head(at).began;
                    (key(&self.recent, *r), self.recent.id(*r)) > (key(&self.base, *b), self.base.id(*b))
                }
            };
            let next = if from_recent { recent.next() } else { base.next() };
            places.extend(next.map(|at| Place {
                recent: from_recent,
                at,
            }));
        }
    }

    pub fn id(&self, place: Place) -> &str {
        self.segment(place).id(place.at)
    }

    pub fn head(&self, place: Place) -> Head {
        self.segment(place).head(place.at)
    }

    /// The entry of a run; `None` if it is torn. Cheapest in the order of the list.
    pub fn entry<'w>(&self, place: Place, windows: &'w mut Windows) -> Option<&'w [u8]> {
        let window = if place.recent {
            &mut windows.recent
        } else {
            &mut windows.base
        };
        self.segment(place).entry(place.at, window)
    }

    fn segment(&self, place: Place) -> &Segment {
        if place.recent { &self.recent } else { &self.base }
    }

    /// Writes changes. `home_time` is the modification time of the runs home for which the index is now complete;
    /// 0 if that cannot be said. Does nothing where it cannot write: the next listing does the work again.
    pub fn save(self, changes: Vec<Change>, home_time: i64) {
        let same_time = self.recent.home_time == home_time && self.recent.base == self.base.base && self.base.base != 0;
        if changes.is_empty() && same_time || !self.dir.is_dir() {
            return;
        }
        let changed: HashSet<&str> = changes.iter().map(|change| change.id.as_str()).collect();
        let kept: Vec<u32> = self
            .recent
            .places()
            .filter(|at| !changed.contains(self.recent.id(*at)))
            .collect();
        let recent_len = changes.len() + kept.len();
        let merge = self.base.len() == 0 || recent_len > RECENT && recent_len > self.base.len() / 8;
        let mut build = Build::default();
        let mut windows = Windows::default();
        for at in &kept {
            build.copy(&self.recent, *at, &mut windows.recent);
        }
        if merge {
            let replaced: HashSet<&str> = kept.iter().map(|at| self.recent.id(*at)).chain(changed).collect();
            for at in self.base.places().filter(|at| !replaced.contains(self.base.id(*at))) {
                build.copy(&self.base, at, &mut windows.base);
            }
        }
        for change in changes {
            build.add(change.id, change.head, change.entry);
        }
        if merge {
            build.forget_gone();
            let base = new_base();
            if build.write(&self.dir.join("base"), base, 0) {
                Build::default().write(&self.dir.join("recent"), base, home_time);
            }
        } else {
            build.write(&self.dir.join("recent"), self.base.base, home_time);
        }
    }
}

/// A name for a `base`, so that a `recent` of another one is noticed.
fn new_base() -> u64 {
    let mut bytes = [0; 8];
    // Without random numbers the time will do.
    if getrandom::fill(&mut bytes).is_err() {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        bytes = now.map_or(1, |now| now.as_nanos() as u64).to_le_bytes();
    }
    u64::from_le_bytes(bytes).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(began: i64) -> Head {
        Head {
            began,
            meta_time: began,
            settled: true,
            listed: true,
            gone: false,
        }
    }

    fn save(home: &Path, changes: &[(&str, i64, bool)], home_time: i64) {
        Index::make_dir(home);
        let changes = changes
            .iter()
            .map(|(id, began, gone)| Change {
                id: id.to_string(),
                head: Head {
                    gone: *gone,
                    ..head(*began)
                },
                entry: id.repeat(3).into_bytes(),
            })
            .collect();
        Index::load(home).save(changes, home_time);
    }

    fn list(home: &Path) -> String {
        let index = Index::load(home);
        let places = index.places();
        let shown = |place: &Place| {
            let (head, id) = (index.head(*place), index.id(*place));
            assert_eq!(
                index.entry(*place, &mut Windows::default()).unwrap(),
                id.repeat(3).into_bytes()
            );
            format!("{id}{}{}", head.began, if head.gone { "-" } else { "" })
        };
        places.iter().map(shown).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn changes_lie_over_the_base() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(list(home.path()), "");
        save(home.path(), &[("a", 1, false), ("b", 2, false), ("c", 3, false)], 7);
        assert_eq!(list(home.path()), "c3 b2 a1");
        assert!(Index::load(home.path()).is_complete_at(7));
        assert!(!Index::load(home.path()).is_complete_at(8));
        save(home.path(), &[("a", 9, false), ("d", 2, false), ("c", 3, true)], 8);
        save(home.path(), &[("d", 4, false)], 0);
        assert_eq!(list(home.path()), "a9 d4 c3- b2");
        assert!(!Index::load(home.path()).is_complete_at(0));
        assert!(!Index::load(home.path()).is_complete_at(8));
    }

    #[test]
    fn recent_changes_are_merged_when_they_are_many() {
        let home = tempfile::tempdir().unwrap();
        save(home.path(), &[("a", 1, false), ("b", 2, false)], 7);
        let ids: Vec<String> = (0..600).map(|n| format!("n{n}")).collect();
        let mut many: Vec<_> = ids.iter().map(|id| (id.as_str(), 5, false)).collect();
        many.push(("a", 1, true));
        save(home.path(), &many, 8);
        let index = Index::load(home.path());
        assert_eq!((index.base.len(), index.recent.len()), (601, 0));
        assert!(index.is_complete_at(8));
    }

    #[test]
    fn a_recent_of_another_base_is_not_complete() {
        let home = tempfile::tempdir().unwrap();
        save(home.path(), &[("a", 1, false)], 7);
        save(home.path(), &[("b", 1, false)], 8);
        let recent = std::fs::read(home.path().join(".index/recent")).unwrap();
        std::fs::remove_file(home.path().join(".index/base")).unwrap();
        save(home.path(), &[("a", 1, false)], 8);
        std::fs::write(home.path().join(".index/recent"), recent).unwrap();
        assert!(!Index::load(home.path()).is_complete_at(8));
        assert_eq!(list(home.path()), "b1 a1");
    }

    #[test]
    fn a_home_that_cannot_be_written_is_no_trouble() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join(".index"), "a file").unwrap();
        save(home.path(), &[("a", 1, false)], 7);
        assert_eq!(list(home.path()), "");
    }
}
