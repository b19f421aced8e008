//! The links of a steps run's directory, one for each step: how they are called, and which runs they lead to.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::STEPS_RUN;
use crate::run::{Run, id, meta};

/// Names of the steps' links: the second `train` is `train_2`.
pub fn links<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let link = |name: &str| {
        // A name such as `a/b.py` has to be one file name.
        let name = name.replace('/', "_");
        let count = seen.entry(name.clone()).or_default();
        *count += 1;
        match *count {
            1 => name,
            n => format!("{name}_{n}"),
        }
    };
    names.map(link).collect()
}

/// The run that a step's link leads to, if there is one. Anything but a link is in the way.
pub fn linked(steps_run: &Run, link: &str) -> Result<Option<Run>, PathBuf> {
    let path = steps_run.dir().join(link);
    let Ok(about) = std::fs::symlink_metadata(&path) else {
        return Ok(None);
    };
    if !about.is_symlink() {
        return Err(path);
    }
    let target = std::fs::read_link(&path).unwrap_or_default();
    let name = target
        .file_name()
        .and_then(|n| n.to_str())
        .filter(|id| id::is_valid(id));
    Ok(name
        .map(|id| Run::new(steps_run.home(), id))
        .filter(|run| run.meta("").is_dir()))
}

/// The steps run that a run is a step of.
pub fn steps_run_of(run: &Run) -> Option<Run> {
    let id = meta::read_json(&run.meta(&format!("sys/{STEPS_RUN}.json"))).ok()??;
    id.as_str().map(|id| Run::new(run.home(), id))
}

/// Links a step to its run.
pub fn link(steps_run: &Run, link: &str, run_id: &str) -> io::Result<()> {
    let path = steps_run.dir().join(link);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    symlink(PathBuf::from("..").join(run_id), path)
}

/// Takes a link away that leads to no run: the step was refused, or skipped.
pub fn unlink_dead(steps_run: &Run, link: &str) {
    if let Ok(None) = linked(steps_run, link) {
        // It is not there if nothing was linked at all.
        let _ = std::fs::remove_file(steps_run.dir().join(link));
    }
}

/// Lets the step that was to be the run `from` lead to the run `to`, which makes it unnecessary.
pub fn lead_elsewhere(steps_dir: &Path, from: &str, to: &str) {
    let Some(steps_run) = Run::at(steps_dir) else { return };
    for entry in std::fs::read_dir(steps_dir).into_iter().flatten().flatten() {
        if std::fs::read_link(entry.path()).is_ok_and(|target| target == Path::new("..").join(from))
            && let Some(name) = entry.file_name().to_str()
        {
            // Only a convenience: the step does not run for lack of a link.
            let _ = link(&steps_run, name, to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_numbered() {
        let names = ["train", "eval", "train", "a/b.py", "train"];
        assert_eq!(
            links(names.into_iter()),
            ["train", "eval", "train_2", "a_b.py", "train_3"]
        );
    }

    #[test]
    fn links_lead_to_runs() {
        let home = tempfile::tempdir().unwrap();
        let steps = Run::new(home.path(), "steps");
        std::fs::create_dir(steps.dir()).unwrap();
        let step = Run::new(home.path(), "step1");
        assert_eq!(linked(&steps, "a"), Ok(None));
        link(&steps, "a", "step1").unwrap();
        assert_eq!(linked(&steps, "a"), Ok(None));
        std::fs::create_dir(step.meta("")).unwrap();
        assert_eq!(linked(&steps, "a"), Ok(Some(step.clone())));
        lead_elsewhere(&steps.dir(), "step1", "step2");
        unlink_dead(&steps, "a");
        assert!(std::fs::symlink_metadata(steps.dir().join("a")).is_err());
        std::fs::write(steps.dir().join("b"), "mine").unwrap();
        assert_eq!(linked(&steps, "b"), Err(steps.dir().join("b")));
    }
}
