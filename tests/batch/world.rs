//! A runs home, an operation that is a shell text, and somebody who takes notes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use gage::batch::report::{Level, Report};
use gage::batch::trials::Making;
use gage::batch::{BatchSpec, Outcome, drive, plan};
use gage::flags::{FlagValues, Resolved, decode, label};
use gage::project::{Command, OpDef};
use gage::run::{Caller, Run, RunSpec, Staging, Status, StopFlag, Stream, Template, status};

pub struct World {
    dir: tempfile::TempDir,
    pub stop: StopFlag,
}

/// What a batch said, as a terminal would have shown it.
#[derive(Default)]
pub struct Notes(pub String);

impl Report for Notes {
    fn log(&mut self, level: Level, text: &str) {
        self.0.push_str(&format!("{}: {text}\n", level.word()));
    }

    fn output(&mut self, _trial: u64, _stream: Stream, bytes: &[u8]) {
        self.0.push_str(&String::from_utf8_lossy(bytes));
    }

    fn said(&mut self, _stream: Stream, bytes: &[u8]) {
        self.0.push_str(&String::from_utf8_lossy(bytes));
    }
}

impl Notes {
    /// The lines with run ids taken out, as they differ.
    pub fn lines(&self) -> Vec<String> {
        let words = |line: &str| {
            let words = line.split(' ').map(|word| {
                let id = word.trim_end_matches(':');
                let is_id = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
                if is_id {
                    word.replace(id, "ID")
                } else {
                    word.to_string()
                }
            });
            words.collect::<Vec<_>>().join(" ")
        };
        self.0.lines().map(words).collect()
    }
}

impl World {
    pub fn new() -> World {
        World {
            dir: tempfile::tempdir().unwrap(),
            stop: StopFlag::new().unwrap(),
        }
    }

    pub fn home(&self) -> PathBuf {
        self.dir.path().join("runs")
    }

    pub fn project(&self) -> PathBuf {
        self.dir.path().to_path_buf()
    }

    /// A batch over an operation `op` that is `script`.
    pub fn spec(&self, script: &str, optimizer: &str, flags: &[(&str, &str)]) -> BatchSpec {
        let decoded = flags
            .iter()
            .map(|(name, text)| (name.to_string(), decode(text, None).unwrap().value));
        let values: FlagValues = decoded.collect();
        let mut opdef = OpDef {
            name: "op".into(),
            project_dir: self.project(),
            ..OpDef::default()
        };
        opdef.exec.run = Some(Command::Shell(script.into()));
        BatchSpec {
            opdef,
            rows: vec![Resolved {
                user: values.clone(),
                values,
                warnings: Vec::new(),
            }],
            optimizer: optimizer.into(),
            seed: 1,
            jobs: 1,
            ..BatchSpec::default()
        }
    }

    /// Carries a batch out.
    pub fn drive(&self, spec: &BatchSpec) -> (Outcome, Notes) {
        self.drive_with(spec, |_| {})
    }

    pub fn drive_with(&self, spec: &BatchSpec, change: impl FnOnce(&mut Making<'_>)) -> (Outcome, Notes) {
        let plan = plan(spec).unwrap();
        let source = Template::read(&self.project(), &[], None, &[]).unwrap();
        let opdef = spec.opdef.clone();
        let run_spec = |flags: FlagValues| RunSpec {
            command: opdef.exec.run.clone(),
            label: Some(label::label(&flags)),
            flags,
            opdef: opdef.clone(),
            ..RunSpec::default()
        };
        let staging = || Staging {
            source: &source,
            dependencies: &[],
            resolved: "",
            unmet: None,
            caller: Caller::here(),
            stop: None,
        };
        let mut making = Making {
            home: self.home(),
            gage: env!("CARGO_BIN_EXE_gage").into(),
            compose: Box::new(|values, _seed| run_spec(values.clone())),
            resolve: Box::new(|_| Ok(Default::default())),
            staging: staging(),
            batch: RunSpec {
                op_name: Some(plan.batch_name()),
                opdef: spec.opdef.clone(),
                ..RunSpec::default()
            },
            batch_staging: None,
            proto: run_spec(spec.rows[0].values.clone()),
            limits: spec.limits,
            keep_batch: false,
        };
        if let Some(program) = &spec.program {
            making.batch.opdef = program.clone();
            making.batch.command = program.exec.run.clone();
            making.batch_staging = Some(staging());
        }
        change(&mut making);
        let mut notes = Notes::default();
        let outcome = drive(&plan, &mut making, &mut notes, &self.stop).unwrap();
        (outcome, notes)
    }

    /// Label and status of every run, the batch's under its name.
    pub fn runs(&self) -> BTreeMap<String, Status> {
        let ids = std::fs::read_dir(self.home()).unwrap().filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            name.strip_suffix(".meta").map(str::to_string)
        });
        ids.map(|id| {
            let run = Run::new(self.home(), id);
            let label = gage::run::user::read(&run).label;
            let name = gage::run::meta::read_text(&run.meta("opref"))
                .unwrap()
                .unwrap_or_default();
            let batch = name.rsplit(' ').next().unwrap().to_string();
            (label.unwrap_or(batch), status::of(&run))
        })
        .collect()
    }
}
