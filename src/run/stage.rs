//! Staging: everything a run needs is put into its run directory, so that it no longer depends on its project.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::configure::{self, Applied};
use super::environment::{self, Caller};
use super::error::During;
use super::facts::Facts;
use super::hook::{self, Phase};
use super::log::{self, Log};
use super::manifest::{self, FileEvent, FileKind, ManifestEntry};
use super::stop_flag::{Asked, StopFlag};
use super::template::Template;
use super::{Run, RunError, clock, meta, tree};
use crate::project::Command;

/// What a run is staged from.
pub struct Staging<'a> {
    pub source: &'a Template,
    /// Files of other places, resolved.
    pub dependencies: &'a [Dependency],
    /// How they were resolved, for `output/30_dependencies`; whole lines.
    pub resolved: &'a str,
    /// Why one of them could not be resolved: the run fails at that point.
    pub unmet: Option<&'a str>,
    pub caller: Caller,
    /// Ends a hook that is running.
    pub stop: Option<&'a StopFlag>,
}

/// A file or directory that a run needs from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    pub content: Content,
    /// Relative to the run directory.
    pub to: PathBuf,
    /// Replace what is there instead of keeping it.
    pub replace: bool,
}

/// What a dependency puts into the run directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A copy of a file, or of a directory with all in it.
    Copy(PathBuf),
    /// A link to a file or directory.
    Link(PathBuf),
    /// A file with this text.
    Text(String),
}

/// A file of the run directory, as far as staging knows it.
struct Known {
    kind: FileKind,
    /// `None`: to be computed.
    digest: Option<String>,
    size: Option<u64>,
    modified: i64,
    mode: u32,
    is_link: bool,
}

/// Stages a run. Gives warnings for the user. On an error the run keeps the exit code as its own, so that it is
/// seen as failed and not as waiting; where the machine is to blame, it goes on waiting for a better one.
pub fn stage(run: &Run, staging: &Staging<'_>) -> Result<Vec<String>, RunError> {
    let facts = Facts::read(run)?;
    let mut log = Log::open(&run.meta("log/runner"));
    let mut stage = Stage {
        run,
        staging,
        env: BTreeMap::new(),
        facts: &facts,
        known: BTreeMap::new(),
        events: Vec::new(),
        warnings: Vec::new(),
    };
    let staged = stage.phases(&mut log);
    if let Err(error) = staged {
        log.line(format_args!("Staging failed: {error}"));
        let code = match &error {
            // Ended by whoever asked for it: the run did not fail.
            _ if staging.stop.is_some_and(|stop| stop.asked() > Asked::Nothing) => -15,
            RunError::Hook { code, .. } => *code,
            _ => 1,
        };
        if code < 0 || !error.is_of_the_machine() {
            // The error at hand is the one to report.
            let _ = meta::write(&run.meta("proc/exit"), code.to_string().as_bytes());
        }
        return Err(error);
    }
    Ok(stage.warnings)
}

/// Stages a run that needs no files and runs no hooks: one whose program is gage itself.
pub(crate) fn nothing(run: &Run) -> Result<(), RunError> {
    let dir = run.dir();
    make_dir(&dir)?;
    for name in ["log/files", "manifest"] {
        manifest::append(run, name, b"").during("write", &run.meta(name))?;
    }
    Log::open(&run.meta("log/runner")).line("Writing meta staged");
    let path = run.meta("staged");
    meta::write(&path, clock::timestamp().to_string().as_bytes()).during("write", &path)
}

fn make_dir(dir: &Path) -> Result<(), RunError> {
    match fs::create_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(RunError::NoRunDir(dir.to_path_buf())),
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !dir.is_dir() => {
            Err(error).during("make directory", dir)
        }
        _ => Ok(()),
    }
}

struct Stage<'a> {
    run: &'a Run,
    staging: &'a Staging<'a>,
    facts: &'a Facts,
    /// Of hooks; empty until one is needed.
    env: BTreeMap<OsString, OsString>,
    /// By path, in the order of its bytes.
    known: BTreeMap<OsString, Known>,
    /// Text for `log/files`.
    events: Vec<u8>,
    warnings: Vec<String>,
}

impl Stage<'_> {
    fn phases(&mut self, log: &mut Log) -> Result<(), RunError> {
        let (run, exec) = (self.run, &self.facts.opdef.exec);
        make_dir(&run.dir())?;
        // Left by an attempt that failed.
        match fs::remove_file(run.meta("proc/exit")) {
            Err(error) if !meta::is_missing(&error) => return Err(error).during("remove", &run.meta("proc/exit")),
            _ => {}
        }
        let hooks = [&exec.stage_sourcecode, &exec.stage_runtime, &exec.stage_dependencies];
        let alone = hooks.iter().all(|h| h.is_none()) && self.staging.dependencies.is_empty();
        // Where no hook comes in between, files are written once, as configured and with their last permissions.
        let early = match exec.stage_sourcecode {
            None => Some(self.configured_source()?),
            Some(_) => None,
        };
        self.source(alone, early.as_ref().map(|applied| &applied.changed), log)?;
        self.hook(
            hook::SOURCECODE,
            exec.stage_sourcecode.as_ref(),
            "",
            FileKind::Source,
            log,
        )?;
        let applied = match early {
            Some(applied) => applied,
            None => self.configure_files()?,
        };
        self.log_configuration(&applied, log)?;
        self.log_source();
        self.hook(hook::RUNTIME, exec.stage_runtime.as_ref(), "", FileKind::Runtime, log)?;
        if let Some(reason) = self.staging.unmet {
            return Err(RunError::Unmet(reason.to_string()));
        }
        let mut resolved = self.staging.resolved.to_string();
        self.dependencies(&mut resolved)?;
        self.hook(
            hook::DEPENDENCIES,
            exec.stage_dependencies.as_ref(),
            &resolved,
            FileKind::Dependency,
            log,
        )?;
        self.finish(log)
    }

    /// Copies the source code. Files get their last permissions at once when nothing else will touch them.
    fn source(
        &mut self,
        read_only: bool,
        changed: Option<&BTreeMap<PathBuf, Vec<u8>>>,
        log: &mut Log,
    ) -> Result<(), RunError> {
        let template = self.staging.source;
        if !template.patterns().is_empty() {
            log.line(format_args!(
                "Copying source code (see log/files): {}",
                log::words(template.patterns())
            ));
        }
        for file in template.copy(&self.run.dir(), read_only, changed.unwrap_or(&BTreeMap::new()))? {
            let known = Known {
                kind: FileKind::Source,
                digest: Some(file.sha256),
                size: None,
                modified: file.modified,
                mode: file.mode,
                is_link: false,
            };
            self.known.insert(file.path.into_os_string(), known);
        }
        Ok(())
    }

    /// What configuration makes of the files that will be copied.
    fn configured_source(&self) -> Result<Applied, RunError> {
        let template = self.staging.source;
        let paths: Vec<&Path> = template.files().iter().map(|f| f.path.as_path()).collect();
        let read = |path: &Path| {
            let at = template
                .files()
                .binary_search_by(|f| f.path.as_os_str().cmp(path.as_os_str()));
            at.ok().map(|at| template.files()[at].content()).transpose()
        };
        configure::apply(&self.facts.opdef, &self.facts.flags, &paths, &read)
    }

    /// Configures the files as they are in the run directory.
    fn configure_files(&mut self) -> Result<Applied, RunError> {
        let dir = self.run.dir();
        let files = self.known.iter().filter(|(_, known)| !known.is_link);
        let paths: Vec<&Path> = files.map(|(path, _)| Path::new(path)).collect();
        let applied = configure::of_directory(&self.facts.opdef, &self.facts.flags, &dir, &paths)?;
        for (path, content) in &applied.changed {
            let full = dir.join(path);
            let about = configure::replace(&full, content).during("write", &full)?;
            if let Some(known) = self.known.get_mut(path.as_os_str()) {
                known.digest = Some(tree::digest_of(content));
                known.size = Some(about.len());
                known.modified = tree::modified_us(&about);
            }
        }
        Ok(applied)
    }

    fn log_configuration(&mut self, applied: &Applied, log: &mut Log) -> Result<(), RunError> {
        if !configure::is_wanted(&self.facts.opdef) {
            return Ok(());
        }
        log.line("Applying configuration (see log/patched)");
        for warning in &applied.warnings {
            log.line(format_args!("WARNING: {warning}"));
        }
        if !applied.patch.is_empty() {
            let path = self.run.meta("log/patched");
            meta::write(&path, applied.patch.as_bytes()).during("write", &path)?;
        }
        Ok(())
    }

    fn log_source(&mut self) {
        for (path, known) in &self.known {
            manifest::file_event(
                &mut self.events,
                FileEvent::Added,
                known.kind,
                known.modified,
                Path::new(path),
            );
        }
    }

    /// Runs a hook and notes what it made or changed as `kind`.
    fn hook(
        &mut self,
        phase: Phase,
        hook: Option<&Command>,
        before: &str,
        kind: FileKind,
        log: &mut Log,
    ) -> Result<(), RunError> {
        if hook.is_some() && self.env.is_empty() {
            self.env = environment::of_run(self.run, self.facts, &self.staging.caller);
        }
        let code = hook::run(
            self.run,
            phase,
            hook,
            self.facts,
            &self.env,
            before,
            log,
            self.staging.stop,
        )?;
        if code != 0 {
            return Err(RunError::Hook {
                phase: phase.name,
                code: if code < 0 { 128 - code } else { code },
            });
        }
        if hook.is_some() || kind == FileKind::Dependency && !self.staging.dependencies.is_empty() {
            self.changes(kind)?;
        }
        Ok(())
    }

    /// Compares the directory with what is known. Until the source code is logged, its files are only updated.
    fn changes(&mut self, kind: FileKind) -> Result<(), RunError> {
        let dir = self.run.dir();
        let entries = tree::list(&dir, &mut self.warnings).during("read", &dir)?;
        let logged = kind != FileKind::Source;
        let mut found = BTreeMap::new();
        for entry in entries {
            let known = Known {
                kind,
                digest: None,
                size: Some(entry.size),
                modified: entry.modified,
                mode: entry.mode,
                is_link: entry.is_link,
            };
            let (event, known) = match self.known.remove(entry.path.as_os_str()) {
                None => (Some(FileEvent::Added), known),
                Some(old) if old.modified == known.modified && old.size.is_none_or(|s| s == entry.size) => (
                    None,
                    Known {
                        kind: old.kind,
                        digest: old.digest,
                        ..known
                    },
                ),
                Some(old) => (
                    Some(FileEvent::Modified),
                    Known {
                        kind: old.kind,
                        ..known
                    },
                ),
            };
            if let Some(event) = event.filter(|_| logged) {
                manifest::file_event(&mut self.events, event, known.kind, known.modified, &entry.path);
            }
            found.insert(entry.path.into_os_string(), known);
        }
        for (path, old) in std::mem::replace(&mut self.known, found) {
            if logged {
                manifest::file_event(&mut self.events, FileEvent::Deleted, old.kind, 0, Path::new(&path));
            }
        }
        Ok(())
    }

    fn dependencies(&mut self, resolved: &mut String) -> Result<(), RunError> {
        for dependency in self.staging.dependencies {
            if let Some(warning) = dependency.resolve(self.run)? {
                resolved.push_str(&format!("WARNING: {warning}\n"));
                self.warnings.push(warning);
            }
        }
        Ok(())
    }

    fn finish(&mut self, log: &mut Log) -> Result<(), RunError> {
        log.line("Finalizing staged files (see manifest)");
        let dir = self.run.dir();
        let mut entries: Vec<ManifestEntry> = Vec::with_capacity(self.known.len());
        for (path, known) in std::mem::take(&mut self.known) {
            let full = dir.join(&path);
            if !known.is_link {
                meta::make_read_only(&full, known.mode).during("make read-only", &full)?;
            }
            entries.push(ManifestEntry {
                kind: known.kind,
                digest: known.digest.unwrap_or_else(|| tree::digest(&full)),
                path: path.into(),
            });
        }
        // By kind, then by path: the sort is stable and the map was in path order.
        entries.sort_by_key(|e| e.kind);
        for (name, text) in [("log/files", &self.events), ("manifest", &manifest::format(&entries))] {
            // Of a run that is staged again, this is the only truth.
            let path = self.run.meta(name);
            if name == "manifest" {
                let _ = fs::remove_file(&path);
            }
            manifest::append(self.run, name, text).during("write", &path)?;
        }
        log.line("Writing meta staged");
        let path = self.run.meta("staged");
        meta::write(&path, clock::timestamp().to_string().as_bytes()).during("write", &path)
    }
}

impl Dependency {
    /// Puts it into the run directory. Gives a warning if something else is kept there.
    pub(super) fn resolve(&self, run: &Run) -> Result<Option<String>, RunError> {
        let dir = run.dir();
        let fail = |reason: String| RunError::Dependency {
            path: self.to.display().to_string(),
            reason,
        };
        let inside = |c: Component<'_>| matches!(c, Component::Normal(_) | Component::CurDir);
        if !self.to.components().all(inside) || self.to.as_os_str().is_empty() {
            return Err(fail("its target is not below the run directory".into()));
        }
        let to = dir.join(&self.to);
        if fs::symlink_metadata(&to).is_ok() {
            if !self.replace {
                let what = if matches!(self.content, Content::Link(_)) {
                    "link"
                } else {
                    "copy"
                };
                return Ok(Some(format!("{} already exists, skipping {what}", to.display())));
            }
            let removed = if to.is_dir() && !to.is_symlink() {
                fs::remove_dir_all(&to)
            } else {
                fs::remove_file(&to)
            };
            removed.during("replace", &to)?;
        }
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).during("make directory", parent)?;
        }
        match &self.content {
            Content::Link(from) => {
                let target = self.beside(run, &dir, from);
                std::os::unix::fs::symlink(target, &to).during("make link", &to)?;
            }
            Content::Copy(from) => {
                copy(from, &to).map_err(|e| fail(format!("{}: {}", from.display(), super::error::reason(&e))))?;
            }
            Content::Text(text) => fs::write(&to, text).during("write", &to)?,
        }
        Ok(None)
    }

    /// What a link to `from` says: files of other runs are found beside this one, so that all may move together.
    fn beside(&self, run: &Run, dir: &Path, from: &Path) -> PathBuf {
        let Ok(below) = from.strip_prefix(run.home()) else {
            return from.to_path_buf();
        };
        if dir.is_symlink() {
            return from.to_path_buf();
        }
        let up = self.to.components().filter(|c| matches!(c, Component::Normal(_)));
        up.map(|_| Path::new("..")).collect::<PathBuf>().join(below)
    }
}

/// Copies a file or a directory with all in it; links below it are followed.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        return fs::copy(from, to).map(|_| ());
    }
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}
