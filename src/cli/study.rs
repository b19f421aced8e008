//! `gage study serve --stdio`: the optimizers for any program, as JSON lines.

use clap::{Args, Subcommand};

use super::{CommandResult, Failure};
use crate::batch::serve;

/// Use gage's optimizers from another program
#[derive(Args)]
pub struct StudyArgs {
    #[command(subcommand)]
    command: StudyCommand,
}

#[derive(Subcommand)]
enum StudyCommand {
    /// Answer ask and tell requests, one JSON object a line
    Serve {
        /// Read requests from standard input, answer on standard output
        #[arg(long)]
        stdio: bool,
    },
}

pub fn run(args: StudyArgs) -> CommandResult {
    let StudyCommand::Serve { stdio } = args.command;
    if !stdio {
        return Err(Failure::misuse("missing one of: --stdio", "gage study serve"));
    }
    match serve::serve(std::io::stdin().lock(), std::io::stdout().lock()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(0),
    }
}
