//! `manifest` and `log/files`: which files a run has, of which kind, with digests and times. Paths are kept as the
//! bytes they are; a newline in a name is written `\n`.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{Run, meta};

/// What a file of a run directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    Source,
    Runtime,
    Dependency,
    Generated,
}

impl FileKind {
    fn letter(self) -> u8 {
        match self {
            FileKind::Source => b's',
            FileKind::Runtime => b'r',
            FileKind::Dependency => b'd',
            FileKind::Generated => b'g',
        }
    }

    fn of_letter(letter: &[u8]) -> Option<FileKind> {
        match letter {
            b"s" => Some(FileKind::Source),
            b"r" => Some(FileKind::Runtime),
            b"d" => Some(FileKind::Dependency),
            b"g" => Some(FileKind::Generated),
            _ => None,
        }
    }
}

/// A line of `manifest`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestEntry {
    pub kind: FileKind,
    /// SHA-256 in hex.
    pub digest: String,
    /// Relative to the run directory.
    pub path: PathBuf,
}

/// The manifest of a run; empty if there is none.
pub fn read(run: &Run) -> Vec<ManifestEntry> {
    std::fs::read(run.meta("manifest")).map_or_else(|_| Vec::new(), |bytes| parse(&bytes))
}

/// Lines that are not of a manifest are left out.
pub fn parse(bytes: &[u8]) -> Vec<ManifestEntry> {
    let line = |line: &[u8]| {
        let mut parts = line.splitn(3, |&b| b == b' ');
        let kind = FileKind::of_letter(parts.next()?)?;
        let digest = std::str::from_utf8(parts.next()?).ok()?.to_string();
        let path = parts.next().filter(|p| !p.is_empty())?;
        Some(ManifestEntry {
            kind,
            digest,
            path: unescape(path),
        })
    };
    bytes.split(|&b| b == b'\n').filter_map(line).collect()
}

/// Text of manifest lines.
pub fn format(entries: &[ManifestEntry]) -> Vec<u8> {
    let mut text = Vec::with_capacity(entries.len() * 100);
    for entry in entries {
        text.extend_from_slice(&[entry.kind.letter(), b' ']);
        text.extend_from_slice(entry.digest.as_bytes());
        text.push(b' ');
        escape(&entry.path, &mut text);
        text.push(b'\n');
    }
    text
}

/// What happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileEvent {
    Added,
    Modified,
    Deleted,
}

/// Adds a line to the text of `log/files`. `modified` is in microseconds.
pub(crate) fn file_event(text: &mut Vec<u8>, event: FileEvent, kind: FileKind, modified: i64, path: &Path) {
    let letter = match event {
        FileEvent::Added => 'a',
        FileEvent::Modified => 'm',
        FileEvent::Deleted => 'd',
    };
    // Writing to memory cannot fail.
    let _ = match event {
        FileEvent::Deleted => write!(text, "{letter} {} - ", char::from(kind.letter())),
        _ => write!(text, "{letter} {} {modified} ", char::from(kind.letter())),
    };
    escape(path, text);
    text.push(b'\n');
}

/// Staged files and their modification times, as `log/files` last had them.
pub(crate) fn staged_times(bytes: &[u8]) -> BTreeMap<PathBuf, i64> {
    let mut times = BTreeMap::new();
    for line in bytes.split(|&b| b == b'\n') {
        let mut parts = line.splitn(4, |&b| b == b' ');
        let (Some(event), Some(kind), Some(time), Some(path)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let path = unescape(path);
        match (
            event,
            FileKind::of_letter(kind),
            std::str::from_utf8(time).ok().and_then(|t| t.parse().ok()),
        ) {
            (b"a" | b"m", Some(FileKind::Source | FileKind::Runtime | FileKind::Dependency), Some(time)) => {
                times.insert(path, time);
            }
            (b"d", ..) => {
                times.remove(&path);
            }
            _ => {}
        }
    }
    times
}

/// Appends to one of the two files.
pub(crate) fn append(run: &Run, name: &str, text: &[u8]) -> io::Result<()> {
    meta::open_log(&run.meta(name))?.write_all(text)
}

fn escape(path: &Path, text: &mut Vec<u8>) {
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'\n' => text.extend_from_slice(b"\\n"),
            byte => text.push(byte),
        }
    }
}

/// A name that holds a backslash and an `n` cannot be told from one with a newline; the latter are rarer still.
fn unescape(path: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_are_as_documented() {
        let entry = ManifestEntry {
            kind: FileKind::Runtime,
            digest: "0".repeat(64),
            path: ".venv/bin/a b".into(),
        };
        let text = format(std::slice::from_ref(&entry));
        assert_eq!(text, format!("r {} .venv/bin/a b\n", "0".repeat(64)).into_bytes());
        assert_eq!(parse(&text), [entry]);
        let mut log = Vec::new();
        file_event(
            &mut log,
            FileEvent::Added,
            FileKind::Source,
            1_700_000_000_000_000,
            Path::new("conf/eval.yaml"),
        );
        file_event(&mut log, FileEvent::Deleted, FileKind::Source, 0, Path::new("x\ny"));
        assert_eq!(log, b"a s 1700000000000000 conf/eval.yaml\nd s - x\\ny\n");
    }

    #[test]
    fn the_last_event_of_a_file_counts() {
        let log = b"a s 1 a\na r 2 b c\na g 3 out\nm s 4 a\na d 5 e\nd d - e\ngarbage\n";
        let times = staged_times(log);
        let want: Vec<(PathBuf, i64)> = vec![("a".into(), 4), ("b c".into(), 2)];
        assert_eq!(times.into_iter().collect::<Vec<_>>(), want);
    }

    proptest! {
        #[test]
        fn manifests_are_read_back(names in prop::collection::vec("[^\n\0]{1,20}", 0..10)) {
            let entries: Vec<ManifestEntry> = names
                .into_iter()
                .map(|name| ManifestEntry { kind: FileKind::Generated, digest: "ab".into(), path: name.into() })
                .collect();
            prop_assert_eq!(parse(&format(&entries)), entries);
        }

        #[test]
        fn any_text_can_be_read(bytes in prop::collection::vec(prop::num::u8::ANY, 0..200)) {
            parse(&bytes);
            staged_times(&bytes);
        }
    }
}
