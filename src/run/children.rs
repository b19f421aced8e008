//! Runs that a run has started: the trials of a batch, the steps of a steps run. Found by the links in its run
//! directory, and only those that say themselves whose they are: a link may lead to somebody else's run.

use super::status::{self, Status};
use super::{Run, id, meta};

/// System attributes that name the run that started a run.
const PARENTS: [&str; 2] = ["batch", "steps_run"];

/// The id of the run that started this one, if one did.
pub fn parent(run: &Run) -> Option<String> {
    PARENTS.iter().find_map(|name| {
        let attribute = meta::read_json(&run.meta(&format!("sys/{name}.json")));
        attribute.ok().flatten()?.as_str().map(str::to_string)
    })
}

/// The runs that this one has started and that are not done, in the order of their ids.
pub fn unfinished(run: &Run) -> Vec<Run> {
    let Ok(entries) = std::fs::read_dir(run.dir()) else {
        return Vec::new();
    };
    let links = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink()));
    let mut children: Vec<Run> = links
        .filter_map(|link| {
            let target = std::fs::read_link(link.path()).ok()?;
            let id = target.file_name()?.to_str().filter(|id| id::is_valid(id))?;
            let child = Run::new(run.home(), id);
            let open = status::exit_code(&child).is_none() && child.meta("started").exists();
            (open && parent(&child).as_deref() == Some(run.id())).then_some(child)
        })
        .collect();
    children.sort();
    children
}

/// Those of them that are running.
pub fn running(run: &Run) -> Vec<Run> {
    let mut children = unfinished(run);
    children.retain(|child| status::of(child) == Status::Running);
    children
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_own_runs_that_are_not_done_count() {
        let home = tempfile::tempdir().unwrap();
        let batch = Run::new(home.path(), "batch");
        fs::create_dir_all(batch.dir()).unwrap();
        for (id, parent, done) in [("a", "batch", false), ("b", "batch", true), ("c", "other", false)] {
            let run = Run::new(home.path(), id);
            fs::create_dir_all(run.meta("sys")).unwrap();
            fs::create_dir_all(run.meta("proc")).unwrap();
            fs::write(run.meta("sys/batch.json"), format!("\"{parent}\"")).unwrap();
            fs::write(run.meta("started"), "1").unwrap();
            if done {
                fs::write(run.meta("proc/exit"), "0").unwrap();
            }
            symlink(format!("../{id}"), batch.dir().join(id)).unwrap();
        }
        symlink("/nowhere/..", batch.dir().join("up")).unwrap();
        let found = unfinished(&batch);
        assert_eq!(found, [Run::new(home.path(), "a")]);
        assert_eq!(running(&batch), [], "nobody runs it");
        assert_eq!(parent(&found[0]).as_deref(), Some("batch"));
        assert_eq!(parent(&batch), None);
    }
}
