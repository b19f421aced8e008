//! The end of a run: exit code, generated files, summary, everything read only. Each step is done as far as it can
//! be, whatever became of the others; what could not be done is said.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use super::error::reason;
use super::facts::Facts;
use super::lease::Held;
use super::log::Log;
use super::manifest::{self, FileEvent, FileKind, ManifestEntry};
use super::{Run, RunError, clock, meta, pidfile, summary, tree};

/// Writes `stopped` and `proc/exit` and removes the lock, in an order in which a reader never sees a run with
/// neither. On a full disk the files that go away anyway lend their space.
pub(crate) fn record_exit(
    run: &Run,
    code: i32,
    lease: Option<Held>,
    log: &mut Log,
    problems: &mut Vec<String>,
) -> Option<Held> {
    let mut lease = lease;
    let stopped = clock::timestamp().to_string();
    if let Err(error) = meta::write(&run.meta("stopped"), stopped.as_bytes()) {
        let lent = match lease.take() {
            Some(lease) => lease.become_file(&run.meta("stopped"), stopped.as_bytes()),
            None => Err(error),
        };
        if let Err(error) = lent {
            problems.push(format!(
                "cannot write {}: {}",
                run.meta("stopped").display(),
                reason(&error)
            ));
        }
    }
    log.line("Writing meta stopped");
    let (lock, exit) = (run.meta("proc/lock"), run.meta("proc/exit"));
    let code = code.to_string();
    let written = meta::write(&exit, code.as_bytes()).or_else(|error| {
        // The lock's own block holds a few bytes; what it held is no longer needed.
        meta::overwrite(&lock, code.as_bytes())
            .and_then(|()| fs::rename(&lock, &exit))
            .map_err(|_| error)
    });
    match written {
        Ok(()) => {
            log.line("Writing meta proc/exit");
            log.line("Deleting meta proc/lock");
            let _ = fs::remove_file(&lock);
        }
        Err(error) => problems.push(format!("cannot write {}: {}", exit.display(), reason(&error))),
    }
    lease
}

/// Lists generated and changed files, writes the summary, makes all files read only.
pub(crate) fn record_files(run: &Run, facts: &Facts, log: &mut Log, problems: &mut Vec<String>) {
    if let Err(error) = summary::record(run, facts) {
        problems.push(error.to_string());
    }
    let dir = run.dir();
    match tree::list(&dir, problems) {
        Ok(entries) => {
            if let Err(error) = list_files(run, &dir, &entries, log) {
                problems.push(error);
            }
            for entry in entries.iter().filter(|e| !e.is_link) {
                let path = dir.join(&entry.path);
                if let Err(error) = meta::make_read_only(&path, entry.mode) {
                    problems.push(format!("cannot make {} read-only: {}", path.display(), reason(&error)));
                }
            }
        }
        Err(error) => problems.push(format!(
            "cannot read run directory {}: {}",
            dir.display(),
            reason(&error)
        )),
    }
    for problem in problems.iter() {
        log.line(problem);
    }
    log.flush();
    seal_meta(run);
}

fn list_files(run: &Run, dir: &std::path::Path, entries: &[tree::Entry], log: &mut Log) -> Result<(), String> {
    let staged = fs::read(run.meta("log/files")).map_or_else(|_| BTreeMap::new(), |b| manifest::staged_times(&b));
    let known = manifest::read(run);
    let old: BTreeSet<&PathBuf> = known
        .iter()
        .filter(|e| e.kind == FileKind::Generated)
        .map(|e| &e.path)
        .collect();
    let kinds: BTreeMap<&PathBuf, FileKind> = known.iter().map(|e| (&e.path, e.kind)).collect();
    let (mut events, mut generated) = (Vec::new(), Vec::new());
    for entry in entries {
        match (staged.get(&entry.path), kinds.get(&entry.path)) {
            (Some(time), kind) => {
                if *time != entry.modified && !entry.is_link {
                    let kind = kind.copied().unwrap_or(FileKind::Source);
                    manifest::file_event(&mut events, FileEvent::Modified, kind, entry.modified, &entry.path);
                    log.line(format_args!(
                        "File \"{}\" was modified during the run",
                        entry.path.display()
                    ));
                }
            }
            (None, _) => {
                manifest::file_event(
                    &mut events,
                    FileEvent::Added,
                    FileKind::Generated,
                    entry.modified,
                    &entry.path,
                );
                generated.push(ManifestEntry {
                    kind: FileKind::Generated,
                    digest: tree::digest(&dir.join(&entry.path)),
                    path: entry.path.clone(),
                });
            }
        }
    }
    let there: BTreeSet<&PathBuf> = entries.iter().map(|e| &e.path).collect();
    for path in staged.keys().filter(|p| !there.contains(p)) {
        let kind = kinds.get(path).copied().unwrap_or(FileKind::Source);
        manifest::file_event(&mut events, FileEvent::Deleted, kind, 0, path);
    }
    log.line("Finalizing run files (see manifest)");
    let fail = |name: &str, e: std::io::Error| format!("cannot write {}: {}", run.meta(name).display(), reason(&e));
    if !events.is_empty() {
        manifest::append(run, "log/files", &events).map_err(|e| fail("log/files", e))?;
    }
    if old.is_empty() {
        if !generated.is_empty() {
            let text = manifest::format(&generated);
            manifest::append(run, "manifest", &text).map_err(|e| fail("manifest", e))?;
        }
    } else {
        // Started again: what an earlier start generated is listed as it is now.
        let mut all: Vec<ManifestEntry> = known
            .iter()
            .filter(|e| e.kind != FileKind::Generated)
            .cloned()
            .collect();
        all.extend(generated);
        meta::write(&run.meta("manifest"), &manifest::format(&all)).map_err(|e| fail("manifest", e))?;
    }
    Ok(())
}

/// Makes what was still being written read only. Everything else of the meta directory was made so, outputs when
/// they were closed.
fn seal_meta(run: &Run) {
    let mut paths = vec![run.meta("log/runner"), run.meta("log/files"), run.meta("manifest")];
    if let Ok(entries) = fs::read_dir(run.meta("scalars")) {
        paths.extend(entries.flatten().map(|e| e.path()));
    }
    for path in paths {
        use std::os::unix::fs::PermissionsExt;
        if let Ok(about) = fs::metadata(&path) {
            // A file system without permissions, or a directory that has gone: nothing more can be done.
            let _ = meta::make_read_only(&path, about.permissions().mode());
        }
    }
}

/// Makes further files of the meta directory read only, such as the journal of a batch.
pub(crate) fn seal_extra(run: &Run) {
    use std::os::unix::fs::PermissionsExt;
    for entry in fs::read_dir(run.meta("")).into_iter().flatten().flatten() {
        // As in `seal_meta`. What is still to be appended to is sealed there.
        let appended = entry.file_name() == "manifest";
        if let Ok(about) = entry.metadata()
            && about.is_file()
            && !appended
        {
            let _ = meta::make_read_only(&entry.path(), about.permissions().mode());
        }
    }
}

/// Finalizes a run whose supervisor and process are gone without an exit code, recording `code` (a negative signal
/// number: nobody knows the code of its own), or finishes what a supervisor had begun that died with the exit code
/// written. Fails when somebody still runs it, and does nothing to one that was finalized or never started.
pub fn orphan(run: &Run, code: i32) -> Result<(), RunError> {
    let ended = run.meta("proc/exit").exists();
    if !run.meta("started").exists() || (ended && !run.lease_file().exists()) {
        return Ok(());
    }
    let facts = Facts::read(run)?;
    // A lease of another host is theirs as long as it is touched.
    let held = Held::claim(run, false)?;
    let mut log = Log::open(&run.meta("log/runner"));
    let mut problems = Vec::new();
    let held = if ended {
        log.line("Supervisor is gone: finalizing the run in its place");
        let _ = fs::remove_file(run.meta("proc/lock"));
        Some(held)
    } else {
        log.line("Supervisor and process are gone: recording the run as terminated");
        record_exit(run, code, Some(held), &mut log, &mut problems)
    };
    for entry in fs::read_dir(run.meta("output")).into_iter().flatten().flatten() {
        if let Ok(about) = entry.metadata() {
            use std::os::unix::fs::PermissionsExt;
            let _ = meta::make_read_only(&entry.path(), about.permissions().mode());
        }
    }
    record_files(run, &facts, &mut log, &mut problems);
    pidfile::remove_stale(run);
    match held {
        Some(held) => held.release(),
        None => drop(fs::remove_file(run.lease_file())),
    }
    Ok(())
}
