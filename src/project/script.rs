//! Files that are operations without any operations file: Python scripts and executables.

use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use super::detect::detect;
use super::{Command, Exec, FlagsDest, OpDef, ProjectError, SourceCode};

/// The operation that a file of the project is, if `name` names one. A file outside of the project is an
/// operation of its own directory.
pub(super) fn operation(dir: &Path, name: &str) -> Result<Option<OpDef>, ProjectError> {
    let full = dir.join(name);
    let Ok(metadata) = std::fs::metadata(&full) else {
        return Ok(None);
    };
    if !metadata.is_file() {
        return Ok(None);
    }
    let (project_dir, path) = placed(dir, name);
    let python = path.ends_with(".py");
    if !python && metadata.permissions().mode() & 0o111 == 0 {
        return Err(ProjectError::new(format!(
            "cannot run {name}: it is neither a Python script nor executable\nTry 'chmod +x {name}' first."
        )));
    }
    let mut def = OpDef {
        name: path.clone(),
        bare: true,
        exec: Exec {
            run: Some(command(&path)),
            ..Exec::default()
        },
        sourcecode: SourceCode::standard(),
        flags_dest: FlagsDest::Args,
        project_dir,
        ..OpDef::default()
    };
    if python {
        let bytes = std::fs::read(&full).map_err(|error| ProjectError::new(format!("cannot read {name}: {error}")))?;
        // A script that cannot be read as Python has no flags; Python will say what is wrong with it.
        if let Some(detected) = String::from_utf8(bytes).ok().and_then(|text| detect(&text)) {
            def.flags = detected.flags;
            def.flags_dest = detected.dest;
            def.description = detected.description;
        }
        def.main_script = Some(path);
    }
    if def.flags_dest == FlagsDest::Args
        && let Some(Command::Words(words)) = &mut def.exec.run
    {
        words.push("${flag_args}".into());
    }
    Ok(Some(def))
}

/// The command that runs a file of the run directory.
pub(super) fn command(path: &str) -> Command {
    let words = match path.ends_with(".py") {
        true => vec!["python".into(), path.into()],
        false if path.contains('/') => vec![path.into()],
        false => vec![format!("./{path}")],
    };
    Command::Words(words)
}

/// The directory to take as project, and the file's path in it.
fn placed(dir: &Path, name: &str) -> (PathBuf, String) {
    let path = Path::new(name);
    let relative: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    let inside = !relative.components().any(|part| part == Component::ParentDir);
    let below = match path.is_absolute() {
        true => path.strip_prefix(dir).ok().map(Path::to_path_buf),
        false if inside => Some(relative),
        false => None,
    };
    if let Some(below) = below.as_ref().and_then(|path| path.to_str()) {
        return (dir.to_path_buf(), below.to_string());
    }
    let full = std::path::absolute(dir.join(name)).unwrap_or_else(|_| dir.join(name));
    let parent = full.parent().unwrap_or(dir).to_path_buf();
    let parent = parent.canonicalize().unwrap_or(parent);
    let file = full.file_name().unwrap_or_default().to_string_lossy().into_owned();
    (parent, file)
}
