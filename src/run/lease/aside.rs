//! Taking away the lease of a holder that is gone, so that another can be made. Of all who see that it is stale one
//! does it, and never to a lease that somebody has made since.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{Found, Lease, line, making};
use crate::run::error::During;
use crate::run::{Run, RunError};

/// How often a lease that is being watched is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// True if the lease at `path` stays as it was `found` while a living holder would have touched it.
pub(super) fn is_still(path: &Path, found: &Found) -> bool {
    let began = Instant::now();
    let long_enough = found.every() * 3 / 2;
    while began.elapsed() < long_enough {
        std::thread::sleep(LOOK.min(long_enough));
        if Found::at(path).as_ref() != Some(found) {
            return false;
        }
    }
    true
}

/// Takes the lease away that was `found`, and no other. Only who has made the file that is named after it may do so;
/// one who dies there leaves that file, which is a lease itself.
pub(super) fn set_aside(run: &Run, found: &Found) -> Result<(), RunError> {
    let marker = run
        .home()
        .join(format!(".{}.lease.{}", run.id(), name_of(found.token())));
    let own = Lease {
        every: found.lease.as_ref().map_or(0, |lease| lease.every),
        ..Lease::of_this_process()
    };
    loop {
        match making::make(&marker, &line::text(&own)) {
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).during("write", &marker),
        }
        if Found::read(run).as_ref() != Some(found) {
            return Ok(());
        }
        let Some(other) = Found::at(&marker) else { continue };
        match other.known() {
            Some(true) => std::thread::sleep(Duration::from_millis(1)),
            // It takes microseconds; a minute means that whoever began it is gone.
            None if !is_still(&marker, &other) => {}
            _ => drop(fs::remove_file(&marker)),
        }
    }
    let path = run.lease_file();
    let removed = match Found::read(run).as_ref() == Some(found) {
        true => fs::remove_file(&path).during("remove", &path),
        false => Ok(()),
    };
    // Left, it would only be looked through by the next one.
    let _ = fs::remove_file(&marker);
    removed
}

/// A token as a part of a file name, whoever wrote it.
fn name_of(token: &str) -> String {
    let plain = token.chars().filter(char::is_ascii_alphanumeric).take(32);
    let name: String = plain.collect();
    if name.is_empty() { "none".into() } else { name }
}
