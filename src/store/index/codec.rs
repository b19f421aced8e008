//! Entries as bytes: numbers as variable-length integers, texts behind their length. A change here needs another
//! magic word in `segment`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::flags::Value;
use crate::run::status::Status;
use crate::run::user::Comment;
use crate::run::{Exceeded, Run};
use crate::scalars::TagSummary;
use crate::scalars::found::Link;
use crate::store::RunRow;
use crate::store::entry::{Entry, MetaTimes, Stamp};

/// The bytes of an entry.
pub fn encode(entry: &Entry) -> Vec<u8> {
    let mut out = Out(Vec::with_capacity(512));
    let Entry {
        row,
        links,
        meta_times,
        stamps,
        racy,
        warnings,
    } = entry;
    let RunRow {
        run: _,
        operation,
        opref,
        status,
        remote,
        initialized,
        started,
        stopped,
        exit,
        exceeded,
        label,
        tags,
        marked,
        comments,
        flags,
        scalars,
        cmd,
        project,
        sourcecode_digest,
        batch,
    } = row;
    for time in meta_times.0 {
        out.int(time);
    }
    out.list(stamps, |out, stamp| {
        out.bytes(stamp.path.as_os_str().as_bytes());
        out.int(stamp.time);
        out.count(stamp.size);
    });
    out.bool(*racy);
    out.list(warnings, |out, warning| out.text(warning));
    out.text(operation);
    out.text(opref);
    out.0.push(status_byte(*status));
    out.option(remote.as_deref(), Out::text);
    for number in [initialized, started, stopped, exit] {
        out.option(*number, Out::int);
    }
    out.option(exceeded.map(Exceeded::as_str), Out::text);
    out.option(label.as_deref(), Out::text);
    out.list(tags, |out, tag| out.text(tag));
    out.bool(*marked);
    out.list(comments, |out, comment| {
        let Comment {
            key,
            text,
            author,
            timestamp,
        } = comment;
        out.text(key);
        out.text(text);
        out.text(author);
        out.count(*timestamp);
    });
    out.count(flags.len() as u64);
    for (name, value) in flags {
        out.text(name);
        out.value(value);
    }
    out.list(scalars, Out::summary);
    out.bytes(cmd.to_string().as_bytes());
    out.option(project.as_ref(), |out, path| out.bytes(path.as_os_str().as_bytes()));
    out.option(sourcecode_digest.as_deref(), Out::text);
    out.bool(*batch);
    out.list(links, |out, link| {
        out.text(&link.prefix);
        out.bytes(link.dir.as_os_str().as_bytes());
    });
    // A hundred thousand of them are kept at once when an index is made.
    out.0.shrink_to_fit();
    out.0
}

/// The entry of the run `id` of `home`; `None` if these are not the bytes of one.
pub fn decode(bytes: &[u8], home: &Path, id: &str) -> Option<Entry> {
    let mut from = In(bytes);
    let meta_times = MetaTimes([from.int()?, from.int()?, from.int()?]);
    let stamps = from.list(|from| {
        Some(Stamp {
            path: from.path()?,
            time: from.int()?,
            size: from.count()?,
        })
    })?;
    let racy = from.bool()?;
    let warnings = from.list(In::text)?;
    let row = RunRow {
        run: Run::new(home, id),
        operation: from.text()?,
        opref: from.text()?,
        status: status_of(from.byte()?)?,
        remote: from.option(In::text)?,
        initialized: from.option(In::int)?,
        started: from.option(In::int)?,
        stopped: from.option(In::int)?,
        exit: from.option(In::int)?,
        exceeded: from.option(In::text)?.as_deref().and_then(Exceeded::named),
        label: from.option(In::text)?,
        tags: from.list(In::text)?,
        marked: from.bool()?,
        comments: from.list(|from| {
            Some(Comment {
                key: from.text()?,
                text: from.text()?,
                author: from.text()?,
                timestamp: from.count()?,
            })
        })?,
        flags: {
            let mut flags = BTreeMap::new();
            for _ in 0..from.count()? {
                flags.insert(from.text()?, from.value(0)?);
            }
            flags
        },
        scalars: from.list(In::summary)?,
        cmd: serde_json::from_slice(from.bytes()?).ok()?,
        project: from.option(In::path)?,
        sourcecode_digest: from.option(In::text)?,
        batch: from.bool()?,
    };
    let links = from.list(|from| {
        Some(Link {
            prefix: from.text()?,
            dir: from.path()?,
        })
    })?;
    from.0.is_empty().then_some(Entry {
        row,
        links,
        meta_times,
        stamps,
        racy,
        warnings,
    })
}

const STATUSES: [Status; 7] = [
    Status::Completed,
    Status::Terminated,
    Status::Error,
    Status::Running,
    Status::Staged,
    Status::Pending,
    Status::Unknown,
];

fn status_byte(status: Status) -> u8 {
    STATUSES.iter().position(|s| *s == status).unwrap_or(STATUSES.len()) as u8
}

fn status_of(byte: u8) -> Option<Status> {
    STATUSES.get(usize::from(byte)).copied()
}

struct Out(Vec<u8>);

impl Out {
    fn count(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn int(&mut self, number: i64) {
        self.count((number as u64) << 1 ^ (number >> 63) as u64);
    }

    fn float(&mut self, number: f64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn bool(&mut self, value: bool) {
        self.0.push(u8::from(value));
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn option<T>(&mut self, value: Option<T>, put: impl FnOnce(&mut Out, T)) {
        self.bool(value.is_some());
        if let Some(value) = value {
            put(self, value);
        }
    }

    fn list<T>(&mut self, items: &[T], put: impl Fn(&mut Out, &T)) {
        self.count(items.len() as u64);
        for item in items {
            put(self, item);
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.0.push(0),
            Value::Bool(value) => self.0.push(1 + u8::from(*value)),
            Value::Int(number) => {
                self.0.push(3);
                self.int(*number);
            }
            Value::Float(number) => {
                self.0.push(4);
                self.float(*number);
            }
            Value::Text(text) => {
                self.0.push(5);
                self.text(text);
            }
            Value::List(items) => {
                self.0.push(6);
                self.list(items, Out::value);
            }
            Value::Map(map) => {
                self.0.push(7);
                self.count(map.len() as u64);
                for (key, value) in map {
                    self.text(key);
                    self.value(value);
                }
            }
            Value::Function(text) => {
                self.0.push(8);
                self.text(text);
            }
        }
    }

    fn summary(&mut self, summary: &TagSummary) {
        let s = summary;
        self.text(&s.prefix);
        self.text(&s.tag);
        for step in [s.first_step, s.last_step, s.min_step, s.max_step] {
            self.int(step);
        }
        for value in [s.first_val, s.last_val, s.min_val, s.max_val, s.avg_val, s.total] {
            self.float(value);
        }
        self.count(s.count);
    }
}

struct In<'a>(&'a [u8]);

/// Lists and maps in values are not nested deeper than this.
const DEEPEST: usize = 128;

impl<'a> In<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn count(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn int(&mut self) -> Option<i64> {
        let number = self.count()?;
        Some((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    fn float(&mut self) -> Option<f64> {
        let (bytes, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(f64::from_le_bytes(*bytes))
    }

    fn bool(&mut self) -> Option<bool> {
        Some(self.byte()? != 0)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.count()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn text(&mut self) -> Option<String> {
        std::str::from_utf8(self.bytes()?).ok().map(str::to_string)
    }

    fn path(&mut self) -> Option<PathBuf> {
        Some(PathBuf::from(OsString::from_vec(self.bytes()?.to_vec())))
    }

    fn option<T>(&mut self, get: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.bool()? { get(self).map(Some) } else { Some(None) }
    }

    fn list<T>(&mut self, get: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.count()?;
        // No item is shorter than a byte.
        let mut items = Vec::with_capacity(usize::try_from(count).ok()?.min(self.0.len()));
        for _ in 0..count {
            items.push(get(self)?);
        }
        Some(items)
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > DEEPEST {
            return None;
        }
        Some(match self.byte()? {
            0 => Value::Null,
            1 => Value::Bool(false),
            2 => Value::Bool(true),
            3 => Value::Int(self.int()?),
            4 => Value::Float(self.float()?),
            5 => Value::Text(self.text()?),
            6 => Value::List(self.list(|from| from.value(depth + 1))?),
            7 => {
                let mut map = BTreeMap::new();
                for _ in 0..self.count()? {
                    map.insert(self.text()?, self.value(depth + 1)?);
                }
                Value::Map(map)
            }
            8 => Value::Function(self.text()?),
            _ => return None,
        })
    }

    fn summary(&mut self) -> Option<TagSummary> {
        let (prefix, tag) = (self.text()?, self.text()?);
        let [first_step, last_step, min_step, max_step] = [self.int()?, self.int()?, self.int()?, self.int()?];
        Some(TagSummary {
            prefix,
            tag,
            first_step,
            last_step,
            min_step,
            max_step,
            first_val: self.float()?,
            last_val: self.float()?,
            min_val: self.float()?,
            max_val: self.float()?,
            avg_val: self.float()?,
            total: self.float()?,
            count: self.count()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            (-1e9f64..1e9).prop_map(Value::Float),
            ".{0,8}".prop_map(Value::Text),
            ".{0,8}".prop_map(Value::Function),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
                prop::collection::btree_map(".{0,4}", inner, 0..4).prop_map(Value::Map),
            ]
        })
    }

    fn entry(flags: BTreeMap<String, Value>, numbers: (i64, Option<i64>, f64), text: String) -> Entry {
        let summary = TagSummary {
            prefix: text.clone(),
            tag: "loss".into(),
            first_val: numbers.2,
            first_step: numbers.0,
            last_val: 2.0,
            last_step: 3,
            min_val: 4.0,
            min_step: 5,
            max_val: 6.0,
            max_step: 7,
            avg_val: 8.0,
            count: 9,
            total: 10.0,
        };
        Entry {
            row: RunRow {
                run: Run::new("/home", "abc"),
                operation: text.clone(),
                opref: "1 x y".into(),
                status: Status::Terminated,
                remote: Some(text.clone()).filter(|t| t.len() % 2 == 0),
                initialized: Some(numbers.0),
                started: numbers.1,
                stopped: None,
                exit: Some(-15),
                exceeded: numbers.1.map(|_| Exceeded::Memory),
                label: Some(text.clone()),
                tags: vec![text.clone(), "b".into()],
                marked: true,
                comments: vec![Comment {
                    key: "comment:1".into(),
                    text: text.clone(),
                    author: "me".into(),
                    timestamp: u64::MAX,
                }],
                flags,
                scalars: vec![summary],
                cmd: serde_json::json!(["python", text]),
                project: Some(PathBuf::from("/p")),
                sourcecode_digest: None,
                batch: false,
            },
            links: vec![Link {
                prefix: text.clone(),
                dir: "/x".into(),
            }],
            meta_times: MetaTimes([numbers.0, 0, -1]),
            stamps: vec![Stamp {
                path: "abc/logs".into(),
                time: numbers.0,
                size: 12,
            }],
            racy: numbers.1.is_some(),
            warnings: vec![text],
        }
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(
            flags in prop::collection::btree_map(".{0,6}", value(), 0..4),
            numbers in (any::<i64>(), any::<Option<i64>>(), -1e300f64..1e300),
            text in ".{0,20}", cut in any::<prop::sample::Index>(),
        ) {
            let entry = entry(flags, numbers, text);
            let bytes = encode(&entry);
            prop_assert_eq!(decode(&bytes, Path::new("/home"), "abc"), Some(entry));
            prop_assert_eq!(decode(&bytes[..cut.index(bytes.len())], Path::new("/home"), "abc"), None);
        }

        #[test]
        fn any_bytes_are_an_entry_or_none(bytes in prop::collection::vec(prop_oneof![0u8..9, any::<u8>()], 0..200)) {
            decode(&bytes, Path::new("/home"), "abc");
        }
    }
}
