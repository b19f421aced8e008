//! Search functions: `[1:8]`, `uniform[0:1:0.5]`, `loguniform[1e-5:1]`, with an optional `step=`. Says what a
//! function means or what is wrong with it; turning it into a dimension is left to the batch.

use super::decode::{call, decode};
use super::{FlagDef, FlagValues, Value, encode, number};
use indexmap::IndexMap;

/// How values are spread between the bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distribution {
    Uniform,
    LogUniform,
}

/// A search function, checked. `low`, `high`, `initial` and `step` are all ints or all floats; for two texts or
/// two bools (a choice of the two) there is no step.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    pub distribution: Distribution,
    /// Smallest value.
    pub low: Value,
    /// Largest value; with a step, the largest `low + k * step` that does not pass it.
    pub high: Value,
    /// Tried in the first trial of a batch.
    pub initial: Option<Value>,
    /// Distance between neighbouring values. For `LogUniform` always 1, which makes it a search over integers.
    pub step: Option<Value>,
}

/// Why a search function cannot be searched.
#[derive(Debug, Clone, PartialEq)]
pub enum SearchError {
    UnknownFunction(String),
    Arity { function: &'static str, args: Vec<String> },
    Args(String),
}

impl SearchError {
    /// The whole text of the error, for the flag and the function as written.
    pub fn for_flag(&self, name: &str, text: &str) -> String {
        match self {
            SearchError::UnknownFunction(function) => format!("unknown function '{function}' used for flag {name}"),
            SearchError::Arity { function, args } => {
                let comma = if args.len() == 1 { "," } else { "" };
                let args = args.join(", ");
                format!("{function} requires 2 or 3 args, got ({args}{comma}) for flag {name}")
            }
            SearchError::Args(reason) => format!("invalid function args in '{name}={text}': {reason}"),
        }
    }
}

/// Reads the text of a search function.
pub fn parse(text: &str) -> Result<Search, SearchError> {
    let text = text.trim();
    let unknown = || SearchError::UnknownFunction(text.to_string());
    let (name, inner) = call(text)
        .filter(|(_, inner)| inner.end == text.len())
        .ok_or_else(unknown)?;
    let (distribution, function) = match name {
        "" | "uniform" => (Distribution::Uniform, "uniform"),
        "loguniform" => (Distribution::LogUniform, "loguniform"),
        other => return Err(SearchError::UnknownFunction(other.to_string())),
    };
    let fault = |reason: &str| Err(SearchError::Args(reason.to_string()));
    let mut args = Vec::new();
    let mut step = None;
    for arg in &inner.args {
        if let Some(value) = arg
            .strip_prefix("step")
            .and_then(|rest| rest.trim_start().strip_prefix('='))
        {
            if step.replace(argument(value)).is_some() {
                return fault("step is given twice");
            }
        } else if step.is_some() {
            return fault("step has to be the last arg");
        } else if !(arg.is_empty() && inner.args.len() == 1) {
            args.push(argument(arg));
        }
    }
    let (low, high, initial) = match <[Value; 2]>::try_from(args) {
        Ok([low, high]) => (low, high, None),
        Err(args) => match <[Value; 3]>::try_from(args) {
            Ok([low, high, initial]) => (low, high, Some(initial)),
            Err(args) => {
                let args = args.iter().map(encode).collect();
                return Err(SearchError::Arity { function, args });
            }
        },
    };
    let search = Search {
        distribution,
        low,
        high,
        initial,
        step,
    };
    search.checked().map_err(SearchError::Args)
}

fn argument(text: &str) -> Value {
    decode(text.trim(), None).map_or_else(|_| Value::Text(text.to_string()), |d| d.value)
}

impl Search {
    fn checked(mut self) -> Result<Search, String> {
        if self.is_choice() {
            if let Some(initial) = self.initial.as_ref().filter(|v| **v != self.low && **v != self.high) {
                return Err(format!("initial value {} is out of range", encode(initial)));
            }
            return match self.step {
                None => Ok(self),
                Some(_) => Err("a step needs bounds that are numbers".into()),
            };
        }
        let (Some(low), Some(high)) = (self.low.as_f64(), self.high.as_f64()) else {
            return Err("bounds must be numbers".into());
        };
        if !(low.is_finite() && high.is_finite() && (high - low).is_finite()) {
            return Err("bounds must be finite".into());
        }
        let ordered = match (&self.low, &self.high) {
            (Value::Int(low), Value::Int(high)) => low < high,
            _ => low < high,
        };
        if !ordered {
            let (low, high) = (encode(&self.low), encode(&self.high));
            return Err(format!(
                "the lower bound {low} has to be less than the upper bound {high}"
            ));
        }
        let log = self.distribution == Distribution::LogUniform;
        if log && low <= 0.0 {
            return Err("bounds must be greater than 0".into());
        }
        let whole_bounds = matches!((&self.low, &self.high), (Value::Int(_), Value::Int(_)));
        let integer = match &self.step {
            None => whole_bounds && !log,
            Some(step) if log => {
                if !whole_bounds || *step != Value::Int(1) {
                    return Err("loguniform takes a step of 1 between two integers only".into());
                }
                true
            }
            Some(step) => {
                let shown = encode(step);
                match step.as_f64() {
                    Some(v) if v > 0.0 && v <= high - low => {}
                    Some(v) if v > 0.0 => return Err(format!("step {shown} is greater than the range")),
                    _ => return Err(format!("step {shown} has to be a number greater than 0")),
                }
                whole_bounds && matches!(step, Value::Int(_))
            }
        };
        if let Some(initial) = &self.initial {
            let shown = encode(initial);
            let Some(v) = initial.as_f64() else {
                return Err(format!("initial value {shown} is not a number"));
            };
            if !(low..=high).contains(&v) {
                return Err(format!("initial value {shown} is out of range"));
            }
            if integer && v.fract() != 0.0 {
                return Err(format!("initial value {shown} is not an integer"));
            }
            if let Some(step) = self.step.as_ref().and_then(Value::as_f64) {
                let k = ((v - low) / step).round();
                if (low + k * step - v).abs() > 1e-9 * step {
                    let low = encode(&self.low);
                    return Err(format!(
                        "initial value {shown} is no step of {} from {low}",
                        number::plain(step)
                    ));
                }
            }
        }
        for value in [
            Some(&mut self.low),
            Some(&mut self.high),
            self.initial.as_mut(),
            self.step.as_mut(),
        ] {
            match value {
                Some(value @ Value::Int(_)) if !integer => *value = Value::Float(value.as_f64().unwrap_or(0.0)),
                Some(value @ Value::Float(_)) if integer => *value = Value::Int(value.as_f64().unwrap_or(0.0) as i64),
                _ => {}
            }
        }
        Ok(self)
    }

    /// True for two texts or two bools: a choice of the two.
    pub fn is_choice(&self) -> bool {
        let pair = matches!(
            (&self.low, &self.high),
            (Value::Text(_), Value::Text(_)) | (Value::Bool(_), Value::Bool(_))
        );
        pair && self.distribution == Distribution::Uniform
    }

    /// True if every value is an integer.
    pub fn is_integer(&self) -> bool {
        matches!(self.low, Value::Int(_))
    }

    /// The decimal that a value of a stepped range means: 0.3 for `0 + 3 * 0.1`, which is a little more in
    /// binary. Without a step `value` itself.
    pub fn tidy(&self, value: f64) -> f64 {
        let (Value::Float(low), Some(Value::Float(step))) = (&self.low, &self.step) else {
            return value;
        };
        let decimals = |v: f64| v.to_string().split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let decimals = decimals(*low).max(decimals(*step));
        if decimals > 17 {
            return value;
        }
        format!("{value:.decimals$}").parse().unwrap_or(value)
    }

    /// The function's text.
    pub fn text(&self) -> String {
        let name = match self.distribution {
            Distribution::Uniform => "uniform",
            Distribution::LogUniform => "loguniform",
        };
        let mut text = format!("{name}[{}:{}", encode(&self.low), encode(&self.high));
        if let Some(initial) = &self.initial {
            text.push(':');
            text.push_str(&encode(initial));
        }
        if let Some(step) = &self.step {
            text.push_str(":step=");
            text.push_str(&encode(step));
        }
        text + "]"
    }
}

/// A text that is a search function, as in a typed batch file; other values unchanged.
pub(super) fn promote(value: Value) -> Value {
    match value {
        Value::Text(text)
            if ["[", "uniform[", "loguniform["]
                .iter()
                .any(|start| text.starts_with(start))
                && matches!(decode(&text, None), Ok(d) if matches!(d.value, Value::Function(_))) =>
        {
            Value::Function(text)
        }
        other => other,
    }
}

/// The same for a default, but only ranges of numbers: a script's text `[a:b]` is more likely a text.
pub(super) fn promote_range(value: Value) -> Value {
    match value.as_text().map(parse) {
        Some(Ok(found)) if !found.is_choice() => promote(value),
        _ => value,
    }
}

/// The dimensions that a search adds for flags the user did not assign: `min` and `max` become a range around the
/// default, `choices` a list. Only for search optimizers, never for a grid or a single run.
pub fn implied(defs: &IndexMap<String, FlagDef>, user: &FlagValues) -> FlagValues {
    let mut found = FlagValues::new();
    for (name, def) in defs.iter().filter(|(name, _)| !user.contains_key(*name)) {
        if let Some(choices) = def.choices.as_ref().filter(|choices| !choices.is_empty()) {
            let values = choices.iter().map(|choice| choice.value.clone()).collect();
            found.insert(name.clone(), Value::List(values));
        } else if let (Some(min), Some(max)) = (&def.min, &def.max) {
            found.insert(name.clone(), Value::Function(implied_range(def, min, max)));
        }
    }
    found
}

fn implied_range(def: &FlagDef, min: &Value, max: &Value) -> String {
    let kind = def.kind.as_deref();
    let typed = |value: &Value| match (kind, value.as_f64()) {
        (Some("float"), Some(v)) => Value::Float(v),
        (Some("int"), Some(v)) if v.fract() == 0.0 && v.abs() < 9e15 => Value::Int(v as i64),
        _ => value.clone(),
    };
    let within = |v: f64| min.as_f64().is_some_and(|min| min <= v) && max.as_f64().is_some_and(|max| v <= max);
    let distribution = def.distribution.as_deref().unwrap_or("uniform");
    let mut text = format!("{distribution}[{}:{}", encode(&typed(min)), encode(&typed(max)));
    if def.default.as_f64().is_some_and(within) {
        text.push(':');
        text.push_str(&encode(&typed(&def.default)));
    }
    if distribution == "loguniform" && kind == Some("int") {
        text.push_str(":step=1");
    }
    text + "]"
}

#[cfg(test)]
mod tests {
    use super::*;
    use Value::{Float, Int};

    #[test]
    fn functions_say_what_they_search() {
        for (text, integer, canonical) in [
            ("[0:1]", true, "uniform[0:1]"),
            ("[ 0 : 1.0 ]", false, "uniform[0.0:1.0]"),
            ("[1:10:5]", true, "uniform[1:10:5]"),
            ("uniform[0:1:0.5]", true, ""),
            ("uniform[0:1.0:1]", false, "uniform[0.0:1.0:1.0]"),
            ("loguniform[1:1000]", false, "loguniform[1.0:1000.0]"),
            ("loguniform[1:1000:step=1]", true, "loguniform[1:1000:step=1]"),
            ("uniform[0:1:step=0.1]", false, "uniform[0.0:1.0:step=0.1]"),
            ("[0:100:20: step = 5]", true, "uniform[0:100:20:step=5]"),
            ("[a:b]", false, "uniform[a:b]"),
            ("[true:false]", false, "uniform[yes:no]"),
            ("[-5:10.0]", false, "uniform[-5.0:10.0]"),
        ] {
            match parse(text) {
                Ok(search) => {
                    assert_eq!(
                        (search.is_integer(), search.text().as_str()),
                        (integer, canonical),
                        "{text}"
                    );
                    assert_eq!(parse(canonical).unwrap(), search, "{text}");
                }
                Err(error) => assert_eq!(
                    (canonical, &error),
                    ("", &SearchError::Args("initial value 0.5 is not an integer".into())),
                    "{text}"
                ),
            }
        }
        assert!(parse("[a:b]").unwrap().is_choice());
    }

    #[test]
    fn faults_are_named_with_the_flag() {
        for (text, message) in [
            ("floop[1:2]", "unknown function 'floop' used for flag x"),
            (
                "uniform[1:2:3:4]",
                "uniform requires 2 or 3 args, got (1, 2, 3, 4) for flag x",
            ),
            ("uniform[1]", "uniform requires 2 or 3 args, got (1,) for flag x"),
            ("uniform[]", "uniform requires 2 or 3 args, got () for flag x"),
            (
                "loguniform[1.2:1.1]",
                "invalid function args in 'x=loguniform[1.2:1.1]': the lower bound 1.2 has to be less than the upper bound 1.1",
            ),
            (
                "loguniform[0:1]",
                "invalid function args in 'x=loguniform[0:1]': bounds must be greater than 0",
            ),
            (
                "[1:10:20]",
                "invalid function args in 'x=[1:10:20]': initial value 20 is out of range",
            ),
            ("[1:b]", "invalid function args in 'x=[1:b]': bounds must be numbers"),
            (
                "[true:2]",
                "invalid function args in 'x=[true:2]': bounds must be numbers",
            ),
            (
                "loguniform[a:b]",
                "invalid function args in 'x=loguniform[a:b]': bounds must be numbers",
            ),
            ("[0:inf]", "invalid function args in 'x=[0:inf]': bounds must be finite"),
            (
                "[a:b:c]",
                "invalid function args in 'x=[a:b:c]': initial value c is out of range",
            ),
            (
                "[0:1:step=0]",
                "invalid function args in 'x=[0:1:step=0]': step 0 has to be a number greater than 0",
            ),
            (
                "[0:1:step=x]",
                "invalid function args in 'x=[0:1:step=x]': step x has to be a number greater than 0",
            ),
            (
                "[0:1:step=2]",
                "invalid function args in 'x=[0:1:step=2]': step 2 is greater than the range",
            ),
            (
                "[0:1.0:0.55:step=0.1]",
                "invalid function args in 'x=[0:1.0:0.55:step=0.1]': initial value 0.55 is no step of 0.1 from 0",
            ),
            (
                "[a:b:step=1]",
                "invalid function args in 'x=[a:b:step=1]': a step needs bounds that are numbers",
            ),
            (
                "[0:1:step=1:0]",
                "invalid function args in 'x=[0:1:step=1:0]': step has to be the last arg",
            ),
            (
                "[0:1:step=1:step=1]",
                "invalid function args in 'x=[0:1:step=1:step=1]': step is given twice",
            ),
            (
                "loguniform[1:10:step=2]",
                "invalid function args in 'x=loguniform[1:10:step=2]': loguniform takes a step of 1 between two integers only",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err().for_flag("x", text), message);
        }
    }

    #[test]
    fn steps_are_the_decimals_they_mean() {
        let search = parse("[0:1:step=0.1]").unwrap();
        assert_eq!(search.tidy(3.0 * 0.1), 0.3);
        assert_eq!(parse("[0:1.0]").unwrap().tidy(3.0 * 0.1), 3.0 * 0.1);
    }

    #[test]
    fn definitions_imply_dimensions_for_what_is_not_assigned() {
        let def = |default, min, max| FlagDef {
            default,
            min: Some(min),
            max: Some(max),
            ..FlagDef::default()
        };
        let choice = |v| super::super::Choice {
            value: v,
            ..Default::default()
        };
        let mut defs = IndexMap::new();
        defs.insert("a".to_string(), def(Float(0.1), Float(0.0), Float(1.0)));
        defs.insert("b".to_string(), def(Int(5), Int(1), Int(3)));
        let log = FlagDef {
            kind: Some("int".into()),
            distribution: Some("loguniform".into()),
            ..def(Int(2), Int(1), Int(1000))
        };
        defs.insert("c".to_string(), log);
        let choices = FlagDef {
            choices: Some(vec![choice(Int(1)), choice(Int(2))]),
            ..FlagDef::default()
        };
        defs.insert("d".to_string(), choices);
        defs.insert("e".to_string(), def(Int(1), Int(0), Int(3)));
        let user = FlagValues::from([("e".to_string(), Int(2))]);
        let found = implied(&defs, &user);
        let texts: Vec<String> = found.iter().map(|(k, v)| format!("{k}={}", encode(v))).collect();
        assert_eq!(
            texts,
            [
                "a=uniform[0.0:1.0:0.1]",
                "b=uniform[1:3]",
                "c=loguniform[1:1000:2:step=1]",
                "d=[1, 2]"
            ]
        );
    }
}
