//! Taking runs away and bringing them back. Deleting renames a run's parts, so nothing is lost and a half-done
//! delete is either a run or a deleted run: the meta directory, which makes a run exist, moves first and returns last.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::error::During;
use super::{Run, RunError, meta};

impl Run {
    /// The parts of a run, the meta directory first.
    fn parts(&self) -> [PathBuf; 5] {
        [
            self.meta(""),
            self.dir(),
            self.user_dir(),
            self.project_file(),
            self.lease_file(),
        ]
    }
}

/// Takes a run away so that it can be restored.
pub fn delete(run: &Run) -> Result<(), RunError> {
    let target = Run::deleted(run.home(), run.id());
    let (meta, aside) = (run.meta(""), target.meta(""));
    // The one step that decides who deletes it, where several do.
    loop {
        match fs::rename(&meta, &aside) {
            Ok(()) => break,
            Err(error) if meta::is_missing(&error) => return Err(RunError::NoRun(run.id().to_string())),
            // An earlier run of the same id: the newer one takes its place.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => remove_parts(&target)?,
            other => return other.during("rename", &meta),
        }
    }
    for (from, to) in run.parts().iter().zip(target.parts()).skip(1) {
        remove(&to).during("remove", &to)?;
        rename(from, &to)?;
    }
    Ok(())
}

/// Brings a deleted run back.
pub fn restore(run: &Run) -> Result<(), RunError> {
    let deleted = Run::deleted(run.home(), run.id());
    let target = Run::new(run.home(), run.id());
    if target.parts().iter().any(|part| fs::symlink_metadata(part).is_ok()) {
        return Err(RunError::RestoreLive(run.id().to_string()));
    }
    if !deleted.meta("").is_dir() {
        return Err(RunError::NoRun(run.id().to_string()));
    }
    for (from, to) in deleted.parts().iter().zip(target.parts()).rev() {
        rename(from, &to)?;
    }
    Ok(())
}

/// Removes a deleted run for good.
pub fn purge(run: &Run) -> Result<(), RunError> {
    remove_parts(&Run::deleted(run.home(), run.id()))
}

/// Removes a run for good at once. It is a deleted run first, so that an interruption leaves nothing half-made.
pub fn delete_permanently(run: &Run) -> Result<(), RunError> {
    delete(run)?;
    purge(run)
}

/// Removes the parts, the meta directory last: what is left of an interrupted purge can be purged again.
fn remove_parts(run: &Run) -> Result<(), RunError> {
    for part in run.parts().iter().rev() {
        remove(part).during("remove", part)?;
    }
    Ok(())
}

fn rename(from: &Path, to: &Path) -> Result<(), RunError> {
    match fs::rename(from, to) {
        Err(error) if meta::is_missing(&error) => Ok(()),
        other => other.during("rename", from),
    }
}

/// Removes a file, a link (not what it points to) or a directory with all that is in it.
fn remove(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if meta::is_missing(&error) => return Ok(()),
        other => other?,
    };
    if !found.is_dir() {
        return fs::remove_file(path);
    }
    match fs::remove_dir_all(path) {
        // A directory that its owner made read only: give it back its write permission and try once more.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            make_writable(path);
            fs::remove_dir_all(path)
        }
        other => other,
    }
}

fn make_writable(dir: &Path) {
    let Ok(found) = fs::symlink_metadata(dir) else { return };
    if !found.is_dir() {
        return;
    }
    let mode = found.permissions().mode();
    // Failing here shows itself as the failure of the removal that follows.
    let _ = fs::set_permissions(dir, fs::Permissions::from_mode(mode | 0o700));
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        make_writable(&entry.path());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(home: &Path, id: &str) -> Run {
        let run = Run::new(home, id);
        fs::create_dir_all(run.meta("proc")).unwrap();
        fs::create_dir_all(run.dir().join("sub")).unwrap();
        fs::write(run.dir().join("sub/file"), id).unwrap();
        fs::write(run.project_file(), "file:/x").unwrap();
        run
    }

    fn names(home: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(home)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_deleted_run_can_be_restored() {
        let home = tempfile::tempdir().unwrap();
        let run = made(home.path(), "abc");
        let before = names(home.path());
        delete(&run).unwrap();
        assert_eq!(
            names(home.path()),
            ["abc.deleted", "abc.meta.deleted", "abc.project.deleted"]
        );
        assert!(Run::deleted(home.path(), "abc").dir().join("sub/file").exists());
        restore(&run).unwrap();
        assert_eq!(names(home.path()), before);
        assert!(matches!(
            delete(&Run::new(home.path(), "none")),
            Err(RunError::NoRun(_))
        ));
    }

    #[test]
    fn a_live_run_is_not_moved_aside() {
        let home = tempfile::tempdir().unwrap();
        let run = made(home.path(), "abc");
        delete(&run).unwrap();
        made(home.path(), "abc");
        let before = names(home.path());
        assert_eq!(
            restore(&run).unwrap_err().to_string(),
            "cannot restore abc: a run with that ID exists"
        );
        assert_eq!(names(home.path()), before);
        delete(&run).unwrap();
        assert_eq!(names(home.path()).len(), 3);
    }

    #[test]
    fn purging_minds_neither_read_only_files_nor_links() {
        let home = tempfile::tempdir().unwrap();
        let kept = home.path().join("kept");
        fs::create_dir(&kept).unwrap();
        fs::write(kept.join("data"), "mine").unwrap();
        let run = made(home.path(), "abc");
        std::os::unix::fs::symlink(&kept, run.dir().join("link")).unwrap();
        for (path, mode) in [("sub/file", 0o444), ("sub", 0o555)] {
            fs::set_permissions(run.dir().join(path), fs::Permissions::from_mode(mode)).unwrap();
        }
        delete_permanently(&run).unwrap();
        assert_eq!(names(home.path()), ["kept"]);
        assert_eq!(fs::read_to_string(kept.join("data")).unwrap(), "mine");
    }
}
