//! Walks a source directory and lets patterns decide: the last one that matches. In the order of paths, so
//! that a limit always keeps the same files.

use std::collections::BTreeSet;
use std::fs::{DirEntry, Metadata};
use std::path::{Path, PathBuf};

use super::pattern::{Match, Pattern, is_text};
use super::{ProjectError, Selection};

/// How many names a warning lists.
const MOST_NAMED: usize = 3;

struct Walk<'a> {
    patterns: Vec<Pattern>,
    base: BTreeSet<String>,
    leave_out: &'a [PathBuf],
    found: Selection,
    /// The limit that left files out, and those beyond a size.
    limit: Option<usize>,
    too_large: Vec<String>,
    size_limit: u64,
    special: Vec<String>,
    unreadable: Vec<String>,
    /// What could not be read though it is no file's fault: too many open files, a broken disk.
    trouble: Option<String>,
}

/// The files that `patterns` select; where none matches, `base` decides.
pub(super) fn select(
    root: &Path,
    patterns: Vec<Pattern>,
    base: Selection,
    leave_out: &[PathBuf],
) -> Result<Selection, ProjectError> {
    let mut walk = Walk {
        patterns,
        base: base.files.into_iter().collect(),
        leave_out,
        found: Selection {
            files: Vec::new(),
            warnings: base.warnings,
        },
        limit: None,
        too_large: Vec::new(),
        size_limit: 0,
        special: Vec::new(),
        unreadable: Vec::new(),
        trouble: None,
    };
    let entries = read_dir(root)
        .map_err(|error| ProjectError::new(format!("cannot read source directory {}: {error}", root.display())))?;
    walk.entries(entries, "");
    match walk.trouble.take() {
        Some(trouble) => Err(ProjectError::new(trouble)),
        None => Ok(walk.finish()),
    }
}

/// The entries of a directory in the order of the paths below it: `a.txt` before `a/b`.
fn read_dir(dir: &Path) -> std::io::Result<Vec<(DirEntry, bool)>> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let is_dir = entry.file_type()?.is_dir();
        entries.push((entry, is_dir));
    }
    entries.sort_by_cached_key(|(entry, is_dir)| {
        let mut key = entry.file_name().into_encoded_bytes();
        if *is_dir {
            key.push(b'/');
        }
        key
    });
    Ok(entries)
}

/// Directories that no selection enters.
pub(super) fn never_entered(name: &str, dir: &Path) -> bool {
    name == "__pycache__" || dir.join(".guild-nocopy").exists()
}

impl Walk<'_> {
    fn entries(&mut self, entries: Vec<(DirEntry, bool)>, prefix: &str) {
        for (entry, is_dir) in entries {
            if self.done() {
                return;
            }
            let full = entry.path();
            if self.leave_out.contains(&full) {
                continue;
            }
            let Ok(name) = entry.file_name().into_string() else {
                self.special
                    .push(format!("{prefix}{}", entry.file_name().to_string_lossy()));
                continue;
            };
            let path = format!("{prefix}{name}");
            if !is_dir {
                self.file(path, &full);
            } else if self.enters(&path, &name, &full) {
                match read_dir(&full) {
                    Ok(entries) => self.entries(entries, &format!("{path}/")),
                    Err(error) => self.unreadable(path, &full, &error),
                }
            }
        }
    }

    /// A file that may not be read is left out. Any other failure might leave out anything, unseen.
    fn unreadable(&mut self, path: String, full: &Path, error: &std::io::Error) {
        use std::io::ErrorKind::{NotFound, PermissionDenied};
        if matches!(error.kind(), NotFound | PermissionDenied) {
            self.unreadable.push(path);
        } else {
            self.trouble
                .get_or_insert_with(|| format!("cannot read source code {}: {error}", full.display()));
        }
    }

    /// Every include has had its files, and that has been noticed: the rest need not be looked at.
    fn done(&self) -> bool {
        self.limit.is_some()
            && self.base.is_empty()
            && self
                .patterns
                .iter()
                .all(|pattern| !pattern.include || pattern.dir || pattern.exhausted())
    }

    fn enters(&self, path: &str, name: &str, dir: &Path) -> bool {
        let decided = self
            .patterns
            .iter()
            .rev()
            .find(|pattern| pattern.matches_dir(path, dir));
        decided.is_none_or(|pattern| pattern.include) && !never_entered(name, dir)
    }

    fn file(&mut self, path: String, full: &Path) {
        match std::fs::metadata(full) {
            Ok(metadata) if metadata.is_file() => self.regular_file(path, full, &metadata),
            // A link to a directory is not followed, and is nothing to copy.
            Ok(metadata) if metadata.is_dir() => {}
            _ => {
                let decided = self
                    .patterns
                    .iter()
                    .rev()
                    .find(|pattern| !pattern.dir && pattern.fits(&path));
                if decided.is_some_and(|pattern| pattern.include) {
                    self.special.push(path);
                }
            }
        }
    }

    fn regular_file(&mut self, path: String, full: &Path, metadata: &Metadata) {
        let mut kind = None;
        let mut unreadable = None;
        let mut text = || {
            *kind.get_or_insert_with(|| {
                is_text(full).unwrap_or_else(|error| {
                    unreadable = Some(error);
                    true
                })
            })
        };
        let mut over_count = None;
        let mut over_size = None;
        let mut selected = self.base.contains(&path);
        for pattern in self.patterns.iter_mut().rev() {
            match pattern.matches_file(&path, metadata.len(), &mut text) {
                Match::Yes if pattern.exhausted() => over_count = over_count.or(pattern.max_matches),
                Match::Yes => {
                    pattern.matches += 1;
                    selected = pattern.include;
                    over_count = None;
                    over_size = None;
                    break;
                }
                Match::TooLarge if pattern.include => over_size = pattern.size_limit(),
                _ => {}
            }
        }
        if let Some(error) = unreadable {
            self.unreadable(path, full, &error);
        } else if selected {
            self.found.files.push(path);
        } else if over_count.is_some() {
            self.limit = self.limit.or(over_count);
        } else if let Some(limit) = over_size {
            self.size_limit = limit;
            self.too_large.push(path);
        }
    }

    fn finish(mut self) -> Selection {
        let warnings = &mut self.found.warnings;
        if let Some(limit) = self.limit {
            warnings.push(format!(
                "Source code limit reached: {limit} files (max-matches) - use 'sourcecode' to select files"
            ));
        }
        if !self.too_large.is_empty() {
            warnings.push(format!(
                "Source code limit reached: {} left out because of its size (size<{}) - use 'sourcecode' to select files",
                names(&self.too_large),
                self.size_limit
            ));
        }
        if !self.special.is_empty() {
            warnings.push(format!(
                "Source code: {} left out, as it is no regular file or has no valid name",
                names(&self.special)
            ));
        }
        if !self.unreadable.is_empty() {
            warnings.push(format!(
                "Source code: {} left out, as it cannot be read",
                names(&self.unreadable)
            ));
        }
        self.found.files.sort();
        self.found
    }
}

/// `a`, `a, b` or `a, b, c and 4 more`.
fn names(paths: &[String]) -> String {
    let shown = paths[..paths.len().min(MOST_NAMED)].join(", ");
    match paths.len() - paths.len().min(MOST_NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
