//! Event files between gage and TensorBoard, both ways.

use std::path::Path;
use std::process::Command;

use gage::scalars::events::{self, End, Writer};
use gage::scalars::{Scalar, of_run};

fn values(name: &str) -> Vec<(String, i64, f64)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/events")
        .join(name);
    let mut values = Vec::new();
    let end = events::read(&path, |event| {
        values.push((event.tag.into_owned(), event.step, event.value))
    })
    .unwrap();
    assert_eq!(end, End::Whole);
    values
}

fn list(values: &[(&str, i64, f64)]) -> Vec<(String, i64, f64)> {
    values
        .iter()
        .map(|(tag, step, value)| (tag.to_string(), *step, *value))
        .collect()
}

/// The files were made by TensorBoard's writer; see `make.py` beside them.
#[test]
fn reads_what_tensorboard_writes() {
    assert_eq!(
        values("v1.tfevents.bin"),
        list(&[("loss", 0, 0.1), ("loss", 1, 0.05), ("acc", 2, 3.0)])
    );
    assert_eq!(
        values("v2.tfevents.bin"),
        list(&[
            ("loss", 0, 0.1),
            ("double", 1, 0.123456789012),
            ("int", 2, -7.0),
            ("long", 3, 1_099_511_627_776.0),
            ("half", 4, 1.5),
            ("one", 5, 2.5),
        ])
    );
}

/// What the program printed comes back digit for digit, from the same file that TensorBoard reads.
#[test]
fn doubles_survive() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(dir.path().join("m/scalars"));
    let numbers = [0.1, 0.123456789012345, 1e300, -1e-310, 3.0, f64::INFINITY];
    for (step, value) in numbers.into_iter().enumerate() {
        let scalar = Scalar {
            tag: "x".into(),
            step: step as i64,
            value,
        };
        writer.add(&scalar, 1e9).unwrap();
    }
    writer.flush().unwrap();
    let file = std::fs::read_dir(dir.path().join("m/scalars"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mut back = Vec::new();
    events::read(&file, |event| back.push(event.value)).unwrap();
    assert_eq!(back, numbers);
    let (summaries, warnings) = of_run(&dir.path().join("r"), &dir.path().join("m"));
    assert_eq!(
        (summaries[0].min_val, summaries[0].count, warnings.len()),
        (-1e-310, 6, 0)
    );

    // With a Python that has TensorBoard in GAGE_TENSORBOARD_PYTHON, its own reader must agree.
    if let Some(python) = std::env::var_os("GAGE_TENSORBOARD_PYTHON") {
        let script = "import sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1]); events.Reload()
print([(e.step, e.value) for e in events.Scalars('x')])";
        let output = Command::new(python)
            .args(["-c", script])
            .arg(dir.path().join("m/scalars"))
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let expected = "[(0, 0.10000000149011612), (1, 0.12345679104328156), (2, inf), (3, -0.0), (4, 3.0), (5, inf)]";
        assert_eq!(text.trim(), expected, "{}", String::from_utf8_lossy(&output.stderr));
    }
}
