//! What can be run here: operations files (gage and Guild dialects), bare scripts with their detected flags,
//! source selection. Ends in an [`OpDef`]. Uses `flags` and `config`; never `run` or `batch`.

mod complete;
mod configured;
mod declared;
pub mod detect;
mod error;
pub mod exec;
mod fields;
mod find;
mod gage;
mod guild;
mod imports;
pub mod opdef;
mod requires;
mod schema;
mod script;
mod shell;
pub mod source;
pub mod sources;
pub mod steps;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use error::ProjectError;
pub use exec::Substitutes;
pub use opdef::{Command, ConfigSelect, Exec, FlagsDest, OpDef, OptimizerDef, SourceCode};
pub use schema::{Fault, json_schema};
pub use shell::quoted;

use declared::{Declared, Dialect};

/// A directory with things to run.
#[derive(Debug, Clone, Default)]
pub struct Project {
    /// The project directory.
    pub dir: PathBuf,
    /// Its operations file, if it has one.
    pub file: Option<PathBuf>,
    /// `$runs-dir`, as a path.
    pub runs_dir: Option<PathBuf>,
    /// Models of a Guild file; the anonymous one has an empty name.
    pub models: Vec<Model>,
    /// What in the file means nothing to gage, without `WARNING: `.
    pub warnings: Vec<String>,
    /// A Guild file that a gage file makes gage overlook.
    pub hidden: Option<PathBuf>,
    dialect: Option<Dialect>,
    operations: Vec<Declared>,
}

/// What a check of a project found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Findings {
    pub errors: Vec<String>,
    /// Without `WARNING: `.
    pub warnings: Vec<String>,
}

/// A model of a Guild file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Model {
    pub name: String,
    pub description: String,
    /// Its operations are meant where several models have one of the name.
    pub default: bool,
    /// Named resources, each a map with `sources`.
    pub resources: serde_json::Map<String, serde_json::Value>,
}

impl Project {
    /// Opens the project in a directory. A directory with no operations file is a project of scripts.
    pub fn open(dir: &Path) -> Result<Project, ProjectError> {
        match find::operations_file(dir) {
            None => Ok(Project {
                dir: dir.to_path_buf(),
                ..Project::default()
            }),
            Some((name, dialect)) => Ok(Project {
                hidden: find::hidden_file(dir, dialect),
                ..Project::read(&dir.join(name), name, dialect)?
            }),
        }
    }

    /// Opens the project of an operations file; `shown` is the file's name in messages.
    pub fn open_file(file: &Path, shown: &str) -> Result<Project, ProjectError> {
        Project::read(file, shown, find::dialect(file))
    }

    fn read(file: &Path, shown: &str, dialect: Dialect) -> Result<Project, ProjectError> {
        let data = find::read(file);
        let mut project = Project {
            dir: find::project_dir(file),
            file: Some(file.to_path_buf()),
            dialect: Some(dialect),
            ..Project::default()
        };
        match dialect {
            Dialect::Gage => {
                let data = data.map_err(|reason| find::gage_error(shown, &[format!("{shown}: {reason}")]))?;
                let faults = schema::check(&data);
                if !faults.is_empty() {
                    let lines: Vec<String> = faults.iter().map(|fault| fault.message.clone()).collect();
                    return Err(find::gage_error(shown, &lines).with_faults(faults));
                }
                let (operations, runs_dir) =
                    gage::operations(&data).map_err(|reason| find::gage_error(shown, &[reason]))?;
                project.operations = operations;
                project.runs_dir = runs_dir.map(|dir| file.parent().unwrap_or(Path::new("")).join(dir));
            }
            Dialect::Guild => {
                let data = data.map_err(|reason| find::guild_error(shown, &reason))?;
                let guildfile = guild::read(file, shown, data)?;
                project.operations = guildfile.operations;
                project.models = guildfile.models;
                project.warnings = guildfile.warnings;
            }
        }
        Ok(project)
    }

    /// The operations of the file in its order, without what is only found in their scripts. Private ones have
    /// a name that begins with `_`.
    pub fn operations(&self) -> impl Iterator<Item = &OpDef> {
        self.operations.iter().map(|op| &op.def)
    }

    /// The operations of a model.
    pub fn operations_of(&self, model: &Model) -> Vec<&OpDef> {
        let own = self.operations.iter().filter(|op| op.model == model.name);
        own.map(|op| &op.def).collect()
    }

    /// Whether it has a Guild operations file.
    pub fn is_guild(&self) -> bool {
        self.dialect == Some(Dialect::Guild)
    }

    /// What is wrong with operations beyond the form of the file, and what may be.
    pub fn check(&self) -> Findings {
        let mut findings = Findings {
            errors: Vec::new(),
            warnings: self.warnings.clone(),
        };
        for declared in &self.operations {
            let complete = complete::complete(declared, self);
            let warnings = complete.as_ref().map_or(&declared.def.warnings, |def| &def.warnings);
            findings.warnings.extend(warnings.iter().cloned());
            match complete {
                Err(error) if declared.may_lack_program() => findings.warnings.push(error.to_string()),
                Err(error) => findings.errors.push(error.to_string()),
                Ok(_) => {}
            }
        }
        findings
    }

    /// The operation of that name, complete: one of the file, else a script or program; with no name the
    /// default operation.
    pub fn operation(&self, name: Option<&str>) -> Result<OpDef, ProjectError> {
        let Some(name) = name else {
            return complete::complete(self.default_operation()?, self);
        };
        if let Some(declared) = self.declared(name)? {
            return complete::complete(declared, self);
        }
        if let Some(def) = script::operation(&self.dir, name)? {
            return Ok(def);
        }
        Err(ProjectError::new(match (&self.file, name.rsplit_once(':')) {
            (None, _) => format!(
                "cannot find operation {name}\nYou may need to include a model in the form MODEL:OPERATION. \
                 Try 'gage operations' for a list of available operations."
            ),
            (_, Some((model, op))) if self.operations.iter().any(|declared| declared.model == model) => format!(
                "operation '{op}' is not defined for model '{model}'\nTry 'gage operations {model}' for a list of \
                 available operations."
            ),
            _ => format!(
                "operation '{name}' is not defined for this project\nTry 'gage operations' for a list of available \
                 operations."
            ),
        }))
    }

    /// Whether a name that no operation has is that of a script or program.
    pub fn is_script(&self, name: &str) -> bool {
        matches!(script::operation(&self.dir, name), Ok(Some(_)))
    }

    fn default_operation(&self) -> Result<&Declared, ProjectError> {
        let mut public = self.operations.iter().filter(|op| !op.def.is_private());
        let only = match (public.next(), public.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        };
        let default = self.operations.iter().find(|op| op.def.default);
        default.or(only).ok_or_else(|| {
            ProjectError::new(
                "a default operation is not defined for this project\nTry 'gage operations' for a list of available \
                 operations.",
            )
        })
    }

    /// By the whole name, else by the operation's own name if only one model has it.
    fn declared(&self, name: &str) -> Result<Option<&Declared>, ProjectError> {
        if let Some(found) = self.operations.iter().find(|op| op.def.name == name) {
            return Ok(Some(found));
        }
        let same: Vec<&Declared> = self.operations.iter().filter(|op| op.op == name).collect();
        match same[..] {
            [] => Ok(None),
            [one] => Ok(Some(one)),
            _ => {
                let default = self.models.iter().find(|model| model.default);
                let meant = default.and_then(|model| same.iter().find(|op| op.model == model.name));
                if let Some(op) = meant {
                    return Ok(Some(op));
                }
                let names: Vec<String> = same.iter().map(|op| format!("  {}", op.def.name)).collect();
                Err(ProjectError::new(format!(
                    "there are multiple operations that match '{name}'\nTry specifying one of the following:\n{}",
                    names.join("\n")
                )))
            }
        }
    }
}
