//! A batch from the command line: the question before it, trials shown or saved instead of run.

use std::collections::BTreeMap;
use std::path::Path;

use nix::libc::{SIGHUP, SIGINT, SIGTERM};

use super::{RunArgs, confirmed, single};
use crate::batch::report::{Plain, Report};
use crate::batch::trials::Making;
use crate::batch::{self, BatchSpec, Plan, preview, trials_table};
use crate::cli::{CommandResult, Context, Failure, eprint_line, print};
use crate::flags::FlagValues;
use crate::launch::{self, Chosen, GRID, Prepared};
use crate::project::{OpDef, Project};
use crate::report::Screen;
use crate::report::quiet::Quiet;
use crate::report::terminal::Terminal;
use crate::run::compose::{Naming, compose};
use crate::run::{Caller, RunSpec, Staging, StopFlag, Template};
use crate::store::RunRow;

pub fn run(
    args: &RunArgs,
    prepared: &Prepared,
    project: &Project,
    home: &Path,
    source: Option<&Template>,
    context: &Context,
) -> CommandResult {
    let chosen = prepared.optimizer.as_ref().expect("a batch has an optimizer");
    let plan = batch::plan(&spec(args, prepared, chosen, project)?)?;
    if args.print_trials {
        print(&trials_table::table(plan.trials_for("printing trials")?));
        return Ok(0);
    }
    if let Some(path) = &args.save_trials {
        trials_table::save(&context.cwd.join(path), plan.trials_for("saving trials")?)?;
        eprint_line(&format!("Saving trials to {}", path.display()));
        return Ok(0);
    }
    if args.print_cmd {
        return super::look::trial_commands(&plan);
    }
    let verb = if args.stage { "stage" } else { "run" };
    if !args.yes && !confirmed(&preview::text(&plan, verb))? {
        return Ok(0);
    }
    carry_out(args, prepared, &plan, home, source)
}

fn spec(args: &RunArgs, prepared: &Prepared, chosen: &Chosen, project: &Project) -> Result<BatchSpec, Failure> {
    let maximize = args.maximize.as_ref().map(|column| format!("-{column}"));
    Ok(BatchSpec {
        opdef: prepared.op.clone(),
        rows: prepared.rows.clone(),
        optimizer: chosen.name.clone(),
        options: chosen.options.clone(),
        program: program(chosen, project)?,
        objective: args.minimize.clone().or(maximize),
        max_trials: args.max_trials,
        seed: launch::seed(args.random_seed).map_err(single::failure)?,
        same_seed: args.random_seed.is_some(),
        jobs: usize::try_from(args.jobs).unwrap_or(usize::MAX),
        deterministic: false,
        fail_on_trial_error: args.fail_on_trial_error,
        stage_trials: args.stage_trials,
    })
}

/// An optimizer that is none of ours is an operation of the project.
fn program(chosen: &Chosen, project: &Project) -> Result<Option<OpDef>, Failure> {
    if chosen.name == GRID || chosen.searches() {
        return Ok(None);
    }
    Ok(Some(project.operation(Some(&chosen.name))?))
}

/// Runs the batch to its end in this process.
fn carry_out(
    args: &RunArgs,
    prepared: &Prepared,
    plan: &Plan,
    home: &Path,
    source: Option<&Template>,
) -> CommandResult {
    let op = &prepared.op;
    let source = match source {
        Some(source) => source.clone(),
        None => {
            let (template, warnings) = launch::template(op, home)?;
            single::warn(&warnings);
            template
        }
    };
    let program = plan.spec.program.as_ref();
    let program_source = program.map(|op| launch::template(op, home)).transpose()?;
    let stop = StopFlag::new()?;
    stop.raise_on(&[SIGINT, SIGTERM, SIGHUP])?;
    let staging = |source| Staging {
        source,
        dependencies: &[],
        resolved: "",
        caller: Caller::here(),
        stop: Some(&stop),
    };
    let naming = single::naming(args);
    let attrs = launch::attributes(op, &prepared.rows[0].user, plan.spec.seed, &source);
    let trial = |values: &FlagValues| {
        let (mut spec, _) = compose(op, values, &naming, &BTreeMap::new());
        spec.env.extend(single::environment(args));
        spec.attrs.extend(attrs.clone());
        spec
    };
    let proto = trial(&prepared.rows[0].values);
    let mut making = Making {
        home: home.to_path_buf(),
        gage: std::env::current_exe()?,
        compose: Box::new(|values, _seed| trial(values)),
        staging: staging(&source),
        batch: batch_run(args, prepared, plan),
        batch_staging: program_source.as_ref().map(|(source, _)| staging(source)),
        proto,
        keep_batch: args.keep_batch,
    };
    let outcome = batch::drive(plan, &mut making, &mut *watching(args.quiet), &stop)?;
    Ok(outcome.exit)
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
fn batch_run(args: &RunArgs, prepared: &Prepared, plan: &Plan) -> RunSpec {
    let naming = Naming {
        label: args.batch_label.clone(),
        tags: args.batch_tags.clone(),
        comment: args.batch_comment.clone(),
    };
    let op = plan.spec.program.clone().unwrap_or_else(|| OpDef {
        exec: Default::default(),
        ..prepared.op.clone()
    });
    let options = plan
        .options
        .iter()
        .map(|(name, text)| (name.clone(), crate::flags::scalar::plain(text)));
    let (spec, _) = compose(&op, &options.collect(), &naming, &BTreeMap::new());
    RunSpec {
        op_name: Some(plan.batch_name()),
        label: args
            .batch_label
            .clone()
            .or_else(|| Some(plan.default_label()))
            .filter(|label| !label.is_empty()),
        ..spec
    }
}

/// Plans a batch again, with the flags that are given besides its own.
pub fn restart(_args: &RunArgs, row: &RunRow, _context: &Context) -> CommandResult {
    Err(Failure::new(format!(
        "batch {} cannot be restarted in place\nUse 'gage run --proto {}' for a new batch with its flags.",
        row.run.id(),
        row.run.short_id()
    )))
}
