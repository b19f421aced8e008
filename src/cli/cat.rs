//! `gage cat`: a file of a run, or what it printed, byte for byte.

use std::path::{Component, Path, PathBuf};

use clap::Args;

use super::filters::FilterArgs;
use super::{CommandResult, Context, Failure, choose, print_bytes, reason};
use crate::report::pager;
use crate::run::{Run, alias, output};

/// Show a file or the output of a run
#[derive(Args)]
pub struct CatArgs {
    /// Run to show (default: the newest)
    #[arg(value_name = "RUN")]
    run: Option<String>,

    /// File below the run directory, or an alias such as .guild/attrs/flags
    #[arg(short, long, value_name = "PATH")]
    path: Option<PathBuf>,

    /// PATH is a source code file
    #[arg(short, long)]
    sourcecode: bool,

    /// Show what the run printed
    #[arg(short = 'O', long, conflicts_with = "sourcecode")]
    output: bool,

    /// With --output: standard output only
    #[arg(long, requires = "output", conflicts_with = "stderr")]
    stdout: bool,

    /// With --output: standard error only
    #[arg(long, requires = "output")]
    stderr: bool,

    /// Show through a pager [short: -pa]
    #[arg(long)]
    page: bool,

    #[command(flatten)]
    filters: FilterArgs,
}

pub fn run(args: CatArgs, context: &Context) -> CommandResult {
    let path = match (&args.path, args.output) {
        (Some(_), true) => {
            return Err(Failure::misuse("--path and --output cannot both be used", "gage cat"));
        }
        (None, false) => return Err(Failure::new("-p / --path is required unless --output is specified")),
        (Some(path), false) => Some(below(path, "gage cat")?),
        (None, true) => None,
    };
    let row = choose::one(context, &args.filters, args.run.as_deref(), "gage cat")?;
    let bytes = match path {
        Some(path) => read(&row.run, &path)?,
        None => printed(&row.run, args.stdout, args.stderr)?,
    };
    if !args.page || !pager::page(&bytes)? {
        print_bytes(&bytes);
    }
    Ok(0)
}

/// A path that stays below the run directory, without `.` parts.
pub fn below(path: &Path, command: &str) -> Result<String, Failure> {
    let mut parts = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_string_lossy().into_owned()),
            Component::CurDir => {}
            Component::ParentDir => {
                if parts.pop().is_none() {
                    return Err(Failure::misuse("PATH must not leave the run directory", command));
                }
            }
            Component::RootDir | Component::Prefix(_) => {
                return Err(Failure::misuse("PATH must be relative", command));
            }
        }
    }
    Ok(parts.join("/"))
}

/// The file, or the alias when there is no such file.
fn read(run: &Run, path: &str) -> Result<Vec<u8>, Failure> {
    let file = run.dir().join(path);
    let failed = |file: &Path, error: &std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
            Failure::new(format!("{} does not exist", run.dir().join(path).display()))
        }
        _ => Failure::new(format!("cannot read {}: {}", file.display(), reason(error))),
    };
    match std::fs::read(&file) {
        Ok(bytes) => Ok(bytes),
        Err(error) => match alias::resolve(run, path) {
            Some(alias::Target::Text(text)) => Ok(text.into_bytes()),
            Some(alias::Target::File(meta)) => std::fs::read(&meta).map_err(|e| failed(&meta, &e)),
            None => Err(failed(&file, &error)),
        },
    }
}

/// What the run printed. Nothing for a run that printed nothing or did not start.
fn printed(run: &Run, stdout: bool, stderr: bool) -> Result<Vec<u8>, Failure> {
    let path = run.meta("output/40_run");
    let bytes = match std::fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(|e| Failure::new(format!("cannot read {}: {}", path.display(), reason(&e))))?,
    };
    if !stdout && !stderr {
        return Ok(bytes);
    }
    let index = std::fs::read(run.meta("output/40_run.index")).unwrap_or_default();
    let wanted = u8::from(stderr);
    // A line that is not in the index yet is being written: it is not known whose it is.
    Ok(bytes
        .split_inclusive(|b| *b == b'\n')
        .zip(index.chunks_exact(output::RECORD))
        .filter(|(_, record)| record[output::RECORD - 1] == wanted)
        .flat_map(|(line, _)| line.iter().copied())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_the_run_directory() {
        let message = |path: &str| below(Path::new(path), "gage cat").unwrap_err().message;
        assert_eq!(below(Path::new("./a//b/../c"), "gage cat").unwrap(), "a/c");
        assert!(message("/etc/passwd").starts_with("PATH must be relative\n"));
        assert!(message("a/../../x").starts_with("PATH must not leave the run directory\n"));
    }
}
