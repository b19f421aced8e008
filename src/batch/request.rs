//! Changes that people ask for while a batch is carried out, as files in the batch run's meta directory: whoever
//! carries the batch out is the only one who writes its journal, so others leave a request and wait for the answer.
//! Knows how requests travel; what they mean is `edits`'.
//!
//! A request is `request-ID.json`, which its sender may take back. Who is about to carry it out renames it to
//! `taken-ID.json`, appends to the journal, writes `answer-ID.json` and removes it. The journal has the ids of
//! requests that were carried out, so one that is found again after a crash is not carried out twice.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::flags::FlagValues;
use crate::run::{Run, id, meta};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// This many trials in all.
    Trials(u64),
    /// So many more than are planned.
    MoreTrials(u64),
    Jobs(usize),
    Pause,
    Continue,
    /// A trial with these flags, all of them.
    Enqueue(FlagValues),
    /// Trials that came to no result are run again.
    Retry(Which),
}

/// Which trials are run again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Which {
    pub failed: bool,
    pub terminated: bool,
    /// From 0.
    pub trials: Vec<u64>,
}

/// A change that is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    pub id: String,
    pub change: Change,
}

/// What came of it: a text for whoever asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    Done(String),
    Refused(String),
}

const ASKED: &str = "request-";
const TAKEN: &str = "taken-";
const ANSWER: &str = "answer-";

impl Request {
    /// A request that was never made before. Ids sort by the time of asking.
    pub fn new(change: Change) -> io::Result<Request> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let micros = now.map_or(0, |d| d.as_micros() as u64);
        let random = id::new()?;
        Ok(Request {
            id: format!("{micros:016x}{}", &random[..8]),
            change,
        })
    }

    /// Asks: whoever carries out the batch is woken by the file.
    pub fn send(&self, batch: &Run) -> io::Result<()> {
        let text = serde_json::to_vec(self).expect("a request has text keys only");
        meta::write(&file(batch, ASKED, &self.id), &text)
    }

    /// Takes it back. False if somebody is carrying it out, or has.
    pub fn take_back(&self, batch: &Run) -> bool {
        fs::remove_file(file(batch, ASKED, &self.id)).is_ok()
    }

    /// Takes it up, so that it cannot be taken back any more. False if it was.
    pub fn take_up(&self, batch: &Run) -> bool {
        let taken = file(batch, TAKEN, &self.id);
        fs::rename(file(batch, ASKED, &self.id), &taken).is_ok() || taken.exists()
    }

    /// Answers it, and puts it out of the way. One that cannot be answered is known from the journal.
    pub fn answer(&self, batch: &Run, answer: &Answer) {
        let text = serde_json::to_vec(answer).expect("an answer is a text");
        let _ = meta::write(&file(batch, ANSWER, &self.id), &text);
        let _ = fs::remove_file(file(batch, TAKEN, &self.id));
    }

    /// The answer, if there is one; it is read once.
    pub fn answered(&self, batch: &Run) -> Option<Answer> {
        let path = file(batch, ANSWER, &self.id);
        let answer = serde_json::from_slice(&fs::read(&path).ok()?).ok();
        let _ = fs::remove_file(path);
        answer
    }

    /// True while nobody is done with it.
    pub fn waits(&self, batch: &Run) -> bool {
        [ASKED, TAKEN].iter().any(|kind| file(batch, kind, &self.id).exists())
    }
}

/// True for the name of a file that asks.
pub fn is_asked(name: &str) -> bool {
    name.starts_with(ASKED)
}

fn file(batch: &Run, kind: &str, id: &str) -> PathBuf {
    batch.meta(&format!("{kind}{id}.json"))
}

/// Ids of the files of a kind, in the order of asking.
fn ids(batch: &Run, kinds: &[&str]) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(batch.meta("")).into_iter().flatten().flatten();
    let mut found: Vec<(String, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let id = kinds
                .iter()
                .find_map(|kind| name.strip_prefix(kind))?
                .strip_suffix(".json")?;
            Some((id.to_string(), entry.path()))
        })
        .collect();
    found.sort();
    found
}

/// Requests that wait, in the order of asking, those that somebody died over among them. One that cannot be read is
/// removed: it was not written by us.
pub fn waiting(batch: &Run) -> Vec<Request> {
    let mut requests: Vec<Request> = Vec::new();
    for (id, path) in ids(batch, &[ASKED, TAKEN]) {
        let Ok(bytes) = fs::read(&path) else { continue };
        match serde_json::from_slice::<Request>(&bytes) {
            Ok(request) if request.id == id => requests.push(request),
            _ => drop(fs::remove_file(&path)),
        }
    }
    requests.dedup_by(|a, b| a.id == b.id);
    requests
}

/// Removes answers that nobody came for.
pub fn forget_answers(batch: &Run) {
    for (_, path) in ids(batch, &[ANSWER]) {
        let _ = fs::remove_file(path);
    }
}

/// Removes everything, for a study that begins anew.
pub fn forget_all(batch: &Run) {
    for (_, path) in ids(batch, &[ASKED, TAKEN, ANSWER]) {
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> (tempfile::TempDir, Run) {
        let home = tempfile::tempdir().unwrap();
        let run = Run::new(home.path(), "abc");
        fs::create_dir_all(run.meta("")).unwrap();
        (home, run)
    }

    #[test]
    fn a_request_goes_there_and_its_answer_comes_back() {
        let (_home, batch) = batch();
        let first = Request::new(Change::Jobs(4)).unwrap();
        let second = Request::new(Change::Pause).unwrap();
        second.send(&batch).unwrap();
        first.send(&batch).unwrap();
        let ids = |requests: Vec<Request>| requests.into_iter().map(|r| r.id).collect::<Vec<_>>();
        let mut expected = vec![first.id.clone(), second.id.clone()];
        expected.sort();
        assert_eq!(ids(waiting(&batch)), expected);
        assert!(second.take_up(&batch) && second.take_up(&batch));
        assert!(!second.take_back(&batch), "it is being carried out");
        assert_eq!(waiting(&batch).len(), 2, "one who takes it up may die");
        second.answer(&batch, &Answer::Done("paused".into()));
        assert!(!second.waits(&batch));
        assert_eq!(second.answered(&batch), Some(Answer::Done("paused".into())));
        assert_eq!(second.answered(&batch), None);
        assert!(first.take_back(&batch));
        assert!(!first.take_up(&batch) && waiting(&batch).is_empty());
        assert_eq!(fs::read_dir(batch.meta("")).unwrap().count(), 0);
    }

    #[test]
    fn what_is_no_request_is_not_taken_for_one() {
        let (_home, batch) = batch();
        for (name, text) in [
            ("request-1.json", "{"),
            ("request-2.json", r#"{"id":"3","change":"pause"}"#),
            (".request-4.json.12", r#"{"id":"4","change":"pause"}"#),
            ("study.jsonl", ""),
        ] {
            fs::write(batch.meta(name), text).unwrap();
        }
        assert!(waiting(&batch).is_empty());
        assert!(!batch.meta("request-1.json").exists() && batch.meta("study.jsonl").exists());
    }
}
