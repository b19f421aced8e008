//! `gage check`: whether an operations file is valid, or which gage this is and where it keeps things.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{CommandResult, Context, Failure, eprint_line, print};
use crate::project::Project;

/// Check an operations file, or show the version and where things are
#[derive(Args)]
pub struct CheckArgs {
    /// An operations file, or '.' for that of this project
    file: Option<PathBuf>,
    /// Show where in the file each error is
    #[arg(short, long)]
    verbose: bool,
    /// Check that this version of gage is one of SPEC, such as '>=0.1,<1'
    #[arg(long, value_name = "SPEC")]
    version: Option<String>,
}

pub fn run(args: CheckArgs, context: &Context) -> CommandResult {
    if let Some(spec) = &args.version {
        check_version(spec)?;
    }
    match &args.file {
        Some(file) => check_file(file, args.verbose, context),
        None if args.version.is_some() => Ok(0),
        None => {
            print(&about(context)?);
            Ok(0)
        }
    }
}

fn check_file(file: &Path, verbose: bool, context: &Context) -> CommandResult {
    let path = context.cwd.join(file);
    let shown = file.display().to_string();
    let project = match path.metadata() {
        Err(_) => return Err(Failure::new(format!("{shown} does not exist"))),
        Ok(metadata) if metadata.is_dir() => Project::open(&path),
        Ok(_) => Project::open_file(&path, &shown),
    };
    let project = match project {
        Ok(project) => project,
        Err(error) if verbose && !error.faults().is_empty() => {
            let title = error.report().lines().next().unwrap_or_default();
            let faults = error
                .faults()
                .iter()
                .map(|fault| format!("{}: {}", fault.location, fault.message));
            let lines: Vec<String> = std::iter::once(title.to_string()).chain(faults).collect();
            eprint_line(&lines.join("\n"));
            return Ok(1);
        }
        Err(error) => return Err(error.into()),
    };
    let Some(found) = &project.file else {
        return Err(Failure::new(format!("there is no operations file in {shown}")));
    };
    let name = match path.is_dir() {
        true => found.strip_prefix(&project.dir).unwrap_or(found).display().to_string(),
        false => shown,
    };
    let findings = project.check();
    for warning in &findings.warnings {
        eprint_line(&format!("WARNING: {warning}"));
    }
    if !findings.errors.is_empty() {
        eprint_line(&format!("There are errors in {name}\n{}", findings.errors.join("\n")));
        return Ok(1);
    }
    let kind = if project.is_guild() { "Guild" } else { "Gage" };
    print(&format!("{name} is a valid {kind} file\n"));
    Ok(0)
}

fn about(context: &Context) -> Result<String, Failure> {
    let project = Project::open(&context.cwd);
    let file = match &project {
        Ok(project) => project.file.as_ref().map(|file| file.display().to_string()),
        Err(_) => Some("has errors (try 'gage check .')".to_string()),
    };
    let runs_dir = project.ok().and_then(|project| project.runs_dir);
    let program = std::env::current_exe().map_or_else(|_| "unknown".into(), |path| path.display().to_string());
    let lines = [
        ("version", env!("CARGO_PKG_VERSION").to_string()),
        (
            "platform",
            format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        ),
        ("program", program),
        (
            "python",
            python().map_or_else(|| "not found".into(), |path| path.display().to_string()),
        ),
        ("home", context.gage_home()?.display().to_string()),
        ("runs", context.runs_home(runs_dir)?.display().to_string()),
        ("operations file", file.unwrap_or_else(|| "none".into())),
    ];
    Ok(lines
        .iter()
        .map(|(name, value)| format!("{:<17}{value}\n", format!("{name}:")))
        .collect())
}

/// The Python that scripts are run with.
fn python() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    ["python", "python3"]
        .iter()
        .find_map(|name| dirs.iter().map(|dir| dir.join(name)).find(|file| file.is_file()))
}

/// A version as its numbers; `0.2` is `0.2.0`.
fn numbers(version: &str) -> Option<[u64; 3]> {
    let mut numbers = [0; 3];
    let parts: Vec<&str> = version.trim().split('.').collect();
    if parts.len() > numbers.len() {
        return None;
    }
    for (number, part) in numbers.iter_mut().zip(parts) {
        *number = part.parse().ok()?;
    }
    Some(numbers)
}

fn check_version(spec: &str) -> Result<(), Failure> {
    let current = env!("CARGO_PKG_VERSION");
    match matches(current, spec) {
        Some(true) => Ok(()),
        Some(false) => Err(Failure::with_code(
            format!("version mismatch: current version '{current}' does not match '{spec}'"),
            3,
        )),
        None => Err(Failure::new(format!(
            "invalid version spec '{spec}': expected comparisons such as '>=0.1,<1'"
        ))),
    }
}

/// Whether a version meets every comparison of a spec; `None` if the spec cannot be read.
fn matches(version: &str, spec: &str) -> Option<bool> {
    let current = numbers(version)?;
    let mut all = true;
    for part in spec.split(',').map(str::trim) {
        let digits = part.find(|c: char| c.is_ascii_digit())?;
        let wanted = numbers(&part[digits..])?;
        all &= match part[..digits].trim() {
            "" | "=" | "==" => current == wanted,
            "!=" => current != wanted,
            ">" => current > wanted,
            ">=" => current >= wanted,
            "<" => current < wanted,
            "<=" => current <= wanted,
            "~=" | "^" => current >= wanted && current[0] == wanted[0],
            _ => return None,
        };
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn specs_are_comparisons() {
        for (spec, result) in [
            ("0.2.1", Some(true)),
            ("==0.2", Some(false)),
            (">=0.2", Some(true)),
            (">= 0.1, <0.3", Some(true)),
            (">0.2.1", Some(false)),
            ("!=0.2.1", Some(false)),
            ("~=0.1", Some(true)),
            ("<1,>2", Some(false)),
            ("", None),
            ("x", None),
            ("=>1", None),
            ("1.2.3.4", None),
        ] {
            assert_eq!(matches("0.2.1", spec), result, "{spec}");
        }
    }
}
