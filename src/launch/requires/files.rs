//! Which files of a directory a source wants, and where they go. Reads directories, never files.

use std::path::{Component, Path, PathBuf};

use regex::Regex;

use crate::project::sources::Source;
use crate::run::{reason, tree};

/// Paths of all files and links below a directory, relative and sorted.
pub fn list(dir: &Path) -> Result<Vec<PathBuf>, String> {
    let mut problems = Vec::new();
    let entries =
        tree::list(dir, &mut problems).map_err(|e| format!("cannot read {}: {}", dir.display(), reason(&e)))?;
    match problems.into_iter().next() {
        Some(problem) => Err(problem),
        None => Ok(entries.into_iter().map(|entry| entry.path).collect()),
    }
}

/// What a source selects.
pub struct Wanted<'a> {
    source: &'a Source,
}

impl Wanted<'_> {
    pub fn of(source: &Source) -> Wanted<'_> {
        Wanted { source }
    }

    /// Whether it says anything.
    pub fn selects(&self) -> bool {
        let Source {
            select,
            select_min,
            select_max,
            ..
        } = self.source;
        !select.is_empty() || select_min.is_some() || select_max.is_some()
    }

    /// The paths that are wanted: all if nothing is selected.
    pub fn among(&self, paths: Vec<PathBuf>) -> Vec<PathBuf> {
        if !self.selects() {
            return paths;
        }
        let texts: Vec<String> = paths.iter().map(|path| path.to_string_lossy().into_owned()).collect();
        let mut wanted: Vec<usize> = Vec::new();
        for pattern in &self.source.select {
            wanted.extend((0..texts.len()).filter(|at| pattern.is_match(&texts[*at])));
        }
        wanted.extend(self.source.select_min.as_ref().and_then(|p| extreme(p, &texts, -1.0)));
        wanted.extend(self.source.select_max.as_ref().and_then(|p| extreme(p, &texts, 1.0)));
        wanted.sort_unstable();
        wanted.dedup();
        wanted.into_iter().map(|at| paths[at].clone()).collect()
    }
}

/// The text whose group holds the largest number times `sign`; of equals the first.
fn extreme(pattern: &Regex, texts: &[String], sign: f64) -> Option<usize> {
    let mut best: Option<(usize, f64)> = None;
    for (at, text) in texts.iter().enumerate() {
        let number = pattern
            .captures(text)
            .and_then(|found| found.get(1)?.as_str().parse::<f64>().ok())
            .filter(|number| !number.is_nan());
        if let Some(number) = number.map(|n| n * sign)
            && best.is_none_or(|(_, most)| number > most)
        {
            best = Some((at, number));
        }
    }
    best.map(|(at, _)| at)
}

/// Where a file goes, below the run directory: its name, or its whole path if that is to be kept, renamed, in the
/// source's directory.
pub fn target(path: &Path, source: &Source) -> Result<PathBuf, String> {
    let kept = match source.preserve_path {
        true => path.to_path_buf(),
        false => path.file_name().map(PathBuf::from).unwrap_or_default(),
    };
    let mut name = kept.to_string_lossy().into_owned();
    for (pattern, sub) in &source.rename {
        name = pattern.replace(&name, sub.as_str()).into_owned();
    }
    let to = match &source.target_path {
        Some(dir) => Path::new(dir).join(&name),
        None => PathBuf::from(&name),
    };
    let inside = to
        .components()
        .all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    if name.is_empty() || !inside {
        return Err(format!("its target '{}' is not below the run directory", to.display()));
    }
    Ok(to.components().filter(|c| matches!(c, Component::Normal(_))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::OpDef;
    use serde_json::json;

    fn source(more: serde_json::Value) -> Source {
        let mut map = json!({"file": "d"});
        for (key, value) in more.as_object().unwrap() {
            map[key] = value.clone();
        }
        let op = OpDef {
            requires: vec![map],
            ..OpDef::default()
        };
        crate::project::sources::of(&op).unwrap().remove(0).sources.remove(0)
    }

    fn among(more: serde_json::Value) -> String {
        let paths = ["a.txt", "ck-10.pt", "ck-9.pt", "sub/ck-11.pt", "sub/b.txt"].map(PathBuf::from);
        let found = Wanted::of(&source(more)).among(paths.to_vec());
        found
            .iter()
            .map(|p| p.display().to_string())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn paths_are_selected() {
        assert_eq!(among(json!({})), "a.txt ck-10.pt ck-9.pt sub/ck-11.pt sub/b.txt");
        assert_eq!(among(json!({"select": ".*\\.txt"})), "a.txt sub/b.txt");
        assert_eq!(among(json!({"select": ["a", "sub/b"]})), "a.txt sub/b.txt");
        assert_eq!(among(json!({"select-min": ".*ck-([0-9]+)"})), "ck-9.pt");
        assert_eq!(
            among(json!({"select-max": ".*ck-([0-9]+)", "select": "a"})),
            "a.txt sub/ck-11.pt"
        );
        assert_eq!(among(json!({"select": "nothing"})), "");
    }

    #[test]
    fn targets_are_named() {
        let to = |more| target(Path::new("sub/b.txt"), &source(more)).map(|p| p.display().to_string());
        assert_eq!(to(json!({})).unwrap(), "b.txt");
        assert_eq!(to(json!({"preserve-path": true})).unwrap(), "sub/b.txt");
        assert_eq!(
            to(json!({"path": "in/./x", "rename": "(.+)\\.txt \\1.md"})).unwrap(),
            "in/x/b.md"
        );
        assert_eq!(
            to(json!({"target-path": "../x"})).unwrap_err(),
            "its target '../x/b.txt' is not below the run directory"
        );
        assert_eq!(
            to(json!({"rename": ".* ''"})).unwrap_err(),
            "its target '' is not below the run directory"
        );
    }
}
