//! Starting a run again in place: same id, same directory, and, if wanted, new flags or the project's source code.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::error::During;
use super::facts::Facts;
use super::log::Log;
use super::manifest::{self, FileEvent, FileKind, ManifestEntry};
use super::stage::{Dependency, Staging, stage};
use super::status::{self, Status};
use super::{Run, RunError, RunSpec, configure, meta, tree, user};
use crate::project::Command;

/// Makes a run ready to be supervised again with what `spec` says: its flags, command, environment and label, and
/// the attributes it names. `staging` copies the source code anew; without it the run keeps its own, with the
/// flags applied. A running run is refused. Gives warnings for the user.
pub fn prepare(run: &Run, spec: &RunSpec, staging: Option<&Staging<'_>>) -> Result<Vec<String>, RunError> {
    if status::of(run) == Status::Running {
        return Err(RunError::Running(run.id().to_string()));
    }
    let write = |name: &str, text: String| {
        let path = run.meta(name);
        meta::write(&path, text.as_bytes()).during("write", &path)
    };
    // Reading first: a run that cannot be read is not to be written over.
    Facts::read(run)?;
    write("opdef.json", meta::json_text(&spec.opdef))?;
    write("config.json", meta::json_text(&spec.flags))?;
    let none = Command::Words(Vec::new());
    write("proc/cmd.json", meta::json_text(spec.command.as_ref().unwrap_or(&none)))?;
    write("proc/env.json", meta::json_text(&spec.env))?;
    if !spec.attrs.is_empty() {
        let sys = run.meta("sys");
        std::fs::create_dir_all(&sys).during("make directory", &sys)?;
    }
    for (name, value) in &spec.attrs {
        write(&format!("sys/{name}.json"), meta::json_text(value))?;
    }
    rename(run, spec)?;
    let mut log = Log::open(&run.meta("log/runner"));
    log.line("Starting again: writing meta opdef, config, proc cmd, proc env");
    drop(log);
    match staging {
        Some(staging) => stage(run, staging),
        None if !run.meta("staged").exists() => Err(RunError::NotStaged(run.id().to_string())),
        None => configure_again(run, spec).map(|()| Vec::new()),
    }
}

fn rename(run: &Run, spec: &RunSpec) -> Result<(), RunError> {
    let attrs = user::read(run);
    let mut changes = user::Changes::new();
    if attrs.label != spec.label {
        changes = changes.label(spec.label.as_deref().unwrap_or_default());
    }
    for tag in spec.tags.iter().filter(|tag| !attrs.tags.contains(tag)) {
        changes = changes.tag(tag);
    }
    if let Some(comment) = &spec.comment {
        changes = changes.comment(comment);
    }
    user::apply(run, &changes)
}

/// Lets the program of a run that is started again write over what it generated before.
pub fn reopen(run: &Run) -> Result<(), RunError> {
    let dir = run.dir();
    for entry in manifest::read(run) {
        let path = dir.join(&entry.path);
        let Ok(about) = path.symlink_metadata() else { continue };
        if entry.kind == FileKind::Generated && about.is_file() {
            let mode = about.permissions().mode() | 0o200;
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).during("make writable", &path)?;
        }
    }
    Ok(())
}

/// Puts other dependencies in the place of those at `gone` (relative to the run directory). Gives warnings for the
/// user.
pub fn depend_again(run: &Run, gone: &[PathBuf], dependencies: &[Dependency]) -> Result<Vec<String>, RunError> {
    let dir = run.dir();
    let mut events = Vec::new();
    let mut entries = manifest::read(run);
    for path in gone {
        let full = dir.join(path);
        let removed = match full.symlink_metadata() {
            Ok(about) if about.is_dir() => std::fs::remove_dir_all(&full),
            Ok(_) => std::fs::remove_file(&full),
            // It has been taken away already.
            Err(_) => Ok(()),
        };
        removed.during("remove", &full)?;
        entries.retain(|entry| {
            let theirs = entry.kind == FileKind::Dependency && entry.path.starts_with(path);
            if theirs {
                manifest::file_event(&mut events, FileEvent::Deleted, FileKind::Dependency, 0, &entry.path);
            }
            !theirs
        });
    }
    let mut warnings = Vec::new();
    for dependency in dependencies {
        if let Some(warning) = dependency.resolve(run)? {
            warnings.push(warning);
            continue;
        }
        for path in tree::files_at(&dir, &dependency.to).during("read", &dir)? {
            let full = dir.join(&path);
            let about = full.symlink_metadata().during("read", &full)?;
            let modified = tree::modified_us(&about);
            manifest::file_event(&mut events, FileEvent::Added, FileKind::Dependency, modified, &path);
            entries.push(ManifestEntry {
                kind: FileKind::Dependency,
                digest: tree::digest(&full),
                path,
            });
        }
    }
    entries.sort_by(|a, b| (a.kind, &a.path).cmp(&(b.kind, &b.path)));
    let path = run.meta("manifest");
    meta::write(&path, &manifest::format(&entries)).during("write", &path)?;
    manifest::append(run, "log/files", &events).during("write", &run.meta("log/files"))?;
    Ok(warnings)
}

/// Applies the flags to the run's own copies.
fn configure_again(run: &Run, spec: &RunSpec) -> Result<(), RunError> {
    if !configure::is_wanted(&spec.opdef) {
        return Ok(());
    }
    let dir = run.dir();
    if !dir.is_dir() {
        return Err(RunError::NoRunDir(dir));
    }
    let mut entries = manifest::read(run);
    let source = entries.iter().filter(|e| e.kind == FileKind::Source);
    let paths: Vec<PathBuf> = source.map(|e| e.path.clone()).collect();
    let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    let applied = configure::of_directory(&spec.opdef, &spec.flags, &dir, &paths)?;
    let mut log = Log::open(&run.meta("log/runner"));
    log.line("Applying configuration (see log/patched)");
    for warning in &applied.warnings {
        log.line(format_args!("WARNING: {warning}"));
    }
    if applied.changed.is_empty() {
        return Ok(());
    }
    let mut events = Vec::new();
    let mut digests: BTreeMap<&Path, String> = BTreeMap::new();
    for (path, content) in &applied.changed {
        let full = dir.join(path);
        let about = configure::replace(&full, content).during("write", &full)?;
        let modified = tree::modified_us(&about);
        manifest::file_event(&mut events, FileEvent::Modified, FileKind::Source, modified, path);
        digests.insert(path, tree::digest_of(content));
    }
    for entry in &mut entries {
        if let Some(digest) = digests.get(entry.path.as_path()) {
            entry.digest.clone_from(digest);
        }
    }
    let write = |name: &str, text: &[u8]| {
        let path = run.meta(name);
        meta::write(&path, text).during("write", &path)
    };
    write("log/patched", applied.patch.as_bytes())?;
    write("manifest", &manifest::format(&entries))?;
    manifest::append(run, "log/files", &events).during("write", &run.meta("log/files"))
}
