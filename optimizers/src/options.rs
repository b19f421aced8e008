//! Options of an optimizer: what it declares, and the checked values it is made with.
//! Beyond this door options are typed fields of the optimizer, never a map.

use std::collections::BTreeMap;

use thiserror::Error;

/// What values an option takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum OptionKind {
    /// An integer of at least `min`.
    Int {
        /// Smallest value.
        min: i64,
    },
    /// Any finite number.
    Number,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A finite number of at least 0, or this word.
    NumberOr(&'static str),
}

/// A value of an option.
#[derive(Debug, Clone, PartialEq)]
pub enum OptionValue {
    /// An integer.
    Int(i64),
    /// A number.
    Number(f64),
    /// A word.
    Text(String),
}

/// One option as its optimizer declares it.
#[derive(Debug, Clone, Copy)]
pub struct OptionSpec {
    /// Name, words joined by `-`.
    pub name: &'static str,
    /// Accepted values.
    pub kind: OptionKind,
    /// Default, as a user would write it.
    pub default: &'static str,
    /// One line of help.
    pub help: &'static str,
}

/// Why an option was refused; the texts are those users see.
#[derive(Debug, Error, PartialEq)]
pub enum OptionError {
    /// No such option.
    #[error("unsupported flag '{0}'")]
    Unknown(String),
    /// Wrong kind of value.
    #[error("invalid value {value} for {name}: {reason}")]
    Invalid {
        /// Option.
        name: String,
        /// What was given.
        value: String,
        /// What was expected.
        reason: String,
    },
    /// Not among the choices.
    #[error("Unsupported value for '{name}' - supported values are:\n\n{}\n\nRun the command again using one of these options.", choices.iter().map(|c| format!("  {c}  ")).collect::<Vec<_>>().join("\n"))]
    Choice {
        /// Option.
        name: String,
        /// Accepted words.
        choices: &'static [&'static str],
    },
}

/// Checked options: every declared one has a value of its kind.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Options(BTreeMap<&'static str, OptionValue>);

impl Options {
    /// Checks `given` (name, text) pairs against `specs` and fills in the defaults.
    pub fn parse<'a>(
        specs: &[OptionSpec],
        given: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Options, OptionError> {
        let mut map = BTreeMap::new();
        for spec in specs {
            map.insert(spec.name, spec.parse(spec.default)?);
        }
        for (name, text) in given {
            let spec = specs
                .iter()
                .find(|s| s.name == name)
                .ok_or_else(|| OptionError::Unknown(name.to_string()))?;
            map.insert(spec.name, spec.parse(text)?);
        }
        Ok(Options(map))
    }

    /// The integer option `name`; panics if it was not declared as one.
    pub fn int(&self, name: &str) -> i64 {
        match self.0.get(name) {
            Some(OptionValue::Int(v)) => *v,
            other => unreachable!("option {name} is {other:?}, not a declared integer"),
        }
    }

    /// The number option `name`, or `None` where a word was given instead; panics if it was not declared.
    pub fn number(&self, name: &str) -> Option<f64> {
        match self.0.get(name) {
            Some(OptionValue::Number(v)) => Some(*v),
            Some(OptionValue::Int(v)) => Some(*v as f64),
            Some(OptionValue::Text(_)) => None,
            None => unreachable!("option {name} is not declared"),
        }
    }

    /// The word option `name`; panics if it was not declared as one.
    pub fn text(&self, name: &str) -> &str {
        match self.0.get(name) {
            Some(OptionValue::Text(v)) => v,
            other => unreachable!("option {name} is {other:?}, not a declared word"),
        }
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &OptionValue)> {
        self.0.iter().map(|(k, v)| (*k, v))
    }
}

impl OptionSpec {
    fn parse(&self, text: &str) -> Result<OptionValue, OptionError> {
        let invalid = |reason: String| OptionError::Invalid {
            name: self.name.to_string(),
            value: text.to_string(),
            reason,
        };
        let number = |text: &str| text.parse::<f64>().ok().filter(|v| v.is_finite());
        match self.kind {
            OptionKind::Int { min } => {
                let v = text
                    .parse::<i64>()
                    .map_err(|_| invalid("invalid value for type 'int'".into()))?;
                if v < min {
                    return Err(invalid(format!("out of range (less than min {min})")));
                }
                Ok(OptionValue::Int(v))
            }
            OptionKind::Number => number(text)
                .map(OptionValue::Number)
                .ok_or_else(|| invalid("invalid value for type 'number'".into())),
            OptionKind::Choice(choices) => choices
                .contains(&text)
                .then(|| OptionValue::Text(text.to_string()))
                .ok_or_else(|| OptionError::Choice {
                    name: self.name.to_string(),
                    choices,
                }),
            OptionKind::NumberOr(word) if text == word => Ok(OptionValue::Text(text.to_string())),
            OptionKind::NumberOr(word) => number(text)
                .filter(|v| *v >= 0.0)
                .map(OptionValue::Number)
                .ok_or_else(|| invalid(format!("expected '{word}' or a number"))),
        }
    }
}
