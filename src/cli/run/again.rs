//! `--restart`, `--start` and `--proto`: from a run that exists instead of a project.

use std::path::Path;

use super::{RunArgs, batch, confirmed, detach, needs, single};
use crate::cli::filters::FilterArgs;
use crate::cli::{CommandResult, Context, Failure, choose, print, steps};
use crate::flags::{Assignments, FlagValues};
use crate::launch::requires::{self, Around};
use crate::launch::{self, Prepared, Wish};
use crate::project::{OpDef, Project};
use crate::run::compose::{self, compose};
use crate::run::{self, Caller, Facts, Run, Staging, Status, Template};

/// Starts a staged run, or runs one again in place, with the flags that are given besides its own.
pub fn restart(args: &RunArgs, word: &str, context: &Context) -> CommandResult {
    let row = choose::one(context, &FilterArgs::default(), Some(word), "run")?;
    let run = &row.run;
    if row.status == Status::Running {
        return Err(run_failure(run::RunError::Running(run.id().to_string())));
    }
    if row.batch {
        return batch::restart(args, &row, context);
    }
    let facts = Facts::read(run).map_err(run_failure)?;
    let mut op = OpDef {
        project_dir: facts.project_dir.clone().unwrap_or_default(),
        ..facts.opdef.clone()
    };
    let given = Assignments::parse(&args.words)?;
    let project_dir = op.project_dir.clone();
    steps::prepare(&mut op, &given, &project_dir)?;
    needs::complete(&mut op, args, context)?;
    let has_steps = !op.steps.is_empty();
    let prepared = prepare(args, op, &given, &facts.flags, context)?;
    if prepared.optimizer.is_some() {
        return Err(Failure::misuse(
            "a single run cannot be restarted as a batch - use --proto for a new batch with its flags",
            "gage run",
        ));
    }
    let changed = !launch::same(&prepared.rows[0].values, &facts.flags);
    let rerun = matches!(row.status, Status::Pending | Status::Staged | Status::Error);
    // Of a steps run each step is looked at by itself.
    if args.needed && !changed && !rerun && !has_steps {
        print("Skipping run because flags have not changed (--needed specified)\n");
        return Ok(0);
    }
    if !args.yes && !confirmed(&single::preview(&prepared, "start"))? {
        return Ok(0);
    }
    let detached = detach::wanted(args, Some(run.id()), context)?;
    let renamed = renamed(args) || args.comment.is_some();
    let stages = args.force_sourcecode || !run.meta("staged").exists();
    let resolves = requires::changes(&prepared.op, &prepared.rows[0].values, &facts.flags)?;
    if changed || renamed || resolves || stages || has_steps || args.random_seed.is_some() {
        let home = run.home();
        let source = if stages {
            Some(source(args, run, &prepared.op, home)?)
        } else {
            None
        };
        let around = needs::around(args, home, context);
        again(args, run, &prepared, &around, source.as_ref())?;
    }
    run::restart::reopen(run).map_err(run_failure)?;
    detach::or_here(detached, run, &prepared.op.name, row.status == Status::Staged, args)
}

/// Gives the run its new flags, name and, with `source`, files.
fn again(
    args: &RunArgs,
    run: &Run,
    prepared: &Prepared,
    around: &Around,
    source: Option<&Template>,
) -> Result<(), Failure> {
    let flags = &prepared.rows[0];
    let naming = single::naming(args);
    let earlier = Facts::read(run).map_err(run_failure)?.flags;
    let anew = source.is_some() || requires::changes(&prepared.op, &flags.values, &earlier)?;
    let required = match anew {
        true => Some(needs::found(&prepared.op, &flags.values, around)?),
        false => None,
    };
    let runs = required
        .as_ref()
        .map_or_else(|| requires::recorded(run), |r| r.runs.clone());
    let (mut spec, warnings) = compose(&prepared.op, &flags.values, &naming, &runs);
    single::warn(&warnings);
    if !renamed(args) {
        let template = run::meta::read_json(&run.meta(&format!("sys/{}.json", compose::LABEL_TEMPLATE)));
        let template = template.ok().flatten().and_then(|t| t.as_str().map(str::to_string));
        let label = compose::label_again(&prepared.op, template.as_deref(), &flags.values, &runs);
        spec.label = Some(label).filter(|label| !label.is_empty());
    }
    spec.env.extend(single::environment(args));
    spec.attrs.extend(single::attributes(args, &prepared.op));
    if let Some(params) = spec.attrs.get_mut(compose::STEP_PARAMS)
        && !renamed(args)
    {
        let path = run.meta(&format!("sys/{}.json", compose::STEP_PARAMS));
        let earlier = run::meta::read_json(&path).ok().flatten().unwrap_or_default();
        params["label"] = earlier["label"].clone();
        params["tags"] = earlier["tags"].clone();
    }
    if let Some(seed) = args.random_seed {
        spec.attrs.insert("random_seed".to_string(), seed.into());
    }
    let others = required.is_some() && source.is_none();
    let gone = if others {
        requires::recorded_files(run)
    } else {
        Vec::new()
    };
    let required = required.unwrap_or_default();
    if !required.record.is_null() {
        spec.attrs.insert(requires::DEPS.to_string(), required.record.clone());
    }
    let staging = source.map(|source| Staging {
        source,
        dependencies: &required.dependencies,
        resolved: &required.text,
        unmet: None,
        caller: Caller::here(),
        stop: None,
    });
    let warnings = run::restart::prepare(run, &spec, staging.as_ref()).map_err(run_failure)?;
    single::warn(&warnings);
    if others {
        let warnings = run::restart::depend_again(run, &gone, &required.dependencies).map_err(run_failure)?;
        single::warn(&warnings);
    }
    Ok(())
}

/// Whether options give the run another label.
fn renamed(args: &RunArgs) -> bool {
    args.label.is_some() || !args.tags.is_empty()
}

/// A new run, or batch, with the operation, flags and source code of another run.
pub fn proto(args: &RunArgs, word: &str, context: &Context) -> CommandResult {
    let row = choose::one(context, &FilterArgs::default(), Some(word), "run")?;
    let project = Project::open(&context.cwd)?;
    let facts = if row.batch {
        Facts::of_proto(&row.run)
    } else {
        Facts::read(&row.run)
    }
    .map_err(run_failure)?;
    let op = match args.operation() {
        Some(name) => project.operation(Some(name))?,
        None => OpDef {
            project_dir: facts.project_dir.clone().unwrap_or_default(),
            ..facts.opdef.clone()
        },
    };
    let mut op = op;
    needs::complete(&mut op, args, context)?;
    steps::prepare(&mut op, &Assignments::parse(args.assignments())?, &project.dir)?;
    let given = Assignments::parse(args.assignments())?;
    let known = facts
        .flags
        .iter()
        .filter(|(name, _)| args.operation().is_none() || op.flags.contains_key(*name));
    let known: FlagValues = known.map(|(name, value)| (name.clone(), value.clone())).collect();
    let prepared = prepare(args, op, &given, &known, context)?;
    let home = row.run.home();
    let source = source(args, &row.run, &prepared.op, home)?;
    if prepared.optimizer.is_some() {
        return batch::run(args, &prepared, &project, home, Some(&source), context);
    }
    let verb = if args.stage { "stage" } else { "run" };
    if !args.yes && !confirmed(&single::preview(&prepared, verb))? {
        return Ok(0);
    }
    let around = needs::around(args, home, context);
    needs::warn_of_missing(&prepared.op, &prepared.rows[0].values, &around)?;
    single::run(args, &prepared, &around, Some(&source), context)
}

/// The flags of the earlier run with the new assignments over them, checked.
fn prepare(
    args: &RunArgs,
    op: OpDef,
    given: &Assignments,
    earlier: &FlagValues,
    context: &Context,
) -> Result<Prepared, Failure> {
    let wish = Wish {
        optimizer: args.optimizer.as_deref(),
        optimize: args.optimize,
        options: &args.opt_flags,
    };
    let prepared = launch::prepare(op, given, wish, earlier, args.force_flags, &context.cwd)?;
    single::warn(&prepared.warnings);
    Ok(prepared)
}

/// The files of the run, or with `--force-sourcecode` those of the project.
fn source(args: &RunArgs, run: &Run, op: &OpDef, home: &Path) -> Result<Template, Failure> {
    if !args.force_sourcecode && run.meta("staged").exists() {
        return Template::of_run(run).map_err(run_failure);
    }
    let (template, warnings) = launch::template(op, home)?;
    single::warn(&warnings);
    Ok(template)
}

fn run_failure(error: run::RunError) -> Failure {
    Failure::with_code(error.to_string(), error.exit_code())
}
