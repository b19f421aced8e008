//! A study watched from outside while it goes on: what its journal says so far, read on as it grows. Changes nothing,
//! and needs nothing but the file, which may be deleted meanwhile.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::event::Reason;
use super::journal;
use super::objective::Objective;
use super::record::Record;
use crate::run::Run;

/// What has happened so far.
pub struct Following {
    path: PathBuf,
    file: Option<File>,
    /// A line that is still being written.
    begun: Vec<u8>,
    pub record: Record,
}

impl Following {
    /// Of a batch, from its beginning.
    pub fn new(batch: &Run) -> Following {
        let path = batch.meta(journal::FILE);
        Following {
            file: File::open(&path).ok(),
            path,
            begun: Vec::new(),
            record: Record::default(),
        }
    }

    /// Takes in what was added. True if something was.
    pub fn hear(&mut self) -> bool {
        self.look_for_another();
        let Some(file) = &mut self.file else { return false };
        // What cannot be read now is read the next time.
        let Ok(1..) = file.read_to_end(&mut self.begun) else {
            return false;
        };
        let whole = memchr::memrchr(b'\n', &self.begun).map_or(0, |end| end + 1);
        let rest = self.begun.split_off(whole);
        let lines = std::mem::replace(&mut self.begun, rest);
        for line in lines.split_inclusive(|b| *b == b'\n') {
            // A line that a power cut has torn says nothing; who goes on with the batch tells of a damaged journal.
            if let Some(event) = journal::event_of(line) {
                self.record.apply(&event);
            }
        }
        whole > 0
    }

    /// A study that has not begun may get another journal, with the earlier results it learns from.
    fn look_for_another(&mut self) {
        if self.record.trials().next().is_some() {
            return;
        }
        let inode = |about: std::io::Result<std::fs::Metadata>| about.ok().map(|about| about.ino());
        let there = inode(std::fs::metadata(&self.path));
        if there.is_some() && there != self.file.as_ref().and_then(|file| inode(file.metadata())) {
            self.file = File::open(&self.path).ok();
            self.begun.clear();
            self.record = Record::default();
        }
    }

    /// The objective, once it is known.
    pub fn objective(&self) -> Option<Objective> {
        Objective::parse(&self.record.header.objective).ok()
    }

    /// True for a study that came to its end.
    pub fn is_done(&self) -> bool {
        self.record.closed == Some(Reason::Done)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::event::{Event, Header, Proposed};
    use super::*;

    #[test]
    fn events_are_heard_when_their_line_is_whole() {
        let home = tempfile::tempdir().unwrap();
        let batch = Run::new(home.path(), "abc");
        std::fs::create_dir_all(batch.meta("")).unwrap();
        let mut file = File::create(batch.meta(journal::FILE)).unwrap();
        let mut following = Following::new(&batch);
        assert!(!following.hear());
        let opened = Event::Opened(Box::new(Header {
            objective: "-acc".into(),
            ..Header::default()
        }));
        let proposed = Event::Proposed(Proposed {
            run: "r1".into(),
            ..Proposed::default()
        });
        let closed = Event::Closed { reason: Reason::Done };
        let text = journal::encode(&opened, 1, 1) + &journal::encode(&proposed, 2, 2);
        let (first, second) = text.split_at(text.len() - 7);
        file.write_all(first.as_bytes()).unwrap();
        assert!(following.hear());
        assert_eq!(following.record.trials().count(), 0);
        assert!(following.objective().unwrap().maximize());
        file.write_all(second.as_bytes()).unwrap();
        std::fs::remove_dir_all(batch.meta("")).unwrap();
        assert!(following.hear());
        assert_eq!(following.record.trial(0).unwrap().run, "r1");
        assert!(!following.is_done());
        file.write_all(journal::encode(&closed, 3, 3).as_bytes()).unwrap();
        assert!(following.hear() && following.is_done() && !following.hear());
    }
}
