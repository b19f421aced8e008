//! The text of a lease: one JSON line in which each of its writers owns bytes of its own, so that the supervisor's
//! touches and another process's wish to stop never overwrite each other.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::Lease;

/// Every lease is so long (host names have at most 64 bytes, unless somebody chose a longer one): written in place
/// over an earlier text, no reader sees the end of both.
pub(super) const LENGTH: usize = 512;

const BEAT: &str = "{\"beat\":";
const STOPPING: &str = ",\"stopping\":";
const DIGITS: usize = 12;
const BEAT_AT: u64 = BEAT.len() as u64;
const STOPPING_AT: u64 = BEAT_AT + (DIGITS + STOPPING.len()) as u64;
const REST_AT: u64 = STOPPING_AT + 5;

/// The whole lease.
pub(super) fn text(lease: &Lease) -> Vec<u8> {
    let mut text = format!("{BEAT}{:>DIGITS$}{STOPPING}{:>5}", lease.beat, lease.stopping).into_bytes();
    text.extend_from_slice(&rest(lease));
    text
}

/// What only the supervisor writes, apart from the beat.
fn rest(lease: &Lease) -> Vec<u8> {
    let mut json = serde_json::to_value(lease).expect("a lease can be written");
    if let Some(fields) = json.as_object_mut() {
        fields.retain(|name, _| name != "beat" && name != "stopping");
    }
    let mut text = json.to_string().into_bytes();
    text[0] = b',';
    let room = LENGTH - REST_AT as usize;
    text.resize(text.len().max(room - 1), b' ');
    text.push(b'\n');
    text
}

/// Writes who holds it and for which process.
pub(super) fn write_rest(file: &File, lease: &Lease) -> io::Result<()> {
    file.write_all_at(&rest(lease), REST_AT)
}

/// Writes the beat alone. A write moves the file's time by the clock of the file system, whoever's that is.
pub(super) fn write_beat(file: &File, beat: u64) -> io::Result<()> {
    file.write_all_at(format!("{beat:>DIGITS$}").as_bytes(), BEAT_AT)
}

/// Sets `stopping` of a lease that somebody holds.
pub(super) fn mark_stopping(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut name = [0; STOPPING.len()];
    file.read_exact_at(&mut name, BEAT_AT + DIGITS as u64)?;
    if name != STOPPING.as_bytes() {
        return Err(io::Error::other("the lease is not one of this version"));
    }
    file.write_all_at(b" true", STOPPING_AT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease() -> Lease {
        Lease {
            beat: 7,
            host: "h".repeat(64),
            machine: format!("{}/4026531836", "0".repeat(32)),
            boot_id: "0".repeat(36),
            pid: Some(i32::MAX),
            pid_started: Some(u64::MAX),
            supervisor: i32::MAX,
            supervisor_started: Some(u64::MAX),
            token: "0".repeat(16),
            every: 10_000,
            ..Lease::default()
        }
    }

    #[test]
    fn the_longest_lease_has_its_place() {
        let text = text(&lease());
        assert_eq!(text.len(), LENGTH);
        assert_eq!(text.last(), Some(&b'\n'));
        assert_eq!(serde_json::from_slice::<Lease>(&text).unwrap(), lease());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_a_lease_or_none(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..600), every: u64) {
            let home = tempfile::tempdir().unwrap();
            let run = crate::run::Run::new(home.path(), "abc");
            std::fs::write(run.lease_file(), bytes).unwrap();
            assert!(!Lease::read(&run).is_some_and(|lease| lease.is_held(&run)));
            let lease = Lease { every, ..lease() };
            std::fs::write(run.lease_file(), text(&lease)).unwrap();
            assert!(Lease::read(&run).unwrap().is_held(&run), "just written");
        }
    }

    #[test]
    fn writers_do_not_overwrite_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lease");
        let mut lease = lease();
        std::fs::write(&path, text(&lease)).unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        mark_stopping(&path).unwrap();
        write_beat(&file, 999_999_999_999).unwrap();
        lease.pid = None;
        write_rest(&file, &lease).unwrap();
        let read: Lease = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!((read.beat, read.stopping, read.pid), (999_999_999_999, true, None));
        assert_eq!(std::fs::metadata(&path).unwrap().len(), LENGTH as u64);
    }

    #[test]
    fn what_is_no_lease_is_not_written_into() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lease");
        std::fs::write(&path, "{\"host\": \"an earlier version's, of any length\"}").unwrap();
        assert!(mark_stopping(&path).is_err());
        std::fs::write(&path, "").unwrap();
        assert!(mark_stopping(&path).is_err());
    }
}
