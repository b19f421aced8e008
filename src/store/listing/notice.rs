//! Noticing which runs of a home are new, changed or gone, and reading the first two. Where nothing was made, started
//! or ended since the index was written, the home is not even read.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::Path;

use super::{Item, Lister, change, shared_out};
use crate::run::id;
use crate::store::entry::{self, Entry, Home};
use crate::store::index::{Change, Index, Place, Windows, codec};

/// The ids of the runs in `home` whose meta directory ends with `suffix`, sorted.
pub fn ids(home: &Path, suffix: &str) -> io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(home) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut ids = Vec::new();
    for entry in entries {
        if let Some(name) = entry?.file_name().to_str()
            && let Some(id) = name.strip_suffix(suffix)
            && id::is_valid(id)
        {
            ids.push(id.to_string());
        }
    }
    ids.sort_unstable();
    Ok(ids)
}

impl Lister {
    /// Notices new, changed and deleted runs, and reads the first two.
    pub(super) fn open(path: &Path) -> io::Result<Lister> {
        // Making its directory is a change of the home, so it comes before the home is looked at.
        Index::make_dir(path);
        let home_time = match entry::settled_time(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            other => other?,
        };
        let home = Home::open(path);
        let index = Index::load(path);
        let mut places = index.places();
        let (mut to_read, mut gone) = (Vec::new(), Vec::new());
        if index.is_complete_at(home_time) {
            places.retain(|place| {
                let head = index.head(*place);
                let keep = !head.gone && (head.settled || still_holds(&index, *place, &home));
                if !keep && !head.gone {
                    to_read.push(index.id(*place).to_string());
                }
                keep
            });
        } else {
            let ids = ids(path, ".meta")?;
            let mut unknown: HashSet<&str> = ids.iter().map(String::as_str).collect();
            places.retain(|place| {
                let (head, id) = (index.head(*place), index.id(*place));
                if head.gone {
                    return false;
                }
                if !unknown.remove(id) {
                    gone.push(id.to_string());
                    return false;
                }
                let holds =
                    home.meta_time(id) == head.meta_time && (head.settled || still_holds(&index, *place, &home));
                if !holds {
                    to_read.push(id.to_string());
                }
                holds
            });
            to_read.extend(unknown.into_iter().map(str::to_string));
        }
        let mut read = shared_out(&to_read, |ids| {
            ids.iter().map(|id| change(id, &Entry::read(&home, id))).collect()
        });
        read.sort_by(|a, b| newest_first(key(a), key(b)));
        let items = merge(&index, places, &read);
        Ok(Lister {
            home,
            index,
            items,
            read,
            gone,
            stale: BTreeMap::new(),
            home_time,
            by_id: None,
            real_home: None,
        })
    }
}

/// True for a run at work, or that was when it was read, whose files did not change since.
fn still_holds(index: &Index, place: Place, home: &Home) -> bool {
    let mut windows = Windows::default();
    let bytes = index.entry(place, &mut windows);
    let entry = bytes.and_then(|bytes| codec::decode(bytes, &home.path, index.id(place)));
    entry.is_some_and(|entry| entry.facts_hold(home))
}

fn key(change: &Change) -> (i64, &str) {
    (change.head.began, &change.id)
}

fn newest_first(a: (i64, &str), b: (i64, &str)) -> std::cmp::Ordering {
    b.cmp(&a)
}

/// The places of the index and the runs that were read, both newest first, as one list.
fn merge(index: &Index, places: Vec<Place>, read: &[Change]) -> Vec<Item> {
    let mut items = Vec::with_capacity(places.len() + read.len());
    let mut next = 0;
    for place in places {
        let indexed = (index.head(place).began, index.id(place));
        while read
            .get(next)
            .is_some_and(|change| newest_first(key(change), indexed).is_lt())
        {
            items.push(Item::Read(next));
            next += 1;
        }
        items.push(Item::Indexed(place));
    }
    items.extend((next..read.len()).map(Item::Read));
    items
}
