//! Which files of a project a run gets a copy of. Lists files, never copies one.

mod guild;
mod pattern;
#[cfg(test)]
mod tests;
mod walk;

use std::path::{Path, PathBuf};

use super::{ProjectError, SourceCode};

pub use pattern::is_text;

/// Patterns that apply where an operation says nothing.
pub const DEFAULT_PATTERNS: [&str; 4] = [
    "**/* text size<100000 max-matches=500",
    "-**/.* dir",
    "-**/* dir sentinel=bin/activate",
    "-**/* dir sentinel=.nocopy",
];

/// The files selected.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// Relative to the source directory, joined by `/`, sorted.
    pub files: Vec<String>,
    /// What the user should hear of, without `WARNING: `.
    pub warnings: Vec<String>,
}

impl SourceCode {
    /// The default patterns.
    pub fn standard() -> SourceCode {
        SourceCode::from_patterns(Vec::new())
    }

    /// Patterns as an operation gives them: excludes alone are added to the defaults, any include replaces
    /// them.
    pub fn from_patterns(given: Vec<String>) -> SourceCode {
        let mut patterns = Vec::new();
        if given.iter().all(|pattern| pattern.starts_with('-')) {
            patterns.extend(DEFAULT_PATTERNS.map(String::from));
        }
        patterns.extend(given);
        SourceCode {
            patterns,
            ..SourceCode::default()
        }
    }

    /// Nothing is copied.
    pub fn nothing() -> SourceCode {
        SourceCode::default()
    }
}

/// The files of the directory `root` (the source directory) that `source` selects. Whatever is in `leave_out`
/// (absolute files or directories) is left out, as are `__pycache__` and directories with `.guild-nocopy`.
pub fn select(root: &Path, source: &SourceCode, leave_out: &[PathBuf]) -> Result<Selection, ProjectError> {
    let patterns = pattern::parse(&source.patterns)?;
    if patterns.is_empty() && !source.guild_rules {
        return Ok(Selection::default());
    }
    let base = match source.guild_rules {
        true => guild::select(root, leave_out)?,
        false => Selection::default(),
    };
    if patterns.is_empty() {
        return Ok(base);
    }
    walk::select(root, patterns, base, leave_out)
}
