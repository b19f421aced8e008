//! Brings what a batch has recorded to the disk, so that a power cut does not take back what was called done: the
//! journal, and every file of the trials in it. On a thread of its own, as a disk may take its time: nothing waits
//! for it but the word that a trial is done. Knows no event.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};

/// What was asked for is on the disk, or cannot be brought there.
#[derive(Debug)]
pub struct Saved {
    /// As given to [`Disk::save`]; everything up to it is meant.
    pub line: u64,
    pub result: io::Result<()>,
}

/// The thread that saves. Ends when this is dropped.
pub struct Disk {
    to: Sender<u64>,
}

impl Disk {
    /// Saves the file system that `dir` is on whenever it is asked to, and calls `listener` then.
    pub fn start(dir: &Path, listener: impl Fn(Saved) + Send + 'static) -> io::Result<Disk> {
        let dir = File::open(dir)?;
        let (to, lines) = channel();
        std::thread::Builder::new()
            .name("disk".into())
            .stack_size(64 * 1024)
            .spawn(move || serve(&lines, || save(&dir), listener))?;
        Ok(Disk { to })
    }

    /// Asks for everything that was written before this call to be saved.
    pub fn save(&self, line: u64) {
        // The thread lives as long as this does.
        let _ = self.to.send(line);
    }
}

/// Brings everything that was written so far to the disk.
pub fn save_now(dir: &Path) -> io::Result<()> {
    save(&File::open(dir)?)
}

/// One call for all files of a file system: a trial has two dozen of them, and calls of their own would each wait
/// for the disk.
fn save(dir: &File) -> io::Result<()> {
    nix::unistd::syncfs(dir).map_err(io::Error::from)
}

fn serve(lines: &Receiver<u64>, save: impl Fn() -> io::Result<()>, listener: impl Fn(Saved)) {
    while let Ok(mut line) = lines.recv() {
        // Whatever was asked for while the disk was busy is saved at once.
        while let Ok(later) = lines.try_recv() {
            line = later;
        }
        let result = save();
        listener(Saved { line, result });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::time::Duration;

    #[test]
    fn what_came_while_the_disk_was_busy_is_saved_together() {
        let (to, lines) = channel();
        let saves = RefCell::new(0);
        let said = RefCell::new(Vec::new());
        to.send(1).unwrap();
        let waiting = RefCell::new(Some(to));
        serve(
            &lines,
            || {
                *saves.borrow_mut() += 1;
                if let Some(to) = waiting.take() {
                    (2..5).for_each(|line| to.send(line).unwrap());
                }
                Ok(())
            },
            |saved| said.borrow_mut().push(saved.line),
        );
        assert_eq!((saves.into_inner(), said.into_inner()), (2, vec![1, 4]));
    }

    #[test]
    fn a_file_system_is_saved() {
        let dir = tempfile::tempdir().unwrap();
        let (to, saved) = channel();
        let disk = Disk::start(dir.path(), move |saved| drop(to.send(saved))).unwrap();
        disk.save(7);
        let saved = saved.recv_timeout(Duration::from_secs(60)).unwrap();
        assert_eq!(saved.line, 7);
        saved.result.unwrap();
        save_now(dir.path()).unwrap();
        assert!(Disk::start(&dir.path().join("none"), |_| {}).is_err());
    }
}
