//! `gage completion`: a completion script for the shell, printed or installed. Made from the same description as
//! the help, so the two cannot disagree.

use std::path::PathBuf;

use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::Shell;

use super::{Cli, CommandResult, Context, Failure, eprint_line, print_bytes, reason};

/// Print or install a completion script for your shell
#[derive(Args)]
pub struct CompletionArgs {
    /// The shell (default: the one in SHELL)
    #[arg(short, long, value_enum)]
    shell: Option<ShellName>,
    /// Write the script to where the shell looks for it
    #[arg(short, long)]
    install: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum ShellName {
    Bash,
    Zsh,
    Fish,
}

pub fn run(args: CompletionArgs, context: &Context) -> CommandResult {
    let shell = match args.shell {
        Some(shell) => shell,
        None => current_shell()?,
    };
    let mut script = Vec::new();
    let generator = match shell {
        ShellName::Bash => Shell::Bash,
        ShellName::Zsh => Shell::Zsh,
        ShellName::Fish => Shell::Fish,
    };
    clap_complete::generate(generator, &mut Cli::command(), "gage", &mut script);
    if !args.install {
        print_bytes(&script);
        return Ok(0);
    }
    let path = install_path(shell, context)?;
    let failed = |e: std::io::Error| Failure::new(format!("cannot write {}: {}", path.display(), reason(&e)));
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).map_err(failed)?;
    }
    std::fs::write(&path, &script).map_err(failed)?;
    eprint_line(&format!("Completion script installed to {}", path.display()));
    if matches!(shell, ShellName::Zsh) {
        eprint_line("Add its directory to fpath before compinit in ~/.zshrc, if it is not there: fpath+=(~/.zfunc)");
    }
    Ok(0)
}

fn current_shell() -> Result<ShellName, Failure> {
    let path = PathBuf::from(std::env::var_os("SHELL").unwrap_or_default());
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    ShellName::from_str(name, true).map_err(|_| {
        Failure::misuse(
            format!("cannot tell your shell from SHELL='{}': use --shell", path.display()),
            "gage completion",
        )
    })
}

/// Where each shell looks without being told to.
fn install_path(shell: ShellName, context: &Context) -> Result<PathBuf, Failure> {
    let home = std::env::var_os("HOME").filter(|v| !v.is_empty()).map(PathBuf::from);
    let home = home.ok_or_else(|| Failure::new("cannot find a home directory: HOME is not set"))?;
    let from = |variable: &str, default: &str| {
        std::env::var_os(variable)
            .filter(|v| !v.is_empty())
            .map_or_else(|| home.join(default), |v| context.cwd.join(v))
    };
    Ok(match shell {
        ShellName::Bash => from("XDG_DATA_HOME", ".local/share").join("bash-completion/completions/gage"),
        ShellName::Zsh => home.join(".zfunc/_gage"),
        ShellName::Fish => from("XDG_CONFIG_HOME", ".config").join("fish/completions/gage.fish"),
    })
}
