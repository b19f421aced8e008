//! The rules of Guild operations files that say nothing of source code: what git would keep, or else small
//! text files outside of the usual build directories. `.guildignore` counts everywhere.

use std::path::{Path, PathBuf};

use ignore::{DirEntry, WalkBuilder};

use super::pattern::is_text;
use super::walk::never_entered;
use super::{ProjectError, Selection};

/// Outside of a git work tree: files, and bytes of each.
const MOST_FILES: usize = 100;
const SIZE_LIMIT: u64 = 1 << 20;

pub(super) fn select(root: &Path, leave_out: &[PathBuf]) -> Result<Selection, ProjectError> {
    let in_git = root.ancestors().any(|dir| dir.join(".git").exists());
    let leave_out = leave_out.to_vec();
    let mut builder = WalkBuilder::new(root);
    builder
        .standard_filters(false)
        .parents(in_git)
        .git_ignore(in_git)
        .git_exclude(in_git)
        .git_global(in_git)
        .follow_links(false)
        .add_custom_ignore_filename(".guildignore")
        .sort_by_file_name(|a, b| a.cmp(b))
        .filter_entry(move |entry| entry.depth() == 0 || enters(entry, in_git, &leave_out));
    let mut found = Selection::default();
    let mut over = false;
    for entry in builder.build() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                found.warnings.push(format!("Source code: {error}"));
                continue;
            }
        };
        // A link to a file is its file; a link to a directory is nothing to copy.
        let Ok(metadata) = std::fs::metadata(entry.path()) else {
            continue;
        };
        let name = entry.path().strip_prefix(root).ok().and_then(Path::to_str);
        let (true, Some(name)) = (metadata.is_file(), name) else {
            continue;
        };
        if !in_git {
            if metadata.len() >= SIZE_LIMIT || !is_text(entry.path()).unwrap_or(false) {
                continue;
            }
            if found.files.len() == MOST_FILES {
                over = true;
                break;
            }
        }
        found.files.push(name.to_string());
    }
    if over {
        found.warnings.push(format!(
            "Source code limit reached: {MOST_FILES} files (max-matches) - use 'sourcecode' to select files"
        ));
    }
    found.files.sort();
    Ok(found)
}

fn enters(entry: &DirEntry, in_git: bool, leave_out: &[PathBuf]) -> bool {
    if leave_out.iter().any(|path| path == entry.path()) {
        return false;
    }
    if !entry.file_type().is_some_and(|kind| kind.is_dir()) {
        return true;
    }
    let name = entry.file_name().to_string_lossy();
    if name == ".git" || never_entered(&name, entry.path()) {
        return false;
    }
    let built = name.starts_with('.') || name == "build" || name == "dist" || name.ends_with(".egg-info");
    let environment = entry.path().join("bin/activate").exists() || entry.path().join("Scripts/activate").exists();
    in_git || !(built || environment)
}
