//! The files of a run directory: what is there, and what changed. Links are listed and not followed.

use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// A file or link below a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Relative to the directory.
    pub path: PathBuf,
    pub is_link: bool,
    /// Bytes.
    pub size: u64,
    /// Microseconds since the epoch.
    pub modified: i64,
    pub mode: u32,
}

/// Lists a directory and all below it, sorted by path; `__pycache__` is left out, and so are sockets and other
/// things that hold no data. Directories that cannot be read are named in `problems`.
pub fn list(dir: &Path, problems: &mut Vec<String>) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut pending = vec![PathBuf::new()];
    while let Some(below) = pending.pop() {
        let here = dir.join(&below);
        let names = match fs::read_dir(&here) {
            Ok(names) => names,
            Err(error) if below.as_os_str().is_empty() => return Err(error),
            Err(error) => {
                problems.push(format!(
                    "cannot read {}: {}",
                    here.display(),
                    super::error::reason(&error)
                ));
                continue;
            }
        };
        for entry in names.flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            let path = below.join(entry.file_name());
            if kind.is_dir() {
                if entry.file_name() != "__pycache__" {
                    pending.push(path);
                }
            } else if (kind.is_file() || kind.is_symlink())
                && let Ok(meta) = entry.metadata()
            {
                entries.push(Entry {
                    path,
                    is_link: kind.is_symlink(),
                    size: meta.size(),
                    modified: modified_us(&meta),
                    mode: meta.mode(),
                });
            }
        }
    }
    entries.sort_by(|a, b| a.path.as_os_str().as_bytes().cmp(b.path.as_os_str().as_bytes()));
    Ok(entries)
}

/// The file or link at a path below `dir`, or all that are below the directory there; relative to `dir`, sorted.
pub fn files_at(dir: &Path, path: &Path) -> io::Result<Vec<PathBuf>> {
    if !fs::symlink_metadata(dir.join(path))?.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    // What cannot be read was not copied either.
    let entries = list(&dir.join(path), &mut Vec::new())?;
    Ok(entries.into_iter().map(|entry| path.join(entry.path)).collect())
}

/// Modification time in microseconds since the epoch.
pub fn modified_us(meta: &fs::Metadata) -> i64 {
    meta.mtime() * 1_000_000 + meta.mtime_nsec() / 1000
}

/// Digest of what cannot be read: a broken link.
pub const NO_DIGEST: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// SHA-256 of a file's content, following links, in hex; [`NO_DIGEST`] for what cannot be read as a file.
pub fn digest(path: &Path) -> String {
    let read = || -> io::Result<String> {
        // Opening a FIFO or a device, which a link may lead to, could wait for ever.
        let meta = fs::metadata(path)?;
        if !meta.is_file() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let size = meta.len();
        let mut file = fs::File::open(path)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; (size.clamp(1, 256 * 1024)) as usize];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(hex(&hasher.finalize())),
                n => hasher.update(&buffer[..n]),
            }
        }
    };
    read().unwrap_or_else(|_| NO_DIGEST.to_string())
}

/// SHA-256 of bytes, in hex.
pub fn digest_of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Lower-case hex digits.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |n: u8| char::from(DIGITS[usize::from(n)]);
    bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_links_are_listed_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::create_dir_all(path("b/c")).unwrap();
        fs::create_dir_all(path("b/__pycache__")).unwrap();
        for name in ["b/c/f", "b/__pycache__/x.pyc", "a", ".hidden"] {
            fs::write(path(name), name).unwrap();
        }
        std::os::unix::fs::symlink("nowhere", path("link")).unwrap();
        std::os::unix::fs::symlink(path("b"), path("dirlink")).unwrap();
        let mut problems = Vec::new();
        let entries = list(dir.path(), &mut problems).unwrap();
        let names: Vec<&str> = entries.iter().map(|e| e.path.to_str().unwrap()).collect();
        assert_eq!(names, [".hidden", "a", "b/c/f", "dirlink", "link"]);
        assert!(entries[3].is_link && problems.is_empty());
        assert_eq!(digest(&path("link")), NO_DIGEST);
        assert_eq!(digest(&path("dirlink")), NO_DIGEST);
        assert!(list(&path("none"), &mut problems).is_err());
    }

    #[test]
    fn digests_are_sha256() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(digest_of(b""), empty);
        let say = "3f9c639e1d6b056c071b44752ea97c694127291443065afa2689bf78ef3b8fb0";
        assert_eq!(digest_of(b"msg = \"Hi there\"\nprint(msg)\n"), say);
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(digest(file.path()), empty);
    }
}
