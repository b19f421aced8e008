//! How fast output is read for scalars, and event files are read back. The budgets are those of
//! `docs/performance.md`; `cargo bench --bench scalars` prints a line for each.

mod budget;

use std::hint::black_box;
use std::time::{Duration, Instant};

use gage::scalars::events::{self, Writer};
use gage::scalars::{Patterns, Scalar, Scanner};

fn main() {
    let dense = lines(1);
    scan("default patterns, every line a scalar", &dense, 150.0);
    scan("default patterns, one line in ten", &lines(10), 800.0);
    event_files();
}

/// 64 MiB of what a training prints: in `every` lines one value.
fn lines(every: usize) -> Vec<u8> {
    let mut text = Vec::new();
    let mut number = 0usize;
    while text.len() < 64 << 20 {
        let line = if number.is_multiple_of(every) {
            let tag = ["loss", "val_loss", "accuracy"][number / every % 3];
            format!("{tag}: {:.6}\n", 1.0 / (1.0 + number as f64))
        } else {
            format!("[{number:>7}] Epoch 3/10: batch {number} of 60000, 12.3 samples/s, eta 0:01:23\n")
        };
        text.extend_from_slice(line.as_bytes());
        number += 1;
    }
    text
}

/// Reads the text in pieces as they come through a pipe.
fn scan(name: &str, text: &[u8], budget: f64) {
    let time = median(5, || {
        let mut scanner = Scanner::new(Patterns::new(None, ["lr", "epochs"]).expect("the default patterns").0);
        let mut scalars = Vec::new();
        for piece in text.chunks(64 * 1024) {
            scanner.feed(0, piece, &mut scalars);
            black_box(&scalars);
            scalars.clear();
        }
    });
    budget::figure(name, text.len() as f64 / time.as_secs_f64() / 1e6, ">=", budget, "MB/s");
}

fn event_files() {
    for (name, digits) in [("event file, float32 values", false), ("event file, doubles", true)] {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut writer = Writer::new(dir.path());
        let count = 1_000_000;
        for step in 0..count {
            let value = 1.0 / (1.0 + step as f64);
            let scalar = Scalar {
                tag: ["loss", "val_loss", "accuracy"][step % 3].into(),
                step: step as i64,
                value: if digits { value } else { (value * 1e4).round() / 1e4 },
            };
            writer.add(&scalar, 1.7e9).expect("space for an event file");
        }
        writer.flush().expect("space for an event file");
        let file = std::fs::read_dir(dir.path())
            .expect("the directory")
            .flatten()
            .next()
            .expect("the file")
            .path();
        let bytes = std::fs::metadata(&file).expect("the file").len();
        let time = median(5, || {
            let mut sum = 0.0;
            events::read(&file, |event| sum += event.value).expect("the file");
            black_box(sum);
        });
        budget::figure(name, bytes as f64 / time.as_secs_f64() / 1e6, ">=", 300.0, "MB/s");
    }
}

/// The median processor time of `turns` calls on this thread: steadier than the clock on a machine that others use.
fn median(turns: usize, mut call: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..turns)
        .map(|_| {
            let begin = (processor_time(), Instant::now());
            call();
            match (begin.0, processor_time()) {
                (Some(begin), Some(end)) => end.saturating_sub(begin),
                _ => begin.1.elapsed(),
            }
        })
        .collect();
    times.sort();
    times[turns / 2]
}

/// What this thread has used so far, where the system tells.
fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
}
