//! Texts that the user writes in an editor of their own.

use std::process::Command;

use super::{Failure, reason};

/// What the user's editor makes of `text`; lines that begin with `#` are left out.
pub fn edited(text: &str) -> Result<String, Failure> {
    let editor = ["VISUAL", "EDITOR"]
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|value| !value.trim().is_empty())
        .unwrap_or_else(|| "vi".into());
    let file = tempfile::Builder::new().prefix("gage-").suffix(".txt").tempfile()?;
    let hint = "# Lines that begin with # are left out.";
    std::fs::write(file.path(), format!("{text}\n{hint}\n"))?;
    let status = Command::new("sh")
        .args(["-c", &format!("{editor} \"$1\""), "sh"])
        .arg(file.path())
        .status()
        .map_err(|e| Failure::new(format!("cannot start the editor '{editor}': {}", reason(&e))))?;
    if !status.success() {
        return Err(Failure::new(format!(
            "the editor '{editor}' failed - nothing was changed"
        )));
    }
    let text = std::fs::read_to_string(file.path())?;
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    Ok(lines.join("\n"))
}
