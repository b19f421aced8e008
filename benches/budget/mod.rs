//! One line a figure: `name  value  budget  ok|over`.

/// Prints a figure that is to be at least (`>=`) or at most (`<=`) its budget.
pub fn figure(name: &str, value: f64, sign: &str, budget: f64, unit: &str) {
    let kept = if sign == ">=" { value >= budget } else { value <= budget };
    let value = format!("{value:.1} {unit}");
    let budget = format!("{sign} {budget} {unit}");
    println!(
        "{name:<52}  {value:>14}  {budget:>16}  {}",
        if kept { "ok" } else { "over" }
    );
}
