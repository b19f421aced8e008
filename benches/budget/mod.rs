//! One line a figure: `name  value  budget  ok|over`, and how long something takes.

use std::time::{Duration, Instant};

/// The median processor time of `turns` calls on this thread: steadier than the clock on a machine that others use.
pub fn median(turns: usize, mut call: impl FnMut()) -> Duration {
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

/// Prints a figure that is to be at least (`>=`) or at most (`<=`) its budget.
pub fn figure(name: &str, value: f64, sign: &str, budget: f64, unit: &str) {
    let kept = if sign == ">=" { value >= budget } else { value <= budget };
    let value = format!("{value:.1} {unit}");
    let budget = format!("{sign} {budget} {unit}");
    println!(
        "{name:<52}  {value:>14}  {budget:>16}  {}",
        if kept { "ok" } else { "over" }
    );
}
