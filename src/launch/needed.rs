//! `--needed`: runs that make another one unnecessary.

use std::io;
use std::path::Path;

use crate::flags::{FlagValues, Value, encode};
use crate::run::Status;
use crate::store::{Filter, RunRow, Store};

/// Runs of the same operation with the same flags that completed, were terminated, or are running. Newest first.
pub fn matching(home: &Path, opref: &str, flags: &FlagValues) -> io::Result<Vec<RunRow>> {
    let listing = Store::open(home).list(&Filter::default())?;
    let counts = |row: &RunRow| {
        matches!(row.status, Status::Completed | Status::Terminated | Status::Running)
            && row.opref == opref
            && same(&row.flags, flags)
    };
    Ok(listing.rows.into_iter().filter(counts).collect())
}

/// Equal values; flags without one count as absent. Compared as text, as values read back from JSON may be texts
/// that were functions or not finite.
pub fn same(a: &FlagValues, b: &FlagValues) -> bool {
    let set = |values: &FlagValues| -> Vec<(String, String)> {
        let set = values.iter().filter(|(_, value)| !value.is_null());
        set.map(|(name, value)| (name.clone(), text(value))).collect()
    };
    set(a) == set(b)
}

fn text(value: &Value) -> String {
    match Value::from_json(&value.to_json()) {
        Value::Int(v) => encode(&Value::Float(v as f64)),
        other => encode(&other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, Value)]) -> FlagValues {
        pairs.iter().map(|(n, v)| (n.to_string(), v.clone())).collect()
    }

    #[test]
    fn values_are_the_same_after_reading_them_back() {
        let a = values(&[
            ("x", Value::Int(1)),
            ("n", Value::Null),
            ("f", Value::Function("[0:1]".into())),
        ]);
        let b = values(&[("x", Value::Float(1.0)), ("f", Value::Text("[0:1]".into()))]);
        assert!(same(&a, &b));
        assert!(same(
            &values(&[("x", Value::Float(f64::NAN))]),
            &values(&[("x", Value::Text("nan".into()))])
        ));
        assert!(!same(
            &a,
            &values(&[("x", Value::Int(2)), ("f", Value::Text("[0:1]".into()))])
        ));
        assert!(!same(
            &values(&[("x", Value::Text("1".into()))]),
            &values(&[("x", Value::Int(1))])
        ));
    }
}
