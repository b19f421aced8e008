//! Scalars and attributes that a program prints, recorded as they come. What a line must look like is said by
//! `scalars`; the event file is made with the first value.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::error::reason;
use super::facts::Facts;
use super::output::{Lines, Stream};
use super::{Run, clock, meta};
use crate::scalars::events::Writer;
use crate::scalars::patterns::{Attributes, Patterns};
use crate::scalars::{Scalar, Scanner};

/// How long a value may wait to be seen by readers of the file.
const FLUSH_EVERY: Duration = Duration::from_millis(500);
/// A program that prints more attributes than this does not mean them.
const MOST_ATTRIBUTES: usize = 1000;

/// Records what one run prints.
pub(crate) struct Recorder {
    scanner: Scanner,
    writer: Writer,
    found: Vec<Scalar>,
    /// When values were first kept back.
    unflushed: Option<Instant>,
    /// Why values could not be written.
    failed: Option<String>,
    attributes: Option<Attributes>,
    lines: [Lines; 2],
    values: BTreeMap<String, String>,
}

impl Recorder {
    /// A recorder as the run's operation wants it, and warnings about its patterns.
    pub(crate) fn new(run: &Run, facts: &Facts) -> (Recorder, Vec<String>) {
        let mut warnings = Vec::new();
        let flags = facts.flags.keys().map(String::as_str);
        // What cannot be used at all was refused with the operations file; a run that is there is not stopped by it.
        let (patterns, warned) = Patterns::new(facts.opdef.output_scalars.as_ref(), flags).unwrap_or_else(|error| {
            warnings.push(error.to_string());
            Patterns::new(Some(&false.into()), []).expect("no patterns at all")
        });
        warnings.extend(warned);
        let (attributes, warned) = match Attributes::new(facts.opdef.output_attrs.as_ref()) {
            Ok((attributes, warned)) => (Some(attributes).filter(|a| !a.is_empty()), warned),
            Err(error) => (None, vec![error.to_string()]),
        };
        warnings.extend(warned);
        let recorder = Recorder {
            scanner: Scanner::new(patterns),
            writer: Writer::new(run.meta("scalars")),
            found: Vec::new(),
            unflushed: None,
            failed: None,
            attributes,
            lines: Default::default(),
            values: BTreeMap::new(),
        };
        (recorder, warnings)
    }

    /// Takes output. `each` is told every scalar. The first failure to write is given back, once.
    pub(crate) fn push(&mut self, stream: Stream, bytes: &[u8], each: &mut dyn FnMut(&Scalar)) -> Option<String> {
        self.scanner.feed(stream as usize, bytes, &mut self.found);
        if let Some(attributes) = &self.attributes {
            let values = &mut self.values;
            self.lines[stream as usize].push(bytes, &mut |line| set(attributes, line, values));
        }
        self.record(each)
    }

    /// Takes the last lines, which had no line end.
    pub(crate) fn finish(&mut self, each: &mut dyn FnMut(&Scalar)) -> Option<String> {
        self.scanner.finish(&mut self.found);
        if let Some(attributes) = &self.attributes {
            for lines in &mut self.lines {
                let values = &mut self.values;
                lines.finish(&mut |line| set(attributes, line, values));
            }
        }
        let problem = self.record(each);
        problem.or_else(|| self.flush())
    }

    /// Why values of this run are missing, if any are.
    pub(crate) fn failed(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    /// How long until [`Recorder::tick`] has something to do.
    pub(crate) fn due_in(&self) -> Option<Duration> {
        self.unflushed.map(|since| FLUSH_EVERY.saturating_sub(since.elapsed()))
    }

    /// Lets readers see what was kept back long enough.
    pub(crate) fn tick(&mut self) -> Option<String> {
        match self.due_in() {
            Some(Duration::ZERO) => self.flush(),
            _ => None,
        }
    }

    /// Stores the attributes that were printed; names that mean something to gage are not theirs to set.
    pub(crate) fn store_attributes(&mut self, run: &Run) -> Result<(), String> {
        let sys = run.meta("sys");
        for (name, value) in std::mem::take(&mut self.values) {
            let path = sys.join(format!("{name}.json"));
            let _ = std::fs::create_dir(&sys);
            if !path.exists() {
                let written = meta::write(&path, meta::json_text(&value).as_bytes());
                written.map_err(|e| format!("cannot write {}: {}", path.display(), reason(&e)))?;
            }
        }
        Ok(())
    }

    fn record(&mut self, each: &mut dyn FnMut(&Scalar)) -> Option<String> {
        let mut problem = None;
        for scalar in self.found.drain(..) {
            each(&scalar);
            if self.failed.is_some() {
                continue;
            }
            self.unflushed.get_or_insert_with(Instant::now);
            if let Err(error) = self.writer.add(&scalar, clock::now_us() as f64 / 1e6) {
                self.failed = Some(reason(&error));
                problem.clone_from(&self.failed);
            }
        }
        problem
    }

    fn flush(&mut self) -> Option<String> {
        self.unflushed = None;
        if self.failed.is_some() {
            return None;
        }
        let error = self.writer.flush().err()?;
        self.failed = Some(reason(&error));
        self.failed.clone()
    }
}

fn set(attributes: &Attributes, line: &[u8], values: &mut BTreeMap<String, String>) {
    attributes.line(line, |name, value| {
        let plain = |c: char| c.is_alphanumeric() || "_-.".contains(c);
        let usable = name.len() <= 200 && !name.starts_with('.') && name.chars().all(plain);
        if usable && (values.contains_key(name) || values.len() < MOST_ATTRIBUTES) {
            values.insert(name.to_string(), value.to_string());
        }
    });
}
