//! Listing and comparing many runs, as whole commands. `cargo bench --bench many_runs` makes homes of 10 000 and
//! 100 000 runs (a minute, and as many small directories, below the directory of temporary files) and prints a line
//! for each figure: processor time of the command, which other work on the machine does not change.

mod budget;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use gage::scalars::Scalar;
use gage::scalars::events::Writer;
use nix::sys::resource::{UsageWho, getrusage};

fn main() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let small = dir.path().join("small");
    make_runs(&small.join("runs"), 10_000);
    command("10 000 runs: first listing, no index", &small, &["runs"], 1500.0, 1);
    settle(&small);
    command("10 000 runs: gage runs", &small, &["runs"], 35.0, 9);
    command(
        "10 000 runs: gage runs --all --json",
        &small,
        &["runs", "--all", "--json"],
        150.0,
        5,
    );
    command(
        "10 000 runs: gage compare --csv -",
        &small,
        &["compare", "--csv", "-"],
        150.0,
        5,
    );
    let large = dir.path().join("large");
    make_runs(&large.join("runs"), 100_000);
    settle(&large);
    command("100 000 runs: gage runs", &large, &["runs"], 150.0, 5);
    let peak = getrusage(UsageWho::RUSAGE_CHILDREN).map_or(f64::NAN, |usage| usage.max_rss() as f64 / 1024.0);
    budget::figure("100 000 runs: peak memory of any of these", peak, "<=", 120.0, "MB");
}

/// Runs a command until what it does is remembered: what changed within a moment is not believed the first time.
fn settle(home: &Path) {
    for _ in 0..2 {
        std::thread::sleep(std::time::Duration::from_millis(50));
        run(home, &["runs"]);
    }
}

fn run(home: &Path, args: &[&str]) {
    let status = Command::new(env!("CARGO_BIN_EXE_gage"))
        .arg("-H")
        .arg(home)
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("gage can be run");
    assert!(status.success(), "gage {args:?}");
}

fn command(name: &str, home: &Path, args: &[&str], budget: f64, turns: usize) {
    let mut times: Vec<f64> = (0..turns)
        .map(|_| {
            let begin = children_ms();
            run(home, args);
            children_ms() - begin
        })
        .collect();
    times.sort_by(f64::total_cmp);
    budget::figure(name, times[turns / 2], "<=", budget, "ms");
}

/// Processor time of all ended child processes.
fn children_ms() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the system counts processor time");
    let ms = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 * 1e3 + time.tv_usec() as f64 / 1e3;
    ms(usage.user_time()) + ms(usage.system_time())
}

/// Completed runs of one operation with three flags and two scalars. Files that are the same are linked.
fn make_runs(home: &Path, count: usize) {
    fs::create_dir_all(home).expect("space for runs");
    let shared = home.join(".shared");
    let text = |name: &str, text: &str| {
        let path = shared.join(name);
        fs::create_dir_all(&shared)
            .and_then(|()| fs::write(&path, text))
            .expect("space for runs");
    };
    for number in 0..count {
        // A file has at most 65 000 names.
        if number % 10_000 == 0 {
            let _ = fs::remove_dir_all(&shared);
            text("opref", "1 bench train.py");
            text("__schema__", "1");
            text(
                "cmd.json",
                "[\n  \"python\",\n  \"train.py\",\n  \"--lr\",\n  \"0.1\"\n]",
            );
            text("env.json", "{}");
            text("exit", "0");
            text(
                "opdef.json",
                &format!(
                    "{{\n  \"name\": \"train.py\",\n  \"description\": \"{}\"\n}}",
                    "x".repeat(2000)
                ),
            );
            text("digest.json", "\"20084a5dd8ba3d45d1d4991c6476c20a\"");
            text("project", "file:/home/someone/project");
            text("train.py", "print('loss: 0.5')\n");
        }
        make_run(home, &shared, number);
    }
    fs::remove_dir_all(&shared).expect("made above");
}

fn make_run(home: &Path, shared: &Path, number: usize) {
    let id = format!("{:08x}{number:024x}", number as u32 ^ 0x5bd1_e995);
    let meta = home.join(format!("{id}.meta"));
    let made = || -> std::io::Result<()> {
        fs::create_dir_all(meta.join("proc"))?;
        fs::create_dir(meta.join("sys"))?;
        fs::create_dir(home.join(&id))?;
        fs::create_dir(home.join(format!("{id}.user")))?;
        let link = |name: &str, to: std::path::PathBuf| fs::hard_link(shared.join(name), to);
        for name in ["opref", "__schema__", "opdef.json"] {
            link(name, meta.join(name))?;
        }
        for name in ["cmd.json", "env.json", "exit"] {
            link(name, meta.join("proc").join(name))?;
        }
        link("digest.json", meta.join("sys/sourcecode_digest.json"))?;
        link("project", home.join(format!("{id}.project")))?;
        link("train.py", home.join(&id).join("train.py"))?;
        let time = 1_790_000_000_000_000 + number as i64 * 1_000_000;
        fs::write(meta.join("initialized"), time.to_string())?;
        fs::write(meta.join("started"), (time + 1000).to_string())?;
        fs::write(meta.join("stopped"), (time + 900_000).to_string())?;
        let lr = 1.0 / (1.0 + number as f64);
        fs::write(
            meta.join("config.json"),
            format!(
                "{{\n  \"act\": \"relu\",\n  \"layers\": {},\n  \"lr\": {lr}\n}}",
                number % 8
            ),
        )?;
        let label = format!("act=relu layers={} lr={lr}", number % 8);
        let change = format!(
            "{{\n  \"author\": \"me\",\n  \"delete\": [],\n  \"set\": {{\n    \"label\": \"{label}\"\n  }},\n  \"timestamp\": {time}\n}}"
        );
        fs::write(home.join(format!("{id}.user/{time:016x}-1-0.json")), change)?;
        let mut writer = Writer::new(meta.join("scalars"));
        for step in 0..3 {
            for tag in ["loss", "acc"] {
                let scalar = Scalar {
                    tag: tag.into(),
                    step,
                    value: lr / (1.0 + step as f64),
                };
                writer.add(&scalar, 1.79e9)?;
            }
        }
        writer.flush()
    };
    made().expect("space for a run");
}
