//! Carrying a batch out: what its trials are made of, who watches, and going on with one that did not come to its
//! end.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use nix::libc::{SIGHUP, SIGINT, SIGTERM};
use serde_json::{Value as Json, json};

use super::{RunArgs, detach, needs, single};
use crate::batch::event::Reason;
use crate::batch::objective::Objective;
use crate::batch::report::{Level, Plain, Report};
use crate::batch::resume::{self, Study};
use crate::batch::trials::{Making, Required};
use crate::batch::{self, Outcome, Plan};
use crate::cli::filters::FilterArgs;
use crate::cli::{CommandResult, Context, choose, eprint_line};
use crate::flags::{FlagValues, scalar};
use crate::launch::requires::{self, Around};
use crate::launch::{self, Prepared};
use crate::project::OpDef;
use crate::report::Screen;
use crate::report::quiet::Quiet;
use crate::report::terminal::Terminal;
use crate::run::compose::{Naming, compose};
use crate::run::{self, Caller, Run, RunSpec, Staging, Status, StopFlag, Stream, Template, meta, status};

/// Attribute of the proto: how its trials are named, and the environment that options added.
const RUN_PARAMS: &str = "run_params";

/// What every trial of a batch has in common.
struct Recipe {
    op: OpDef,
    naming: Naming,
    env: BTreeMap<String, String>,
    attrs: BTreeMap<String, Json>,
    /// Where the trials find what they require.
    around: Around,
}

impl Recipe {
    fn of_args(args: &RunArgs, plan: &Plan, source: &Template, around: Around) -> Recipe {
        let op = plan.spec.opdef.clone();
        Recipe {
            naming: single::naming(args),
            env: single::environment(args),
            attrs: launch::attributes(&op, &plan.spec.rows[0].user, plan.spec.seed, source),
            op,
            around,
        }
    }

    /// As an earlier batch recorded it.
    fn of_batch(batch: &Run, op: OpDef, mut around: Around) -> Recipe {
        let mut attrs = BTreeMap::new();
        for entry in std::fs::read_dir(batch.meta("proto/sys"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let name = entry.file_name().into_string().unwrap_or_default();
            if let Some(name) = name.strip_suffix(".json")
                && let Ok(Some(value)) = meta::read_json(&entry.path())
            {
                attrs.insert(name.to_string(), value);
            }
        }
        let params = attrs.remove(RUN_PARAMS).unwrap_or_default();
        let text = |value: &Json| value.as_str().map(str::to_string);
        around.force |= params["force-deps"].as_bool().unwrap_or_default();
        // What was found at the beginning holds for all trials.
        around.fixed = requires::chosen(&attrs.remove(requires::DEPS).unwrap_or_default());
        Recipe {
            op,
            around,
            naming: Naming {
                label: text(&params["label"]),
                tags: params["tags"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(text)
                    .collect(),
                comment: text(&params["comment"]),
            },
            env: match &params["env"] {
                Json::Object(env) => env.iter().filter_map(|(n, v)| Some((n.clone(), text(v)?))).collect(),
                _ => BTreeMap::new(),
            },
            attrs,
        }
    }

    /// Options given now over those recorded.
    fn with_args(mut self, args: &RunArgs) -> Recipe {
        let given = single::naming(args);
        self.naming.label = given.label.or(self.naming.label);
        self.naming.tags.extend(given.tags);
        self.naming.comment = given.comment.or(self.naming.comment);
        self.env.extend(single::environment(args));
        self
    }

    fn trial(&self, values: &FlagValues) -> RunSpec {
        // What cannot be found is told when the trial is staged.
        let required = requires::resolve(&self.op, &needs::single_values(values), &self.around, &mut |_| {});
        let required = required.unwrap_or_default();
        let (mut spec, _) = compose(&self.op, values, &self.naming, &required.runs);
        spec.env.extend(self.env.clone());
        spec.attrs.extend(self.attrs.clone());
        if !required.record.is_null() {
            spec.attrs.insert(requires::DEPS.to_string(), required.record);
        }
        spec
    }

    fn required(&self, values: &FlagValues) -> Result<Required, String> {
        let found = requires::resolve(&self.op, values, &self.around, &mut |_| {});
        let found = found.map_err(|unmet| unmet.to_string())?;
        Ok(Required {
            dependencies: found.dependencies,
            text: found.text,
        })
    }

    fn proto(&self, values: &FlagValues) -> RunSpec {
        let mut spec = self.trial(values);
        let Naming { label, tags, comment } = &self.naming;
        let force = self.around.force;
        let params = json!({
            "label": label, "tags": tags, "comment": comment, "env": self.env, "force-deps": force
        });
        spec.attrs.insert(RUN_PARAMS.to_string(), params);
        spec
    }
}

/// Runs a new batch to its end in this process or in the background, or stages it.
pub fn out(
    args: &RunArgs,
    prepared: &Prepared,
    plan: &Plan,
    around: Around,
    source: Option<&Template>,
    context: &Context,
) -> CommandResult {
    let home = around.home.clone();
    let home = home.as_path();
    let id = args.new_id()?;
    let detached = detach::wanted(args, id.as_deref(), context)?;
    let source = match source {
        Some(source) => source.clone(),
        None => {
            let (template, warnings) = launch::template(&prepared.op, home)?;
            single::warn(&warnings);
            template
        }
    };
    let recipe = Recipe::of_args(args, plan, &source, around);
    let naming = Naming {
        label: args.batch_label.clone(),
        tags: args.batch_tags.clone(),
        comment: args.batch_comment.clone(),
    };
    let batch = own_run(args, id, batch_run(plan, naming));
    let stop = single::stop_flag(args)?;
    with_making(plan, &recipe, &source, home, batch, args.keep_batch, &stop, |making| {
        if let Some(detached) = detached {
            let batch = batch::stage(plan, making)?;
            return detached.start(&batch, &plan.batch_name()).inspect_err(|_| {
                // Nothing half-made is left behind; the error at hand is the one to report.
                if status::of(&batch) == Status::Staged {
                    let _ = run::remove::delete_permanently(&batch);
                }
            });
        }
        if args.stage {
            let batch = batch::stage(plan, making)?;
            eprint_line(&format!("{} staged as {}", plan.batch_name(), batch.id()));
            eprint_line(&format!(
                "To start the operation, use 'gage run --start {}'",
                batch.short_id()
            ));
            return Ok(0);
        }
        limit(&stop, args.time_limit())?;
        let outcome = batch::drive(plan, making, &mut *watching(args.quiet), &stop)?;
        Ok(exit(&outcome, &stop))
    })
}

/// Carries out a batch that exists, with another plan.
pub fn again(args: &RunArgs, plan: &Plan, old: Study, context: &Context) -> CommandResult {
    let detached = detach::wanted(args, Some(old.batch.id()), context)?;
    let around = needs::around(args, old.batch.home(), context);
    let recipe = Recipe::of_batch(&old.batch, plan.spec.opdef.clone(), around).with_args(args);
    let home = old.batch.home();
    let source = if args.force_sourcecode {
        launch::template(&plan.spec.opdef, home)?.0
    } else {
        old.source
    };
    let naming = Naming {
        label: args.batch_label.clone().or_else(|| run::user::read(&old.batch).label),
        tags: args.batch_tags.clone(),
        comment: args.batch_comment.clone(),
    };
    let keep = args.keep_batch || old.header.keep_batch;
    let batch = own_run(args, args.run_id.clone(), batch_run(plan, naming));
    let stop = single::stop_flag(args)?;
    with_making(plan, &recipe, &source, home, batch, keep, &stop, |making| {
        let new_source = args.force_sourcecode;
        if let Some(detached) = detached {
            batch::stage_again(plan, making, &old.batch, new_source)?;
            return detached.start(&old.batch, &plan.batch_name());
        }
        limit(&stop, args.time_limit())?;
        let outcome = batch::drive_again(plan, making, &mut *watching(args.quiet), &stop, &old.batch, new_source)?;
        Ok(exit(&outcome, &stop))
    })
}

/// Goes on with a batch that did not come to its end: the one named, or the newest.
pub fn resume(args: &RunArgs, word: &str, context: &Context) -> CommandResult {
    let batch = if word.is_empty() {
        match resume::unfinished(context.runs_store()?.home()).into_iter().next() {
            Some(batch) => batch,
            None => {
                eprint_line("nothing to resume");
                return Ok(0);
            }
        }
    } else {
        choose::one(context, &FilterArgs::default(), Some(word), "run")?.run
    };
    if resume::is_finished(&batch) {
        eprint_line("nothing to resume");
        return Ok(0);
    }
    let study = resume::open(&batch)?;
    if let Some(detached) = detach::wanted(args, Some(batch.id()), context)? {
        return detached.start(&batch, &study.plan.batch_name());
    }
    let stop = single::stop_flag(args)?;
    limit(&stop, args.time_limit())?;
    go_on(study, args.keep_batch, &mut *watching(args.quiet), &stop)
}

/// Carries a batch out, or goes on with it, where nobody looks; calls `started` once it has begun.
pub fn unwatched(batch: &Run, keep_batch: bool, time: Option<Duration>, started: &mut dyn FnMut()) -> CommandResult {
    let stop = StopFlag::new()?;
    stop.raise_on(&[SIGHUP, SIGINT, SIGTERM])?;
    limit(&stop, time)?;
    go_on(resume::open(batch)?, keep_batch, &mut Unwatched { started }, &stop)
}

fn go_on(study: Study, keep_batch: bool, report: &mut dyn Report, stop: &StopFlag) -> CommandResult {
    let (plan, batch) = (&study.plan, &study.batch);
    let around = needs::of_batch(batch, &plan.spec.opdef);
    let recipe = Recipe::of_batch(batch, plan.spec.opdef.clone(), around);
    let own = batch_run(plan, Naming::default());
    with_making(
        plan,
        &recipe,
        &study.source,
        batch.home(),
        own,
        keep_batch,
        stop,
        |making| {
            let outcome = batch::go_on(plan, making, report, stop, batch)?;
            Ok(exit(&outcome, stop))
        },
    )
}

/// `--stop-after`: the batch is stopped when this time is over.
fn limit(stop: &StopFlag, time: Option<Duration>) -> std::io::Result<()> {
    time.map_or(Ok(()), |time| stop.raise_after(time))
}

/// The code that gage exits with: 0 when the time that was given is over.
fn exit(outcome: &Outcome, stop: &StopFlag) -> u8 {
    match outcome.reason {
        Reason::Stopped if stop.time_up().is_some() => 0,
        _ => outcome.exit,
    }
}

/// Nobody looks: what is to be known of the batch is in its files.
struct Unwatched<'a> {
    started: &'a mut dyn FnMut(),
}

impl Report for Unwatched<'_> {
    fn opened(&mut self, _planned: Option<u64>, _objective: Option<&Objective>, _slots: usize) {
        (self.started)();
    }

    fn log(&mut self, _level: Level, _text: &str) {}

    fn output(&mut self, _trial: u64, _stream: Stream, _bytes: &[u8]) {}

    fn said(&mut self, _stream: Stream, _bytes: &[u8]) {}
}

/// The batch run with what options of this start add.
fn own_run(args: &RunArgs, id: Option<String>, mut batch: RunSpec) -> RunSpec {
    batch.id = id;
    batch.attrs.extend(single::attributes(args, &batch.opdef));
    batch
}

/// Calls `act` with everything that the runs of a batch are made from.
#[expect(
    clippy::too_many_arguments,
    reason = "what a batch is made of, each from another owner"
)]
fn with_making(
    plan: &Plan,
    recipe: &Recipe,
    source: &Template,
    home: &Path,
    batch: RunSpec,
    keep_batch: bool,
    stop: &StopFlag,
    act: impl FnOnce(&mut Making<'_>) -> CommandResult,
) -> CommandResult {
    let program = plan.spec.program.as_ref();
    let program_source = program.map(|op| launch::template(op, home)).transpose()?;
    let staging = |source| Staging {
        source,
        dependencies: &[],
        resolved: "",
        unmet: None,
        caller: Caller::here(),
        stop: Some(stop),
    };
    let mut making = Making {
        home: home.to_path_buf(),
        gage: std::env::current_exe()?,
        compose: Box::new(|values, _seed| recipe.trial(values)),
        resolve: Box::new(|values| recipe.required(values)),
        staging: staging(source),
        batch,
        batch_staging: program_source.as_ref().map(|(source, _)| staging(source)),
        limits: plan.spec.limits,
        proto: recipe.proto(&plan.spec.rows[0].values),
        keep_batch,
    };
    act(&mut making)
}

/// Who sees the batch: a person on a terminal, or whatever reads standard error.
fn watching(quiet: bool) -> Box<dyn Report> {
    let shown: Box<dyn Report> = if Screen::stderr().is_terminal() {
        Box::new(Terminal::new())
    } else {
        Box::new(Plain::new())
    };
    if quiet { Box::new(Quiet(shown)) } else { shown }
}

/// The run that the batch itself is.
pub fn batch_run(plan: &Plan, naming: Naming) -> RunSpec {
    let op = plan.spec.program.clone().unwrap_or_else(|| OpDef {
        exec: Default::default(),
        // Of the trials, not of the batch.
        steps: Vec::new(),
        requires: Vec::new(),
        depends: Vec::new(),
        ..plan.spec.opdef.clone()
    });
    let options = plan
        .options
        .iter()
        .map(|(name, text)| (name.clone(), scalar::plain(text)));
    let (spec, _) = compose(&op, &options.collect(), &naming, &BTreeMap::new());
    let label = naming.label.unwrap_or_else(|| plan.default_label());
    RunSpec {
        op_name: Some(plan.batch_name()),
        label: Some(label).filter(|label| !label.is_empty()),
        ..spec
    }
}
