//! A staged batch, carried out by a `gage exec` of its own, which goes on if the queue dies. Its output is in its run.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::executor::Stop;
use crate::run::Run;

/// More than this of what it says of its failure is not passed on.
const MOST: u64 = 4096;

/// A `gage exec` at work.
pub(super) struct Exec {
    pid: i32,
}

/// True for a run whose program is gage itself: a worker cannot carry it out.
pub(super) fn is_needed(run: &Run) -> bool {
    run.meta("proto").is_dir()
}

impl Exec {
    /// Starts it. `ended` is told, from another thread, when it is over, and what it had to say if it failed.
    pub fn start(
        gage: &Path,
        run: &Run,
        env: &[(String, String)],
        ended: impl FnOnce(Option<String>) + Send + 'static,
    ) -> io::Result<Exec> {
        // In a process group of its own: Ctrl-C on the terminal is for the queue to act on.
        let mut child = Command::new(gage)
            .arg("exec")
            .arg(run.dir())
            .envs(env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let pid = child.id() as i32;
        let waiting = std::thread::Builder::new().name("exec".into()).stack_size(256 * 1024);
        waiting.spawn(move || ended(failure(&mut child)))?;
        Ok(Exec { pid })
    }

    /// Stops what it carries out.
    pub fn stop(&self, how: Stop) {
        // Asked a second time it kills at once. One that has gone needs no asking.
        let times = if how == Stop::AtOnce { 2 } else { 1 };
        for _ in 0..times {
            let _ = kill(Pid::from_raw(self.pid), Signal::SIGTERM);
        }
    }
}

/// Waits for the end. What it said on standard error is of interest if it failed.
fn failure(child: &mut Child) -> Option<String> {
    let mut said = Vec::new();
    if let Some(mut err) = child.stderr.take() {
        let _ = err.by_ref().take(MOST).read_to_end(&mut said);
        let _ = io::copy(&mut err, &mut io::sink());
    }
    let success = child.wait().is_ok_and(|status| status.success());
    let said = String::from_utf8_lossy(&said);
    let said = said.trim().trim_start_matches("gage: ");
    (!success).then(|| said.to_string())
}
