//! Listing the runs of a home, newest first, with the help of the index: every run is noticed, but only those that
//! changed are read, and only those that are shown are looked at closely.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use super::entry::{self, Entry};
use super::index::{Change, Head, Index, Place, codec};
use super::{Filter, Listing, RunRow};
use crate::run::status::{self, Status};
use crate::run::{Run, id};
use crate::scalars::{TagSummary, found};

/// What is asked of a listing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Query<'a> {
    pub filter: &'a Filter,
    /// At most so many rows; the others are counted.
    pub limit: usize,
    /// Whether rows have their scalars.
    pub scalars: bool,
}

/// How far links are followed, as in `scalars`.
const DEEPEST: usize = 8;

/// From so many runs on that must be read, several threads read them.
const MANY: usize = 64;

/// Lists the runs of `home`.
pub(super) fn list(home: &Path, query: Query<'_>) -> io::Result<Listing> {
    // A run that was started again is found at its old place first, and at its new one in the next turn.
    let mut turn = Lister::open(home)?.list(query);
    for _ in 0..3 {
        match turn {
            Ok(listing) => return Ok(listing),
            Err(Moved) => turn = Lister::open(home)?.list(query),
        }
    }
    turn.map_err(|Moved| io::Error::other("runs are started faster than they can be listed"))
}

/// The order of the list has changed while it was made.
struct Moved;

/// The ids of the runs in `home` whose meta directory ends with `suffix`, sorted.
pub(super) fn ids(home: &Path, suffix: &str) -> io::Result<Vec<String>> {
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

/// A run of the list.
#[derive(Clone, Copy)]
enum Item {
    Indexed(Place),
    /// Read just now, by number.
    Read(usize),
}

struct Lister<'a> {
    home: &'a Path,
    index: Index,
    /// Newest first.
    items: Vec<Item>,
    read: Vec<Entry>,
    gone: Vec<String>,
    /// Entries that turned out to be stale when they were looked at closely.
    stale: BTreeMap<String, Entry>,
    home_time: i64,
    /// Where runs are in `items`; made when the first linked run is looked for.
    by_id: Option<HashMap<String, usize>>,
    /// The home as links show it.
    real_home: Option<PathBuf>,
}

impl<'a> Lister<'a> {
    /// Notices new, changed and deleted runs, and reads the first two.
    fn open(home: &'a Path) -> io::Result<Lister<'a>> {
        // Making its directory is a change of the home, so it comes before the home is looked at.
        Index::make_dir(home);
        let home_time = match entry::settled_time(home) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            other => other?,
        };
        let index = Index::load(home);
        let mut places = index.places();
        let (mut to_read, mut gone) = (Vec::new(), Vec::new());
        if index.is_complete_at(home_time) {
            places.retain(|place| {
                let head = index.head(*place);
                let keep = !head.gone && (head.settled || still_holds(&index, *place, home));
                if !keep && !head.gone {
                    to_read.push(index.id(*place).to_string());
                }
                keep
            });
        } else {
            let ids = ids(home, ".meta")?;
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
                let holds = entry::time_of(&home.join(format!("{id}.meta"))) == head.meta_time
                    && (head.settled || still_holds(&index, *place, home));
                if !holds {
                    to_read.push(id.to_string());
                }
                holds
            });
            to_read.extend(unknown.into_iter().map(str::to_string));
        }
        let mut read = read_all(home, &to_read);
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

    fn list(mut self, query: Query<'_>) -> Result<Listing, Moved> {
        let mut listing = Listing::default();
        let scalars = query.scalars || query.filter.needs_scalars();
        let all = query.filter.is_empty();
        let mut moved = false;
        for at in 0..self.items.len() {
            let full = listing.rows.len() >= query.limit;
            if all && full {
                // The others are counted without being looked at.
                listing.total += usize::from(self.is_listed(self.items[at]));
                continue;
            }
            let (entry, changed) = self.current(self.items[at], scalars);
            moved |= changed;
            let row = self.show(&entry, scalars);
            if row.status == Status::Unknown || !query.filter.keeps(&row) {
                continue;
            }
            listing.total += 1;
            if !full {
                listing.warnings.extend(entry.warnings);
                listing.rows.push(row);
            }
        }
        self.save();
        if moved { Err(Moved) } else { Ok(listing) }
    }

    fn is_listed(&self, item: Item) -> bool {
        match item {
            Item::Indexed(place) => self.index.head(place).listed,
            Item::Read(at) => self.read[at].head().listed,
        }
    }

    /// The entry of a run as it is now, and whether its place in the list is another than it was.
    fn current(&mut self, item: Item, scalars: bool) -> (Entry, bool) {
        let place = match item {
            Item::Read(at) => return (self.read[at].clone(), false),
            Item::Indexed(place) => place,
        };
        let id = self.index.id(place);
        if let Some(entry) = self.stale.get(id) {
            return (entry.clone(), false);
        }
        let run = Run::new(self.home, id);
        let known = self
            .index
            .entry(place)
            .and_then(|bytes| codec::decode(&bytes, self.home, id));
        if let Some(mut entry) = known
            && entry.facts_hold()
            && (!scalars || entry.scalars_hold())
        {
            if entry.is_quiet() {
                return (entry, false);
            }
            entry.row.status = status::of(&run);
            if !entry.row.status.is_final()
                || entry.row.status == Status::Terminated && status::exit_code(&run).is_none()
            {
                return (entry, false);
            }
        }
        let entry = Entry::read(&run);
        let moved = key(&entry).0 != self.index.head(place).began;
        self.stale.insert(id.to_string(), entry.clone());
        (entry, moved)
    }

    /// The row of an entry, with the scalars of the runs that it links to.
    fn show(&mut self, entry: &Entry, scalars: bool) -> RunRow {
        let mut row = entry.row.clone();
        if !scalars {
            row.scalars.clear();
        } else if !entry.links.is_empty() {
            let mut above = vec![row.run.dir()];
            self.add_linked(&entry.links, "", &mut above, &mut row.scalars);
            found::sort(&mut row.scalars);
        }
        row
    }

    fn add_linked(
        &mut self,
        links: &[found::Link],
        prefix: &str,
        above: &mut Vec<PathBuf>,
        summaries: &mut Vec<TagSummary>,
    ) {
        for link in links {
            if above.len() > DEEPEST || above.contains(&link.dir) {
                continue;
            }
            let prefix = found::below(prefix, &link.prefix);
            let (own, links) = match self.linked(&link.dir) {
                Some(entry) => (entry.row.scalars, entry.links),
                None if link.is_run() => {
                    let mut places = found::places(&link.dir, &found::meta_of(&link.dir));
                    let links = std::mem::take(&mut places.links);
                    (found::sum_up(places, &found::meta_of(&link.dir)).summaries, links)
                }
                None => continue,
            };
            summaries.extend(own.into_iter().map(|mut summary| {
                summary.prefix = found::below(&prefix, &summary.prefix);
                summary
            }));
            above.push(link.dir.clone());
            self.add_linked(&links, &prefix, above, summaries);
            above.pop();
        }
    }

    /// The entry of a linked run of this home.
    fn linked(&mut self, dir: &Path) -> Option<Entry> {
        let home = self.home;
        let real = self
            .real_home
            .get_or_insert_with(|| home.canonicalize().unwrap_or_else(|_| home.to_path_buf()));
        if dir.parent() != Some(real.as_path()) && dir.parent() != Some(home) {
            return None;
        }
        if self.by_id.is_none() {
            let ids = self
                .items
                .iter()
                .enumerate()
                .map(|(at, item)| (self.id(*item).to_string(), at));
            self.by_id = Some(ids.collect());
        }
        let at = *self.by_id.as_ref()?.get(dir.file_name()?.to_str()?)?;
        Some(self.current(self.items[at], true).0)
    }

    fn id(&self, item: Item) -> &str {
        match item {
            Item::Indexed(place) => self.index.id(place),
            Item::Read(at) => self.read[at].row.run.id(),
        }
    }

    fn save(self) {
        let new = self.read.iter().map(|entry| (entry.row.run.id(), entry));
        let stale = self.stale.iter().map(|(id, entry)| (id.as_str(), entry));
        let mut changes: Vec<Change<'_>> = new
            .chain(stale)
            .map(|(id, entry)| Change {
                id,
                head: entry.head(),
                entry: codec::encode(entry),
            })
            .collect();
        changes.extend(self.gone.iter().map(|id| Change {
            id,
            head: Head {
                gone: true,
                ..Head::default()
            },
            entry: Vec::new(),
        }));
        self.index.save(changes, self.home_time);
    }
}

/// True for a run at work, or that was when it was read, whose files did not change since.
fn still_holds(index: &Index, place: Place, home: &Path) -> bool {
    let entry = index
        .entry(place)
        .and_then(|bytes| codec::decode(&bytes, home, index.id(place)));
    entry.is_some_and(|entry| entry.facts_hold())
}

fn key(entry: &Entry) -> (i64, &str) {
    (entry.head().began, entry.row.run.id())
}

fn newest_first(a: (i64, &str), b: (i64, &str)) -> std::cmp::Ordering {
    b.cmp(&a)
}

/// The places of the index and the runs that were read, both newest first, as one list.
fn merge(index: &Index, places: Vec<Place>, read: &[Entry]) -> Vec<Item> {
    let mut items = Vec::with_capacity(places.len() + read.len());
    let mut next = 0;
    for place in places {
        let indexed = (index.head(place).began, index.id(place));
        while read
            .get(next)
            .is_some_and(|entry| newest_first(key(entry), indexed).is_lt())
        {
            items.push(Item::Read(next));
            next += 1;
        }
        items.push(Item::Indexed(place));
    }
    items.extend((next..read.len()).map(Item::Read));
    items
}

/// Reads runs, on several threads when they are many.
fn read_all(home: &Path, ids: &[String]) -> Vec<Entry> {
    let read = |ids: &[String]| -> Vec<Entry> { ids.iter().map(|id| Entry::read(&Run::new(home, id))).collect() };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    if ids.len() < MANY || threads < 2 {
        return read(ids);
    }
    let read = &read;
    std::thread::scope(|scope| {
        let parts: Vec<_> = ids
            .chunks(ids.len().div_ceil(threads))
            .map(|part| scope.spawn(move || read(part)))
            .collect();
        parts
            .into_iter()
            .flat_map(|part| part.join().unwrap_or_default())
            .collect()
    })
}

#[cfg(test)]
mod tests;
