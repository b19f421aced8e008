//! Flags that an operation takes over from its script, or from the file that they go to.

use std::path::Path;

use super::declared::Declared;
use super::detect::{Detected, constants_as_flags, detect};
use super::fields::Import;
use super::{FlagsDest, OpDef};
use crate::config::{self, python};
use crate::flags::{FlagDef, Value};

/// What the script, or the file that flags go to, has; `None` if it does not matter or cannot be read.
pub(super) fn read(declared: &Declared, def: &OpDef, source: &Path, own_arguments: bool) -> Option<Detected> {
    let imports = declared.flags_import != Import::No;
    let takes = own_arguments || !def.flags.is_empty();
    let unclear = declared.flags_dest.is_none() && takes && def.config.is_empty();
    if !imports && !unclear {
        return None;
    }
    let text_of = |file: &str| std::fs::read_to_string(source.join(file)).ok();
    if let Some(FlagsDest::Config(path)) = &declared.flags_dest {
        return Some(as_flags(config::read(path, &text_of(path)?).ok()?));
    }
    let text = text_of(def.main_script.as_ref()?)?;
    match &declared.flags_dest {
        None => detect(&text),
        Some(FlagsDest::Globals) => Some(Detected {
            flags: constants_as_flags(&text)?,
            ..Detected::default()
        }),
        Some(FlagsDest::Dict(name)) => Some(as_flags(python::read(&text, &python::Scope::Dict(name.clone())).ok()?)),
        Some(FlagsDest::Namespace(name)) => Some(as_flags(
            python::read(&text, &python::Scope::Namespace(name.clone())).ok()?,
        )),
        // Constants of a script that is told to take arguments are no arguments.
        Some(_) => detect(&text).filter(|detected| detected.dest == FlagsDest::Args),
    }
}

fn as_flags(keys: Vec<(String, Value)>) -> Detected {
    Detected {
        flags: keys.into_iter().map(|(key, value)| (key, flag(value))).collect(),
        ..Detected::default()
    }
}

fn flag(default: Value) -> FlagDef {
    FlagDef {
        default,
        ..FlagDef::default()
    }
}

/// Takes over those flags that the operation imports; what it says itself of them comes first.
pub(super) fn import_flags(def: &mut OpDef, declared: &Declared, detected: &Detected) {
    let wanted = |name: &str| match &declared.flags_import {
        Import::No => false,
        Import::All => true,
        Import::Names(names) => names.iter().any(|n| n == name),
    };
    let own = std::mem::take(&mut def.flags);
    def.flags = detected
        .flags
        .iter()
        .filter(|(name, _)| wanted(name) && !declared.flags_import_skip.contains(name))
        .map(|(name, flag)| (name.clone(), flag.clone()))
        .collect();
    for (name, flag) in own {
        // A declared flag of the script is still passed the way the script takes it.
        let found = detected.flags.get(&name).cloned();
        let flag = match (found, wanted(&name)) {
            (Some(found), true) => overlay(found, flag),
            _ => flag,
        };
        def.flags.insert(name, flag);
    }
}

/// What an operations file says of a flag, over what its script says.
fn overlay(found: FlagDef, said: FlagDef) -> FlagDef {
    FlagDef {
        default: if said.default.is_null() {
            found.default
        } else {
            said.default
        },
        description: if said.description.is_empty() {
            found.description
        } else {
            said.description
        },
        kind: said.kind.or(found.kind),
        required: said.required || found.required,
        choices: said.choices.or(found.choices),
        arg_name: said.arg_name.or(found.arg_name),
        arg_switch: said.arg_switch.or(found.arg_switch),
        arg_split: said.arg_split.or(found.arg_split),
        min: said.min.or(found.min),
        max: said.max.or(found.max),
        ..said
    }
}
