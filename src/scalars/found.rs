//! The scalars of a run: which event files are its own, and what they come to. Steps and trials that a run links
//! to lend it theirs under the link's name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::summary::Sums;
use super::{OUTPUT_PREFIX, Scalar, TagSummary, events};

/// An event file of a run and the prefix of its tags.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventFile {
    pub prefix: String,
    pub path: PathBuf,
}

/// A link in a run directory to another run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// Where the link is below the run directory, with `/`.
    pub prefix: String,
    /// The other run's directory.
    pub dir: PathBuf,
}

/// Where a run's scalars are.
#[derive(Debug, Default, PartialEq)]
pub struct Places {
    /// In the order in which they are read.
    pub files: Vec<EventFile>,
    /// In the order of their names. A link to a deleted run is one: the run may be restored.
    pub links: Vec<Link>,
    /// The directories that were looked into; a new event file changes the time of one of them.
    pub dirs: Vec<PathBuf>,
}

/// What was read of a run's own scalars, without those of the runs it links to.
#[derive(Debug, Default)]
pub struct Own {
    /// Sorted by prefix and tag.
    pub summaries: Vec<TagSummary>,
    pub places: Places,
    /// Texts for `WARNING: `.
    pub warnings: Vec<String>,
}

/// How far links are followed: a batch of steps runs of batches is three.
const DEEPEST: usize = 8;

/// The summaries of a run and of the runs that it links to, sorted by prefix and tag. Files that cannot be read
/// count as empty; corrupt ones as far as they can be read, with a warning.
pub fn of_run(run_dir: &Path, meta_dir: &Path) -> (Vec<TagSummary>, Vec<String>) {
    let mut visited = BTreeSet::new();
    let (mut summaries, mut warnings) = (Vec::new(), Vec::new());
    collect(run_dir, meta_dir, "", &mut visited, &mut |own, prefix| {
        warnings.extend(own.warnings);
        summaries.extend(own.summaries.into_iter().map(|mut summary| {
            summary.prefix = below(prefix, &summary.prefix);
            summary
        }));
    });
    sort(&mut summaries);
    (summaries, warnings)
}

/// Hands every value of a run and of the runs it links to to `take`, with its prefix: files by prefix, values in file
/// order. Returns the warnings.
pub fn values(run_dir: &Path, meta_dir: &Path, mut take: impl FnMut(&str, Scalar)) -> Vec<String> {
    let mut files = Vec::new();
    let mut visited = BTreeSet::new();
    let mut metrics = Vec::new();
    walk_runs(run_dir, meta_dir, "", &mut visited, &mut |places, meta, prefix| {
        files.extend(places.files.iter().map(|file| EventFile {
            prefix: below(prefix, &file.prefix),
            path: file.path.clone(),
        }));
        metrics.push((below(prefix, OUTPUT_PREFIX), summary_metrics(meta)));
    });
    files.sort();
    let mut warnings = Vec::new();
    let mut tags = BTreeSet::new();
    for file in &files {
        let end = events::read(&file.path, |event| {
            if file.prefix.ends_with(OUTPUT_PREFIX) {
                tags.insert((file.prefix.clone(), event.tag.clone().into_owned()));
            }
            take(
                &file.prefix,
                Scalar {
                    tag: event.tag.into_owned(),
                    step: event.step,
                    value: event.value,
                },
            );
        });
        warnings.extend(warning(&file.path, &end));
    }
    for (prefix, metrics) in metrics {
        for (tag, value) in metrics {
            if !tags.contains(&(prefix.clone(), tag.clone())) {
                take(&prefix, Scalar { tag, step: 0, value });
            }
        }
    }
    warnings
}

/// Sorts summaries as they are shown.
pub fn sort(summaries: &mut [TagSummary]) {
    summaries.sort_by(|a, b| (&a.prefix, &a.tag).cmp(&(&b.prefix, &b.tag)));
}

/// A prefix below another.
pub fn below(outer: &str, inner: &str) -> String {
    match (outer, inner) {
        ("", one) | (one, "") => one.to_string(),
        _ => format!("{outer}/{inner}"),
    }
}

fn collect(
    run_dir: &Path,
    meta_dir: &Path,
    prefix: &str,
    visited: &mut BTreeSet<PathBuf>,
    take: &mut dyn FnMut(Own, &str),
) {
    walk_runs(run_dir, meta_dir, prefix, visited, &mut |places, meta, prefix| {
        take(sum_up(places, meta), prefix);
    });
}

fn walk_runs(
    run_dir: &Path,
    meta_dir: &Path,
    prefix: &str,
    visited: &mut BTreeSet<PathBuf>,
    take: &mut dyn FnMut(Places, &Path, &str),
) {
    if visited.len() > DEEPEST || !visited.insert(run_dir.to_path_buf()) {
        return;
    }
    let mut places = places(run_dir, meta_dir);
    let links = std::mem::take(&mut places.links);
    take(places, meta_dir, prefix);
    for link in links.iter().filter(|link| link.is_run()) {
        walk_runs(
            &link.dir,
            &meta_of(&link.dir),
            &below(prefix, &link.prefix),
            visited,
            take,
        );
    }
    // The same run may be linked under two names, only not within itself.
    visited.remove(run_dir);
}

impl Link {
    /// True when the link leads to a run that is there.
    pub fn is_run(&self) -> bool {
        meta_of(&self.dir).join("opref").is_file()
    }
}

/// The meta directory beside a run directory.
pub fn meta_of(run_dir: &Path) -> PathBuf {
    let mut name = run_dir.as_os_str().to_owned();
    name.push(".meta");
    PathBuf::from(name)
}

/// Reads the scalars in a run's own places.
pub fn sum_up(places: Places, meta_dir: &Path) -> Own {
    let mut warnings = Vec::new();
    let mut by_prefix: BTreeMap<&str, Sums> = BTreeMap::new();
    for file in &places.files {
        let sums = by_prefix.entry(&file.prefix).or_default();
        let end = events::read(&file.path, |event| sums.add(&event.tag, event.step, event.value));
        warnings.extend(warning(&file.path, &end));
    }
    let metrics = summary_metrics(meta_dir);
    if !metrics.is_empty() {
        let sums = by_prefix.entry(OUTPUT_PREFIX).or_default();
        for (tag, value) in metrics {
            sums.add_if_new(&tag, value);
        }
    }
    let summaries = by_prefix
        .into_iter()
        .flat_map(|(prefix, sums)| sums.finish(prefix))
        .collect();
    Own {
        summaries,
        places,
        warnings,
    }
}

fn warning(path: &Path, end: &io::Result<events::End>) -> Option<String> {
    match end {
        Ok(events::End::Corrupt) => Some(events::corrupt_warning(path)),
        Ok(events::End::Whole | events::End::Torn) => None,
        // A file that was deleted meanwhile has no values.
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => Some(format!("cannot read {}: {error}", path.display())),
    }
}

/// Numbers of the run's output summary, which stand for scalars at step 0.
fn summary_metrics(meta_dir: &Path) -> Vec<(String, f64)> {
    let Ok(text) = fs::read(meta_dir.join("summary.json")) else {
        return Vec::new();
    };
    let Ok(summary) = serde_json::from_slice::<Json>(&text) else {
        return Vec::new();
    };
    let Some(metrics) = summary.get("metrics").and_then(Json::as_object) else {
        return Vec::new();
    };
    let number = |value: &Json| match value {
        Json::Number(number) => number.as_f64(),
        Json::String(text) => super::number::parse(text.as_bytes()).filter(|value| !value.is_finite()),
        _ => None,
    };
    metrics
        .iter()
        .filter_map(|(tag, value)| Some((tag.clone(), number(value)?)))
        .collect()
}

/// Finds the event files of a run and the runs that it links to. The run's copied source code, meta directories of
/// other runs and directories with a file `.guild-nocopy` are left out.
pub fn places(run_dir: &Path, meta_dir: &Path) -> Places {
    let mut places = Places::default();
    walk(run_dir, &mut places);
    if !places.files.is_empty() {
        let source = source_files(meta_dir);
        places
            .files
            .retain(|file| file.path.strip_prefix(run_dir).is_ok_and(|path| !source.contains(path)));
    }
    let output = meta_dir.join("scalars");
    if let Ok(entries) = fs::read_dir(&output) {
        places.dirs.push(output);
        for entry in entries.flatten() {
            if entry.file_name().to_str().is_some_and(events::is_event_file) {
                places.files.push(EventFile {
                    prefix: OUTPUT_PREFIX.into(),
                    path: entry.path(),
                });
            }
        }
    }
    places.files.sort();
    places.links.sort();
    places
}

fn walk(run_dir: &Path, places: &mut Places) {
    let mut begun = vec![String::new()];
    while let Some(prefix) = begun.pop() {
        let dir = match prefix.as_str() {
            "" => run_dir.to_path_buf(),
            below => run_dir.join(below),
        };
        let Ok(entries) = fs::read_dir(&dir) else { continue };
        let (mut files, mut links, mut dirs) = (Vec::new(), Vec::new(), Vec::new());
        let mut hidden = false;
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            hidden |= name == ".guild-nocopy";
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                dirs.push(below(&prefix, name));
            } else if kind.is_symlink() {
                links.extend(linked_run(&entry.path()).map(|dir| Link {
                    prefix: below(&prefix, name),
                    dir,
                }));
            } else if kind.is_file() && events::is_event_file(name) {
                files.push(EventFile {
                    prefix: prefix.clone(),
                    path: entry.path(),
                });
            }
        }
        if !hidden && !is_other_meta(&dir) {
            places.files.extend(files);
            places.links.extend(links);
            begun.extend(dirs);
        }
        places.dirs.push(dir);
    }
}

/// True for the meta directory of a run that is kept inside this one.
fn is_other_meta(dir: &Path) -> bool {
    dir.extension().is_some_and(|e| e == "meta") && dir.join("opref").exists()
}

/// The run directory that a link leads to, or led to.
fn linked_run(link: &Path) -> Option<PathBuf> {
    match fs::canonicalize(link) {
        Ok(dir) => meta_of(&dir).join("opref").is_file().then_some(dir),
        Err(_) => Some(link.parent()?.join(fs::read_link(link).ok()?)),
    }
}

/// Paths of the copied source code, as the manifest has them.
fn source_files(meta_dir: &Path) -> BTreeSet<PathBuf> {
    let Ok(manifest) = fs::read_to_string(meta_dir.join("manifest")) else {
        return BTreeSet::new();
    };
    manifest
        .lines()
        .filter_map(|line| line.strip_prefix("s ")?.split_once(' '))
        .map(|(_, path)| PathBuf::from(path.replace("\\n", "\n")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Path, values: &[(&str, i64, f64)]) {
        let mut writer = events::Writer::new(dir);
        for (tag, step, value) in values {
            let scalar = Scalar {
                tag: (*tag).into(),
                step: *step,
                value: *value,
            };
            writer.add(&scalar, 0.0).unwrap();
        }
        writer.flush().unwrap();
    }

    fn run(home: &Path, id: &str) -> (PathBuf, PathBuf) {
        let (dir, meta) = (home.join(id), home.join(format!("{id}.meta")));
        fs::create_dir_all(&dir).unwrap();
        fs::create_dir_all(&meta).unwrap();
        fs::write(meta.join("opref"), "1 x x").unwrap();
        (dir, meta)
    }

    fn keys(run: &(PathBuf, PathBuf)) -> Vec<String> {
        of_run(&run.0, &run.1)
            .0
            .iter()
            .map(|s| format!("{}={}", s.full_key(), s.last_val))
            .collect()
    }

    #[test]
    fn prefixes_are_directories() {
        let home = tempfile::tempdir().unwrap();
        let run = run(home.path(), "a");
        write(&run.1.join("scalars"), &[("loss", 0, 0.1)]);
        write(&run.0, &[("x", 1, 1.0)]);
        write(&run.0.join("logs/train"), &[("x", 1, 2.0)]);
        write(&run.0.join("skip"), &[("x", 1, 3.0)]);
        fs::write(run.0.join("skip/.guild-nocopy"), "").unwrap();
        assert_eq!(keys(&run), ["x=1", ".guild#loss=0.1", "logs/train#x=2"]);
    }

    #[test]
    fn source_code_and_data_links_do_not_count() {
        let home = tempfile::tempdir().unwrap();
        let run = run(home.path(), "a");
        write(&run.0.join("old"), &[("x", 1, 1.0)]);
        let name = fs::read_dir(run.0.join("old"))
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .file_name()
            .into_string()
            .unwrap();
        fs::write(run.1.join("manifest"), format!("s 00 old/{name}\n")).unwrap();
        let data = home.path().join("data");
        write(&data, &[("x", 1, 2.0)]);
        std::os::unix::fs::symlink(&data, run.0.join("data")).unwrap();
        assert_eq!(keys(&run), [""; 0]);
    }

    #[test]
    fn linked_runs_lend_their_scalars() {
        let home = tempfile::tempdir().unwrap();
        let (steps, train) = (run(home.path(), "steps"), run(home.path(), "train1"));
        write(&train.1.join("scalars"), &[("loss", 0, 0.5)]);
        write(&train.0, &[("x", 0, 1.0)]);
        std::os::unix::fs::symlink(&train.0, steps.0.join("train")).unwrap();
        // Runs that link to each other are read once.
        std::os::unix::fs::symlink(&steps.0, train.0.join("parent")).unwrap();
        assert_eq!(keys(&steps), ["train#x=1", "train/.guild#loss=0.5"]);
    }

    #[test]
    fn an_output_summary_adds_metrics() {
        let home = tempfile::tempdir().unwrap();
        let run = run(home.path(), "a");
        write(&run.1.join("scalars"), &[("loss", 4, 0.1)]);
        fs::write(
            run.1.join("summary.json"),
            r#"{"metrics": {"loss": 9, "auc": 0.7, "bad": "nan", "t": "x"}}"#,
        )
        .unwrap();
        assert_eq!(keys(&run), [".guild#auc=0.7", ".guild#bad=NaN", ".guild#loss=0.1"]);
        let mut all = Vec::new();
        values(&run.0, &run.1, |prefix, s| {
            all.push(format!("{prefix} {} {}", s.tag, s.step))
        });
        assert_eq!(all, [".guild loss 4", ".guild auc 0", ".guild bad 0"]);
    }

    #[test]
    fn corrupt_files_warn() {
        let home = tempfile::tempdir().unwrap();
        let run = run(home.path(), "a");
        fs::write(run.0.join("events.out.tfevents.1.h"), [7; 40]).unwrap();
        let (summaries, warnings) = of_run(&run.0, &run.1);
        assert!(summaries.is_empty());
        let path = run.0.join("events.out.tfevents.1.h");
        assert_eq!(
            warnings,
            [format!("corrupt event file {}: skipping the rest", path.display())]
        );
    }
}
