//! Output summary: what a run says of itself at its end, in a file `summary.json` or in its output. Numbers are
//! metrics, the rest attributes.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};

use serde_json::{Map, Value as Json, json};

use super::error::During;
use super::facts::Facts;
use super::{Run, RunError, meta};

/// A summary is at the end of the output: no more than this many bytes are looked at.
const TAIL: u64 = 1 << 20;

/// Stores the summary of a run, if it made one.
pub(crate) fn record(run: &Run, facts: &Facts) -> Result<(), RunError> {
    let wanted = facts.opdef.output_summary.as_ref();
    if wanted == Some(&Json::Bool(false)) {
        return Ok(());
    }
    let pattern = wanted.and_then(Json::as_str);
    let Some(summary) = from_file(run).or_else(|| from_output(&tail(run)?, pattern)) else {
        return Ok(());
    };
    let path = run.meta("summary.json");
    meta::write(&path, meta::json_text(&summary).as_bytes()).during("write", &path)
}

fn from_file(run: &Run) -> Option<Json> {
    let path = run.dir().join("summary.json");
    // A summary of more than a megabyte, or a FIFO of that name, is something else.
    let about = fs::metadata(&path).ok().filter(|m| m.is_file() && m.len() <= TAIL)?;
    let text = (about.len() > 0).then(|| fs::read(&path).ok())??;
    sections(serde_json::from_slice(&text).ok()?)
}

fn tail(run: &Run) -> Option<String> {
    let mut file = File::open(run.meta("output/40_run")).ok()?;
    let size = file.metadata().ok()?.len();
    if size == 0 {
        return None;
    }
    file.seek(SeekFrom::Start(size.saturating_sub(TAIL))).ok()?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The summary in an output: what the first group of `pattern` matches, else the last block between
/// `--- summary ---` and `---`, else the whole output if it is a summary in JSON.
fn from_output(output: &str, pattern: Option<&str>) -> Option<Json> {
    if let Some(pattern) = pattern {
        // A pattern that does not compile was refused with the operations file; here it finds nothing.
        let regex = regex::RegexBuilder::new(pattern).multi_line(true).build().ok()?;
        let found = regex.captures_iter(output).last()?;
        return block(found.get(1).or_else(|| found.get(0))?.as_str());
    }
    let mut last = None;
    let mut open: Option<String> = None;
    for line in output.lines() {
        match (line.trim_end(), &mut open) {
            ("--- summary ---", _) => open = Some(String::new()),
            ("---", Some(_)) => last = open.take(),
            (line, Some(text)) => {
                text.push_str(line);
                text.push('\n');
            }
            _ => {}
        }
    }
    match last {
        Some(text) => block(&text),
        None if output.trim_start().starts_with('{') => sections(serde_json::from_str(output.trim()).ok()?),
        None => None,
    }
}

/// Lines `key: value`, or JSON.
fn block(text: &str) -> Option<Json> {
    if let Ok(json @ Json::Object(_)) = serde_json::from_str(text) {
        return sections(json);
    }
    let (mut metrics, mut attributes) = (Map::new(), Map::new());
    for line in text.lines() {
        let Some((key, value)) = line.split_once(':') else {
            continue;
        };
        let (key, value) = (key.trim().to_string(), value.trim());
        match serde_json::from_str::<Json>(value) {
            Ok(number @ Json::Number(_)) => metrics.insert(key, number),
            _ => attributes.insert(key, value.into()),
        };
    }
    sections(json!({"metrics": metrics, "attributes": attributes}))
}

/// The sections that hold something; `None` if none does.
fn sections(json: Json) -> Option<Json> {
    let mut found = Map::new();
    for name in ["metrics", "attributes", "run"] {
        if let Some(Json::Object(section)) = json.get(name)
            && !section.is_empty()
        {
            found.insert(name.to_string(), Json::Object(section.clone()));
        }
    }
    (!found.is_empty()).then_some(Json::Object(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_whole_outputs() {
        let out = "x\n--- summary ---\nloss: 0.5\nname: a b\nbad\n---\ny\n";
        let want = json!({"metrics": {"loss": 0.5}, "attributes": {"name": "a b"}});
        assert_eq!(from_output(out, None), Some(want));
        let out = r#"{"metrics": {"loss": 1}, "attributes": {}, "other": 1}"#;
        assert_eq!(from_output(out, None), Some(json!({"metrics": {"loss": 1}})));
        for nothing in [
            "loss: 1\n",
            "{}",
            "--- summary ---\nloss: 1\n",
            "--- summary ---\n---\n",
            "{\"a\": 1}",
        ] {
            assert_eq!(from_output(nothing, None), None, "{nothing}");
        }
    }

    #[test]
    fn a_pattern_of_the_operation_selects_the_block() {
        let out = "result loss: 2\nresult loss: 3\n";
        assert_eq!(
            from_output(out, Some("^result (.*)$")),
            Some(json!({"metrics": {"loss": 3}}))
        );
        assert_eq!(from_output(out, Some("(")), None);
    }

    #[test]
    fn the_file_goes_before_the_output_and_false_is_off() {
        let home = tempfile::tempdir().unwrap();
        let run = Run::new(home.path(), "abc");
        fs::create_dir_all(run.dir()).unwrap();
        fs::create_dir_all(run.meta("output")).unwrap();
        fs::write(run.meta("output/40_run"), "--- summary ---\na: 1\n---\n").unwrap();
        let mut facts = Facts::default();
        facts.opdef.output_summary = Some(json!(false));
        record(&run, &facts).unwrap();
        assert!(!run.meta("summary.json").exists());
        facts.opdef.output_summary = None;
        record(&run, &facts).unwrap();
        assert!(
            fs::read_to_string(run.meta("summary.json"))
                .unwrap()
                .contains("\"a\": 1")
        );
        fs::write(run.dir().join("summary.json"), r#"{"metrics": {"b": 2}}"#).unwrap();
        record(&run, &facts).unwrap();
        assert!(
            fs::read_to_string(run.meta("summary.json"))
                .unwrap()
                .contains("\"b\": 2")
        );
    }
}
