//! `gage worker`: supervises one run after another, named on its standard input. See `run::worker` for the lines.

use clap::Args;

use super::CommandResult;
use crate::run::{StopFlag, worker};

/// Execute the staged runs named on standard input (used by gage itself)
#[derive(Args)]
pub struct WorkerArgs {
    /// Send the runs' output as events
    #[arg(long)]
    output: bool,

    /// Send the runs' scalars as events
    #[arg(long)]
    scalars: bool,
}

pub fn run(args: WorkerArgs) -> CommandResult {
    let stop = StopFlag::new()?;
    stop.raise_on(&[nix::libc::SIGINT, nix::libc::SIGTERM, nix::libc::SIGHUP])?;
    let tell = worker::Tell {
        output: args.output,
        scalars: args.scalars,
    };
    worker::serve(std::io::stdin(), std::io::stdout(), tell, &stop)?;
    Ok(match stop.signal() {
        Some(signal) => u8::try_from(128 + signal).unwrap_or(1),
        None => 0,
    })
}
