//! RUN arguments: positions, ranges, id and name prefixes, paths, looked up in a list of runs. Must not read anything
//! but, for a word that may be a path, where that path leads.

use std::collections::BTreeSet;
use std::path::Path;

use crate::run::Run;

/// A RUN argument that does not name runs of the list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    #[error("could not find a run matching '{0}'")]
    NotFound(String),
    /// Positions in the list, from 0.
    #[error("'{word}' matches multiple runs")]
    Ambiguous { word: String, matches: Vec<usize> },
}

/// Positions (from 0) in `runs` of what `words` name, in list order, each once. `runs` is newest first; relative
/// paths begin at `cwd`.
pub fn positions(runs: &[&Run], words: &[String], cwd: &Path) -> Result<Vec<usize>, SelectError> {
    let mut chosen = BTreeSet::new();
    for word in words {
        chosen.extend(one(runs, word, cwd)?);
    }
    Ok(chosen.into_iter().collect())
}

fn one(runs: &[&Run], word: &str, cwd: &Path) -> Result<Vec<usize>, SelectError> {
    let not_found = || SelectError::NotFound(word.to_string());
    if let Some((low, high)) = range(word) {
        let low = low.unwrap_or(1).max(1);
        let high = high.unwrap_or(runs.len()).min(runs.len());
        if low > high {
            return Err(not_found());
        }
        return Ok((low - 1..high).collect());
    }
    if let Ok(position) = word.parse::<usize>()
        && (1..=runs.len()).contains(&position)
        && word.bytes().all(|b| b.is_ascii_digit())
    {
        return Ok(vec![position - 1]);
    }
    if word.contains('/') || word == "." || word == ".." {
        return by_path(runs, word, cwd).map(|p| vec![p]).ok_or_else(not_found);
    }
    let mut matches = by_id(runs, word);
    if matches.is_empty() {
        matches = by_name(runs, word);
    }
    match matches[..] {
        [_] => Ok(matches),
        [] => by_path(runs, word, cwd).map(|p| vec![p]).ok_or_else(not_found),
        _ => Err(SelectError::Ambiguous {
            word: word.to_string(),
            matches,
        }),
    }
}

/// Both ends of `2:4`, `:3`, `2:`, `:`.
fn range(word: &str) -> Option<(Option<usize>, Option<usize>)> {
    let (low, high) = word.split_once(':')?;
    let end = |text: &str| -> Option<Option<usize>> {
        if text.is_empty() {
            return Some(None);
        }
        if !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        // A number that no usize holds is beyond every list.
        Some(Some(text.parse().unwrap_or(usize::MAX)))
    };
    Some((end(low)?, end(high)?))
}

fn by_id(runs: &[&Run], word: &str) -> Vec<usize> {
    if let Some(exact) = runs.iter().position(|run| run.id() == word) {
        return vec![exact];
    }
    let wanted = bare(word);
    if wanted.is_empty() {
        return Vec::new();
    }
    let matching = |run: &Run| {
        if run.id().bytes().any(|b| b == b'-' || b.is_ascii_uppercase()) {
            bare(run.id()).starts_with(&wanted)
        } else {
            run.id().starts_with(&wanted)
        }
    };
    let all: Vec<usize> = (0..runs.len()).filter(|i| matching(runs[*i])).collect();
    match all.iter().find(|i| bare(runs[**i].id()) == wanted) {
        Some(whole) => vec![*whole],
        None => all,
    }
}

/// Case and dashes do not count in ids.
fn bare(text: &str) -> String {
    text.chars()
        .filter(|c| *c != '-')
        .flat_map(char::to_lowercase)
        .collect()
}

fn by_name(runs: &[&Run], word: &str) -> Vec<usize> {
    let wanted = word.to_lowercase();
    if wanted.is_empty() {
        return Vec::new();
    }
    (0..runs.len())
        .filter(|i| runs[*i].name().starts_with(&wanted))
        .collect()
}

/// The run whose directory `word` leads to, links followed.
fn by_path(runs: &[&Run], word: &str, cwd: &Path) -> Option<usize> {
    let path = cwd.join(word).canonicalize().ok()?;
    let name = path.file_name()?.to_str()?;
    runs.iter()
        .position(|run| run.id() == name && run.dir().canonicalize().is_ok_and(|dir| dir == path))
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: [&str; 5] = [
        "deadbeef000000000000000000000000",
        "deadc0de000000000000000000000000",
        "7f000001000000000000000000000000",
        "2f000000000000000000000000000000",
        "my-Run",
    ];

    fn select(words: &[&str]) -> Result<Vec<usize>, SelectError> {
        let runs: Vec<Run> = IDS.iter().map(|id| Run::new("/no/such/home", *id)).collect();
        let words: Vec<String> = words.iter().map(|w| w.to_string()).collect();
        positions(&runs.iter().collect::<Vec<_>>(), &words, Path::new("/"))
    }

    #[test]
    fn positions_and_ranges_count_from_one() {
        assert_eq!(select(&["1"]), Ok(vec![0]));
        assert_eq!(select(&["2:4"]), Ok(vec![1, 2, 3]));
        assert_eq!(select(&[":2"]), Ok(vec![0, 1]));
        assert_eq!(select(&["4:"]), Ok(vec![3, 4]));
        assert_eq!(select(&[":"]), Ok(vec![0, 1, 2, 3, 4]));
        assert_eq!(select(&["4:99999999999999999999999"]), Ok(vec![3, 4]));
        for word in ["6:", "4:2", "0", "6", "+1", "-1", ""] {
            assert_eq!(select(&[word]), Err(SelectError::NotFound(word.into())));
        }
    }

    #[test]
    fn the_result_is_in_list_order_and_each_once() {
        assert_eq!(select(&["3", "1:2", "deadbeef"]), Ok(vec![0, 1, 2]));
    }

    #[test]
    fn ids_match_by_prefix_in_any_case_and_with_dashes() {
        assert_eq!(select(&["deadb"]), Ok(vec![0]));
        assert_eq!(select(&["DEAD-BEEF"]), Ok(vec![0]));
        assert_eq!(select(&["2f"]), Ok(vec![3]));
        assert_eq!(select(&["my-run"]), Ok(vec![4]));
        assert_eq!(select(&["my-Run"]), Ok(vec![4]));
        assert_eq!(
            select(&["dead"]),
            Err(SelectError::Ambiguous {
                word: "dead".into(),
                matches: vec![0, 1]
            })
        );
    }

    #[test]
    fn a_number_out_of_range_may_be_an_id() {
        assert_eq!(select(&["7"]), Ok(vec![2]));
    }

    #[test]
    fn names_match_by_prefix() {
        assert_eq!(select(&["lusab-babad"]), Ok(vec![2]));
        assert_eq!(select(&["lus"]), Ok(vec![2]));
    }

    #[test]
    fn a_run_directory_names_its_run() {
        let home = tempfile::tempdir().unwrap();
        let run = Run::new(home.path(), IDS[0]);
        std::fs::create_dir(run.dir()).unwrap();
        let select = |word: String, cwd: &Path| positions(&[&run], &[word], cwd);
        assert_eq!(select(run.dir().display().to_string(), Path::new("/")), Ok(vec![0]));
        assert_eq!(select(format!("./{}", IDS[0]), home.path()), Ok(vec![0]));
        assert_eq!(select(".".into(), &run.dir()), Ok(vec![0]));
        assert!(select("./other".into(), home.path()).is_err());
    }
}
