//! What the system knows of processes: who is alive, since when, whose child. Reads `/proc`; signals nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::sync::OnceLock;

/// A line of `/proc/PID/stat`, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    pub pid: i32,
    /// The state letter; `Z` is a zombie.
    pub state: u8,
    pub parent: i32,
    pub group: i32,
    pub session: i32,
    /// Clock ticks since the machine was started. With the boot id it tells a process from a later one of the
    /// same pid.
    pub started: u64,
}

impl Process {
    /// The process of this pid; `None` when there is none.
    pub fn read(pid: i32) -> Option<Process> {
        // One read gives the whole line, which is never longer than this.
        let mut line = [0; 1024];
        let length = fs::File::open(format!("/proc/{pid}/stat")).ok()?.read(&mut line).ok()?;
        parse(&line[..length])
    }

    /// Neither gone nor a zombie.
    pub fn is_alive(&self) -> bool {
        !matches!(self.state, b'Z' | b'X' | b'x')
    }
}

/// True when a process of this pid lives and, if `started` is known, is the one that was started then.
pub fn is_alive(pid: i32, started: Option<u64>) -> bool {
    Process::read(pid).is_some_and(|p| p.is_alive() && started.is_none_or(|s| s == p.started))
}

fn parse(stat: &[u8]) -> Option<Process> {
    // The name is in parentheses and may hold anything, parentheses and blanks included.
    let open = stat.iter().position(|&b| b == b'(')?;
    let close = stat.iter().rposition(|&b| b == b')')?;
    let pid = std::str::from_utf8(&stat[..open]).ok()?.trim().parse().ok()?;
    let rest = std::str::from_utf8(stat.get(close + 1..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let state = *fields.next()?.as_bytes().first()?;
    let parent = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    let session = fields.next()?.parse().ok()?;
    // Field 22 of the line; the state was field 3.
    let started = fields.nth(15)?.parse().ok()?;
    Some(Process {
        pid,
        state,
        parent,
        group,
        session,
        started,
    })
}

/// All processes that can be seen.
pub fn all() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(Process::read)
        .collect()
}

/// What is in the environment of a gage that goes on in the background, whoever started it.
pub const DETACHED: (&str, &str) = ("RUN_ID", "");

/// `root` and all its descendants among `all`, but for what was started to go on in the background.
pub fn tree(root: i32, all: &[Process]) -> BTreeSet<i32> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for p in all {
        children.entry(p.parent).or_default().push(p.pid);
    }
    let leads_session: BTreeSet<i32> = all.iter().filter(|p| p.session == p.pid).map(|p| p.pid).collect();
    let entry = format!("{}={}", DETACHED.0, DETACHED.1);
    let is_detached = |pid: i32| leads_session.contains(&pid) && has_environment(pid, &entry);
    let mut found = BTreeSet::from([root]);
    let mut next = vec![root];
    while let Some(pid) = next.pop() {
        for &child in children.get(&pid).into_iter().flatten() {
            if !is_detached(child) && found.insert(child) {
                next.push(child);
            }
        }
    }
    found
}

/// True when the environment that process was started with holds `entry` (`NAME=VALUE`).
pub fn has_environment(pid: i32, entry: &str) -> bool {
    fs::read(format!("/proc/{pid}/environ")).is_ok_and(|bytes| bytes.split(|&b| b == 0).any(|e| e == entry.as_bytes()))
}

/// True when the environment that process was started with holds another value for the name of `entry`.
pub fn has_other_environment(pid: i32, entry: &str) -> bool {
    let name = &entry[..entry.find('=').map_or(entry.len(), |i| i + 1)];
    fs::read(format!("/proc/{pid}/environ")).is_ok_and(|bytes| {
        let mut values = bytes.split(|&b| b == 0).filter(|e| e.starts_with(name.as_bytes()));
        values.next().is_some_and(|e| e != entry.as_bytes())
    })
}

/// Identifies this start of the machine: a pid and start time mean nothing beyond it.
pub fn boot_id() -> &'static str {
    static BOOT_ID: OnceLock<String> = OnceLock::new();
    BOOT_ID.get_or_init(|| {
        let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        text.trim().to_string()
    })
}

/// Name of this machine. `GAGE_HOST` tells machines apart that call themselves the same.
pub fn host() -> &'static str {
    static HOST: OnceLock<String> = OnceLock::new();
    HOST.get_or_init(|| {
        let given = std::env::var("GAGE_HOST").ok().filter(|name| !name.trim().is_empty());
        given.unwrap_or_else(|| {
            nix::unistd::gethostname()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default()
        })
    })
}

/// Where a pid of this process means something: the machine, beyond its name, and the space of pids on it, of which
/// containers have their own. The same before and after a reboot.
pub fn machine() -> &'static str {
    static MACHINE: OnceLock<String> = OnceLock::new();
    MACHINE.get_or_init(|| {
        let id = fs::read_to_string("/etc/machine-id").unwrap_or_default();
        let pids = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        format!("{}/{}", id.trim(), digits(&pids.to_string_lossy()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_lines_are_read_whatever_the_name() {
        let line = b"42 (a) b (c)) S 7 40 39 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 99123 1000 10";
        let p = parse(line).unwrap();
        assert_eq!((p.pid, p.state, p.parent, p.group), (42, b'S', 7, 40));
        assert_eq!((p.session, p.started), (39, 99123));
        assert_eq!(parse(b"42 (x"), None);
        assert_eq!(parse(b""), None);
    }

    #[test]
    fn this_process_is_alive_and_no_other_of_its_pid() {
        let me = Process::read(std::process::id() as i32).unwrap();
        assert!(is_alive(me.pid, Some(me.started)));
        assert!(!is_alive(me.pid, Some(me.started + 1)));
        assert!(is_alive(me.pid, None));
        assert!(!is_alive(i32::MAX, None));
    }

    #[test]
    fn a_zombie_is_not_alive() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id() as i32;
        let gone = (0..2000).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(5));
            !is_alive(pid, None)
        });
        assert!(gone);
        assert!(Process::read(pid).is_some(), "a zombie still has an entry");
        child.wait().unwrap();
    }

    #[test]
    fn trees_hold_descendants_only() {
        let p = |pid, parent| Process {
            pid,
            state: b'S',
            parent,
            group: 1,
            session: 1,
            started: 0,
        };
        let all = [p(2, 1), p(3, 2), p(4, 3), p(5, 1), p(6, 5)];
        assert_eq!(tree(2, &all), BTreeSet::from([2, 3, 4]));
        assert_eq!(tree(9, &all), BTreeSet::from([9]));
    }

    #[test]
    fn environments_are_matched_whole() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .env("RUN_ID", "abc")
            .spawn()
            .unwrap();
        let pid = child.id() as i32;
        // The new program's environment is in place a moment after the spawn.
        let found = (0..2000).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(1));
            has_environment(pid, "RUN_ID=abc")
        });
        assert!(found);
        assert!(!has_environment(pid, "RUN_ID=ab"));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
