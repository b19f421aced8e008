//! Making a file by one exclusive step: of all who try, one succeeds. Works without locks, and without hard links.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::libc::O_TMPFILE;

const MODE: u32 = 0o664;

/// Makes `path` with this content. Fails with `AlreadyExists` when it is there.
pub(super) fn make(path: &Path, content: &[u8]) -> io::Result<File> {
    match whole(path, content) {
        Some(result) => result,
        None => in_place(path, content),
    }
}

/// A file without a name gets its content, then its name: nobody ever sees it empty. `None` where the file system
/// has no such files, or no hard links.
fn whole(path: &Path, content: &[u8]) -> Option<io::Result<File>> {
    let dir = path.parent()?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(O_TMPFILE).mode(MODE);
    let mut file = options.open(dir).ok()?;
    if let Err(error) = file.write_all(content) {
        return Some(Err(error));
    }
    let own = format!("/proc/self/fd/{}", file.as_raw_fd());
    match nix::unistd::linkat(AT_FDCWD, own.as_str(), AT_FDCWD, path, AtFlags::AT_SYMLINK_FOLLOW) {
        Ok(()) => Some(Ok(file)),
        Err(Errno::EEXIST) => Some(Err(io::ErrorKind::AlreadyExists.into())),
        Err(_) => None,
    }
}

/// The name first, exclusively, then the content.
fn in_place(path: &Path, content: &[u8]) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let mut file = options.read(true).write(true).create_new(true).mode(MODE).open(path)?;
    if let Err(error) = file.write_all(content) {
        // It is ours alone, and would be in everybody's way.
        let _ = std::fs::remove_file(path);
        return Err(error);
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_many_makes_it() {
        type Make = fn(&Path, &[u8]) -> io::Result<File>;
        for make in [make as Make, in_place as Make] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("lease");
            let made: usize = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..16)
                    .map(|_| scope.spawn(|| usize::from(make(&path, b"whole").is_ok())))
                    .collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).sum()
            });
            assert_eq!((made, std::fs::read(&path).unwrap().as_slice()), (1, &b"whole"[..]));
            let kind = make(&path, b"").map(drop).unwrap_err().kind();
            assert_eq!(kind, io::ErrorKind::AlreadyExists);
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        }
    }
}
