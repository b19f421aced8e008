//! What the options say about requirements: where runs are looked for, what is required besides, what is forced.

use std::path::Path;

use super::RunArgs;
use super::single;
use crate::cli::{Context, Failure, eprint};
use crate::flags::{FlagValues, Value};
use crate::launch;
use crate::launch::requires::{self, Around, Isolation, Resolved};
use crate::project::{OpDef, sources};
use crate::run::Run;

/// Where the requirements of a run with these options are looked for.
pub fn around(args: &RunArgs, home: &Path, context: &Context) -> Around {
    let isolation = Isolation {
        steps_run: args.step_of.as_deref().and_then(Run::at),
        isolate: args.isolate_runs,
    };
    Around {
        force: args.force_deps,
        ..Around::new(home, &context.cwd, isolation)
    }
}

/// Where the trials of a batch find what they require when nobody is there to say.
pub fn of_batch(batch: &Run, op: &OpDef) -> Around {
    let isolation = Isolation {
        steps_run: launch::steps::steps_run_of(batch),
        isolate: None,
    };
    Around::new(batch.home(), &op.project_dir, isolation)
}

/// Adds to an operation what the options say it requires besides, and the flags that choose what it requires.
pub fn complete(op: &mut OpDef, args: &RunArgs, context: &Context) -> Result<(), Failure> {
    for text in &args.dependencies {
        let required = sources::given(text, &context.cwd);
        if !op.requires.contains(&required) {
            op.requires.push(required);
        }
    }
    Ok(requires::define_flags(op)?)
}

/// Says which requirements no run can meet as things are.
pub fn warn_of_missing(op: &OpDef, flags: &FlagValues, around: &Around) -> Result<(), Failure> {
    single::warn(&requires::missing(op, &single_values(flags), around)?);
    Ok(())
}

/// Finds everything that a run requires, and says so.
pub fn found(op: &OpDef, flags: &FlagValues, around: &Around) -> Result<Resolved, Failure> {
    Ok(requires::resolve(op, flags, around, &mut eprint)?)
}

/// Refuses a batch whose trials cannot have what they require, whichever flags they get.
pub fn check_batch(op: &OpDef, flags: &FlagValues, around: &Around) -> Result<(), Failure> {
    let varied = requires::flag_names_of(op)?
        .iter()
        .any(|name| matches!(flags.get(name), Some(Value::List(_) | Value::Function(_))));
    if !varied {
        requires::resolve(op, &single_values(flags), around, &mut |_| {})?;
    }
    Ok(())
}

/// The flags that have one value.
pub fn single_values(flags: &FlagValues) -> FlagValues {
    let single = flags
        .iter()
        .filter(|(_, value)| !matches!(value, Value::List(_) | Value::Function(_)));
    single.map(|(name, value)| (name.clone(), value.clone())).collect()
}
