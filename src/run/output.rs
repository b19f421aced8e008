//! Output of a phase: the raw bytes of both streams in one file and, beside it, an index of its lines. Keeps lines
//! whole where two streams write at once. Never holds more than a bounded part in memory, and never stops the
//! program for want of disk space.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use super::meta;

/// Which stream of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// Standard output.
    Out = 0,
    /// Standard error.
    Err = 1,
}

/// Bytes of an index record: milliseconds (big-endian), stream.
pub const RECORD: usize = 9;
/// How long one stream waits for the other's unfinished line to end, in milliseconds.
const HOLD_MS: u64 = 200;
/// How much of a stream waits at most.
const HOLD_BYTES: usize = 64 * 1024;

/// Puts two streams in one order and notes where lines begin. Does no I/O.
#[derive(Default)]
pub struct Interleaver {
    data: Vec<u8>,
    index: Vec<u8>,
    /// The stream whose unfinished line is last in the data.
    open: Option<Stream>,
    /// Bytes of the other stream that wait for that line's end, and when they came: (position, milliseconds).
    held: Vec<u8>,
    held_at: Vec<(usize, u64)>,
}

impl Interleaver {
    /// Takes bytes of a stream that came at `ms`.
    pub fn push(&mut self, stream: Stream, bytes: &[u8], ms: u64) {
        if bytes.is_empty() {
            return;
        }
        match self.open {
            Some(open) if open != stream => {
                self.held_at.push((self.held.len(), ms));
                self.held.extend_from_slice(bytes);
                if self.held.len() > HOLD_BYTES {
                    self.release(stream, self.held.len());
                }
            }
            _ if self.held.is_empty() => self.append(stream, bytes, ms),
            _ => {
                let other = if stream == Stream::Out {
                    Stream::Err
                } else {
                    Stream::Out
                };
                let end = memchr::memchr(b'\n', bytes).map_or(bytes.len(), |i| i + 1);
                let (line, rest) = bytes.split_at(end);
                self.append(stream, line, ms);
                if self.open.is_none() {
                    let whole = memchr::memrchr(b'\n', &self.held).map_or(0, |i| i + 1);
                    self.release(other, whole);
                    self.append(stream, rest, ms);
                    if self.open.is_none() {
                        self.release(other, self.held.len());
                    }
                }
            }
        }
    }

    /// Lets go what waited too long: an unfinished line is then continued by the other stream.
    pub fn tick(&mut self, ms: u64) {
        if self.due_in(ms) == Some(0) {
            self.finish();
        }
    }

    /// Milliseconds until [`Interleaver::tick`] has something to do.
    pub fn due_in(&self, ms: u64) -> Option<u64> {
        self.held_at
            .first()
            .map(|&(_, since)| (since + HOLD_MS).saturating_sub(ms))
    }

    /// Lets go everything: the streams have ended.
    pub fn finish(&mut self) {
        if let Some(open) = self.open {
            let other = if open == Stream::Out { Stream::Err } else { Stream::Out };
            self.release(other, self.held.len());
        }
    }

    /// Takes what is ready: bytes of the output and of its index.
    pub fn take(&mut self) -> (Vec<u8>, Vec<u8>) {
        (std::mem::take(&mut self.data), std::mem::take(&mut self.index))
    }

    fn release(&mut self, stream: Stream, end: usize) {
        if end == 0 {
            return;
        }
        let held = std::mem::take(&mut self.held);
        let held_at = std::mem::take(&mut self.held_at);
        for (i, &(start, ms)) in held_at.iter().enumerate() {
            let stop = held_at.get(i + 1).map_or(held.len(), |next| next.0);
            self.append(stream, &held[start..stop.min(end).max(start)], ms);
            if stop > end {
                let from = start.max(end);
                self.held_at.push((self.held.len(), ms));
                self.held.extend_from_slice(&held[from..stop]);
            }
        }
    }

    fn append(&mut self, stream: Stream, bytes: &[u8], ms: u64) {
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.open.is_none() {
                self.index.extend_from_slice(&ms.to_be_bytes());
                self.index.push(stream as u8);
            }
            let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |i| i + 1);
            self.open = if rest[end - 1] == b'\n' {
                None
            } else {
                self.open.or(Some(stream))
            };
            rest = &rest[end..];
        }
        self.data.extend_from_slice(bytes);
    }
}

/// The pair of files `output/NAME` and `output/NAME.index`.
pub struct Output {
    data: File,
    index: File,
    lines: Interleaver,
    failed: Option<io::Error>,
}

impl Output {
    /// Makes the files, empty, in place of those of an earlier start.
    pub fn create(dir: &Path, name: &str) -> io::Result<Output> {
        let open = |name: String| {
            let path = dir.join(name);
            match meta::open_new(&path, 0o664) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    std::fs::remove_file(&path)?;
                    meta::open_new(&path, 0o664)
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    std::fs::create_dir(dir)?;
                    meta::open_new(&path, 0o664)
                }
                other => other,
            }
        };
        Ok(Output {
            data: open(name.to_string())?,
            index: open(format!("{name}.index"))?,
            lines: Interleaver::default(),
            failed: None,
        })
    }

    /// Opens the files of an earlier start, to go on after what they hold.
    pub fn append(dir: &Path, name: &str) -> io::Result<Output> {
        Ok(Output {
            data: meta::open_log(&dir.join(name))?,
            index: meta::open_log(&dir.join(format!("{name}.index")))?,
            lines: Interleaver::default(),
            failed: None,
        })
    }

    /// Takes bytes of a stream and writes what is ready. The first failure is given back, once; nothing is
    /// written after it, so that the output is what came before and the index fits it.
    pub fn push(&mut self, stream: Stream, bytes: &[u8], ms: u64) -> Option<String> {
        self.lines.push(stream, bytes, ms);
        self.write()
    }

    /// See [`Interleaver::tick`].
    pub fn tick(&mut self, ms: u64) -> Option<String> {
        self.lines.tick(ms);
        self.write()
    }

    /// See [`Interleaver::due_in`].
    pub fn due_in(&self, ms: u64) -> Option<u64> {
        self.lines.due_in(ms)
    }

    /// Writes the rest: the streams have ended.
    pub fn finish(&mut self) -> Option<String> {
        self.lines.finish();
        self.write()
    }

    fn write(&mut self) -> Option<String> {
        let (data, index) = (&mut self.lines.data, &mut self.lines.index);
        if data.is_empty() {
            return None;
        }
        let mut problem = None;
        if self.failed.is_none()
            && let Err(error) = self.data.write_all(data).and_then(|()| self.index.write_all(index))
        {
            problem = Some(super::error::reason(&error));
            self.failed = Some(error);
        }
        data.clear();
        index.clear();
        problem
    }

    /// Makes both files read only.
    pub fn seal(self) {
        use std::os::unix::fs::PermissionsExt;
        for file in [&self.data, &self.index] {
            // A file system without permissions keeps its own.
            if let Ok(meta) = file.metadata() {
                let mode = meta.permissions().mode() & 0o7555;
                let _ = file.set_permissions(std::fs::Permissions::from_mode(mode));
            }
        }
    }
}

/// The records of an index: when each line of the output began, and its stream. A torn last record is left out.
pub fn read_index(bytes: &[u8]) -> Vec<(u64, Stream)> {
    bytes
        .chunks_exact(RECORD)
        .map(|r| {
            let ms = u64::from_be_bytes(r[..8].try_into().expect("eight bytes"));
            (ms, if r[8] == 0 { Stream::Out } else { Stream::Err })
        })
        .collect()
}

/// Cuts a stream into lines for readers of scalars. A line longer than [`LINE_CAP`] is left out, so that a
/// program that never ends its line costs no memory.
#[derive(Default)]
pub struct Lines {
    part: Vec<u8>,
    skipping: bool,
}

/// Longest line that is looked at.
pub const LINE_CAP: usize = 64 * 1024;

impl Lines {
    /// Gives every line that ends in `bytes` to `each`, without its line end.
    pub fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(&[u8])) {
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let line = &rest[..end];
            rest = &rest[end + 1..];
            if self.skipping {
                self.skipping = false;
            } else if self.part.is_empty() {
                if line.len() <= LINE_CAP {
                    each(strip_cr(line));
                }
            } else {
                if self.part.len() + line.len() <= LINE_CAP {
                    self.part.extend_from_slice(line);
                    each(strip_cr(&self.part));
                }
                self.part.clear();
            }
        }
        if self.skipping || rest.is_empty() {
            return;
        }
        if self.part.len() + rest.len() > LINE_CAP {
            self.skipping = true;
            self.part = Vec::new();
        } else {
            self.part.extend_from_slice(rest);
        }
    }

    /// Gives the last line if it had no end.
    pub fn finish(&mut self, each: &mut dyn FnMut(&[u8])) {
        if !self.skipping && !self.part.is_empty() {
            each(strip_cr(&self.part));
        }
        *self = Lines::default();
    }
}

fn strip_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Stream::{Err, Out};
    use proptest::prelude::*;

    /// Each line of the data with its stream.
    fn lines(data: &[u8], index: &[u8]) -> Vec<(Stream, String)> {
        let records = read_index(index);
        let lines: Vec<&[u8]> = data.split_inclusive(|&b| b == b'\n').collect();
        assert_eq!(lines.len(), records.len(), "one record a line");
        let text = |l: &[u8]| String::from_utf8_lossy(l).into_owned();
        records
            .iter()
            .zip(lines)
            .map(|((_, stream), line)| (*stream, text(line)))
            .collect()
    }

    fn interleave(parts: &[(Stream, &str, u64)]) -> Vec<(Stream, String)> {
        let mut all = Interleaver::default();
        for (stream, bytes, ms) in parts {
            all.tick(*ms);
            all.push(*stream, bytes.as_bytes(), *ms);
        }
        all.finish();
        let (data, index) = all.take();
        lines(&data, &index)
    }

    #[test]
    fn a_record_is_as_documented() {
        let mut all = Interleaver::default();
        all.push(Out, b"Hi there\n", 1_795_172_863_871);
        let (data, index) = all.take();
        assert_eq!(data, b"Hi there\n");
        assert_eq!(index, [0x00, 0x00, 0x01, 0xa1, 0xf8, 0xa4, 0x0f, 0x7f, 0x00]);
    }

    #[test]
    fn lines_of_two_streams_stay_whole() {
        let got = interleave(&[
            (Out, "a", 0),
            (Err, "x\ny", 1),
            (Out, "b", 2),
            (Out, "\n", 3),
            (Err, "z\n", 4),
        ]);
        let want = [(Out, "ab\n"), (Err, "x\n"), (Err, "yz\n")];
        assert_eq!(got, want.map(|(s, t)| (s, t.to_string())));
        let got = interleave(&[(Out, "a", 0), (Err, "x", 1), (Out, "b\nc\nd", 2), (Err, "y\n", 3)]);
        assert_eq!(
            got,
            [(Out, "ab\n"), (Out, "c\n"), (Out, "dxy\n")].map(|(s, t)| (s, t.to_string()))
        );
    }

    #[test]
    fn an_unfinished_line_does_not_hold_the_other_stream_for_long() {
        let mut all = Interleaver::default();
        all.push(Out, b"prompt? ", 1000);
        all.push(Err, b"note\n", 1010);
        assert_eq!(all.take().0, b"prompt? ");
        assert_eq!(all.due_in(1010), Some(200));
        all.tick(1209);
        assert!(all.take().0.is_empty());
        all.tick(1210);
        assert_eq!(all.take().0, b"note\n");
        assert_eq!(all.due_in(1211), None);
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut all = Interleaver::default();
        all.push(Out, b"x", 0);
        for _ in 0..100 {
            all.push(Err, &[b'y'; 4096], 0);
        }
        assert!(all.held.len() <= HOLD_BYTES);
    }

    fn scanned(parts: &[&[u8]]) -> Vec<String> {
        let mut found = Vec::new();
        let mut lines = Lines::default();
        let mut each = |line: &[u8]| found.push(String::from_utf8_lossy(line).into_owned());
        for part in parts {
            lines.push(part, &mut each);
        }
        lines.finish(&mut each);
        found
    }

    #[test]
    fn lines_are_cut_across_reads_and_never_grow_without_bound() {
        assert_eq!(
            scanned(&[b"lo", b"ss: 1\r\nacc", b": 2\n\nend"]),
            ["loss: 1", "acc: 2", "", "end"]
        );
        let long = vec![b'x'; LINE_CAP];
        assert_eq!(scanned(&[&long, b"y", b"z\na: 1\n"]), ["a: 1"]);
        assert_eq!(scanned(&[&long, &long, &long]), Vec::<String>::new());
    }

    #[test]
    fn files_are_made_anew_and_sealed() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("output");
        let mut output = Output::create(&dir, "40_run").unwrap();
        assert_eq!(output.push(Out, b"old\n", 1), None);
        output.seal();
        let mut output = Output::create(&dir, "40_run").unwrap();
        assert_eq!(output.push(Err, b"\xff\x00new", 2), None);
        assert_eq!(output.finish(), None);
        output.seal();
        assert_eq!(std::fs::read(dir.join("40_run")).unwrap(), b"\xff\x00new");
        assert_eq!(
            read_index(&std::fs::read(dir.join("40_run.index")).unwrap()),
            [(2, Err)]
        );
    }

    #[test]
    fn a_full_disk_is_said_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut output = Output::create(dir.path(), "40_run").unwrap();
        output.data = File::options().write(true).open("/dev/full").unwrap();
        assert_eq!(output.push(Out, b"a\n", 1).as_deref(), Some("No space left on device"));
        assert_eq!(output.push(Out, b"b\n", 1), None);
    }

    proptest! {
        #[test]
        fn streams_are_found_again_in_the_index(
            parts in prop::collection::vec((prop::bool::ANY, "[a-c\n]{0,6}"), 0..40)
        ) {
            let parts: Vec<(Stream, String)> =
                parts.into_iter().map(|(e, t)| (if e { Err } else { Out }, t)).collect();
            let mut all = Interleaver::default();
            for (i, (stream, text)) in parts.iter().enumerate() {
                all.push(*stream, text.as_bytes(), i as u64);
            }
            all.finish();
            let (data, index) = all.take();
            let got = lines(&data, &index);
            prop_assert_eq!(data.len(), parts.iter().map(|p| p.1.len()).sum::<usize>());
            // Both streams end their last line: every byte is then under its own stream.
            for stream in [Out, Err] {
                let wanted: String = parts.iter().filter(|p| p.0 == stream).map(|p| p.1.as_str()).collect();
                let other: String = parts.iter().filter(|p| p.0 != stream).map(|p| p.1.as_str()).collect();
                let ends = |t: &str| t.is_empty() || t.ends_with('\n');
                if ends(&wanted) && ends(&other) {
                    let found: String = got.iter().filter(|l| l.0 == stream).map(|l| l.1.as_str()).collect();
                    prop_assert_eq!(found, wanted);
                }
            }
            let times: Vec<u64> = read_index(&index).iter().map(|r| r.0).collect();
            prop_assert!(times.iter().all(|t| *t < 40));
        }

        #[test]
        fn lines_do_not_depend_on_how_they_are_read(text in "[a-c\r\n]{0,60}", cuts in prop::collection::vec(0usize..60, 0..8)) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(text.len())).collect();
            cuts.sort();
            let mut parts = Vec::new();
            let mut start = 0;
            for cut in cuts {
                parts.push(&text.as_bytes()[start..cut]);
                start = cut;
            }
            parts.push(&text.as_bytes()[start..]);
            prop_assert_eq!(scanned(&parts), scanned(&[text.as_bytes()]));
        }

        #[test]
        fn any_index_can_be_read(bytes in prop::collection::vec(prop::num::u8::ANY, 0..50)) {
            prop_assert_eq!(read_index(&bytes).len(), bytes.len() / RECORD);
        }
    }
}
