//! The files below a directory that a pattern matches, read level by level: only directories that can hold a match
//! are looked into. Links to directories are followed where the pattern names their level.

use std::path::{Path, PathBuf};

use globset::GlobBuilder;

/// Paths below `dir`, relative and sorted, of the files and directories that match. `*` stays within one level,
/// `**` goes through any number of them. An invalid pattern gives the reason.
pub fn expand(dir: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
    let parts: Vec<&str> = pattern.split('/').filter(|p| !p.is_empty() && *p != ".").collect();
    let mut found = Vec::new();
    into(dir, Path::new(""), &parts, &mut found)?;
    found.sort();
    found.dedup();
    Ok(found)
}

fn into(dir: &Path, below: &Path, parts: &[&str], found: &mut Vec<PathBuf>) -> Result<(), String> {
    let Some((&part, rest)) = parts.split_first() else {
        return Ok(());
    };
    if part == "**" {
        into(dir, below, if rest.is_empty() { &["*"] } else { rest }, found)?;
        for name in names(&dir.join(below)) {
            let path = below.join(&name);
            // Links are not followed here: they may lead up again.
            if dir.join(&path).symlink_metadata().is_ok_and(|about| about.is_dir()) {
                into(dir, &path, parts, found)?;
            }
        }
        return Ok(());
    }
    let mut take = |path: PathBuf| match rest.is_empty() {
        true => {
            found.push(path);
            Ok(())
        }
        false => into(dir, &path, rest, found),
    };
    if !part.contains(['*', '?', '[', '{']) {
        let path = below.join(part);
        return match dir.join(&path).exists() {
            true => take(path),
            false => Ok(()),
        };
    }
    let glob = GlobBuilder::new(part).literal_separator(true).build();
    let matcher = glob.map_err(|error| error.kind().to_string())?.compile_matcher();
    for name in names(&dir.join(below)) {
        if matcher.is_match(&name) {
            take(below.join(&name))?;
        }
    }
    Ok(())
}

/// What cannot be read holds nothing.
fn names(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<PathBuf> = entries.map(|entry| PathBuf::from(entry.file_name())).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_go_level_by_level() {
        let dir = tempfile::tempdir().unwrap();
        for path in ["a.csv", "b.txt", "d/c.csv", "d/e/f.csv", ".h/g.csv"] {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        std::os::unix::fs::symlink("d", dir.path().join("link")).unwrap();
        let found = |pattern: &str| {
            let found = expand(dir.path(), pattern).unwrap();
            let texts: Vec<String> = found.iter().map(|p| p.display().to_string()).collect();
            texts.join(" ")
        };
        assert_eq!(found("*.csv"), "a.csv");
        assert_eq!(found("d/*.csv"), "d/c.csv");
        assert_eq!(found("link/*.csv"), "link/c.csv");
        assert_eq!(found("**/*.csv"), ".h/g.csv a.csv d/c.csv d/e/f.csv");
        assert_eq!(found("d/**"), "d/c.csv d/e d/e/f.csv");
        assert_eq!(found("./a.csv"), "a.csv");
        assert_eq!(found("nope"), "");
        assert!(expand(dir.path(), "[").is_err());
    }
}
