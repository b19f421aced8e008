//! Reading and writing of meta files: whole, read only, and never seen in part. Knows no file's meaning.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value as Json;

/// JSON as meta files have it: two-blank indent, keys sorted, no newline at the end.
pub fn json_text<T: Serialize + ?Sized>(value: &T) -> String {
    let mut json = serde_json::to_value(value).expect("meta values have text keys only");
    json.sort_all_objects();
    serde_json::to_string_pretty(&json).expect("a JSON value can be written")
}

/// Makes a file that nobody looks at yet (its directory has no name that readers know).
pub(crate) fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    open_new(path, 0o444)?.write_all(content)
}

/// Writes a file whole: to a name that readers ignore, then renamed over `path`. Mode 0444 less the umask.
pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = temporary(path);
    let written = match create(&temporary, content) {
        // Left by a process with our id that died between the two steps.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(&temporary).and_then(|()| create(&temporary, content))
        }
        other => other,
    };
    written.and_then(|()| fs::rename(&temporary, path)).inspect_err(|_| {
        // Nothing half-made is left behind; the error at hand is the one to report.
        let _ = fs::remove_file(&temporary);
    })
}

/// Replaces the content of a file in place, with a few bytes: its first block stays, so this needs no space on a full disk.
pub(crate) fn overwrite(path: &Path, content: &[u8]) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o644))?;
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.write_all(content)?;
    file.set_len(content.len() as u64)?;
    file.set_permissions(fs::Permissions::from_mode(0o444))
}

/// Opens a new file for writing. A mode without write bits still gives a writable handle.
pub(crate) fn open_new(path: &Path, mode: u32) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}

/// Opens a log for appending, made with mode 0664 less the umask if need be. A log that an earlier finalize
/// made read only becomes writable again.
pub(crate) fn open_log(path: &Path) -> io::Result<File> {
    let open = || OpenOptions::new().append(true).create(true).mode(0o664).open(path);
    match open() {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let mode = fs::metadata(path)?.permissions().mode();
            fs::set_permissions(path, fs::Permissions::from_mode(mode | 0o200))?;
            open()
        }
        other => other,
    }
}

fn temporary(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}", std::process::id()))
}

/// Text of a meta file, without a last line end; `None` if there is no such file.
pub fn read_text(path: &Path) -> io::Result<Option<String>> {
    match fs::read(path) {
        Ok(bytes) => {
            let mut text = String::from_utf8_lossy(&bytes).into_owned();
            if text.ends_with('\n') {
                text.pop();
            }
            Ok(Some(text))
        }
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// True of errors that only say that there is no such file.
pub fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Value of a JSON meta file; `Ok(None)` if there is none, the reason if it cannot be read.
pub fn read_json(path: &Path) -> Result<Option<Json>, String> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|e| e.to_string()),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(super::error::reason(&error)),
    }
}

/// A whole number from a meta file (timestamps, pids, exit codes); anything else counts as absent.
pub fn read_number(path: &Path) -> Option<i64> {
    read_text(path).ok().flatten().and_then(|text| text.trim().parse().ok())
}

/// Takes the write permission off a file; executable bits stay.
pub(crate) fn make_read_only(path: &Path, mode: u32) -> io::Result<()> {
    if mode & 0o222 == 0 {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o7555))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_is_sorted_and_indented() {
        assert_eq!(json_text(&json!({})), "{}");
        assert_eq!(
            json_text(&json!(["python", "say.py"])),
            "[\n  \"python\",\n  \"say.py\"\n]"
        );
        assert_eq!(
            json_text(&json!({"b": {"d": 1, "c": 0.1}, "a": []})),
            "{\n  \"a\": [],\n  \"b\": {\n    \"c\": 0.1,\n    \"d\": 1\n  }\n}"
        );
    }

    #[test]
    fn files_are_replaced_whole_and_read_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("exit");
        write(&path, b"1").unwrap();
        write(&path, b"0\n").unwrap();
        assert_eq!(read_text(&path).unwrap().unwrap(), "0");
        assert_eq!(read_number(&path), Some(0));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o222, 0);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert_eq!(read_text(&dir.path().join("none")).unwrap(), None);
    }

    #[test]
    fn logs_can_be_appended_after_finalize() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("runner");
        open_log(&path).unwrap().write_all(b"a\n").unwrap();
        make_read_only(&path, 0o664).unwrap();
        open_log(&path).unwrap().write_all(b"b\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "a\nb\n");
    }

    #[test]
    fn corrupt_json_has_a_reason() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.json");
        assert_eq!(read_json(&path), Ok(None));
        fs::write(&path, b"{\xff").unwrap();
        assert!(read_json(&path).is_err());
    }
}
