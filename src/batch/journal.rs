//! The journal of a study: `study.jsonl`, one event a line, each numbered and checksummed. It is only ever
//! appended to. Must not interpret events.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::event::Event;
use crate::run::{meta, reason};

/// Version of the lines. A reader refuses later ones.
pub const VERSION: u32 = 1;

/// Bytes in which the last line is looked for.
const END: u64 = 16 * 1024;

/// File name in the batch run's meta directory.
pub const FILE: &str = "study.jsonl";

/// What a line says besides its checksum.
#[derive(Serialize)]
struct Line<'a> {
    /// Version.
    v: u32,
    /// Line number, from 1.
    n: u64,
    /// Microseconds since the epoch; for people, never for decisions.
    at: u64,
    event: &'a Event,
}

/// A line as read.
#[derive(Deserialize)]
struct ReadLine {
    v: u32,
    n: u64,
    #[serde(default)]
    at: u64,
    event: Event,
}

/// Why a line cannot be used.
enum Fault {
    Later(u32),
    Bad(String),
}

/// Why a journal cannot be read or written.
#[derive(Debug, Error)]
pub enum JournalError {
    #[error("cannot {action} {}: {}", path.display(), reason(error))]
    Io {
        action: &'static str,
        path: PathBuf,
        error: io::Error,
    },
    #[error("{} is damaged at line {line}: {reason}", path.display())]
    Damaged { path: PathBuf, line: usize, reason: String },
    #[error("{} was written by a later gage (journal version {found}, this one knows up to {VERSION})", path.display())]
    Version { path: PathBuf, found: u32 },
}

/// A journal that is being written.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    lines: u64,
    /// Length up to the last whole line; a failed write is cut back to it.
    length: u64,
}

impl Journal {
    /// A new journal with these events in it. One that exists already is an error.
    pub fn begin(path: &Path, first: &[Event]) -> Result<Journal, JournalError> {
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(path)
            .map_err(|error| JournalError::io("create", path, error))?;
        let mut journal = Journal {
            path: path.to_path_buf(),
            file,
            lines: 0,
            length: 0,
        };
        for event in first {
            journal.append(event)?;
        }
        Ok(journal)
    }

    /// A new journal in the place of an earlier one, which gets another name (`study-1.jsonl`, ...) unless it says
    /// no more than what was planned. There is a whole journal under `path` all the time.
    pub fn begin_again(path: &Path, first: &[Event]) -> Result<Journal, JournalError> {
        let new = path.with_extension("new");
        // Left by one who died here.
        let _ = std::fs::remove_file(&new);
        let mut journal = Journal::begin(&new, first)?;
        if !read(path).is_ok_and(|events| events.iter().all(|e| matches!(e, Event::Opened(_) | Event::Prior(_)))) {
            put_aside(path)?;
        }
        std::fs::rename(&new, path).map_err(|error| JournalError::io("rename", &new, error))?;
        journal.path = path.to_path_buf();
        Ok(journal)
    }

    /// Reads what is there, cuts off a torn last line, and goes on after it.
    pub fn open(path: &Path) -> Result<(Journal, Vec<Event>), JournalError> {
        let contents = read_contents(path)?;
        let file = meta::open_log(path).map_err(|error| JournalError::io("write", path, error))?;
        if file.metadata().is_ok_and(|m| m.len() > contents.length) {
            file.set_len(contents.length)
                .map_err(|error| JournalError::io("write", path, error))?;
        }
        let journal = Journal {
            path: path.to_path_buf(),
            file,
            lines: contents.events.len() as u64,
            length: contents.length,
        };
        Ok((journal, contents.events))
    }

    /// Appends one event. When this fails nothing of it stays in the file, and the event has not happened.
    pub fn append(&mut self, event: &Event) -> Result<(), JournalError> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_micros());
        let line = encode(event, self.lines + 1, now as u64);
        // Writing to a file that was deleted succeeds, and says nothing to anybody.
        let there = std::fs::metadata(&self.path).map_err(|error| JournalError::io("write", &self.path, error));
        there?;
        if let Err(error) = self.file.write_all(line.as_bytes()) {
            // A torn line would be ignored by readers, but not in front of another line.
            let _ = self.file.set_len(self.length);
            return Err(JournalError::io("write", &self.path, error));
        }
        self.lines += 1;
        self.length += line.len() as u64;
        Ok(())
    }

    /// Brings it to the disk. Waits for that.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Number of events so far.
    pub fn lines(&self) -> u64 {
        self.lines
    }
}

/// Copies an earlier journal to a name of its own.
fn put_aside(path: &Path) -> Result<(), JournalError> {
    let free = (1..).map(|n| path.with_file_name(format!("study-{n}.jsonl")));
    let free = free.into_iter().find(|p| !p.exists());
    let aside = free.expect("there are enough numbers");
    match std::fs::read(path).and_then(|text| meta::write(&aside, &text)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(JournalError::io("write", &aside, error)),
        _ => Ok(()),
    }
}

/// The events of a journal. A torn last line is left out.
pub fn read(path: &Path) -> Result<Vec<Event>, JournalError> {
    Ok(read_contents(path)?.events)
}

/// The events with the time of each, in microseconds since the epoch.
pub fn read_timed(path: &Path) -> Result<(Vec<Event>, Vec<u64>), JournalError> {
    let contents = read_contents(path)?;
    Ok((contents.events, contents.times))
}

/// The last event of a journal, if it has any. Reads the end of it only, unless that is torn.
pub fn read_last(path: &Path) -> Result<Option<Event>, JournalError> {
    let mut end = Vec::new();
    File::open(path)
        .and_then(|mut file| {
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(END)))?;
            file.read_to_end(&mut end)
        })
        .map_err(|error| JournalError::io("read", path, error))?;
    let line = end.split_inclusive(|b| *b == b'\n').next_back();
    match line.map(decode) {
        Some(Ok(read)) => Ok(Some(read.event)),
        _ => Ok(read(path)?.pop()),
    }
}

/// The first event of a journal, if it has any.
pub fn read_first(path: &Path) -> Result<Option<Event>, JournalError> {
    let mut line = Vec::new();
    File::open(path)
        .and_then(|file| BufReader::new(file).read_until(b'\n', &mut line))
        .map_err(|error| JournalError::io("read", path, error))?;
    Ok(decode_all(&line, path)?.events.pop())
}

/// What a journal holds.
pub(super) struct Contents {
    pub events: Vec<Event>,
    /// Time of each event.
    pub times: Vec<u64>,
    /// Bytes up to the end of the last whole line.
    pub length: u64,
}

fn read_contents(path: &Path) -> Result<Contents, JournalError> {
    let bytes = std::fs::read(path).map_err(|error| JournalError::io("read", path, error))?;
    decode_all(&bytes, path)
}

/// A line without its end, or with the zeros that a power cut leaves, is torn if nothing good follows it; any
/// other line that cannot be read means that the journal is damaged.
pub(super) fn decode_all(bytes: &[u8], path: &Path) -> Result<Contents, JournalError> {
    let damaged = |line: usize, reason: String| JournalError::Damaged {
        path: path.to_path_buf(),
        line: line + 1,
        reason,
    };
    let mut contents = Contents {
        events: Vec::new(),
        times: Vec::new(),
        length: 0,
    };
    let mut torn: Option<(usize, String)> = None;
    for (i, line) in bytes.split_inclusive(|b| *b == b'\n').enumerate() {
        match decode(line) {
            Ok(read) => {
                if let Some((i, reason)) = torn {
                    return Err(damaged(i, reason));
                }
                contents.events.push(read.event);
                contents.times.push(read.at);
                contents.length += line.len() as u64;
                if read.n != contents.events.len() as u64 {
                    return Err(damaged(i, format!("it is numbered {}", read.n)));
                }
            }
            Err(Fault::Later(found)) => {
                return Err(JournalError::Version {
                    path: path.to_path_buf(),
                    found,
                });
            }
            Err(Fault::Bad(reason)) if line.ends_with(b"\n") && !line.contains(&0) => return Err(damaged(i, reason)),
            Err(Fault::Bad(reason)) => {
                torn.get_or_insert((i, reason));
            }
        }
    }
    Ok(contents)
}

const CHECKSUM: &str = ",\"crc\":\"";

/// The line of an event, its end included. The checksum is that of all the bytes before its own key.
pub(super) fn encode(event: &Event, n: u64, at: u64) -> String {
    let mut line = serde_json::to_string(&Line {
        v: VERSION,
        n,
        at,
        event,
    })
    .expect("an event has only text keys");
    line.pop();
    let crc = crc32c::crc32c(line.as_bytes());
    line.push_str(&format!("{CHECKSUM}{crc:08x}\"}}\n"));
    line
}

/// The event of one line, if the line is good.
pub(super) fn event_of(line: &[u8]) -> Option<Event> {
    decode(line).ok().map(|read| read.event)
}

fn decode(line: &[u8]) -> Result<ReadLine, Fault> {
    let bad = |reason: &str| Fault::Bad(reason.to_string());
    let text = std::str::from_utf8(line).map_err(|_| bad("it is not a text"))?;
    let text = text.strip_suffix('\n').ok_or_else(|| bad("it has no end"))?;
    let (body, crc) = text
        .strip_suffix("\"}")
        .and_then(|t| t.rsplit_once(CHECKSUM))
        .ok_or_else(|| bad("it has no checksum"))?;
    if crc != format!("{:08x}", crc32c::crc32c(body.as_bytes())) {
        return Err(bad("its checksum does not match"));
    }
    let text = format!("{body}}}");
    match serde_json::from_str::<ReadLine>(&text) {
        Ok(line) if line.v <= VERSION => Ok(line),
        Ok(line) => Err(Fault::Later(line.v)),
        Err(error) => {
            // A later version may say things that this one cannot even parse.
            let version = serde_json::from_str::<serde_json::Value>(&text)
                .ok()
                .and_then(|line| line["v"].as_u64());
            Err(match version {
                Some(v) if v > u64::from(VERSION) => Fault::Later(v as u32),
                _ => Fault::Bad(error.to_string()),
            })
        }
    }
}

impl JournalError {
    fn io(action: &'static str, path: &Path, error: io::Error) -> JournalError {
        JournalError::Io {
            action,
            path: path.to_path_buf(),
            error,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::event::{Edit, Edited, Ended, Header, Prior, Proposed, Reason, Rules, Status};
    use super::*;
    use crate::flags::Value;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            any::<f64>()
                .prop_filter("finite", |v| v.is_finite())
                .prop_map(Value::Float),
            ".*".prop_map(Value::Text),
        ];
        leaf.prop_recursive(2, 8, 4, |inner| {
            prop::collection::vec(inner, 0..4).prop_map(Value::List)
        })
    }

    fn event() -> impl Strategy<Value = Event> {
        let objective = prop_oneof![
            Just(None),
            Just(Some(f64::INFINITY)),
            any::<f64>().prop_filter("a number", |v| !v.is_nan()).prop_map(Some)
        ];
        let values = prop::collection::btree_map("[a-z\"\\\\é\n]{1,5}", value(), 0..4);
        prop_oneof![
            (any::<u32>(), any::<bool>(), prop::option::of(any::<u64>())).prop_map(|(seed, known, planned)| {
                Event::Opened(Box::new(Header {
                    optimizer: "gp".into(),
                    options: [("xi".to_string(), "0.1".to_string())].into(),
                    seed,
                    objective: "-max acc".into(),
                    rules: Rules {
                        planned,
                        known,
                        ..Rules::default()
                    },
                    ..Header::default()
                }))
            }),
            (any::<u64>(), values, any::<u64>(), prop::collection::vec(".*", 0..3)).prop_map(
                |(trial, values, seen, notes)| {
                    Event::Proposed(Proposed {
                        trial,
                        run: format!("{trial:032x}"),
                        values,
                        point: Some(vec![0.1.into(), 3.into()]),
                        seen,
                        horizon: (seen % 2 == 0).then_some(seen / 2),
                        notes,
                        ..Proposed::default()
                    })
                }
            ),
            (any::<u64>(), any::<i32>(), objective.clone(), ".*").prop_map(|(trial, exit, objective, message)| {
                Event::Ended(Ended {
                    trial,
                    attempt: 1,
                    status: Status::Completed,
                    exit,
                    objective,
                    seconds: Some(0.1),
                    message: Some(message),
                    exceeded: None,
                })
            }),
            objective.prop_map(|objective| Event::Prior(Prior {
                run: "r".into(),
                point: vec![serde_json::Value::Null],
                objective,
                seconds: None,
            })),
            any::<u64>().prop_map(|trial| Event::Lost { trial, attempt: 0 }),
            any::<usize>().prop_map(|n| Event::Edited(Edited::new(Edit::Jobs(n)))),
            (".*", prop::collection::vec(any::<u64>(), 0..4)).prop_map(|(id, trials)| Event::Edited(Edited {
                edit: Edit::Retry(trials),
                request: Some(id),
            })),
            Just(Event::Edited(Edited::new(Edit::Pause))),
            Just(Event::Stopping { signal: 15 }),
            Just(Event::Closed { reason: Reason::Done }),
        ]
    }

    fn text(events: &[Event]) -> Vec<u8> {
        let lines = events.iter().zip(1..).map(|(event, n)| encode(event, n, n * 7));
        lines.collect::<String>().into_bytes()
    }

    proptest! {
        #[test]
        fn events_come_back_as_they_were(events in prop::collection::vec(event(), 0..12)) {
            let contents = decode_all(&text(&events), Path::new(FILE)).unwrap();
            prop_assert_eq!(contents.events, events);
        }

        #[test]
        fn a_torn_end_loses_only_the_last_event(events in prop::collection::vec(event(), 1..6), cut in 1usize..400, zeros in 0usize..9) {
            let whole = text(&events);
            let before = text(&events[..events.len() - 1]);
            let mut torn = whole[..whole.len().saturating_sub(cut).max(before.len())].to_vec();
            torn.resize(torn.len() + zeros, 0);
            let contents = decode_all(&torn, Path::new(FILE)).unwrap();
            prop_assert_eq!(&contents.events[..], &events[..events.len() - 1]);
            prop_assert_eq!(contents.length, before.len() as u64);
        }

        #[test]
        fn a_changed_byte_is_noticed(events in prop::collection::vec(event(), 2..6), at in any::<prop::sample::Index>(), to in any::<u8>()) {
            let mut bytes = text(&events);
            let last = text(&events[..events.len() - 1]).len();
            let at = at.index(last);
            prop_assume!(bytes[at] != to && to != 0);
            bytes[at] = to;
            let damaged = matches!(decode_all(&bytes, Path::new(FILE)), Err(JournalError::Damaged { .. }));
            prop_assert!(damaged);
        }
    }

    #[test]
    fn a_torn_line_is_cut_off_before_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        let stopping = Event::Stopping { signal: 2 };
        drop(Journal::begin(&path, std::slice::from_ref(&stopping)).unwrap());
        assert!(Journal::begin(&path, &[]).is_err());
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"v\":1,\"n\":2,\"at").unwrap();
        let (mut journal, events) = Journal::open(&path).unwrap();
        assert_eq!(events, [stopping]);
        journal
            .append(&Event::Closed {
                reason: Reason::Stopped,
            })
            .unwrap();
        assert_eq!(read(&path).unwrap().len(), 2);
        let closed = Event::Closed {
            reason: Reason::Stopped,
        };
        assert_eq!(read_last(&path).unwrap(), Some(closed.clone()));
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"v\":1,").unwrap();
        assert_eq!(read_last(&path).unwrap(), Some(closed), "a torn end is none");
        assert_eq!(journal.lines(), 2);
    }

    #[test]
    fn a_later_version_is_refused() {
        let body = r#"{"v":2,"n":1,"at":0,"event":{"teleported":{}}"#;
        let line = format!("{body}{CHECKSUM}{:08x}\"}}\n", crc32c::crc32c(body.as_bytes()));
        let error = decode_all(line.as_bytes(), Path::new("study.jsonl")).err().unwrap();
        assert_eq!(
            error.to_string(),
            "study.jsonl was written by a later gage (journal version 2, this one knows up to 1)"
        );
    }
}
