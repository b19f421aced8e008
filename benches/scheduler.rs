//! 100 000 trials on 1000 slots through virtual time, and what the scheduler keeps of them.
//! `cargo bench --bench scheduler` prints `name  value  budget  ok|over`.

use std::time::Instant;

use gage::batch::event::Rules;
use gage::batch::simulation::{Scenario, play};
use gage::executor::accidents::Plan;

fn main() {
    for (name, known) in [("grid", true), ("sequential", false)] {
        let scenario = Scenario {
            seed: 1,
            rules: Rules {
                planned: Some(100_000),
                slots: 1000,
                known,
                ..Rules::default()
            },
            accidents: Plan::default(),
            sieved: true,
            failing: 0.01,
            edits: 0,
            stops: 0,
        };
        let before = resident_mb();
        let started = Instant::now();
        let story = play(&scenario).expect("every promise is kept");
        let seconds = started.elapsed().as_secs_f64();
        report(&format!("{name}: 100 000 trials, 1000 slots (s)"), seconds, 10.0);
        report(
            &format!("{name}: memory for 1000 trials (MB)"),
            (resident_mb() - before).max(0.0) / 100.0,
            30.0,
        );
        drop(story);
    }
}

fn report(name: &str, value: f64, budget: f64) {
    let verdict = if value <= budget { "ok" } else { "over" };
    println!("{name}  {value:.3}  {budget}  {verdict}");
}

/// Resident memory of this process.
fn resident_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    let kb = line.and_then(|l| l.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
    kb.unwrap_or(f64::NAN) / 1024.0
}
