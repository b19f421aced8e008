//! Archives, unpacked once into the cache: by the digest of the archive, whole or not at all. What would land outside
//! of its directory, or is no plain file, is refused.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};
use std::process::{Child, Command, Stdio};

use flate2::read::MultiGzDecoder;

use crate::run::{reason, tree};

/// Formats by the ends of names; the program is the one that decompresses it, if gage cannot.
const FORMATS: [(&str, Format); 12] = [
    (".zip", Format::Zip),
    (".tar", Format::Tar),
    (".tar.gz", Format::TarGz),
    (".tgz", Format::TarGz),
    (".tar.bz2", Format::TarBy("bzip2")),
    (".tbz2", Format::TarBy("bzip2")),
    (".tbz", Format::TarBy("bzip2")),
    (".tar.xz", Format::TarBy("xz")),
    (".txz", Format::TarBy("xz")),
    (".tar.zst", Format::TarBy("zstd")),
    (".tzst", Format::TarBy("zstd")),
    (".tar.zstd", Format::TarBy("zstd")),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Zip,
    Tar,
    TarGz,
    TarBy(&'static str),
}

fn format(path: &Path) -> Option<Format> {
    let name = path.file_name()?.to_str()?.to_lowercase();
    let known = FORMATS.iter().find(|(end, _)| name.ends_with(end));
    known.map(|(_, format)| *format)
}

/// True for a name that an archive has.
pub fn is_archive(path: &Path) -> bool {
    format(path).is_some()
}

/// The directory that holds what is in an archive.
pub fn unpacked(archive: &Path, cache: &Path) -> Result<PathBuf, String> {
    let format = format(archive).ok_or_else(|| format!("{} is no archive", archive.display()))?;
    let all = cache.join("unpacked");
    let dir = all.join(tree::digest(archive));
    if dir.is_dir() {
        return Ok(dir);
    }
    let shown = archive.file_name().unwrap_or_default().to_string_lossy();
    let failed = |error: io::Error| format!("cannot unpack '{shown}': {}", reason(&error));
    fs::create_dir_all(&all).map_err(failed)?;
    let temporary = tempfile::Builder::new().prefix(".").tempdir_in(&all).map_err(failed)?;
    let to = temporary.path();
    match format {
        Format::Zip => unzip(archive, to),
        Format::Tar => File::open(archive).and_then(|file| untar(BufReader::new(file), to)),
        Format::TarGz => File::open(archive).and_then(|file| untar(MultiGzDecoder::new(BufReader::new(file)), to)),
        Format::TarBy(program) => untar_by(program, archive, to),
    }
    .map_err(failed)?;
    let made = temporary.keep();
    match fs::rename(&made, &dir) {
        // Another gage was faster: its files are the same.
        Err(_) if dir.is_dir() => drop(fs::remove_dir_all(&made)),
        Err(error) => return Err(failed(error)),
        Ok(()) => {}
    }
    Ok(dir)
}

fn refused(what: &str, path: &Path) -> io::Error {
    io::Error::other(format!("it holds {what}: '{}'", path.display()))
}

/// Where a member goes; nothing may leave the directory.
fn place(to: &Path, path: &Path) -> io::Result<PathBuf> {
    let inside = |c: &Component<'_>| matches!(c, Component::Normal(_) | Component::CurDir);
    match path.components().all(|c| inside(&c)) {
        true => Ok(to.join(
            path.components()
                .filter(|c| matches!(c, Component::Normal(_)))
                .collect::<PathBuf>(),
        )),
        false => Err(refused("a path that leads elsewhere", path)),
    }
}

fn write(from: &mut impl Read, to: &Path, executable: bool) -> io::Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    let mode = if executable { 0o777 } else { 0o666 };
    let mut file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(to)?;
    io::copy(from, &mut file).map(drop)
}

fn unzip(archive: &Path, to: &Path) -> io::Result<()> {
    let mut zip = zip::ZipArchive::new(BufReader::new(File::open(archive)?)).map_err(io::Error::other)?;
    for at in 0..zip.len() {
        let mut member = zip.by_index(at).map_err(io::Error::other)?;
        let name = member.name().map_err(io::Error::other)?.to_string();
        let path = PathBuf::from(name);
        let target = place(to, &path)?;
        if member.is_dir() {
            fs::create_dir_all(target)?;
        } else if member.is_symlink() {
            return Err(refused("a link", &path));
        } else {
            let executable = member.unix_mode().is_some_and(|mode| mode & 0o111 != 0);
            write(&mut member, &target, executable)?;
        }
    }
    Ok(())
}

fn untar(from: impl Read, to: &Path) -> io::Result<()> {
    let mut tar = tar::Archive::new(from);
    for member in tar.entries()? {
        let mut member = member?;
        let path = member.path()?.into_owned();
        let target = place(to, &path)?;
        let kind = member.header().entry_type();
        if kind.is_dir() {
            fs::create_dir_all(target)?;
        } else if kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse() {
            let executable = member.header().mode().is_ok_and(|mode| mode & 0o111 != 0);
            write(&mut member, &target, executable)?;
        } else if kind.is_symlink() || kind.is_hard_link() {
            return Err(refused("a link", &path));
        } else if !kind.is_pax_global_extensions() {
            return Err(refused("something that is no file", &path));
        }
    }
    // What follows the last member may still say that the archive is damaged.
    io::copy(&mut tar.into_inner(), &mut io::sink()).map(drop)
}

/// Unpacks what `program` makes of the archive.
fn untar_by(program: &str, archive: &Path, to: &Path) -> io::Result<()> {
    let child = Command::new(program)
        .arg("-dc")
        .stdin(File::open(archive)?)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = child.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => io::Error::other(format!("command not found: {program}")),
        _ => error,
    })?;
    let unpacked = match child.stdout.take() {
        Some(output) => untar(BufReader::new(output), to),
        None => Ok(()),
    };
    ended(&mut child, program, unpacked)
}

fn ended(child: &mut Child, program: &str, unpacked: io::Result<()>) -> io::Result<()> {
    if unpacked.is_err() {
        // Nobody reads what it writes any more.
        let _ = child.kill();
    }
    let status = child.wait()?;
    unpacked?;
    match status.success() {
        true => Ok(()),
        false => Err(io::Error::other(format!("{program} ended with {status}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn tar_of(members: &[(&str, tar::EntryType, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, kind, text) in members {
            let mut header = tar::Header::new_gnu();
            // A builder refuses what an archive of someone else may hold.
            header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_entry_type(*kind);
            header.set_mode(0o755);
            header.set_size(text.len() as u64);
            header.set_cksum();
            builder.append(&header, text.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn archives_are_unpacked_once() {
        let dir = tempfile::tempdir().unwrap();
        let cache = dir.path().join("cache");
        let plain = tar_of(&[
            ("d/", tar::EntryType::Directory, ""),
            ("d/a.txt", tar::EntryType::Regular, "hello"),
        ]);
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(&plain).unwrap();
        let mut zip = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        zip.start_file("d/a.txt", zip::write::SimpleFileOptions::default())
            .unwrap();
        zip.write_all(b"hello").unwrap();
        let archives = [
            ("a.tar", plain),
            ("b.TGZ", gz.finish().unwrap()),
            ("c.zip", zip.finish().unwrap().into_inner()),
        ];
        for (name, bytes) in archives {
            let path = dir.path().join(name);
            fs::write(&path, bytes).unwrap();
            assert!(is_archive(&path));
            let to = unpacked(&path, &cache).unwrap();
            assert_eq!(fs::read_to_string(to.join("d/a.txt")).unwrap(), "hello", "{name}");
            fs::write(to.join("d/b.txt"), "kept").unwrap();
            assert_eq!(unpacked(&path, &cache).unwrap(), to);
            assert!(to.join("d/b.txt").exists());
        }
        assert!(!is_archive(Path::new("a.gz")) && !is_archive(Path::new("zip")));
    }

    #[test]
    fn what_leads_elsewhere_is_refused_whole() {
        let dir = tempfile::tempdir().unwrap();
        let cache = dir.path().join("cache");
        let good = ("a", tar::EntryType::Regular, "x");
        for (member, reason) in [
            (
                ("../b", tar::EntryType::Regular, "x"),
                "it holds a path that leads elsewhere: '../b'",
            ),
            (
                ("/b", tar::EntryType::Regular, "x"),
                "it holds a path that leads elsewhere: '/b'",
            ),
            (("l", tar::EntryType::Symlink, ""), "it holds a link: 'l'"),
            (
                ("f", tar::EntryType::Fifo, ""),
                "it holds something that is no file: 'f'",
            ),
        ] {
            let path = dir.path().join("x.tar");
            fs::write(&path, tar_of(&[good, member])).unwrap();
            assert_eq!(
                unpacked(&path, &cache).unwrap_err(),
                format!("cannot unpack 'x.tar': {reason}")
            );
        }
        fs::write(dir.path().join("y.tgz"), "no archive").unwrap();
        assert!(unpacked(&dir.path().join("y.tgz"), &cache).is_err());
        fs::write(dir.path().join("z.zip"), "no archive").unwrap();
        assert!(unpacked(&dir.path().join("z.zip"), &cache).is_err());
        assert_eq!(fs::read_dir(cache.join("unpacked")).unwrap().count(), 0);
    }
}
