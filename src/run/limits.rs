//! What a run may use, and what it is called when it used more. The limits are in the run itself, so that they hold
//! whoever supervises it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Run, RunError, RunSpec, error::During, meta};

/// Attribute that holds the limits.
const LIMITS: &str = "limits";
/// Attribute of a run that went beyond one.
const EXCEEDED: &str = "exceeded";

/// Limits of one run.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Seconds from the start of its program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<f64>,
    /// Bytes of resident memory of all its processes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
}

impl Limits {
    /// True when there is none.
    pub fn is_none(&self) -> bool {
        *self == Limits::default()
    }

    /// Gives a run these limits, before it is made.
    pub fn write_to(&self, spec: &mut RunSpec) {
        if !self.is_none() {
            let limits = serde_json::to_value(self).expect("limits are plain numbers");
            spec.attrs.insert(LIMITS.into(), limits);
        }
    }

    /// The limits of a run. What cannot be read limits nothing, and is said.
    pub(crate) fn of(run: &Run) -> Result<Limits, String> {
        let path = run.meta(&format!("sys/{LIMITS}.json"));
        let limits = meta::read_json(&path).and_then(|json| match json {
            None => Ok(Limits::default()),
            Some(json) => serde_json::from_value(json).map_err(|error| error.to_string()),
        });
        limits.map_err(|reason| format!("cannot read {}: {reason}", path.display()))
    }

    pub(crate) fn time(&self) -> Option<Duration> {
        let seconds = self.timeout.filter(|s| s.is_finite() && *s > 0.0);
        seconds.map(|seconds| Duration::from_secs_f64(seconds.min(1e9)))
    }
}

/// The limit that a run went beyond. It then failed, with an exit code of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exceeded {
    Timeout,
    Memory,
}

impl Exceeded {
    /// The word of lists, attributes and journals.
    pub fn as_str(self) -> &'static str {
        match self {
            Exceeded::Timeout => "timeout",
            Exceeded::Memory => "memory",
        }
    }

    /// The limit of that word.
    pub fn named(word: &str) -> Option<Exceeded> {
        [Exceeded::Timeout, Exceeded::Memory]
            .into_iter()
            .find(|limit| limit.as_str() == word)
    }

    /// The exit code of such a run: that of `timeout(1)`, and what a shell gives for a killed program.
    pub fn exit_code(self) -> i32 {
        match self {
            Exceeded::Timeout => 124,
            Exceeded::Memory => 137,
        }
    }

    /// The limit that a run went beyond, if it ended by that.
    pub fn of(run: &Run) -> Option<Exceeded> {
        let json = meta::read_json(&run.meta(&format!("sys/{EXCEEDED}.json")));
        serde_json::from_value(json.ok().flatten()?).ok()
    }

    /// The same, for a run of which only the exit code is known: others need no file to be read.
    pub fn of_exit(run: &Run, code: i64) -> Option<Exceeded> {
        matches!(code, 124 | 137).then(|| Exceeded::of(run)).flatten()
    }

    pub(crate) fn record(self, run: &Run) -> Result<(), RunError> {
        let path = run.meta(&format!("sys/{EXCEEDED}.json"));
        // A run without any attribute has no directory for them.
        let _ = std::fs::create_dir(run.meta("sys"));
        meta::write(&path, meta::json_text(self.as_str()).as_bytes()).during("write", &path)
    }

    /// The file that tells it, to be removed when the run is started again.
    pub(crate) const FILE: &str = "sys/exceeded.json";
}

/// By how much.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Excess {
    pub limit: Exceeded,
    /// Seconds or bytes.
    pub allowed: f64,
    /// What it was when it was noticed.
    pub used: f64,
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.limit {
            Exceeded::Timeout => write!(f, "it ran longer than {}", seconds(self.allowed)),
            Exceeded::Memory => write!(
                f,
                "it used more memory than {} ({})",
                bytes(self.allowed),
                bytes(self.used)
            ),
        }
    }
}

/// `90s`, `1.5s`, `2h`: the largest unit that gives a whole number.
pub fn seconds(seconds: f64) -> String {
    for (unit, size) in [("d", 86_400.0), ("h", 3600.0), ("m", 60.0)] {
        if seconds >= size && seconds % size == 0.0 {
            return format!("{}{unit}", seconds / size);
        }
    }
    format!("{seconds}s")
}

/// `1.5 GiB`, with at most two decimals.
pub fn bytes(bytes: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let power = (0..units.len())
        .rev()
        .find(|p| bytes >= 1024f64.powi(*p as i32))
        .unwrap_or(0);
    let text = format!("{:.2}", bytes / 1024f64.powi(power as i32));
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text} {}", units[power])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_said_shortly() {
        let said: Vec<String> = [0.5, 90.0, 120.0, 7200.0, 86_400.0].map(seconds).into();
        assert_eq!(said, ["0.5s", "90s", "2m", "2h", "1d"]);
        let gib = 1024.0 * 1024.0 * 1024.0;
        let said: Vec<String> = [0.0, 1023.0, 1024.0, 1.5 * gib, 1.234 * gib, 9000.0 * gib]
            .map(bytes)
            .into();
        assert_eq!(said, ["0 B", "1023 B", "1 KiB", "1.5 GiB", "1.23 GiB", "8.79 TiB"]);
        let excess = Excess {
            limit: Exceeded::Memory,
            allowed: gib,
            used: 1.2 * gib,
        };
        assert_eq!(excess.to_string(), "it used more memory than 1 GiB (1.2 GiB)");
    }

    #[test]
    fn a_run_keeps_its_limits_and_what_it_exceeded() {
        let home = tempfile::tempdir().unwrap();
        let limits = Limits {
            timeout: Some(1.5),
            memory: Some(1 << 30),
        };
        let mut spec = RunSpec::default();
        Limits::default().write_to(&mut spec);
        assert!(spec.attrs.is_empty());
        limits.write_to(&mut spec);
        let run = crate::run::create(home.path(), &spec).unwrap();
        assert_eq!(Limits::of(&run), Ok(limits));
        assert_eq!(limits.time(), Some(Duration::from_millis(1500)));
        assert_eq!(Exceeded::of(&run), None);
        Exceeded::Timeout.record(&run).unwrap();
        assert_eq!(Exceeded::of_exit(&run, 124), Some(Exceeded::Timeout));
        assert_eq!(Exceeded::of_exit(&run, 1), None);
        std::fs::remove_file(run.meta("sys/limits.json")).unwrap();
        std::fs::write(run.meta("sys/limits.json"), "[").unwrap();
        assert!(Limits::of(&run).is_err());
    }
}
