//! User attributes (`RUNS/ID.user/`): label, tags, mark, comments. Each change is a file of its own that is never
//! changed again, so that people and machines that share a run do not overwrite one another.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::error::During;
use super::{Run, RunError, clock, meta};

/// One change: what is set, then what is deleted.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Changes {
    pub author: String,
    /// Microseconds since the epoch.
    pub timestamp: u64,
    pub set: BTreeMap<String, Json>,
    pub delete: Vec<String>,
}

/// A comment of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Comment {
    /// Key of the attribute, to delete it by.
    pub key: String,
    pub text: String,
    pub author: String,
    /// Microseconds since the epoch.
    pub timestamp: u64,
}

/// The attributes as they are now.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct UserAttrs {
    pub label: Option<String>,
    /// Sorted.
    pub tags: Vec<String>,
    pub marked: bool,
    /// Oldest first.
    pub comments: Vec<Comment>,
    /// Everything else that somebody set.
    pub other: BTreeMap<String, Json>,
    /// Files that could not be read, as `cannot read PATH: REASON`.
    pub warnings: Vec<String>,
}

impl Changes {
    pub fn new() -> Changes {
        Changes {
            author: author(),
            timestamp: clock::timestamp(),
            ..Changes::default()
        }
    }

    /// What a run starts with; `None` if nothing.
    pub(crate) fn of_new_run(label: Option<&str>, tags: &[String], comment: Option<&str>) -> Option<Changes> {
        let mut changes = Changes::new();
        if let Some(label) = label.filter(|l| !l.is_empty()) {
            changes = changes.label(label);
        }
        for tag in tags {
            changes = changes.tag(tag);
        }
        if let Some(comment) = comment {
            changes = changes.comment(comment);
        }
        (!changes.set.is_empty()).then_some(changes)
    }

    /// Sets the label; an empty one clears it.
    pub fn label(mut self, label: &str) -> Changes {
        if label.is_empty() {
            self.delete.push("label".into());
        } else {
            self.set.insert("label".into(), label.into());
        }
        self
    }

    pub fn tag(mut self, tag: &str) -> Changes {
        self.set.insert(format!("tag:{tag}"), true.into());
        self
    }

    pub fn untag(mut self, tag: &str) -> Changes {
        self.delete.push(format!("tag:{tag}"));
        self
    }

    pub fn mark(mut self, marked: bool) -> Changes {
        if marked {
            self.set.insert("marked".into(), true.into());
        } else {
            self.delete.push("marked".into());
        }
        self
    }

    pub fn comment(mut self, text: &str) -> Changes {
        let comment = json!({"msg": text, "timestamp": self.timestamp, "author": self.author});
        self.set.insert(format!("comment:{}", unique(self.timestamp)), comment);
        self
    }

    /// Deletes an attribute by its key, such as [`Comment::key`].
    pub fn delete(mut self, key: &str) -> Changes {
        self.delete.push(key.into());
        self
    }
}

/// Records changes. Nothing is written for none.
pub fn apply(run: &Run, changes: &Changes) -> Result<(), RunError> {
    if changes.set.is_empty() && changes.delete.is_empty() {
        return Ok(());
    }
    let dir = run.user_dir();
    match fs::create_dir(&dir) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(error).during("make directory", &dir);
        }
        _ => {}
    }
    let path = dir.join(format!("{}.json", unique(changes.timestamp)));
    meta::write(&path, meta::json_text(changes).as_bytes()).during("write", &path)
}

/// Reads the attributes: all changes in the order of their names.
pub fn read(run: &Run) -> UserAttrs {
    let mut attrs = UserAttrs::default();
    let mut values: BTreeMap<String, Json> = BTreeMap::new();
    let mut names: Vec<String> = match fs::read_dir(run.user_dir()) {
        Ok(entries) => entries
            .flatten()
            .filter_map(|e| e.file_name().into_string().ok())
            .collect(),
        Err(_) => return attrs,
    };
    names.retain(|n| n.ends_with(".json") && !n.starts_with('.'));
    names.sort();
    for name in names {
        let path = run.user_dir().join(name);
        let changes = fs::read(&path)
            .map_err(|e| super::error::reason(&e))
            .and_then(|bytes| serde_json::from_slice::<Changes>(&bytes).map_err(|e| e.to_string()));
        match changes {
            Ok(changes) => {
                values.extend(changes.set);
                for key in changes.delete {
                    values.remove(&key);
                }
            }
            Err(reason) => attrs.warnings.push(format!("cannot read {}: {reason}", path.display())),
        }
    }
    for (key, value) in values {
        if key == "label" {
            attrs.label = value.as_str().map(str::to_string);
        } else if let Some(tag) = key.strip_prefix("tag:") {
            attrs.tags.push(tag.to_string());
        } else if key == "marked" {
            attrs.marked = value == Json::Bool(true);
        } else if key.starts_with("comment:") {
            let text = |name: &str| value[name].as_str().unwrap_or_default().to_string();
            attrs.comments.push(Comment {
                text: text("msg"),
                author: text("author"),
                timestamp: value["timestamp"].as_u64().unwrap_or_default(),
                key,
            });
        } else {
            attrs.other.insert(key, value);
        }
    }
    attrs
        .comments
        .sort_by(|a, b| (a.timestamp, &a.key).cmp(&(b.timestamp, &b.key)));
    attrs
}

/// A name that sorts by time and that no other process gives: microseconds, process, number within the process.
fn unique(timestamp: u64) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{timestamp:016x}-{:x}-{number:x}", std::process::id())
}

fn author() -> String {
    std::env::var("USER")
        .or_else(|_| std::env::var("LOGNAME"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_apply_in_order() {
        let home = tempfile::tempdir().unwrap();
        let run = Run::new(home.path(), "abc");
        assert_eq!(read(&run), UserAttrs::default());
        apply(&run, &Changes::new()).unwrap();
        assert!(!run.user_dir().exists());
        apply(&run, &Changes::new().label("one").tag("b").tag("a").mark(true)).unwrap();
        apply(&run, &Changes::new().comment("first")).unwrap();
        apply(&run, &Changes::new().comment("second")).unwrap();
        apply(&run, &Changes::new().label("two").untag("b").mark(false)).unwrap();
        let attrs = read(&run);
        assert_eq!((attrs.label.as_deref(), attrs.marked), (Some("two"), false));
        assert_eq!(attrs.tags, ["a"]);
        let texts: Vec<&str> = attrs.comments.iter().map(|c| c.text.as_str()).collect();
        assert_eq!(texts, ["first", "second"]);
        apply(&run, &Changes::new().delete(&attrs.comments[0].key).label("")).unwrap();
        let attrs = read(&run);
        assert_eq!((attrs.comments.len(), attrs.label), (1, None));
    }

    #[test]
    fn a_corrupt_file_is_named_and_the_others_count() {
        let home = tempfile::tempdir().unwrap();
        let run = Run::new(home.path(), "abc");
        apply(&run, &Changes::new().label("kept")).unwrap();
        fs::write(run.user_dir().join("0.json"), "{").unwrap();
        let attrs = read(&run);
        assert_eq!(attrs.label.as_deref(), Some("kept"));
        assert!(attrs.warnings[0].starts_with("cannot read "), "{:?}", attrs.warnings);
    }
}
