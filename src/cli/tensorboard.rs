//! `gage tensorboard`: event files of runs for TensorBoard, or every value of them as CSV.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use clap::Args;

use super::filters::FilterArgs;
use super::{CommandResult, Context, Failure, choose, eprint_line, print, reason};
use crate::flags::plain_float;
use crate::report::comparison::csv_line;
use crate::scalars::found;
use crate::store::RunRow;

/// View runs in TensorBoard, or export their scalars
#[derive(Args)]
#[command(disable_help_flag = true)]
pub struct TensorboardArgs {
    /// Runs to view (default: all that match the filters)
    #[arg(value_name = "RUN")]
    runs: Vec<String>,

    /// Name of the host to listen on
    #[arg(short, long, value_name = "HOST")]
    host: Option<String>,

    /// Port to listen on
    #[arg(short, long, value_name = "PORT")]
    port: Option<u16>,

    /// Write every value as CSV to PATH ('-' for standard output) instead: run,path,tag,value,step
    #[arg(long, value_name = "PATH")]
    export_scalars: Option<PathBuf>,

    /// Print help
    #[arg(long, action = clap::ArgAction::HelpLong)]
    help: Option<bool>,

    #[command(flatten)]
    filters: FilterArgs,
}

const COMMAND: &str = "gage tensorboard";

pub fn run(args: TensorboardArgs, context: &Context) -> CommandResult {
    let rows = choose::matching(context, &args.filters, COMMAND)?;
    let rows = choose::named(rows, &args.runs, context, COMMAND)?;
    if let Some(path) = &args.export_scalars {
        let text = csv(&rows);
        if path.as_os_str() == "-" {
            print(&text);
            return Ok(0);
        }
        return fs::write(context.cwd.join(path), text)
            .map(|()| 0)
            .map_err(|e| Failure::new(format!("cannot write {}: {}", path.display(), reason(&e))));
    }
    view(&rows, &args)
}

/// One line for each value; the run directory itself is the path `.`.
fn csv(rows: &[RunRow]) -> String {
    let mut out = String::from("run,path,tag,value,step\n");
    for row in rows {
        let warnings = found::values(&row.run.dir(), &row.run.meta(""), |prefix, scalar| {
            let path = if prefix.is_empty() { "." } else { prefix };
            let (value, step) = (plain_float(scalar.value), scalar.step.to_string());
            csv_line(&mut out, [row.run.id(), path, &scalar.tag, &value, &step]);
        });
        for warning in warnings {
            eprint_line(&format!("WARNING: {warning}"));
        }
    }
    out
}

/// Starts TensorBoard on a directory of links, which lasts as long as TensorBoard.
fn view(rows: &[RunRow], args: &TensorboardArgs) -> CommandResult {
    let logs = tempfile::Builder::new().prefix("gage-tensorboard-").tempdir()?;
    for row in rows {
        let label = row.label.as_deref().unwrap_or_default().replace('/', "_");
        let name = format!("{} {} {label}", row.run.short_id(), row.operation.replace('/', "_"));
        let dir = logs.path().join(crate::report::table::shorten(name.trim(), 100));
        for file in found::places(&row.run.dir(), &row.run.meta("")).files {
            let target = dir.join(&file.prefix);
            fs::create_dir_all(&target)?;
            if let Some(name) = file.path.file_name() {
                std::os::unix::fs::symlink(&file.path, target.join(name))?;
            }
        }
    }
    let mut command = Command::new("tensorboard");
    command.arg("--logdir").arg(logs.path());
    if let Some(host) = &args.host {
        command.args(["--host", host]);
    }
    if let Some(port) = args.port {
        command.args(["--port", &port.to_string()]);
    }
    match command.status() {
        Ok(status) => Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Failure::new("TensorBoard is not installed")),
        Err(error) => Err(Failure::new(format!("cannot start tensorboard: {}", reason(&error)))),
    }
}
