//! The `gage` program.

fn main() -> std::process::ExitCode {
    gage::cli::main(std::env::args_os())
}
