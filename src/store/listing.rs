//! Listing the runs of a home, newest first, with the help of the index: every run is noticed, but only those that
//! changed are read, and only those that are shown are looked at closely.

mod linked;
mod notice;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};

use super::entry::{Entry, Home};
use super::index::{Change, Head, Index, Place, Windows, codec};
use super::{Filter, Listing, RunRow};
use crate::run::Run;
use crate::run::status::{self, Status};
use crate::scalars::found;

pub(super) use notice::ids;

/// What is asked of a listing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Query<'a> {
    pub filter: &'a Filter,
    /// At most so many rows; the others are counted.
    pub limit: usize,
    /// Whether rows have their scalars.
    pub scalars: bool,
}

/// From so many runs on several threads look at them.
const MANY: usize = 64;

/// So many runs are looked at before their rows are made.
const BATCH: usize = 4096;

/// Lists the runs of `home`.
pub(super) fn list(home: &Path, query: Query<'_>) -> io::Result<Listing> {
    // A run that was started again is found at its old place first, and at its new one in the next turn. Where the
    // index cannot be written it is found at the old one again, so there is no third turn.
    let (listing, moved) = Lister::open(home)?.list(query);
    if !moved {
        return Ok(listing);
    }
    let (mut listing, moved) = Lister::open(home)?.list(query);
    if moved {
        listing
            .rows
            .sort_by(|a, b| (b.began(), b.run.id()).cmp(&(a.began(), a.run.id())));
    }
    Ok(listing)
}

/// A run of the list.
#[derive(Clone, Copy)]
enum Item {
    Indexed(Place),
    /// Read just now, by number.
    Read(usize),
}

/// A run as it is now.
struct Looked {
    entry: Entry,
    /// The index knew it otherwise.
    stale: bool,
    /// Its place in the list is another one than the index says.
    moved: bool,
}

struct Lister {
    home: Home,
    index: Index,
    /// Newest first.
    items: Vec<Item>,
    /// Runs that are new or were changed.
    read: Vec<Change>,
    gone: Vec<String>,
    /// Entries that turned out to be stale when they were looked at closely.
    stale: BTreeMap<String, Entry>,
    home_time: i64,
    /// Where runs are in `items`; made when the first linked run is looked for.
    by_id: Option<HashMap<String, usize>>,
    /// The home as links show it.
    real_home: Option<PathBuf>,
}

impl Lister {
    /// The runs asked for, and whether some are now at another place in the list.
    fn list(mut self, query: Query<'_>) -> (Listing, bool) {
        let mut listing = Listing::default();
        let scalars = query.scalars || query.filter.needs_scalars();
        let all = query.filter.is_empty();
        let items = std::mem::take(&mut self.items);
        let mut moved = false;
        let mut at = 0;
        while at < items.len() {
            let room = query.limit.saturating_sub(listing.rows.len());
            if all && room == 0 {
                // The others are counted without being looked at.
                listing.total += items[at..].iter().filter(|item| self.is_listed(**item)).count();
                break;
            }
            let size = if all { room.min(BATCH) } else { BATCH };
            let batch = &items[at..items.len().min(at + size)];
            at += batch.len();
            for looked in shared_out(batch, |part| self.look_at(part, scalars)) {
                moved |= looked.moved;
                self.remember(&looked);
                let warnings = looked.entry.warnings.clone();
                let row = self.show(looked.entry, scalars, &items);
                if row.status == Status::Unknown || !query.filter.keeps(&row) {
                    continue;
                }
                listing.total += 1;
                if listing.rows.len() < query.limit {
                    listing.warnings.extend(warnings);
                    listing.rows.push(row);
                }
            }
        }
        self.save();
        (listing, moved)
    }

    fn is_listed(&self, item: Item) -> bool {
        match item {
            Item::Indexed(place) => self.index.head(place).listed,
            Item::Read(at) => self.read[at].head.listed,
        }
    }

    fn look_at(&self, items: &[Item], scalars: bool) -> Vec<Looked> {
        let mut windows = Windows::default();
        items
            .iter()
            .map(|item| self.look(*item, scalars, &mut windows))
            .collect()
    }

    /// Reads a run's entry, and the run where the entry does not hold any more.
    fn look(&self, item: Item, scalars: bool, windows: &mut Windows) -> Looked {
        let id = self.id(item);
        let as_known = |entry| Looked {
            entry,
            stale: false,
            moved: false,
        };
        let (known, began) = match item {
            Item::Read(at) => {
                if let Some(entry) = codec::decode(&self.read[at].entry, &self.home.path, id) {
                    return as_known(entry);
                }
                (None, self.read[at].head.began)
            }
            Item::Indexed(place) => {
                if let Some(entry) = self.stale.get(id) {
                    return as_known(entry.clone());
                }
                let bytes = self.index.entry(place, windows);
                let entry = bytes.and_then(|bytes| codec::decode(bytes, &self.home.path, id));
                (entry, self.index.head(place).began)
            }
        };
        if let Some(mut entry) = known
            && entry.facts_hold(&self.home)
            && (!scalars || entry.scalars_hold(&self.home))
        {
            if entry.is_quiet() {
                return as_known(entry);
            }
            let run = Run::new(&self.home.path, id);
            entry.row.status = status::of(&run);
            // A status that comes from an exit code comes with more than the entry knows.
            if !entry.row.status.is_final() || status::exit_code(&run).is_none() {
                return as_known(entry);
            }
        }
        let entry = Entry::read(&self.home, id);
        Looked {
            moved: entry.head().began != began,
            stale: true,
            entry,
        }
    }

    fn remember(&mut self, looked: &Looked) {
        if looked.stale {
            let id = looked.entry.row.run.id().to_string();
            self.stale.insert(id, looked.entry.clone());
        }
    }

    /// The row of an entry, with the scalars of the runs that it links to.
    fn show(&mut self, entry: Entry, scalars: bool, items: &[Item]) -> RunRow {
        let Entry { mut row, links, .. } = entry;
        if !scalars {
            row.scalars.clear();
        } else if !links.is_empty() {
            let mut above = vec![row.run.dir()];
            self.add_linked(&links, "", &mut above, &mut row.scalars, items);
            found::sort(&mut row.scalars);
        }
        row
    }

    fn id(&self, item: Item) -> &str {
        match item {
            Item::Indexed(place) => self.index.id(place),
            Item::Read(at) => &self.read[at].id,
        }
    }

    fn save(self) {
        let mut changes = self.read;
        changes.retain(|change| !self.stale.contains_key(&change.id));
        changes.extend(self.stale.iter().map(|(id, entry)| change(id, entry)));
        changes.extend(self.gone.into_iter().map(|id| Change {
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

fn change(id: &str, entry: &Entry) -> Change {
    Change {
        id: id.to_string(),
        head: entry.head(),
        entry: codec::encode(entry),
    }
}

/// What `work` makes of the items, in their order; on several threads when they are many.
fn shared_out<T: Sync, R: Send>(items: &[T], work: impl Fn(&[T]) -> Vec<R> + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    if items.len() < MANY || threads < 2 {
        return work(items);
    }
    let work = &work;
    std::thread::scope(|scope| {
        let parts = items.chunks(items.len().div_ceil(threads));
        let parts: Vec<_> = parts.map(|part| scope.spawn(move || work(part))).collect();
        let join = |part: std::thread::ScopedJoinHandle<'_, Vec<R>>| {
            part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        parts.into_iter().flat_map(join).collect()
    })
}
