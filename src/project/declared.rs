//! An operation as a file declares it: the definition so far, and what is still to be found out from the
//! script it runs. `complete` does that, for the one operation that is asked for.

use super::fields::{self, Import};
use super::{FlagsDest, OpDef};
use crate::flags::document::Data;

/// Which kind of file an operation comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Gage,
    Guild,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Declared {
    pub dialect: Dialect,
    /// The model, empty for the anonymous one, and the operation's own name.
    pub model: String,
    pub op: String,
    pub def: OpDef,
    /// A Python module and its arguments, to be run with flags.
    pub main: Option<String>,
    /// A notebook to run.
    pub notebook: Option<String>,
    /// Whether something to run was declared, be it nothing at all.
    pub has_exec: bool,
    pub flags_dest: Option<FlagsDest>,
    pub flags_import: Import,
    pub flags_import_skip: Vec<String>,
    /// Keys that mean nothing to gage.
    pub unknown: Vec<String>,
}

impl Declared {
    /// An operation `name` of the anonymous model that nothing is known of.
    pub(super) fn new(dialect: Dialect, name: &str) -> Declared {
        Declared {
            dialect,
            model: String::new(),
            op: name.to_string(),
            def: OpDef {
                name: name.to_string(),
                ..OpDef::default()
            },
            main: None,
            notebook: None,
            has_exec: false,
            flags_dest: None,
            flags_import: Import::No,
            flags_import_skip: Vec::new(),
            unknown: Vec::new(),
        }
    }

    /// Whether a file is valid even though this cannot be run: its program may be put there later, or is a
    /// notebook.
    pub(super) fn may_lack_program(&self) -> bool {
        self.notebook.is_some() || self.dialect == Dialect::Gage && !self.has_exec && self.def.steps.is_empty()
    }

    /// Sets a field that both dialects know. An unknown one is kept as a warning.
    pub(super) fn field(&mut self, key: &str, value: &Data) -> Result<(), String> {
        let def = &mut self.def;
        match key {
            "description" => def.description = fields::text(key, value)?.unwrap_or_default().trim().to_string(),
            "default" => def.default = fields::truth(value),
            "progress" => def.progress = Some(value.to_json()).filter(|v| !v.is_null()),
            "output-summary" => def.output_summary = Some(value.to_json()).filter(|v| !v.is_null()),
            "flags" => def.flags = fields::flags(value)?,
            "flags-dest" => {
                self.flags_dest = fields::text(key, value)?
                    .map(|text| fields::flags_dest(&text))
                    .transpose()?;
            }
            "flags-import" => self.flags_import = fields::flags_import(value)?,
            "flags-import-skip" => self.flags_import_skip = fields::texts(key, value)?,
            "steps" => def.steps = fields::steps(value)?,
            "requires" => def.requires = fields::requires(value)?,
            "optimizer" => def.optimizers = fields::optimizer(value)?,
            "optimizers" => def.optimizers = fields::optimizers(value)?,
            "objective" => def.objective = fields::objective(value)?,
            "default-max-trials" => def.default_max_trials = fields::count(key, value)?,
            "output-scalars" => def.output_scalars = fields::output_patterns(key, value)?,
            "output-attrs" => def.output_attrs = fields::output_patterns(key, value)?,
            "env" => def.env = fields::env(value)?,
            "label" => def.label = fields::text(key, value)?,
            "tags" => def.tags = fields::texts(key, value)?,
            "compare" => def.compare = Some(fields::texts(key, value)?).filter(|columns| !columns.is_empty()),
            "stoppable" => def.stoppable = fields::truth(value),
            "stop-signal" => def.stop_signal = fields::stop_signal(value)?,
            "stop-after" => def.stop_after = fields::number(key, value)?,
            "delete-on-success" => def.delete_on_success = fields::truth(value),
            "can-stage-trials" => def.can_stage_trials = fields::truth(value),
            _ => self.unknown.push(key.to_string()),
        }
        Ok(())
    }
}
