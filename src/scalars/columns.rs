//! Column specs: naming a scalar, a flag or an attribute of a run, in `compare`, `select` and objectives. Flags and
//! attributes are looked up by those who have the run; scalars here.

mod parse;

use super::summary::TagSummary;
use super::{OUTPUT_PREFIX, found};

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColSpec {
    pub kind: ColKind,
    /// The heading given with `as`.
    pub name: Option<String>,
}

/// What a column shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColKind {
    Scalar(ScalarCol),
    Flag(String),
    Attribute(String),
    /// `*`: the columns that would be shown without any given.
    Base,
}

/// A scalar, or the step at which it had the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScalarCol {
    pub qualifier: Qualifier,
    /// `None` where the tag alone was given.
    pub prefix: Option<String>,
    pub tag: String,
    pub step: bool,
}

/// Which of a tag's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Qualifier {
    First,
    #[default]
    Last,
    Min,
    Max,
    Avg,
    Total,
    Count,
}

/// A column spec that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid column spec '{spec}': {reason}")]
pub struct ColumnError {
    pub spec: String,
    pub reason: String,
}

impl ColSpec {
    /// Reads a comma-separated list of columns.
    pub fn parse_list(spec: &str) -> Result<Vec<ColSpec>, ColumnError> {
        parse::list(spec)
    }

    /// Reads exactly one column, as an objective is.
    pub fn parse(spec: &str) -> Result<ColSpec, ColumnError> {
        let mut list = parse::list(spec)?;
        match (list.pop(), list.is_empty()) {
            (Some(one), true) => Ok(one),
            _ => Err(ColumnError {
                spec: spec.to_string(),
                reason: "expected one column".into(),
            }),
        }
    }

    /// What the column is called in a table: the name given, else its key.
    pub fn heading(&self) -> String {
        if let Some(name) = &self.name {
            return name.clone();
        }
        match &self.kind {
            ColKind::Scalar(scalar) => scalar.heading(),
            ColKind::Flag(name) | ColKind::Attribute(name) => name.clone(),
            ColKind::Base => "*".into(),
        }
    }
}

impl ScalarCol {
    fn heading(&self) -> String {
        let prefix = match &self.prefix {
            Some(prefix) if !prefix.is_empty() => format!("{prefix} "),
            _ => String::new(),
        };
        let qualifier = match self.qualifier {
            Qualifier::Last => String::new(),
            other => format!("{} ", other.word()),
        };
        let step = if self.step { " step" } else { "" };
        format!("{qualifier}{prefix}{}{step}", self.tag).replace('#', " ")
    }

    /// The summary that the column speaks of: without prefix the run's own output, then its own event files, then
    /// the first prefix that has the tag.
    pub fn summary<'a>(&self, summaries: &'a [TagSummary]) -> Option<&'a TagSummary> {
        let at = |prefix: &str| summaries.iter().find(|s| s.tag == self.tag && s.prefix == prefix);
        match self.prefix.as_deref() {
            None | Some("") => at(OUTPUT_PREFIX).or_else(|| at("")).or_else(|| {
                summaries
                    .iter()
                    .filter(|s| s.tag == self.tag)
                    .min_by(|a, b| a.prefix.cmp(&b.prefix))
            }),
            Some(prefix) => at(&found::below(prefix, OUTPUT_PREFIX)).or_else(|| at(prefix)),
        }
    }

    /// The column's number; `None` where the run has no such scalar.
    pub fn value(&self, summaries: &[TagSummary]) -> Option<f64> {
        let s = self.summary(summaries)?;
        Some(match (self.qualifier, self.step) {
            (Qualifier::First, false) => s.first_val,
            (Qualifier::First, true) => s.first_step as f64,
            (Qualifier::Last, false) => s.last_val,
            (Qualifier::Last, true) => s.last_step as f64,
            (Qualifier::Min, false) => s.min_val,
            (Qualifier::Min, true) => s.min_step as f64,
            (Qualifier::Max, false) => s.max_val,
            (Qualifier::Max, true) => s.max_step as f64,
            (Qualifier::Avg, _) => s.avg_val,
            (Qualifier::Total, _) => s.total,
            (Qualifier::Count, _) => s.count as f64,
        })
    }

    /// True where the number is a whole one by nature: a step or a count.
    pub fn is_whole(&self) -> bool {
        self.step || self.qualifier == Qualifier::Count
    }
}

impl Qualifier {
    const ALL: [Qualifier; 7] = [
        Qualifier::First,
        Qualifier::Last,
        Qualifier::Min,
        Qualifier::Max,
        Qualifier::Avg,
        Qualifier::Total,
        Qualifier::Count,
    ];

    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Qualifier::First => "first",
            Qualifier::Last => "last",
            Qualifier::Min => "min",
            Qualifier::Max => "max",
            Qualifier::Avg => "avg",
            Qualifier::Total => "total",
            Qualifier::Count => "count",
        }
    }

    fn of_word(word: &str) -> Option<Qualifier> {
        Self::ALL.into_iter().find(|q| q.word().eq_ignore_ascii_case(word))
    }

    fn has_step(self) -> bool {
        !matches!(self, Qualifier::Avg | Qualifier::Total | Qualifier::Count)
    }
}

/// The number of a column that is a scalar; `None` for other kinds and for runs without it.
pub fn value(column: &ColSpec, summaries: &[TagSummary]) -> Option<f64> {
    match &column.kind {
        ColKind::Scalar(scalar) => scalar.value(summaries),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scalars::summary::Sums;

    fn summaries(values: &[(&str, &str, i64, f64)]) -> Vec<TagSummary> {
        let mut out = Vec::new();
        for (prefix, tag, step, value) in values {
            let mut sums = Sums::default();
            sums.add(tag, *step, *value);
            sums.add(tag, *step + 1, *value * 2.0);
            out.extend(sums.finish(prefix));
        }
        found::sort(&mut out);
        out
    }

    fn number(spec: &str, values: &[TagSummary]) -> Option<f64> {
        value(&ColSpec::parse(spec).unwrap(), values)
    }

    #[test]
    fn qualifiers_and_steps() {
        let all = summaries(&[(".guild", "loss", 5, 1.5)]);
        for (spec, value) in [
            ("loss", 3.0),
            ("first loss", 1.5),
            ("min loss", 1.5),
            ("MAX loss", 3.0),
            ("avg loss", 2.25),
            ("total loss", 4.5),
            ("count loss", 2.0),
            ("loss step", 6.0),
            ("min loss Step", 5.0),
            ("scalar:first loss", 1.5),
            (".guild#loss", 3.0),
            ("#loss", 3.0),
        ] {
            assert_eq!(number(spec, &all), Some(value), "{spec}");
        }
        for spec in ["acc", "Loss", "=loss", ".loss", "train#loss", "*"] {
            assert_eq!(number(spec, &all), None, "{spec}");
        }
    }

    #[test]
    fn tags_without_prefix_are_the_runs_own_first() {
        let all = summaries(&[("b", "x", 0, 1.0), ("a/.guild", "x", 0, 2.0), ("a", "x", 0, 3.0)]);
        assert_eq!(number("first x", &all), Some(3.0));
        assert_eq!(number("first a#x", &all), Some(2.0));
        assert_eq!(number("first b#x", &all), Some(1.0));
        let own = [all.clone(), summaries(&[("", "x", 0, 4.0)])].concat();
        assert_eq!(number("first x", &own), Some(4.0));
        let output = [own, summaries(&[(".guild", "x", 0, 5.0)])].concat();
        assert_eq!(number("first x", &output), Some(5.0));
    }

    #[test]
    fn headings() {
        for (spec, heading) in [
            ("loss", "loss"),
            ("last loss", "loss"),
            ("min loss", "min loss"),
            ("loss step", "loss step"),
            ("max acc step", "max acc step"),
            ("train#loss", "train loss"),
            ("#loss", "loss"),
            ("train#loss as tloss", "tloss"),
            ("=lr", "lr"),
            ("flag:lr", "lr"),
            (".label", "label"),
            ("attr:label", "label"),
            ("avg loss AS 'mean loss'", "mean loss"),
        ] {
            assert_eq!(ColSpec::parse(spec).unwrap().heading(), heading);
        }
    }
}
