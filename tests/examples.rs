//! The examples, run as their READMEs say. These are also the proof that a search is worth its trials: on a real
//! program it must beat random search of the same length.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value as Json;

/// An example copied to where it may be run, with an empty home.
struct Example {
    dir: tempfile::TempDir,
    home: tempfile::TempDir,
}

impl Example {
    fn new(name: &str) -> Example {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
        let dir = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(source).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
        }
        Example {
            dir,
            home: tempfile::tempdir().unwrap(),
        }
    }

    fn gage(&self, line: &str) -> Output {
        let words = shlex::split(line).unwrap();
        Command::new(PathBuf::from(env!("CARGO_BIN_EXE_gage")))
            .args(words)
            .current_dir(self.dir.path())
            .env("GAGE_HOME", self.home.path())
            .env("NO_COLOR", "1")
            .env_remove("GAGE_RUNS")
            .output()
            .unwrap()
    }

    /// Standard output of a command that must succeed.
    fn text(&self, line: &str) -> String {
        let output = self.gage(line);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            output.status.success(),
            "gage {line}\n{}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    /// The last value of `tag` of every run that has one.
    fn values(&self, tag: &str) -> Vec<f64> {
        let runs: Json = serde_json::from_str(&self.text("runs --all --json")).unwrap();
        runs.as_array()
            .unwrap()
            .iter()
            .filter_map(|r| r["scalars"][tag].as_f64())
            .collect()
    }
}

const PENGUINS: &str = "run train.py neighbours=[1:60] kernel=[flat,triangle,gauss] bandwidth=[0.2:2.0] \
                        smoothing=loguniform[0.01:10] bill_length=[0.0:5.0] bill_depth=[0.0:5.0] \
                        flipper=[0.0:5.0] mass=[0.0:5.0] species=[0.0:5.0] -N loss -m 30 -q -y";

#[test]
fn a_search_beats_random_on_eight_of_ten_seeds() {
    let best = |optimizer: &str, seed: u32| {
        let example = Example::new("penguins");
        example.text(&format!("{PENGUINS} -o {optimizer} --random-seed {seed}"));
        let values = example.values("loss");
        assert!(
            values.len() >= 15,
            "{optimizer} {seed}: only {} of 30 trials have a loss",
            values.len()
        );
        values.into_iter().fold(f64::INFINITY, f64::min)
    };
    // Two at a time: each study is a process tree of its own.
    let pairs: Vec<(f64, f64)> = std::thread::scope(|scope| {
        let halves: Vec<_> = [0, 5]
            .map(|first| {
                scope.spawn(move || {
                    (first..first + 5)
                        .map(|s| (best("gp", s), best("random", s)))
                        .collect::<Vec<_>>()
                })
            })
            .into_iter()
            .collect();
        halves.into_iter().flat_map(|h| h.join().unwrap()).collect()
    });
    let wins = pairs.iter().filter(|(gp, random)| gp < random).count();
    assert!(wins >= 8, "gp won {wins} of 10: (gp, random) {pairs:?}");
}

#[test]
fn the_penguins_are_compared() {
    let example = Example::new("penguins");
    example.text("run train.py neighbours=5 -y");
    example.text("run train.py neighbours=[9,20] --jobs 2 -y");
    let table = example.text("compare --min loss -n 2");
    assert_eq!(table.lines().count(), 3, "{table}");
    let script = std::fs::read_to_string(example.dir.path().join("train.py")).unwrap();
    assert!(
        script.contains("\nneighbours = 15\n"),
        "the project's own file was changed"
    );
    let copies = ["1", "2", "3"].map(|run| example.text(&format!("cat {run} -p train.py")));
    for value in [5, 9, 20] {
        let line = format!("\nneighbours = {value}\n");
        assert!(
            copies.iter().any(|copy| copy.contains(&line)),
            "no run with {value} neighbours"
        );
    }
}

#[test]
fn a_compressor_is_tuned_though_half_of_its_options_fail() {
    let example = Example::new("compress");
    example.text("run -O -y -m 16 --random-seed 3");
    let costs = example.values("cost");
    assert!(!costs.is_empty() && costs.iter().all(|c| *c > 0.0), "{costs:?}");
    let runs: Json = serde_json::from_str(&example.text("runs --all --json -Fo squeeze")).unwrap();
    let failed = runs
        .as_array()
        .unwrap()
        .iter()
        .filter(|r| r["status"] == "error")
        .count();
    assert_eq!(costs.len() + failed, 16, "every trial either has a cost or failed");
}

#[test]
fn a_compiled_program_is_searched_with_its_own_words() {
    let example = Example::new("tour");
    example.text("run -O -m 6 --jobs 2 --random-seed 1 -y");
    let lengths = example.values("best");
    assert_eq!(lengths.len(), 6);
    assert!(
        lengths.iter().all(|km| (10_000.0..100_000.0).contains(km)),
        "{lengths:?}"
    );
    assert!(example.text("ls 1").contains("tour.rs"));
    assert_eq!(example.text("compare --min best -n 5").lines().count(), 6);
}
