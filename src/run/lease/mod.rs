//! The lease `RUNS/ID.lease`: who runs a run, so that a status can be decided without asking anyone, and so that
//! a run is started by one supervisor only. Exists only while the run is supervised. Needs no lock of the file
//! system: a lease is made whole by one exclusive step, and its supervisor counts up in it while it lives.

mod age;
mod aside;
mod held;
mod line;
mod making;
mod moment;
mod watching;

use std::fs::{self, File};
use std::io::{self, Read};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::process;
use super::{Run, meta};

pub use age::file_time;
pub use held::Held;
pub use moment::Moment;
pub use watching::Watching;

/// How often a supervisor touches its lease.
pub const TOUCH_EVERY: Duration = Duration::from_secs(10);
/// A lease of another host counts as given up when so many touches were missed.
const MISSED: u32 = 6;

/// Content of a lease.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Lease {
    /// Counts the touches.
    pub beat: u64,
    /// Set by who asks for the run to be stopped: its end then counts as terminated whatever its exit code.
    pub stopping: bool,
    pub host: String,
    /// See [`process::machine`].
    pub machine: String,
    pub boot_id: String,
    /// The run's process; `None` while it is about to be started.
    pub pid: Option<i32>,
    /// Its start time, see [`Process::started`](process::Process::started).
    pub pid_started: Option<u64>,
    /// The supervising process.
    pub supervisor: i32,
    pub supervisor_started: Option<u64>,
    /// True when orphans of the run become children of the supervisor.
    pub adopts: bool,
    /// Tells this lease from every other one, of the same run too.
    pub token: String,
    /// How often it is touched, in milliseconds; 0 stands for [`TOUCH_EVERY`].
    pub every: u64,
}

/// Where the holder of a lease is, seen from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Its pids can be looked up.
    Here,
    /// On this machine before it was started again: gone.
    BeforeReboot,
    /// Only the lease itself says whether it lives.
    Elsewhere,
}

impl Lease {
    /// The lease of a run; `None` if there is none or it holds nothing readable (it is being made).
    pub fn read(run: &Run) -> Option<Lease> {
        serde_json::from_slice(&fs::read(run.lease_file()).ok()?).ok()
    }

    /// One whose supervisor is this process.
    fn of_this_process() -> Lease {
        static STARTED: OnceLock<Option<u64>> = OnceLock::new();
        let own = std::process::id() as i32;
        Lease {
            host: process::host().to_string(),
            machine: process::machine().to_string(),
            boot_id: process::boot_id().to_string(),
            supervisor: own,
            supervisor_started: *STARTED.get_or_init(|| process::Process::read(own).map(|p| p.started)),
            ..Lease::default()
        }
    }

    fn place(&self) -> Place {
        match (self.host.as_str(), self.machine.as_str()) {
            same if same != (process::host(), process::machine()) => Place::Elsewhere,
            _ if self.boot_id != process::boot_id() => Place::BeforeReboot,
            _ => Place::Here,
        }
    }

    /// True when this machine, in this start of it, holds the lease.
    pub fn is_local(&self) -> bool {
        self.place() == Place::Here
    }

    /// True when the supervisor lives. Only of a local lease.
    pub fn supervisor_is_alive(&self) -> bool {
        process::is_alive(self.supervisor, self.supervisor_started)
    }

    /// True when the run's process lives. Only of a local lease.
    pub fn process_is_alive(&self) -> bool {
        self.pid.is_some_and(|pid| process::is_alive(pid, self.pid_started))
    }

    /// True while somebody runs the run, here or, as far as the lease was touched lately, on another host.
    pub fn is_held(&self, run: &Run) -> bool {
        match self.place() {
            Place::Here => self.supervisor_is_alive() || self.process_is_alive(),
            Place::BeforeReboot => false,
            Place::Elsewhere => Found::read(run).is_some_and(|found| found.is_fresh(run)),
        }
    }

    fn every(&self) -> Duration {
        match self.every {
            0 => TOUCH_EVERY,
            // Whoever wrote it: a day is long enough.
            ms => Duration::from_millis(ms.min(86_400_000)),
        }
    }

    /// Notes in the lease that somebody asked for the stop. Nothing happens to a run without a lease.
    pub fn mark_stopping(run: &Run) -> io::Result<()> {
        match line::mark_stopping(&run.lease_file()) {
            Err(error) if meta::is_missing(&error) => Ok(()),
            other => other,
        }
    }
}

/// A lease file as it was at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    /// `None` of one that is being made, or damaged.
    lease: Option<Lease>,
    modified: SystemTime,
}

impl Found {
    /// Opening the file, as against asking for its times alone, has a network file system look at its server.
    fn read(run: &Run) -> Option<Found> {
        Found::at(&run.lease_file())
    }

    fn at(path: &std::path::Path) -> Option<Found> {
        let mut file = File::open(path).ok()?;
        let mut bytes = Vec::with_capacity(line::LENGTH);
        file.read_to_end(&mut bytes).ok()?;
        Some(Found {
            lease: serde_json::from_slice(&bytes).ok(),
            modified: file.metadata().ok()?.modified().ok()?,
        })
    }

    fn token(&self) -> &str {
        self.lease.as_ref().map_or("", |lease| &lease.token)
    }

    fn every(&self) -> Duration {
        self.lease.as_ref().map_or(TOUCH_EVERY, Lease::every)
    }

    fn stale_after(&self) -> Duration {
        self.every() * MISSED
    }

    /// Touched lately by the clock of the file system. A time to come is that of a clock that was put back: whoever
    /// lives touches the lease again soon.
    fn is_fresh(&self, run: &Run) -> bool {
        let now = age::file_time(run.home());
        let apart = match now.duration_since(self.modified) {
            Ok(age) => age,
            Err(ahead) => ahead.duration(),
        };
        apart < self.stale_after()
    }

    /// Held or not, where pids say it for sure.
    fn known(&self) -> Option<bool> {
        let lease = self.lease.as_ref()?;
        match lease.place() {
            Place::Here => Some(lease.supervisor_is_alive() || lease.process_is_alive()),
            Place::BeforeReboot => Some(false),
            Place::Elsewhere => None,
        }
    }
}
