//! Whether a Python module can be imported, asked of the Python that runs would get. Imports nothing.

use std::process::{Command, Stdio};

use crate::project::OpDef;
use crate::run::reason;

/// Finds the module's parents only: a module that is found is not run.
const LOOK: &str = "import importlib.util, sys\ntry:\n    found = importlib.util.find_spec(sys.argv[1])\nexcept ImportError:\n    \
                    found = None\nsys.exit(0 if found else 3)";

/// Fails if the module cannot be found from the project.
pub fn check(module: &str, op: &OpDef) -> Result<(), String> {
    let root = op.project_dir.join(op.sourcecode.root.as_deref().unwrap_or_default());
    for python in ["python", "python3"] {
        let mut command = Command::new(python);
        command.args(["-c", LOOK, module]).current_dir(&root);
        if let Some(path) = op.env.get("PATH") {
            command.env("PATH", path);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match command.status() {
            Ok(status) if status.success() => return Ok(()),
            Ok(status) if status.code() == Some(3) => return Err(format!("No module named {module}")),
            Ok(status) => return Err(format!("cannot look for module {module}: {python} ended with {status}")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                return Err(format!(
                    "cannot look for module {module}: cannot run {python}: {}",
                    reason(&error)
                ));
            }
        }
    }
    Err(format!("cannot look for module {module}: command not found: python"))
}
