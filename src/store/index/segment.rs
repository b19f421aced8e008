//! One file of the index: a table of runs, newest first, then their entries. The table is read at once, entries
//! only when they are asked for. Checksums tell a torn file, which counts as empty.
//!
//! ```text
//! header   magic, count, length of ids, base, home time, length of entries, checksum of header, table and ids
//! table    for each run: began, meta time, place, length and checksum of its entry, place and length of its id, flags
//! ids      texts
//! entries  bytes; what they mean is `codec`'s
//! ```

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::Head;

/// Changes whenever the format of a file or of the entries in it does.
const MAGIC: &[u8; 8] = b"gageidx2";
const HEADER: usize = 48;
const RECORD: usize = 40;
/// How much is read at once when an entry is asked for.
const WINDOW: usize = 64 * 1024;

const SETTLED: u16 = 1;
const LISTED: u16 = 2;
const GONE: u16 = 4;

/// A file of the index, open for reading.
pub struct Segment {
    /// Names the base that this file is, or lies over.
    pub base: u64,
    /// For which modification time of the runs home it is complete; 0 for none.
    pub home_time: i64,
    count: usize,
    /// Table and ids.
    table: Vec<u8>,
    file: Option<File>,
}

/// The part of the entries that was read last, for one who reads them in order.
#[derive(Default)]
pub struct Window {
    begin: u64,
    bytes: Vec<u8>,
}

impl Window {
    fn part(&self, begin: u64, length: usize) -> Option<&[u8]> {
        let from = usize::try_from(begin.checked_sub(self.begin)?).ok()?;
        self.bytes.get(from..from.checked_add(length)?)
    }
}

impl Segment {
    /// The file at `path`; an empty segment if there is none that can be read.
    pub fn open(path: &Path) -> Segment {
        Self::read(path).unwrap_or(Segment {
            base: 0,
            home_time: 0,
            count: 0,
            table: Vec::new(),
            file: None,
        })
    }

    fn read(path: &Path) -> Option<Segment> {
        let file = File::open(path).ok()?;
        let length = file.metadata().ok()?.len();
        let mut header = [0; HEADER];
        file.read_exact_at(&mut header, 0).ok()?;
        let word = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().expect("eight bytes"));
        let half = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("four bytes"));
        let (count, ids) = (half(8) as usize, half(12) as usize);
        let table_length = count.checked_mul(RECORD)?.checked_add(ids)?;
        let entries = (HEADER + table_length) as u64;
        if &header[..8] != MAGIC || length != entries.checked_add(word(32))? {
            return None;
        }
        let mut table = vec![0; table_length];
        file.read_exact_at(&mut table, HEADER as u64).ok()?;
        let check = crc32c::crc32c_append(crc32c::crc32c(&header[..40]), &table);
        if check != half(40) {
            return None;
        }
        let segment = Segment {
            base: word(16),
            home_time: word(24) as i64,
            count,
            table,
            file: Some(file),
        };
        // A place outside of the ids can only be if we wrote it so.
        segment
            .places()
            .all(|at| segment.id_bytes(at).is_some_and(|id| std::str::from_utf8(id).is_ok()))
            .then_some(segment)
    }

    pub fn len(&self) -> usize {
        self.count
    }

    /// The runs, newest first.
    pub fn places(&self) -> impl Iterator<Item = u32> + use<> {
        0..self.count as u32
    }

    fn field<const N: usize>(&self, at: u32, offset: usize) -> [u8; N] {
        let begin = at as usize * RECORD + offset;
        self.table[begin..begin + N].try_into().expect("a part of a record")
    }

    fn id_bytes(&self, at: u32) -> Option<&[u8]> {
        let begin = self.count * RECORD + u32::from_le_bytes(self.field(at, 32)) as usize;
        let length = u16::from_le_bytes(self.field(at, 36)) as usize;
        self.table.get(begin..begin + length)
    }

    pub fn id(&self, at: u32) -> &str {
        self.id_bytes(at)
            .and_then(|id| std::str::from_utf8(id).ok())
            .expect("checked when it was opened")
    }

    pub fn head(&self, at: u32) -> Head {
        let flags = u16::from_le_bytes(self.field(at, 38));
        Head {
            began: i64::from_le_bytes(self.field(at, 0)),
            meta_time: i64::from_le_bytes(self.field(at, 8)),
            settled: flags & SETTLED != 0,
            listed: flags & LISTED != 0,
            gone: flags & GONE != 0,
        }
    }

    /// The entry of a run; `None` if it is torn.
    pub fn entry<'w>(&self, at: u32, window: &'w mut Window) -> Option<&'w [u8]> {
        let begin = u64::from_le_bytes(self.field(at, 16));
        let length = u32::from_le_bytes(self.field(at, 24)) as usize;
        let check = u32::from_le_bytes(self.field(at, 28));
        if window.part(begin, length).is_none() {
            let file = self.file.as_ref()?;
            let offset = begin.checked_add((HEADER + self.table.len()) as u64)?;
            window.begin = begin;
            window.bytes.resize(length.max(WINDOW), 0);
            let mut read = 0;
            while read < length {
                match file.read_at(&mut window.bytes[read..], offset + read as u64) {
                    Ok(more) if more > 0 => read += more,
                    _ => break,
                }
            }
            window.bytes.truncate(read);
        }
        window
            .part(begin, length)
            .filter(|entry| crc32c::crc32c(entry) == check)
    }
}

/// A file of the index that is being made.
#[derive(Default)]
pub struct Build {
    runs: Vec<(String, Head, Vec<u8>)>,
}

impl Build {
    pub fn add(&mut self, id: String, head: Head, entry: Vec<u8>) {
        self.runs.push((id, head, entry));
    }

    /// Takes a run over; a torn one is left out, and so read again.
    pub fn copy(&mut self, from: &Segment, at: u32, window: &mut Window) {
        if let Some(entry) = from.entry(at, window) {
            self.add(from.id(at).to_string(), from.head(at), entry.to_vec());
        }
    }

    /// Leaves out runs that are gone: nothing lies below that they hide.
    pub fn forget_gone(&mut self) {
        self.runs.retain(|(_, head, _)| !head.gone);
    }

    /// Writes the file; false if that failed, and then nothing is left behind.
    pub fn write(mut self, path: &Path, base: u64, home_time: i64) -> bool {
        self.runs.sort_by(|a, b| (b.1.began, &b.0).cmp(&(a.1.began, &a.0)));
        let ids: usize = self.runs.iter().map(|(id, ..)| id.len()).sum();
        let (Ok(count), Ok(ids_length)) = (u32::try_from(self.runs.len()), u32::try_from(ids)) else {
            return false;
        };
        let mut table = Vec::with_capacity(self.runs.len() * RECORD + ids);
        let (mut entry_at, mut id_at) = (0u64, 0u32);
        for (id, head, entry) in &self.runs {
            let (Ok(length), Ok(id_length)) = (u32::try_from(entry.len()), u16::try_from(id.len())) else {
                return false;
            };
            let flag = |set: bool, flag: u16| if set { flag } else { 0 };
            let flags = flag(head.settled, SETTLED) | flag(head.listed, LISTED) | flag(head.gone, GONE);
            table.extend_from_slice(&head.began.to_le_bytes());
            table.extend_from_slice(&head.meta_time.to_le_bytes());
            table.extend_from_slice(&entry_at.to_le_bytes());
            table.extend_from_slice(&length.to_le_bytes());
            table.extend_from_slice(&crc32c::crc32c(entry).to_le_bytes());
            table.extend_from_slice(&id_at.to_le_bytes());
            table.extend_from_slice(&id_length.to_le_bytes());
            table.extend_from_slice(&flags.to_le_bytes());
            entry_at += u64::from(length);
            id_at += u32::from(id_length);
        }
        for (id, ..) in &self.runs {
            table.extend_from_slice(id.as_bytes());
        }
        let mut header = Vec::with_capacity(HEADER);
        header.extend_from_slice(MAGIC);
        header.extend_from_slice(&count.to_le_bytes());
        header.extend_from_slice(&ids_length.to_le_bytes());
        header.extend_from_slice(&base.to_le_bytes());
        header.extend_from_slice(&home_time.to_le_bytes());
        header.extend_from_slice(&entry_at.to_le_bytes());
        let check = crc32c::crc32c_append(crc32c::crc32c(&header), &table);
        header.extend_from_slice(&u64::from(check).to_le_bytes());
        // A name of our own, so that two who write at once do not write into one another.
        let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
        let written = File::create(&temporary).and_then(|file| {
            let mut file = std::io::BufWriter::with_capacity(1 << 20, file);
            file.write_all(&header)?;
            file.write_all(&table)?;
            for (.., entry) in &self.runs {
                file.write_all(entry)?;
            }
            file.flush()
        });
        let done = written.and_then(|()| fs::rename(&temporary, path));
        if done.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        done.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn write(path: &Path, runs: &[(String, i64, Vec<u8>)]) {
        let mut build = Build::default();
        for (id, began, entry) in runs {
            let head = Head {
                began: *began,
                listed: true,
                ..Head::default()
            };
            build.add(id.clone(), head, entry.clone());
        }
        assert!(build.write(path, 5, 6));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_written_is_read(runs in prop::collection::btree_map("[a-z]{1,8}", (any::<i64>(), prop::collection::vec(any::<u8>(), 0..60)), 0..20)) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("base");
            let mut runs: Vec<_> = runs.into_iter().map(|(id, (began, entry))| (id, began, entry)).collect();
            write(&path, &runs);
            runs.sort_by(|a, b| (b.1, &b.0).cmp(&(a.1, &a.0)));
            let segment = Segment::open(&path);
            prop_assert_eq!((segment.base, segment.home_time), (5, 6));
            let mut window = Window::default();
            let mut entry = |at| segment.entry(at, &mut window).unwrap().to_vec();
            let read: Vec<_> = segment.places().map(|at| (segment.id(at).to_string(), segment.head(at).began, entry(at))).collect();
            prop_assert_eq!(read, runs);
        }

        #[test]
        fn torn_files_are_noticed(at in any::<prop::sample::Index>(), xor in 1u8.., cut in any::<bool>()) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("base");
            let runs: Vec<_> = (0..5).map(|n| (format!("run{n}"), n, vec![n as u8; 50])).collect();
            write(&path, &runs);
            let mut bytes = fs::read(&path).unwrap();
            let at = at.index(bytes.len());
            if cut { bytes.truncate(at) } else { bytes[at] ^= xor }
            fs::write(&path, bytes).unwrap();
            let segment = Segment::open(&path);
            let wrong = segment.places().filter(|at| segment.entry(*at, &mut Window::default()).is_none()).count();
            // Either the whole file is refused or the one entry; bytes behind the checksum say nothing.
            prop_assert!(segment.len() == 0 || wrong == 1 || (44..48).contains(&at), "{at}");
        }
    }
}
