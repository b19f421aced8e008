//! How much memory the processes of a run take together. Reads `/proc`; kills nobody. Cheap enough to be asked ten
//! times a second, and never more than a fiftieth of the time.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::process;

/// Shortest time between two looks.
const SHORTEST: Duration = Duration::from_millis(100);
/// A look may take this part of the time.
const SHARE: u32 = 50;

/// Watches the memory of a run.
pub(crate) struct Gauge {
    /// Bytes.
    pub limit: u64,
    leader: i32,
    /// Whose other descendants are the run's as well.
    adopter: Option<i32>,
    next: Instant,
}

impl Gauge {
    pub fn new(limit: u64, leader: i32, adopter: Option<i32>) -> Gauge {
        Gauge {
            limit,
            leader,
            adopter,
            next: Instant::now(),
        }
    }

    /// When it is next to be asked.
    pub fn due(&self) -> Instant {
        self.next
    }

    /// Bytes in use, if that is more than the limit. Does nothing when it is not due.
    pub fn excess(&mut self) -> Option<u64> {
        let began = Instant::now();
        if began < self.next {
            return None;
        }
        let members = members(self.leader, self.adopter);
        let counted: u64 = members.iter().filter_map(|pid| resident(*pid)).sum();
        let used = match counted > self.limit {
            // Pages that several processes share were counted for each: a closer look, which is seldom needed.
            true => members
                .iter()
                .filter_map(|pid| proportional(*pid).or_else(|| resident(*pid)))
                .sum(),
            false => counted,
        };
        self.next = Instant::now() + (began.elapsed() * SHARE).max(SHORTEST);
        (used > self.limit).then_some(used)
    }
}

/// The leader's tree, and what else descends from the adopter.
fn members(leader: i32, adopter: Option<i32>) -> BTreeSet<i32> {
    let mut found = match has_children_files() {
        true => descendants(&[leader].into_iter().chain(adopter).collect::<Vec<_>>()),
        false => {
            let all = process::all();
            let mut found = process::tree(leader, &all);
            found.extend(adopter.map(|pid| process::tree(pid, &all)).unwrap_or_default());
            found
        }
    };
    if let Some(adopter) = adopter {
        found.remove(&adopter);
    }
    found
}

/// Kernels can be built without these files.
fn has_children_files() -> bool {
    static HAS: OnceLock<bool> = OnceLock::new();
    *HAS.get_or_init(|| fs::metadata("/proc/thread-self/children").is_ok())
}

/// The roots and everything below them, without a look at all processes of the machine.
fn descendants(roots: &[i32]) -> BTreeSet<i32> {
    let mut found: BTreeSet<i32> = roots.iter().copied().collect();
    let mut next: Vec<i32> = roots.to_vec();
    let mut text = String::new();
    while let Some(pid) = next.pop() {
        // Each thread has its own children.
        for task in fs::read_dir(format!("/proc/{pid}/task"))
            .into_iter()
            .flatten()
            .flatten()
        {
            text.clear();
            let file = fs::File::open(task.path().join("children"));
            if file.and_then(|mut file| file.read_to_string(&mut text)).is_err() {
                continue;
            }
            for child in text.split_ascii_whitespace().filter_map(|word| word.parse().ok()) {
                if found.insert(child) {
                    next.push(child);
                }
            }
        }
    }
    found
}

/// Bytes of resident memory, those shared with other processes included.
fn resident(pid: i32) -> Option<u64> {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(pages * page_size())
}

/// Bytes of resident memory, a page shared by n processes counted as an nth.
fn proportional(pid: i32) -> Option<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib * 1024)
}

fn page_size() -> u64 {
    static SIZE: OnceLock<u64> = OnceLock::new();
    *SIZE.get_or_init(|| {
        /// `AT_PAGESZ`
        const KEY: usize = 6;
        let auxv = fs::read("/proc/self/auxv").unwrap_or_default();
        let word = |bytes: &[u8]| usize::from_ne_bytes(bytes.try_into().expect("chunks of one word"));
        let mut words = auxv.chunks_exact(size_of::<usize>()).map(word);
        while let (Some(key), Some(value)) = (words.next(), words.next()) {
            if key == KEY {
                return value as u64;
            }
        }
        4096
    })
}

#[cfg(test)]
mod tests {
    use std::io::BufRead;
    use std::process::{Command, Stdio};

    use super::*;

    const MIB: u64 = 1024 * 1024;

    /// A Python program that has printed a line.
    fn python(script: &str) -> std::process::Child {
        let mut child = Command::new("python3")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        std::io::BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        child
    }

    fn end(mut child: std::process::Child) {
        drop(child.stdin.take());
        child.wait().unwrap();
    }

    #[test]
    fn a_tree_is_measured_whole() {
        // A child, started by another thread, holds the memory.
        let child = python(
            "import subprocess, sys, threading\n\
             code = 'import sys; b = bytearray(100 << 20); print(len(b), flush=True); sys.stdin.read()'\n\
             def start():\n    global p; p = subprocess.Popen([sys.executable, '-c', code])\n\
             t = threading.Thread(target=start); t.start(); t.join(); p.wait()",
        );
        let pid = child.id() as i32;
        let used = Gauge::new(0, pid, None).excess().unwrap();
        assert!(used > 100 * MIB && used < 200 * MIB, "{used}");
        assert_eq!(Gauge::new(200 * MIB, pid, None).excess(), None);
        let all = process::all();
        assert!(process::tree(pid, &all).is_subset(&descendants(&[pid])));
        end(child);
        assert_eq!(Gauge::new(0, pid, None).excess(), None, "it is gone");
    }

    #[test]
    fn what_processes_share_counts_once() {
        let child = python(
            "import os, sys\n\
             b = bytearray(100 << 20)\n\
             for _ in range(4):\n    if os.fork() == 0: sys.stdin.read(); os._exit(0)\n\
             print(flush=True); sys.stdin.read()",
        );
        let pid = child.id() as i32;
        let counted: u64 = members(pid, None).iter().filter_map(|pid| resident(*pid)).sum();
        assert!(counted > 400 * MIB, "{counted}");
        assert_eq!(Gauge::new(200 * MIB, pid, None).excess(), None);
        end(child);
    }

    #[test]
    fn looks_take_a_small_part_of_the_time() {
        let mut gauge = Gauge::new(u64::MAX, std::process::id() as i32, None);
        gauge.excess();
        assert!(gauge.due() > Instant::now() + SHORTEST / 2);
        assert_eq!(gauge.excess(), None);
        assert!(page_size() >= 4096);
    }
}
