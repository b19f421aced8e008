//! From a declared operation to the whole definition: its script, the flags found in it, how flags get there,
//! and the command. Reads scripts, never runs one.

use std::path::Path;

use super::declared::{Declared, Dialect};
use super::fields::Import;
use super::{
    Command, FlagsDest, OpDef, Project, ProjectError, SourceCode, configured, imports, requires, sources, steps,
};

/// Built-in modules that do nothing.
const PASS: [&str; 2] = ["guild.pass", "gage.pass"];

/// The word that flags are passed at.
const FLAG_ARGS: &str = "${flag_args}";

/// Completes an operation of a project.
pub(super) fn complete(declared: &Declared, project: &Project) -> Result<OpDef, ProjectError> {
    let dir = project.dir.as_path();
    let mut def = declared.def.clone();
    if let Some(notebook) = &declared.notebook {
        return Err(ProjectError::new(format!(
            "operation '{}' is the notebook {notebook}: gage does not run notebooks\nTry converting it with 'jupyter \
             nbconvert --to script {notebook}'.",
            def.name
        )));
    }
    def.resources = requires::resources(declared, project)?;
    if declared.has_exec && !def.steps.is_empty() {
        def.warnings
            .push("operation 'exec' and 'steps' both specified, ignoring 'steps'".into());
        def.steps.clear();
    }
    steps::of(&def)?;
    sources::of(&def)?;
    if !def.steps.is_empty() {
        // Each step has its own.
        def.sourcecode = SourceCode::nothing();
    }
    def.project_dir = dir.to_path_buf();
    let source = match &def.sourcecode.root {
        Some(root) => dir.join(root),
        None => dir.to_path_buf(),
    };
    let mut own_arguments = false;
    if let Some(main) = &declared.main {
        own_arguments = true;
        main_command(&mut def, main, &source)?;
    } else if declared.has_exec {
        def.main_script = def
            .exec
            .run
            .as_ref()
            .and_then(|command| python_script(command, &source));
    } else if def.steps.is_empty() && declared.dialect == Dialect::Gage {
        own_arguments = true;
        file_command(&mut def, &source)?;
    }
    let detected = imports::read(declared, &def, &source, own_arguments);
    if let Some(detected) = &detected {
        imports::import_flags(&mut def, declared, detected);
    }
    if def.flags.is_empty() && !def.config.is_empty() && declared.flags_import == Import::No {
        def.flags = configured::flags(&def, &source)?;
    }
    let takes_arguments = own_arguments
        || def
            .exec
            .run
            .as_ref()
            .is_some_and(|command| command.references().contains("flag_args"));
    if let (None, Some(script), Some(FlagsDest::Args)) = (
        &declared.flags_dest,
        &def.main_script,
        detected.as_ref().map(|detected| &detected.dest),
    ) && !takes_arguments
        && !names_a_flag(&def)
    {
        def.warnings.push(format!(
            "flags of '{}' are not passed to {script}: add {FLAG_ARGS} to its exec",
            def.name
        ));
    }
    def.flags_dest = match (&declared.flags_dest, detected) {
        (Some(dest), _) => dest.clone(),
        (None, Some(detected)) if detected.dest == FlagsDest::Globals || takes_arguments => detected.dest,
        // What is rewritten needs no arguments besides.
        (None, None) if own_arguments && !def.config.is_empty() => FlagsDest::Env,
        (None, _) if takes_arguments => FlagsDest::Args,
        _ => FlagsDest::Env,
    };
    if own_arguments
        && def.flags_dest == FlagsDest::Args
        && let Some(Command::Words(words)) = &mut def.exec.run
        && !words.iter().any(|word| word == FLAG_ARGS)
    {
        words.push(FLAG_ARGS.into());
    }
    Ok(def)
}

/// Whether the command refers to a flag, or there is none.
fn names_a_flag(def: &OpDef) -> bool {
    let named = def.exec.run.as_ref().map(Command::references).unwrap_or_default();
    def.flags.is_empty() || def.flags.keys().any(|flag| named.contains(flag))
}

/// `main`: a module of the source directory and its arguments.
fn main_command(def: &mut OpDef, main: &str, source: &Path) -> Result<(), ProjectError> {
    let words = shlex::split(main).filter(|words| !words.is_empty()).ok_or_else(|| {
        ProjectError::new(format!(
            "invalid main '{main}' in operation '{}': expected a module and its arguments",
            def.name
        ))
    })?;
    let (module, args) = (&words[0], &words[1..]);
    if PASS.contains(&module.as_str()) {
        return Ok(());
    }
    let mut command = vec!["python".to_string(), "-u".to_string()];
    if module.ends_with(".py") {
        def.main_script = Some(module.clone());
        command.push(module.clone());
    } else {
        // `src/pkg.train`: the module `pkg.train` of the directory `src`.
        let (dir, module) = match module.rsplit_once('/') {
            Some((dir, module)) => (Some(dir), module),
            None => (None, module.as_str()),
        };
        let path = module.replace('.', "/");
        let prefix = dir.map(|dir| format!("{dir}/")).unwrap_or_default();
        def.main_script = [format!("{prefix}{path}.py"), format!("{prefix}{path}/__main__.py")]
            .into_iter()
            .find(|file| source.join(file).is_file());
        if let Some(dir) = dir {
            def.python_path.insert(0, below(&def.sourcecode.dest, dir));
        }
        command.extend(["-m".to_string(), module.to_string()]);
    }
    if let Some(dest) = &def.sourcecode.dest {
        def.python_path.push(dest.clone());
    }
    command.extend(args.iter().cloned());
    def.exec.run = Some(Command::Words(command));
    Ok(())
}

fn below(dest: &Option<String>, dir: &str) -> String {
    match dest {
        Some(dest) => format!("{dest}/{dir}"),
        None => dir.to_string(),
    }
}

/// No `exec`: the file of the operation's name.
fn file_command(def: &mut OpDef, source: &Path) -> Result<(), ProjectError> {
    let name = def.name.clone();
    for file in [name.clone(), format!("{name}.py")] {
        if source.join(&file).is_file() {
            def.main_script = file.ends_with(".py").then(|| file.clone());
            def.exec.run = Some(super::script::command(&file));
            return Ok(());
        }
    }
    Err(ProjectError::new(format!(
        "operation '{name}' has nothing to run: it has no 'exec', and there is no file {name} or {name}.py"
    )))
}

/// The script in a command such as `python train.py`, if it is one of the project's.
fn python_script(command: &Command, source: &Path) -> Option<String> {
    let words = match command {
        Command::Words(words) => words.clone(),
        // One simple command; anything more is the shell's affair.
        Command::Shell(text) if text.contains(['\n', ';', '|', '&', '<', '>', '`']) => return None,
        Command::Shell(text) => shlex::split(text)?,
    };
    let (program, rest) = words.split_first()?;
    if !matches!(program.as_str(), "python" | "python3") {
        return None;
    }
    let script = rest.iter().find(|word| !matches!(word.as_str(), "-u" | "-O" | "-B"))?;
    let script = script.strip_prefix("./").unwrap_or(script);
    (script.ends_with(".py") && source.join(script).is_file()).then(|| script.to_string())
}
