//! Source code that is ready to be copied into runs: listed, read and hashed once, so that each trial of a batch
//! costs only the writing. Which files are source code is decided elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};
use sha2::Sha256;

use super::error::During;
use super::manifest::{self, FileKind};
use super::{Run, RunError, meta, tree};
use crate::project::{FlagsDest, OpDef};

/// Contents up to this many bytes in all are kept in memory.
const KEPT: u64 = 4 << 20;

/// Files to be copied.
#[derive(Debug, Clone, Default)]
pub struct Template {
    files: Vec<SourceFile>,
    /// Directories below the run directory, parents first.
    dirs: BTreeSet<PathBuf>,
    digest: String,
    patterns: Vec<String>,
}

/// One of them.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Relative to the run directory.
    pub path: PathBuf,
    from: PathBuf,
    mode: u32,
    sha256: String,
    content: Option<Vec<u8>>,
    /// Size and modification time when it was read.
    seen: (u64, i64),
}

/// A file that was written into a run directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Staged {
    pub path: PathBuf,
    pub sha256: String,
    /// Microseconds since the epoch.
    pub modified: i64,
    pub mode: u32,
}

impl Template {
    /// Reads `files` (relative, `/`-joined) of `root`, to be copied below `dest` of the run directory. `patterns`
    /// are those that selected them, for the log.
    pub fn read(root: &Path, files: &[String], dest: Option<&str>, patterns: &[String]) -> Result<Template, RunError> {
        let mut sorted: Vec<&String> = files.iter().collect();
        sorted.sort();
        sorted.dedup();
        let dest = Path::new(dest.unwrap_or_default());
        let mut template = Template {
            patterns: patterns.to_vec(),
            ..Template::default()
        };
        let mut digest = Md5::new();
        let mut room = KEPT;
        for name in sorted {
            let from = root.join(name);
            digest.update(name.as_bytes());
            digest.update([0]);
            let file = SourceFile::read(&from, dest.join(name), room, &mut digest).during("read", &from)?;
            digest.update([0]);
            room -= file.content.as_ref().map_or(0, |content| content.len() as u64);
            template.add_dirs(&file.path);
            template.files.push(file);
        }
        template.digest = tree::hex(&digest.finalize());
        Ok(template)
    }

    fn add_dirs(&mut self, path: &Path) {
        let above = path.ancestors().skip(1).filter(|p| !p.as_os_str().is_empty());
        self.dirs.extend(above.map(Path::to_path_buf));
    }

    /// What a run of an operation gets: its source code and, if flags are delivered in a configuration file, that
    /// file. Files in `leave_out` (absolute) are not taken. Also gives warnings for the user.
    pub fn of_operation(opdef: &OpDef, leave_out: &[PathBuf]) -> Result<(Template, Vec<String>), RunError> {
        let source = &opdef.sourcecode;
        let root = opdef.project_dir.join(source.root.as_deref().unwrap_or_default());
        let selection = crate::project::source::select(&root, source, leave_out)?;
        let mut template = Template::read(&root, &selection.files, source.dest.as_deref(), &source.patterns)?;
        if let FlagsDest::Config(name) = &opdef.flags_dest {
            let below = Path::new(source.dest.as_deref().unwrap_or_default());
            let path = below.join(name.strip_suffix(".in").unwrap_or(name));
            let place = template
                .files
                .binary_search_by(|f| f.path.as_os_str().cmp(path.as_os_str()));
            if let Err(place) = place {
                let from = root.join(name);
                let file = SourceFile::read(&from, path, KEPT, &mut Md5::new()).during("read", &from)?;
                template.add_dirs(&file.path);
                template.files.insert(place, file);
            }
        }
        Ok((template, selection.warnings))
    }

    /// The source code of a run, as it is in its run directory, for a run made from it (`--proto`).
    pub fn of_run(run: &Run) -> Result<Template, RunError> {
        if !run.dir().is_dir() {
            return Err(RunError::NoRunDir(run.dir()));
        }
        let source = manifest::read(run).into_iter().filter(|e| e.kind == FileKind::Source);
        let files: Vec<String> = source.filter_map(|e| e.path.to_str().map(str::to_string)).collect();
        let mut template = Template::read(&run.dir(), &files, None, &[])?;
        // Taken before configuration was applied, so that it is the same for both.
        if let Ok(Some(digest)) = meta::read_json(&run.meta("sys/sourcecode_digest.json"))
            && let Some(digest) = digest.as_str()
        {
            template.digest = digest.to_string();
        }
        Ok(template)
    }

    /// Keeps copies of all files in a new directory, for runs that are made when the project may have changed.
    pub fn keep(&self, dir: &Path) -> Result<(), RunError> {
        fs::create_dir(dir).during("make directory", dir)?;
        self.copy(dir, true, &BTreeMap::new()).map(drop)
    }

    /// The files that were kept in a directory, and the digest they had.
    pub fn kept(dir: &Path, digest: &str) -> Result<Template, RunError> {
        let mut problems = Vec::new();
        let entries = tree::list(dir, &mut problems).during("read", dir)?;
        let paths = entries.iter().map(|entry| entry.path.to_string_lossy().into_owned());
        let mut template = Template::read(dir, &paths.collect::<Vec<_>>(), None, &[])?;
        template.digest = digest.to_string();
        Ok(template)
    }

    /// MD5 over paths and contents, the run attribute `sourcecode_digest`.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The patterns that selected the files.
    pub fn patterns(&self) -> &[String] {
        &self.patterns
    }

    /// The files, sorted by path.
    pub fn files(&self) -> &[SourceFile] {
        &self.files
    }

    /// Copies all files into `dir`; those in `changed` get that content.
    pub(crate) fn copy(
        &self,
        dir: &Path,
        read_only: bool,
        changed: &BTreeMap<PathBuf, Vec<u8>>,
    ) -> Result<Vec<Staged>, RunError> {
        for below in &self.dirs {
            let path = dir.join(below);
            match fs::create_dir(&path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(error).during("make directory", &path);
                }
                _ => {}
            }
        }
        let mut staged = Vec::with_capacity(self.files.len());
        for file in &self.files {
            let changed = changed.get(&file.path).map(Vec::as_slice);
            staged.push(file.copy(dir, read_only, changed)?);
        }
        Ok(staged)
    }
}

impl SourceFile {
    /// Reads a file once, for its digests; keeps its content if there is room.
    fn read(from: &Path, path: PathBuf, room: u64, digest: &mut Md5) -> io::Result<SourceFile> {
        let mut file = fs::File::open(from)?;
        let about = file.metadata()?;
        let (mut content, mut sha256) = (Vec::new(), Sha256::new());
        let keep = about.len() <= room;
        let mut buffer = vec![0; usize::try_from(about.len()).unwrap_or(usize::MAX).clamp(1, 256 * 1024)];
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                n => {
                    digest.update(&buffer[..n]);
                    sha256.update(&buffer[..n]);
                    if keep {
                        content.extend_from_slice(&buffer[..n]);
                    }
                }
            }
        }
        let executable = about.permissions().mode() & 0o111 != 0;
        Ok(SourceFile {
            path,
            from: from.to_path_buf(),
            mode: if executable { 0o777 } else { 0o666 },
            sha256: tree::hex(&sha256.finalize()),
            // A file that grew meanwhile is copied from where it is.
            content: Some(content).filter(|c| keep && c.len() as u64 <= room),
            seen: (about.len(), tree::modified_us(&about)),
        })
    }

    /// The content, from memory or from the project.
    pub fn content(&self) -> Result<std::borrow::Cow<'_, [u8]>, RunError> {
        match &self.content {
            Some(content) => Ok(content.into()),
            None => Ok(fs::read(&self.from).during("read", &self.from)?.into()),
        }
    }

    fn copy(&self, dir: &Path, read_only: bool, changed: Option<&[u8]>) -> Result<Staged, RunError> {
        let to = dir.join(&self.path);
        let mode = if read_only { self.mode & 0o555 } else { self.mode };
        let open = || match meta::open_new(&to, mode) {
            // A directory of the user's (`--run-dir`) or a run staged again.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                fs::remove_file(&to)?;
                meta::open_new(&to, mode)
            }
            other => other,
        };
        let mut target = open().during("write", &to)?;
        let sha256 = match (changed, &self.content) {
            (Some(content), _) => {
                target.write_all(content).during("write", &to)?;
                tree::digest_of(content)
            }
            (None, Some(content)) => {
                target.write_all(content).during("write", &to)?;
                self.sha256.clone()
            }
            (None, None) => {
                let mut from = fs::File::open(&self.from).during("read", &self.from)?;
                let about = from.metadata().during("read", &self.from)?;
                io::copy(&mut from, &mut target).during("write", &to)?;
                // The project may have changed since the template was made; the digest is of what was copied.
                match (about.len(), tree::modified_us(&about)) == self.seen {
                    true => self.sha256.clone(),
                    false => tree::digest(&to),
                }
            }
        };
        let about = target.metadata().during("read", &to)?;
        Ok(Staged {
            path: self.path.clone(),
            sha256,
            modified: tree::modified_us(&about),
            mode: about.permissions().mode(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_copied_with_their_executable_bits() {
        let project = tempfile::tempdir().unwrap();
        fs::create_dir_all(project.path().join("a/b")).unwrap();
        fs::write(project.path().join("a/b/x.sh"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(project.path().join("a/b/x.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(project.path().join("say.py"), "old").unwrap();
        let names = ["say.py".to_string(), "a/b/x.sh".to_string()];
        let template = Template::read(project.path(), &names, None, &[]).unwrap();
        assert_eq!(template.digest().len(), 32);

        let dir = tempfile::tempdir().unwrap();
        let changed = BTreeMap::from([(PathBuf::from("say.py"), b"new".to_vec())]);
        let staged = template.copy(dir.path(), true, &changed).unwrap();
        let paths: Vec<_> = staged.iter().map(|s| s.path.to_str().unwrap()).collect();
        assert_eq!(paths, ["a/b/x.sh", "say.py"]);
        assert_eq!(fs::read_to_string(dir.path().join("say.py")).unwrap(), "new");
        assert_eq!(staged[1].sha256, tree::digest_of(b"new"));
        let mode = |name: &str| fs::metadata(dir.path().join(name)).unwrap().permissions().mode() & 0o333;
        assert_eq!((mode("a/b/x.sh"), mode("say.py")), (0o111, 0));
        // Staged again over itself, and writable this time.
        template.copy(dir.path(), false, &BTreeMap::new()).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("say.py")).unwrap(), "old");
        assert_eq!(mode("say.py") & 0o200, 0o200);
    }

    #[test]
    fn the_digest_is_of_paths_and_contents() {
        let project = tempfile::tempdir().unwrap();
        fs::write(project.path().join("a"), "1").unwrap();
        let digest = || {
            Template::read(project.path(), &["a".to_string()], None, &[])
                .unwrap()
                .digest()
                .to_string()
        };
        assert_eq!(digest(), tree::hex(&Md5::digest(b"a\x001\x00")));
        let before = digest();
        fs::write(project.path().join("a"), "2").unwrap();
        assert_ne!(digest(), before);
    }

    #[test]
    fn large_files_are_copied_from_the_project_as_they_are_then() {
        let project = tempfile::tempdir().unwrap();
        let big = project.path().join("big");
        fs::write(&big, vec![1; KEPT as usize + 1]).unwrap();
        let template = Template::read(project.path(), &["big".to_string()], Some("src"), &[]).unwrap();
        fs::write(&big, "changed").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let staged = template.copy(dir.path(), false, &BTreeMap::new()).unwrap();
        assert_eq!(staged[0].sha256, tree::digest_of(b"changed"));
        assert_eq!(staged[0].path, Path::new("src/big"));
    }
}
