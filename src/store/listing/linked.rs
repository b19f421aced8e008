//! The scalars that steps and trials lend to the run that links to them. Those of this home come from the index, as
//! the list's own do; others are read.

use std::path::{Path, PathBuf};

use super::{Item, Lister};
use crate::scalars::{TagSummary, found};
use crate::store::entry::Entry;
use crate::store::index::Windows;

/// How far links are followed, as in `scalars`.
const DEEPEST: usize = 8;

impl Lister {
    /// Adds the scalars of linked runs, and of those that they link to, under the links' names.
    pub(super) fn add_linked(
        &mut self,
        links: &[found::Link],
        prefix: &str,
        above: &mut Vec<PathBuf>,
        summaries: &mut Vec<TagSummary>,
        items: &[Item],
    ) {
        for link in links {
            if above.len() > DEEPEST || above.contains(&link.dir) {
                continue;
            }
            let prefix = found::below(prefix, &link.prefix);
            let (own, links) = match self.linked(&link.dir, items) {
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
            self.add_linked(&links, &prefix, above, summaries, items);
            above.pop();
        }
    }

    /// The entry of a linked run of this home.
    fn linked(&mut self, dir: &Path, items: &[Item]) -> Option<Entry> {
        let home = &self.home.path;
        let real = self
            .real_home
            .get_or_insert_with(|| home.canonicalize().unwrap_or_else(|_| home.clone()));
        if dir.parent() != Some(real.as_path()) && dir.parent() != Some(home) {
            return None;
        }
        if self.by_id.is_none() {
            let ids = items
                .iter()
                .enumerate()
                .map(|(at, item)| (self.id(*item).to_string(), at));
            self.by_id = Some(ids.collect());
        }
        let at = *self.by_id.as_ref()?.get(dir.file_name()?.to_str()?)?;
        let looked = self.look(items[at], true, &mut Windows::default());
        self.remember(&looked);
        Some(looked.entry)
    }
}
