//! One source: where its files are, which of them are wanted, and what becomes of them.

use std::path::{Path, PathBuf};

use super::super::glob;
use super::files::{self, Wanted};
use super::{Around, archive, config, download, module, value};
use crate::flags::FlagValues;
use crate::project::OpDef;
use crate::project::sources::{Origin, Resource, Source};
use crate::run::{Content, Dependency, Run, manifest, meta, reason, tree};

/// What a source comes to.
#[derive(Default)]
pub(super) struct Found {
    pub dependencies: Vec<Dependency>,
    pub run: Option<Run>,
    pub sha256: Option<String>,
    /// It is a source of files, so that none at all is worth a warning.
    pub may_be_empty: bool,
}

pub(super) fn resolve(
    op: &OpDef,
    source: &Source,
    resource: &Resource,
    flags: &FlagValues,
    around: &Around,
) -> Result<Found, String> {
    let given = value(source, resource, flags, around);
    let place = |path: &str| match &given {
        Some(given) => around.cwd.join(given),
        None => op.project_dir.join(path),
    };
    let found = match &source.origin {
        Origin::File(path) => file(&place(path), given.as_deref().unwrap_or(path), source, around)?,
        Origin::Config { path, params } => {
            let (to, text) = config::text(&place(path), given.as_deref().unwrap_or(path), params, flags)?;
            let to = files::target(Path::new(&to), source)?;
            Found {
                dependencies: vec![dependency(Content::Text(text), to, source)],
                ..Found::default()
            }
        }
        Origin::Operation(names) => operation(op, names, given, source, around)?,
        Origin::Module(name) => {
            module::check(name, op)?;
            Found::default()
        }
        Origin::Url(url) => {
            let url = given.as_deref().unwrap_or(url);
            let full = download::file(url, source.sha256.as_deref(), &around.cache)?;
            let digest = source
                .sha256
                .as_ref()
                .map(|expected| check_digest(&full, url, expected));
            Found {
                sha256: digest.transpose()?,
                dependencies: of_path(&full, source, true, around)?,
                may_be_empty: true,
                ..Found::default()
            }
        }
        Origin::ProjectFiles(patterns) => {
            let mut dependencies = Vec::new();
            for pattern in patterns {
                let found = glob::expand(&op.project_dir, pattern)?;
                let before = dependencies.len();
                for path in found.into_iter().filter(|path| op.project_dir.join(path).is_file()) {
                    let from = op.project_dir.join(&path);
                    dependencies.push(dependency(content(from, source.link, false), path, source));
                }
                if dependencies.len() == before {
                    return Err(format!("no files match '{pattern}'"));
                }
            }
            Found {
                dependencies,
                ..Found::default()
            }
        }
        Origin::RunFiles { select, files } => run_files(op, select, files, given, source, around)?,
        Origin::Summaries { select, file } => {
            let mut text = String::new();
            for row in around.runs.all_described(op, select)? {
                let Some(mut summary) = meta::read_json(&row.run.meta("summary.json")).ok().flatten() else {
                    continue;
                };
                summary["run"]["id"] = row.run.id().into();
                summary["run"]["operation"] = row.operation.as_str().into();
                text.push_str(&format!("{summary}\n"));
            }
            Found {
                dependencies: vec![dependency(Content::Text(text), PathBuf::from(file), source)],
                ..Found::default()
            }
        }
    };
    if found.dependencies.is_empty() && source.fail_if_empty {
        return Err("nothing resolved".to_string());
    }
    Ok(found)
}

fn dependency(content: Content, to: PathBuf, source: &Source) -> Dependency {
    Dependency {
        content,
        to,
        replace: source.replace_existing,
    }
}

fn content(from: PathBuf, link: Option<bool>, by_default: bool) -> Content {
    match link.unwrap_or(by_default) {
        true => Content::Link(from),
        false => Content::Copy(from),
    }
}

/// A file, an archive or a directory of this machine.
fn file(full: &Path, shown: &str, source: &Source, around: &Around) -> Result<Found, String> {
    let about = std::fs::metadata(full).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("cannot find source file '{shown}'"),
        _ => format!("cannot read '{shown}': {}", reason(&error)),
    })?;
    let mut found = Found {
        may_be_empty: true,
        ..Found::default()
    };
    if about.is_dir() && source.sha256.is_some() {
        return Err(format!("'{shown}' is a directory and has no sha256"));
    }
    if let Some(expected) = &source.sha256 {
        found.sha256 = Some(check_digest(full, shown, expected)?);
    }
    found.dependencies = of_path(full, source, false, around)?;
    Ok(found)
}

fn check_digest(full: &Path, shown: &str, expected: &str) -> Result<String, String> {
    let digest = tree::digest(full);
    match digest == expected {
        true => Ok(digest),
        false => Err(format!(
            "'{shown}' has an unexpected sha256 (expected {expected} but got {digest})"
        )),
    }
}

/// The dependencies of a file, an archive or a directory: what was selected in it, else all that is in an archive, and
/// a directory itself.
fn of_path(full: &Path, source: &Source, link: bool, around: &Around) -> Result<Vec<Dependency>, String> {
    if full.is_file() && source.unpack && archive::is_archive(full) {
        let dir = archive::unpacked(full, &around.cache)?;
        return match Wanted::of(source).selects() {
            true => below(&dir, files::list(&dir)?, source, link),
            false => below(&dir, glob::expand(&dir, "*")?, source, link),
        };
    }
    let whole = !full.is_dir() || !Wanted::of(source).selects();
    if whole {
        let name = full.file_name().map(PathBuf::from).unwrap_or_default();
        let to = files::target(&name, source)?;
        return Ok(vec![dependency(
            content(full.to_path_buf(), source.link, link),
            to,
            source,
        )]);
    }
    below(full, files::list(full)?, source, link)
}

/// The dependencies of files below a directory that are wanted.
fn below(dir: &Path, paths: Vec<PathBuf>, source: &Source, link: bool) -> Result<Vec<Dependency>, String> {
    let mut dependencies = Vec::new();
    for path in Wanted::of(source).among(paths) {
        let to = files::target(&path, source)?;
        dependencies.push(dependency(content(dir.join(&path), source.link, link), to, source));
    }
    Ok(dependencies)
}

fn operation(
    op: &OpDef,
    names: &[String],
    given: Option<String>,
    source: &Source,
    around: &Around,
) -> Result<Found, String> {
    let run = around.runs.choose(op, names, given)?;
    let dir = run.dir();
    let dependencies = if Wanted::of(source).selects() {
        below(&dir, files::list(&dir)?, source, true)?
    } else {
        // What a run generates has its place; only what is selected is put where one says.
        let whole = Source {
            preserve_path: true,
            ..source.clone()
        };
        below(&dir, generated(&run)?, &whole, true)?
    };
    Ok(Found {
        dependencies,
        run: Some(run),
        may_be_empty: true,
        ..Found::default()
    })
}

/// Files of a run directory that were not staged, also of a run that has not ended.
fn generated(run: &Run) -> Result<Vec<PathBuf>, String> {
    let staged: std::collections::BTreeSet<PathBuf> = manifest::read(run)
        .into_iter()
        .filter(|entry| entry.kind != manifest::FileKind::Generated)
        .map(|entry| entry.path)
        .collect();
    let mut paths = files::list(&run.dir())?;
    paths.retain(|path| !staged.contains(path));
    Ok(paths)
}

fn run_files(
    op: &OpDef,
    select: &str,
    patterns: &[String],
    given: Option<String>,
    source: &Source,
    around: &Around,
) -> Result<Found, String> {
    let run = match given {
        Some(given) => around.runs.named(&given)?,
        None => around.runs.described(op, select)?,
    };
    let mut dependencies = Vec::new();
    for pattern in patterns {
        let before = dependencies.len();
        for path in glob::expand(&run.dir(), pattern)? {
            let from = run.dir().join(&path);
            if from.is_file() {
                dependencies.push(dependency(content(from, source.link, false), path, source));
            }
        }
        if dependencies.len() == before {
            return Err(format!("no files match '{pattern}' in run {}", run.short_id()));
        }
    }
    Ok(Found {
        dependencies,
        run: Some(run),
        ..Found::default()
    })
}

/// Files and directories of the project that requirements put into runs, so that they are no source code besides.
pub fn project_files(op: &OpDef) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for resource in crate::project::sources::of(op).unwrap_or_default() {
        for source in &resource.sources {
            match &source.origin {
                Origin::File(path) | Origin::Config { path, .. } => paths.push(op.project_dir.join(path)),
                Origin::ProjectFiles(patterns) => {
                    for pattern in patterns {
                        let found = glob::expand(&op.project_dir, pattern).unwrap_or_default();
                        paths.extend(found.into_iter().map(|path| op.project_dir.join(path)));
                    }
                }
                _ => {}
            }
        }
    }
    paths
}
