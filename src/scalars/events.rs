//! Event files: written as a run logs, read back while they may still grow. Which files belong to a run is
//! `summary`'s business.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::event::{self, Event};
use super::{Scalar, record};

/// Writes the scalars of one run into an event file of its own, which is made for the first one.
#[derive(Debug)]
pub struct Writer {
    dir: PathBuf,
    file: Option<File>,
    message: Vec<u8>,
    buffer: Vec<u8>,
}

/// How much a writer keeps before it writes by itself.
const FULL: usize = 64 * 1024;

impl Writer {
    /// A writer of a file in `dir`; neither is made before the first scalar.
    pub fn new(dir: impl Into<PathBuf>) -> Writer {
        Writer {
            dir: dir.into(),
            file: None,
            message: Vec::new(),
            buffer: Vec::new(),
        }
    }

    /// Adds a scalar. It is in the file after `flush` at the latest. `wall_time` is in seconds since the epoch.
    pub fn add(&mut self, scalar: &Scalar, wall_time: f64) -> io::Result<()> {
        if self.file.is_none() {
            self.file = Some(self.make(wall_time)?);
        }
        self.message.clear();
        event::encode(wall_time, scalar.step, &scalar.tag, scalar.value, &mut self.message);
        record::append(&self.message, &mut self.buffer);
        if self.buffer.len() >= FULL {
            self.flush()
        } else {
            Ok(())
        }
    }

    /// Hands everything added so far to the system, so that readers see it.
    pub fn flush(&mut self) -> io::Result<()> {
        if let Some(file) = &mut self.file
            && !self.buffer.is_empty()
        {
            let written = file.write_all(&self.buffer);
            // After a failure half a record may be in the file: what was kept is not written twice.
            self.buffer.clear();
            written?;
        }
        Ok(())
    }

    fn make(&mut self, wall_time: f64) -> io::Result<File> {
        std::fs::create_dir_all(&self.dir)?;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let host = nix::unistd::gethostname()
            .ok()
            .and_then(|name| name.into_string().ok())
            .unwrap_or_default();
        let host = if host.is_empty() { "localhost" } else { &host };
        // A restarted run may begin within the second of its last start; files are read in name order.
        let mut seconds = now;
        let file = loop {
            let path = self.dir.join(format!("events.out.tfevents.{seconds:010}.{host}"));
            match OpenOptions::new().append(true).create_new(true).open(path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => seconds += 1,
                other => break other?,
            }
        };
        self.message.clear();
        event::file_version(wall_time, &mut self.message);
        record::append(&self.message, &mut self.buffer);
        Ok(file)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Whoever cares for an error has flushed before.
        let _ = self.flush();
    }
}

/// True for the name of an event file.
pub fn is_event_file(name: &str) -> bool {
    name.contains(".tfevents.")
}

/// How an event file ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Behind a record.
    Whole,
    /// Within a record: it is still being written, or its writer was killed.
    Torn,
    /// At a wrong checksum; the rest was passed over.
    Corrupt,
}

/// The warning for an event file that ended as [`End::Corrupt`], without `WARNING: `.
pub fn corrupt_warning(path: &Path) -> String {
    format!("corrupt event file {}: skipping the rest", path.display())
}

/// Reads a whole event file; values are handed to `take` in file order.
pub fn read(path: &Path, take: impl FnMut(Event<'_>)) -> io::Result<End> {
    Reader::open(path)?.read(take)
}

/// Reads an event file, and later what was added to it since.
#[derive(Debug)]
pub struct Reader {
    file: File,
    buffer: Vec<u8>,
    /// Place in the file of the first record that was not handed out.
    offset: u64,
    corrupt: bool,
}

/// How much is read at once.
const CHUNK: usize = 256 * 1024;

impl Reader {
    pub fn open(path: &Path) -> io::Result<Reader> {
        Ok(Reader {
            file: File::open(path)?,
            buffer: Vec::new(),
            offset: 0,
            corrupt: false,
        })
    }

    /// Hands out every value from where the last call ended to the end of the file.
    pub fn read(&mut self, mut take: impl FnMut(Event<'_>)) -> io::Result<End> {
        if self.corrupt {
            return Ok(End::Corrupt);
        }
        self.file.seek(SeekFrom::Start(self.offset))?;
        self.buffer.clear();
        let length = self.file.metadata()?.len();
        loop {
            let mut at = 0;
            let missing = loop {
                match record::next(&self.buffer[at..]) {
                    record::Next::Record { data, size } => {
                        event::decode(data, &mut take);
                        at += size;
                    }
                    record::Next::Part { size } => break size,
                    record::Next::Corrupt => {
                        self.corrupt = true;
                        return Ok(End::Corrupt);
                    }
                }
            };
            self.offset += at as u64;
            self.buffer.drain(..at);
            // A record that reaches beyond the file is not waited for, however long it says it is.
            let wanted = if missing <= CHUNK as u64 {
                CHUNK
            } else if missing <= length.saturating_sub(self.offset) {
                missing as usize
            } else {
                return Ok(End::Torn);
            };
            let begun = self.buffer.len();
            let mut part = (&self.file).take((wanted - begun) as u64);
            if part.read_to_end(&mut self.buffer)? == 0 {
                return Ok(if begun == 0 { End::Whole } else { End::Torn });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scalar(tag: &str, step: i64, value: f64) -> Scalar {
        Scalar {
            tag: tag.into(),
            step,
            value,
        }
    }

    fn only_file(dir: &Path) -> PathBuf {
        let names: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
        assert_eq!(names.len(), 1);
        names.into_iter().next().unwrap()
    }

    fn values(path: &Path) -> (Vec<Scalar>, End) {
        let mut out = Vec::new();
        let end = read(path, |e| out.push(scalar(&e.tag, e.step, e.value))).unwrap();
        (out, end)
    }

    #[test]
    fn bytes_are_those_of_the_format() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::new(dir.path());
        writer.add(&scalar("x", 1, 3.0), 0.0).unwrap();
        writer.flush().unwrap();
        let hex: String = std::fs::read(only_file(dir.path()))
            .unwrap()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        assert_eq!(
            hex,
            "1800000000000000a37f4b220900000000000000001a0d627261696e2e4576656e743a32eedf28a3\
             1700000000000000e7cef81e09000000000000000010012a0a0a080a01781500004040\
             2f67746e"
        );
    }

    #[test]
    fn nothing_is_made_before_the_first_value() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("scalars");
        let mut writer = Writer::new(&inner);
        writer.flush().unwrap();
        assert!(!inner.exists());
        writer.add(&scalar("a", 0, 0.5), 1.0).unwrap();
        drop(writer);
        let path = only_file(&inner);
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(
            is_event_file(name) && name.starts_with("events.out.tfevents.") && name.as_bytes()[30] == b'.',
            "{name}"
        );
        assert_eq!(values(&path), (vec![scalar("a", 0, 0.5)], End::Whole));
    }

    #[test]
    fn two_writers_in_one_second_have_two_files() {
        let dir = tempfile::tempdir().unwrap();
        for value in [1.0, 2.0] {
            Writer::new(dir.path()).add(&scalar("a", 0, value), 1.0).unwrap();
        }
        let mut paths: Vec<_> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        paths.sort();
        assert_eq!(
            paths.iter().map(|path| values(path).0[0].value).collect::<Vec<_>>(),
            [1.0, 2.0]
        );
    }

    #[test]
    fn a_reader_goes_on_where_it_ended() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::new(dir.path());
        writer.add(&scalar("a", 1, 0.1), 0.0).unwrap();
        writer.flush().unwrap();
        let path = only_file(dir.path());
        let mut reader = Reader::open(&path).unwrap();
        let mut seen = Vec::new();
        assert_eq!(reader.read(|e| seen.push(e.value)).unwrap(), End::Whole);
        let mut rest = Vec::new();
        let mut message = Vec::new();
        event::encode(0.0, 2, "a", 0.2, &mut message);
        record::append(&message, &mut rest);
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(&rest[..20]).unwrap();
        assert_eq!(reader.read(|e| seen.push(e.value)).unwrap(), End::Torn);
        file.write_all(&rest[20..]).unwrap();
        assert_eq!(reader.read(|e| seen.push(e.value)).unwrap(), End::Whole);
        assert_eq!(seen, [0.1, 0.2]);
    }

    #[test]
    fn records_may_be_longer_than_what_is_read_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let tag = "t".repeat(3 * CHUNK);
        let mut writer = Writer::new(dir.path());
        for step in 0..3 {
            writer.add(&scalar(&tag, step, 0.5), 0.0).unwrap();
            writer.add(&scalar("a", step, 0.5), 0.0).unwrap();
        }
        drop(writer);
        let (scalars, end) = values(&only_file(dir.path()));
        assert_eq!((scalars.len(), end), (6, End::Whole));
        // A length that reaches beyond the file is the end of it.
        let path = dir.path().join("x");
        let mut bytes = (u64::MAX / 2).to_le_bytes().to_vec();
        let check = record::checksum(&bytes).to_le_bytes();
        bytes.extend(check);
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(values(&path), (vec![], End::Torn));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn torn_and_corrupt_files_keep_what_is_before(
            values_in in prop::collection::vec(any::<f64>().prop_filter("a number", |v| !v.is_nan()), 1..8),
            at in any::<prop::sample::Index>(), xor in 1u8.., cut in any::<bool>(),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let mut writer = Writer::new(dir.path());
            for (step, value) in values_in.iter().enumerate() {
                writer.add(&scalar("v", step as i64, *value), 0.0).unwrap();
            }
            drop(writer);
            let path = only_file(dir.path());
            let (all, end) = values(&path);
            prop_assert_eq!(end, End::Whole);
            prop_assert_eq!(all.iter().map(|s| s.value).collect::<Vec<_>>(), values_in);
            let mut bytes = std::fs::read(&path).unwrap();
            let at = at.index(bytes.len());
            if cut {
                bytes.truncate(at);
            } else {
                bytes[at] ^= xor;
            }
            std::fs::write(&path, &bytes).unwrap();
            let (some, end) = values(&path);
            prop_assert!(some.len() <= all.len() && some == all[..some.len()]);
            prop_assert!(end == End::Corrupt || cut, "a changed byte is noticed");
        }
    }
}
