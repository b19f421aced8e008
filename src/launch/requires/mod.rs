//! What an operation requires, found: files, runs and addresses become the dependencies that a run is staged with,
//! the lines that tell of it, and the record that is kept. Makes nothing in a run directory: staging does.

mod archive;
mod config;
mod download;
mod files;
mod module;
mod record;
mod runs;
mod source;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};
use thiserror::Error;

pub use record::{chosen, recorded, recorded_files, recorded_of_batch};
pub use runs::{Isolation, Runs};
pub use source::project_files;

use crate::flags::{FlagDef, FlagValues, plain};
use crate::project::sources::{self, Origin, Resource, Source};
use crate::project::{OpDef, ProjectError};
use crate::run::Dependency;

/// System attribute that keeps what requirements were resolved to.
pub const DEPS: &str = "deps";

/// A requirement that is not met.
#[derive(Debug, Error)]
pub enum Unmet {
    #[error("run failed because a dependency was not met: could not resolve '{uri}' in {resource} resource: {reason}")]
    Requires {
        uri: String,
        resource: String,
        reason: String,
    },
    #[error("cannot resolve dependency: {0}")]
    Depends(String),
    #[error(transparent)]
    Project(#[from] ProjectError),
}

/// Where requirements are looked for.
pub struct Around {
    /// The runs home.
    pub home: PathBuf,
    /// What was downloaded and unpacked before.
    pub cache: PathBuf,
    /// Relative paths that are given as values begin here.
    pub cwd: PathBuf,
    pub runs: Runs,
    /// Values for what is not given otherwise, see [`chosen`].
    pub fixed: FlagValues,
    /// Go on when a requirement is not met.
    pub force: bool,
}

impl Around {
    /// For runs of a home. Downloads are kept beside it.
    pub fn new(home: &Path, cwd: &Path, isolation: Isolation) -> Around {
        let cache = match home.parent() {
            Some(above) if home.ends_with("runs") => above.join("cache"),
            _ => home.join(".cache"),
        };
        Around {
            home: home.to_path_buf(),
            cache,
            cwd: cwd.to_path_buf(),
            runs: Runs::new(home, isolation),
            fixed: FlagValues::new(),
            force: false,
        }
    }
}

/// What requirements come to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resolved {
    pub dependencies: Vec<Dependency>,
    /// Lines for the user and for `output/30_dependencies`, each with its end.
    pub text: String,
    /// Short ids of the runs, by the names of what required them.
    pub runs: BTreeMap<String, String>,
    /// For [`DEPS`]; null without requirements.
    pub record: Json,
}

/// Warnings (without `WARNING: `) of requirements that no run can meet as things are.
pub fn missing(op: &OpDef, flags: &FlagValues, around: &Around) -> Result<Vec<String>, Unmet> {
    let mut warnings = Vec::new();
    for resource in sources::of(op)? {
        for source in resource.sources.iter().filter(|source| !source.optional) {
            if let Origin::Operation(names) = &source.origin
                && around
                    .runs
                    .choose(op, names, value(source, &resource, flags, around))
                    .is_err()
            {
                let name = &resource.name;
                warnings.push(format!("cannot find a suitable run for required resource '{name}'"));
            }
        }
    }
    Ok(warnings)
}

/// Finds everything that `op` requires of a run with these flags. `tell` is given each line when it is due, as what
/// follows may take a while.
pub fn resolve(op: &OpDef, flags: &FlagValues, around: &Around, tell: &mut dyn FnMut(&str)) -> Result<Resolved, Unmet> {
    let mut resolved = Resolved::default();
    let mut record = Vec::new();
    let mut say = |text: &mut String, line: String| {
        text.push_str(&line);
        tell(&line);
    };
    for resource in sources::of(op)? {
        for source in &resource.sources {
            let name = source.name.as_deref().unwrap_or(&resource.name);
            if !source.is_depends() || matches!(source.origin, Origin::RunFiles { .. }) {
                let line = format!("Resolving {name} dependency\n");
                if !resolved.text.ends_with(&line) {
                    say(&mut resolved.text, line);
                }
            }
            match source::resolve(op, source, &resource, flags, around) {
                Ok(found) => {
                    let files: Vec<String> = found
                        .dependencies
                        .iter()
                        .map(|d| d.to.to_string_lossy().into_owned())
                        .collect();
                    let mut entry = json!({"name": name, "source": source.uri(), "files": files});
                    if let Some(run) = &found.run {
                        say(
                            &mut resolved.text,
                            format!("Using run {} for {name} resource\n", run.id()),
                        );
                        entry["run"] = run.id().into();
                        entry["flag"] = flag_names(source, &resource).first().copied().into();
                        if names_a_flag(source) {
                            resolved.runs.insert(name.to_string(), run.short_id().to_string());
                        }
                    }
                    if let Some(digest) = &found.sha256 {
                        entry["sha256"] = digest.as_str().into();
                    }
                    if found.dependencies.is_empty() && source.warn_if_empty && found.may_be_empty {
                        let uri = source.uri();
                        say(&mut resolved.text, format!("WARNING: nothing resolved for {uri}\n"));
                    }
                    resolved.dependencies.extend(found.dependencies);
                    record.push(entry);
                }
                Err(_) if source.optional => {}
                Err(reason) => {
                    let unmet = unmet(source, &resource, reason);
                    if !around.force {
                        return Err(unmet);
                    }
                    say(&mut resolved.text, format!("WARNING: {unmet}\n"));
                }
            }
        }
    }
    if !record.is_empty() {
        resolved.record = Json::Array(record);
    }
    Ok(resolved)
}

fn unmet(source: &Source, resource: &Resource, reason: String) -> Unmet {
    if source.is_depends() {
        return Unmet::Depends(reason);
    }
    let reason = match &source.help {
        Some(help) => format!("{reason}\n{}", help.trim_end()),
        None => reason,
    };
    Unmet::Requires {
        uri: source.uri(),
        resource: resource.name.clone(),
        reason,
    }
}

/// Whether the run of a source is shown like a flag: an expression is no name.
fn names_a_flag(source: &Source) -> bool {
    match &source.origin {
        Origin::RunFiles { select, .. } => !select.contains([' ', '=', '<', '>']),
        _ => true,
    }
}

/// Flags by which a source's run, or place, may be given; the first that has a value counts.
fn flag_names<'a>(source: &'a Source, resource: &'a Resource) -> Vec<&'a str> {
    if let Some(name) = &source.flag_name {
        return vec![name];
    }
    match &source.origin {
        Origin::Operation(names) => {
            let own = source.name.as_deref().into_iter().chain([resource.name.as_str()]);
            own.chain(names.iter().map(String::as_str)).collect()
        }
        Origin::RunFiles { select, .. } if names_a_flag(source) => vec![select],
        _ => Vec::new(),
    }
}

/// The value given for a source, as a text.
fn value(source: &Source, resource: &Resource, flags: &FlagValues, around: &Around) -> Option<String> {
    let names = flag_names(source, resource);
    let of = |values: &FlagValues| {
        let mut given = names.iter().filter_map(|name| values.get(*name));
        given
            .find(|value| !value.is_null())
            .map(plain)
            .filter(|text| !text.is_empty())
    };
    of(flags).or_else(|| of(&around.fixed))
}

/// Names of the flags by which what an operation requires may be chosen.
pub fn flag_names_of(op: &OpDef) -> Result<Vec<String>, ProjectError> {
    let mut names: Vec<String> = Vec::new();
    for resource in sources::of(op)? {
        for source in &resource.sources {
            for name in flag_names(source, &resource) {
                if !names.iter().any(|known| known == name) {
                    names.push(name.to_string());
                }
            }
        }
    }
    Ok(names)
}

/// Defines the flags that choose what requirements are met with, where the operation does not: texts that no program
/// gets.
pub fn define_flags(op: &mut OpDef) -> Result<(), ProjectError> {
    for name in flag_names_of(op)? {
        if !op.flags.contains_key(&name) {
            let def = FlagDef {
                kind: Some("string".into()),
                arg_skip: true,
                description: "What the operation requires by this name".into(),
                ..FlagDef::default()
            };
            op.flags.insert(name, def);
        }
    }
    Ok(())
}

/// The runs that a run with these flags would depend on, as far as they can be found.
pub fn runs_for(op: &OpDef, flags: &FlagValues, around: &Around) -> BTreeMap<String, String> {
    let mut runs = BTreeMap::new();
    for resource in sources::of(op).unwrap_or_default() {
        for source in &resource.sources {
            if let Origin::Operation(names) = &source.origin
                && let Ok(run) = around.runs.choose(op, names, value(source, &resource, flags, around))
            {
                let name = source.name.as_deref().unwrap_or(&resource.name);
                runs.insert(name.to_string(), run.short_id().to_string());
            }
        }
    }
    runs
}

/// Whether a run that is started again has to find its requirements anew: another one was chosen, or one of them never
/// stays as it was.
pub fn changes(op: &OpDef, flags: &FlagValues, earlier: &FlagValues) -> Result<bool, ProjectError> {
    let always = sources::of(op)?
        .iter()
        .any(|resource| resource.sources.iter().any(|source| source.always_resolve));
    let chosen = |name: &String| flags.get(name).filter(|v| !v.is_null()) != earlier.get(name).filter(|v| !v.is_null());
    Ok(always || flag_names_of(op)?.iter().any(chosen))
}
