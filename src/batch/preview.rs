//! What a batch is about to do, as text for the question before it starts. Asking is left to others.

use super::plan::{Plan, Proposes};
use crate::flags::{FlagValues, Value, encode};

/// The lines of the preview, without the question. `verb` is `run` or `stage`.
pub fn text(plan: &Plan, verb: &str) -> String {
    let mut text = format!("You are about to {verb} {} {}\n", plan.spec.opdef.name, manner(plan));
    for (name, value) in shown_flags(plan) {
        text.push_str(&format!("  {name}: {}\n", encode(&value)));
    }
    if !plan.options.is_empty() {
        text.push_str("Optimizer flags:\n");
        for (name, value) in &plan.options {
            text.push_str(&format!("  {name}: {value}\n"));
        }
    }
    text
}

fn manner(plan: &Plan) -> String {
    let trials = plan
        .planned
        .map(|n| format!("{n} trial{}", if n == 1 { "" } else { "s" }));
    let counted = trials.as_ref().map(|t| format!(" ({t})")).unwrap_or_default();
    match &plan.proposes {
        Proposes::Listed(_) if plan.optimizer == "+" => format!("as a batch{counted}"),
        Proposes::Listed(_) if plan.optimizer == "random" => format!("with random search{counted}"),
        _ => {
            let trials = match (&plan.proposes, trials) {
                (Proposes::Program(_), Some(trials)) => format!("max {trials}, "),
                (_, Some(trials)) => format!("{trials}, "),
                (_, None) => String::new(),
            };
            let optimizer = &plan.optimizer;
            format!("with {optimizer} optimizer ({trials}{})", plan.objective.verb())
        }
    }
}

/// The flags as given; of several rows, every value that a flag takes.
fn shown_flags(plan: &Plan) -> FlagValues {
    let rows = &plan.spec.rows;
    let mut shown = FlagValues::new();
    for name in rows.iter().flat_map(|row| row.values.keys()) {
        if shown.contains_key(name) {
            continue;
        }
        let mut distinct: Vec<Value> = Vec::new();
        for row in rows {
            let value = row.values.get(name).cloned().unwrap_or_default();
            if !distinct.contains(&value) {
                distinct.push(value);
            }
        }
        let value = match distinct.len() {
            1 => distinct.remove(0),
            _ => Value::List(distinct),
        };
        shown.insert(name.clone(), value);
    }
    shown
}
