//! `gage steps`: the program of a steps run. Runs each step as `gage run` would, in a process of its own, so that a
//! step is supervised and comes to its end whatever becomes of this process. Its output is the steps run's.

mod child;
pub mod read;

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use clap::Args;
use serde_json::Value as Json;

use super::{CommandResult, Failure, eprint_line, reason};
use crate::flags::{FlagValues, decode, deliver};
use crate::launch::{self, steps};
use crate::project::{Project, quoted};
use crate::run::compose::STEP_PARAMS;
use crate::run::lease::Lease;
use crate::run::{self, Facts, Run, Status, id, meta, status};
use child::Child;
use read::ReadStep;

/// Run the steps of a steps run (used by gage itself)
#[derive(Args)]
pub struct StepsArgs {
    /// Directory of the steps run
    #[arg(long, env = "RUN_DIR", value_name = "DIR")]
    run_dir: PathBuf,
}

/// How long a program without a supervisor may take to stop.
const ORPHAN_PATIENCE: Duration = Duration::from_secs(5);
/// Exit code of a steps run one of whose checks failed.
const CHECK_FAILED: u8 = 3;

pub fn run(args: StepsArgs) -> CommandResult {
    let run = Run::at(&args.run_dir)
        .ok_or_else(|| Failure::new(format!("{} is not a run directory", args.run_dir.display())))?;
    let facts = Facts::read(&run)?;
    if facts.opdef.steps.is_empty() {
        return Err(Failure::new(format!("run {} has no steps", run.id())));
    }
    let project_dir = facts.project_dir.clone().unwrap_or_default();
    if !project_dir.is_dir() {
        return Err(Failure::new(format!(
            "the project of run {} is gone: {} is not a directory\nSteps are run from the project.",
            run.id(),
            project_dir.display()
        )));
    }
    let mut all = Vec::new();
    let project = Project::open(&project_dir).ok();
    for step in read::all(&facts.opdef)? {
        let called = steps::Called::new(&step.step, &step.operation, &facts.opdef, project.as_ref());
        all.push((step, called));
    }
    for (step, _) in &all {
        for name in &step.ignored {
            let text = &step.step.text;
            eprint_line(&format!(
                "WARNING: [gage] run parameter {name} used in '{text}' ignored"
            ));
        }
    }
    let params = meta::read_json(&run.meta(&format!("sys/{STEP_PARAMS}.json")));
    let steps = Steps {
        child: Child::watched()?,
        gage: std::env::current_exe()?,
        params: params.ok().flatten().unwrap_or_default(),
        facts,
        project_dir,
        run,
    };
    let links = steps::links(all.iter().map(|(_, called)| called.name.as_str()));
    for ((step, called), link) in all.iter().zip(&links) {
        let code = steps.run(step, called, link)?;
        if code != 0 {
            return Ok(code);
        }
        let checks = &step.step.checks;
        if !checks.is_empty() && !steps.check(step, link)? {
            return Ok(CHECK_FAILED);
        }
    }
    Ok(0)
}

/// A steps run under way.
struct Steps {
    run: Run,
    facts: Facts,
    project_dir: PathBuf,
    gage: PathBuf,
    /// What the steps take over from the steps run.
    params: Json,
    child: Child,
}

impl Steps {
    /// Runs one step to its end and gives its exit code.
    fn run(&self, step: &ReadStep, called: &steps::Called, link: &str) -> CommandResult {
        let options = self.options(step);
        let flags = steps::flags(&step.step, called, &step.flags, &self.facts.flags);
        let assigned: Vec<String> = flags.iter().map(|(name, text)| format!("{name}={text}")).collect();
        let shown: Vec<String> = flags
            .iter()
            .map(|(name, text)| format!("{name}={}", quoted(text)))
            .collect();
        let files = step.batch_files.iter().map(|path| format!("@{path}"));
        let linked = steps::linked(&self.run, link)
            .map_err(|path| Failure::new(format!("unexpected step run link {}: expected symlink", path.display())))?;
        let mut words = vec!["run".to_string(), "--yes".to_string()];
        words.extend(["--step-of".to_string(), self.run.dir().to_string_lossy().into_owned()]);
        if let Some(isolate) = step.step.isolate_runs {
            words.push(format!("--isolate-runs={}", if isolate { "yes" } else { "no" }));
        }
        match linked {
            Some(run) => {
                if let Some(code) = self.wait_for(&run, called, &flags) {
                    return Ok(code);
                }
                eprint_line(&joined(
                    format!("INFO: [gage] restarting {}: {}", called.name, run.id()),
                    &shown,
                ));
                words.push(format!("--restart={}", run.dir().display()));
                // A step that was stopped has not done what the next one needs.
                let needed = self.param("needed") && status::of(&run) != Status::Terminated;
                words.extend(needed.then(|| "--needed".to_string()));
                words.extend(self.param("force-sourcecode").then(|| "--force-sourcecode".to_string()));
                let again = options
                    .iter()
                    .filter(|(name, _)| KEPT_ON_RESTART.contains(&name.as_str()));
                words.extend(again.flat_map(option_words));
            }
            None => {
                let mut spec = vec![called.operation.clone()];
                spec.extend(options.iter().flat_map(shown_option));
                spec.extend(shown);
                spec.extend(files.clone());
                eprint_line(&joined(format!("INFO: [gage] running {}:", called.name), &spec));
                let id = id::new()?;
                steps::link(&self.run, link, &id).map_err(|error| {
                    let path = self.run.dir().join(link);
                    Failure::new(format!("cannot make link {}: {}", path.display(), reason(&error)))
                })?;
                // The link is to lead somewhere.
                words.extend(["--keep-batch".to_string(), format!("--run-id={id}")]);
                words.extend(options.iter().flat_map(option_words));
                words.push(called.operation.clone());
            }
        }
        words.extend(assigned);
        words.extend(files);
        let code = self.child.run(self.command(&words))?;
        steps::unlink_dead(&self.run, link);
        Ok(code)
    }

    /// The options of a step, with those of the steps run that it does not have itself.
    fn options(&self, step: &ReadStep) -> Vec<(String, Vec<String>)> {
        let mut options = step.options.clone();
        let has = |options: &[(String, Vec<String>)], name: &str| options.iter().any(|(n, _)| n == name);
        let text = |json: &Json| json.as_str().map(str::to_string);
        let tags = self.params["tags"].as_array().into_iter().flatten().filter_map(text);
        let seed = self.params["random-seed"].as_u64().map(|seed| seed.to_string());
        let force = |name: &'static str| self.param(name).then(Vec::new);
        let lent = [
            ("label", text(&self.params["label"]).map(|label| vec![label])),
            ("tag", Some(tags.collect::<Vec<_>>()).filter(|tags| !tags.is_empty())),
            ("random-seed", seed.map(|seed| vec![seed])),
            ("force-deps", force("force-deps")),
        ];
        for (at, (name, values)) in lent.into_iter().enumerate() {
            if let (false, Some(values)) = (has(&options, name), values) {
                options.insert(at.min(options.len()), (name.to_string(), values));
            }
        }
        options
    }

    fn param(&self, name: &str) -> bool {
        self.params[name].as_bool().unwrap_or_default()
    }

    /// A step that goes on although the steps run was killed is not to be started a second time: gives its exit code
    /// when it has ended. With other flags it is another run.
    fn wait_for(&self, run: &Run, called: &steps::Called, flags: &[(String, String)]) -> Option<u8> {
        if status::of(run) != Status::Running {
            return None;
        }
        if Lease::read(run).is_some_and(|lease| lease.is_local() && !lease.supervisor_is_alive()) {
            // Nobody records what its program says, or how it ends: it is to be run once more.
            eprint_line(&format!(
                "INFO: [gage] stopping {}: {} (the gage that ran it is gone)",
                called.name,
                run.id()
            ));
            // What does not stop is told when the step is started again.
            let _ = run::stop::stop(run, ORPHAN_PATIENCE, true);
            return None;
        }
        let earlier = Facts::read(run).ok()?.flags;
        let given = flags.iter().map(|(name, text)| {
            let value = decode(text, None).map(|decoded| decoded.value).ok()?;
            Some((name.clone(), value))
        });
        let given: FlagValues = given.collect::<Option<_>>()?;
        let same: FlagValues = earlier
            .into_iter()
            .filter(|(name, _)| given.contains_key(name))
            .collect();
        if !launch::same(&given, &same) {
            return None;
        }
        eprint_line(&format!(
            "INFO: [gage] waiting for {}: {} (it is still running)",
            called.name,
            run.id()
        ));
        while status::of(run) == Status::Running {
            if self.child.asked().is_some() {
                return Some(1);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let code = status::exit_code(run).unwrap_or(-9);
        let code = if code < 0 { 128 - code } else { code };
        Some(u8::try_from(code).unwrap_or(1))
    }

    fn command(&self, words: &[String]) -> Command {
        let mut command = Command::new(&self.gage);
        command.args(words).current_dir(&self.project_dir).stdin(Stdio::null());
        // Stopping is for this process to pass on, once.
        command.process_group(0);
        // The flags of the steps run are not those of its steps.
        for name in deliver::environment(&self.facts.opdef.flags, &self.facts.flags).keys() {
            command.env_remove(name);
        }
        for name in self.facts.env.keys().filter(|name| name.starts_with("FLAG_")) {
            command.env_remove(name);
        }
        command
    }

    /// Whether the checks of a step hold; says which do not.
    fn check(&self, step: &ReadStep, link: &str) -> Result<bool, Failure> {
        let checks = &step.step.checks;
        let Ok(Some(run)) = steps::linked(&self.run, link) else {
            return Ok(true);
        };
        let checked = steps::check(checks, &run, &self.project_dir);
        for failure in &checked.failures {
            eprint_line(&format!("ERROR: [gage] check failed: {failure}"));
        }
        eprint_line(&format!(
            "INFO: [gage] {} of {} checks passed",
            checked.passed,
            checks.len()
        ));
        if !checked.failures.is_empty() {
            eprint_line("gage: stopping because a check failed - see above for details");
        }
        Ok(checked.failures.is_empty())
    }
}

/// Options that make sense for a step that is started again.
const KEPT_ON_RESTART: [&str; 15] = [
    "label",
    "tag",
    "batch-label",
    "batch-tag",
    "max-trials",
    "opt-flag",
    "minimize",
    "maximize",
    "random-seed",
    "jobs",
    "fail-on-trial-error",
    "force-flags",
    "force-deps",
    "gpus",
    "no-gpus",
];

fn option_words((name, values): &(String, Vec<String>)) -> Vec<String> {
    match values.as_slice() {
        [] => vec![format!("--{name}")],
        values => values.iter().map(|value| format!("--{name}={value}")).collect(),
    }
}

fn shown_option((name, values): &(String, Vec<String>)) -> Vec<String> {
    match values.as_slice() {
        [] => vec![format!("--{name}")],
        values => values.iter().map(|value| format!("--{name} {value}")).collect(),
    }
}

fn joined(head: String, words: &[String]) -> String {
    let mut line = head;
    for word in words {
        line.push(' ');
        line.push_str(word);
    }
    line
}

/// What is wrong with the steps of an operation before any of them is run; defines the flags that are assigned to
/// steps by way of it.
pub fn prepare(
    op: &mut crate::project::OpDef,
    given: &crate::flags::Assignments,
    project_dir: &Path,
) -> Result<(), Failure> {
    if op.steps.is_empty() {
        return Ok(());
    }
    let steps = read::all(op)?;
    if given.values.iter().any(|(name, _)| name.contains(':')) {
        let project = Project::open(project_dir)?;
        let called = steps
            .iter()
            .map(|step| steps::Called::new(&step.step, &step.operation, op, Some(&project)));
        let called: Vec<_> = called.collect();
        let names = given.values.iter().map(|(name, _)| name.as_str());
        steps::define_scoped(op, &called, names, &project);
    }
    Ok(())
}
