//! A flag as an operation defines it. Checks of values against it are in `check`.

use serde::{Deserialize, Serialize};

use super::Value;

/// Definition of one flag. The keys are those of an operations file.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct FlagDef {
    #[serde(skip_serializing_if = "Value::is_null")]
    pub default: Value,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    pub required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub choices: Option<Vec<Choice>>,
    #[serde(skip_serializing_if = "is_false")]
    pub allow_other: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distribution: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nullable: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub null_label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arg_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arg_switch: Option<Value>,
    #[serde(skip_serializing_if = "is_false")]
    pub arg_skip: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arg_encoding: Option<Vec<(Value, String)>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arg_split: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env_encoding: Option<Vec<(Value, String)>>,
    /// Keys that gage does not know: kept and shown, never an error.
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    pub other: serde_json::Map<String, serde_json::Value>,
}

/// One of a flag's choices.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Choice {
    pub value: Value,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// Assigned when this choice is chosen and the user did not assign them.
    #[serde(skip_serializing_if = "super::FlagValues::is_empty")]
    pub flags: super::FlagValues,
}

fn is_false(v: &bool) -> bool {
    !v
}
