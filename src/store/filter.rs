//! Which runs to keep. A [`Filter`] is plain data; the command line fills it in.

use super::RunRow;
use super::expression::{Expr, Scope};
use super::operation::OperationPattern;
use super::range::TimeRange;
use crate::flags::Value;
use crate::run::status::Status;

/// Conditions of different kinds must all hold; of one kind, any (expressions: all).
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub expressions: Vec<Expr>,
    pub operations: Vec<OperationPattern>,
    /// Parts of labels; `-` is no label.
    pub labels: Vec<String>,
    pub unlabeled: bool,
    pub tags: Vec<String>,
    /// Parts of comments, in any case.
    pub comments: Vec<String>,
    pub marked: Option<bool>,
    pub started: Option<TimeRange>,
    /// Beginning of the source code digest.
    pub digest: Option<String>,
    pub statuses: Vec<Status>,
    pub not_statuses: Vec<Status>,
}

impl Filter {
    /// True when every run is kept.
    pub fn is_empty(&self) -> bool {
        let Filter {
            expressions,
            operations,
            labels,
            unlabeled,
            tags,
            comments,
            marked,
            started,
            digest,
            statuses,
            not_statuses,
        } = self;
        expressions.is_empty()
            && operations.is_empty()
            && labels.is_empty()
            && !unlabeled
            && tags.is_empty()
            && comments.is_empty()
            && marked.is_none()
            && started.is_none()
            && digest.is_none()
            && statuses.is_empty()
            && not_statuses.is_empty()
    }

    /// True when a run's scalars may decide whether it is kept.
    pub(super) fn needs_scalars(&self) -> bool {
        !self.expressions.is_empty()
    }

    /// True when the run is kept.
    pub fn keeps(&self, row: &RunRow) -> bool {
        let label = row.label.as_deref().unwrap_or_default();
        let any = |list: &[String], test: &dyn Fn(&str) -> bool| list.is_empty() || list.iter().any(|v| test(v));
        (self.statuses.is_empty() || self.statuses.contains(&row.status))
            && !self.not_statuses.contains(&row.status)
            && (self.operations.is_empty() || self.operations.iter().any(|p| p.matches(&row.operation)))
            && any(&self.labels, &|v| {
                if v == "-" { label.is_empty() } else { label.contains(v) }
            })
            && (!self.unlabeled || label.is_empty())
            && any(&self.tags, &|v| row.tags.iter().any(|tag| tag == v))
            && any(&self.comments, &|v| {
                let wanted = v.to_lowercase();
                row.comments.iter().any(|c| c.text.to_lowercase().contains(&wanted))
            })
            && self.marked.is_none_or(|marked| row.marked == marked)
            && self
                .started
                .is_none_or(|range| row.began().is_some_and(|time| range.contains(time)))
            && self.digest.as_ref().is_none_or(|digest| {
                row.sourcecode_digest
                    .as_ref()
                    .is_some_and(|d| d.starts_with(digest.as_str()))
            })
            && self
                .expressions
                .iter()
                .all(|expr| expr.holds(&|scope, name| value(row, scope, name)))
    }
}

/// What a name in an expression stands for: attribute, flag, last value of a scalar, in this order.
fn value(row: &RunRow, scope: Scope, name: &str) -> Option<Value> {
    let flag = || row.flags.get(name).cloned();
    let scalar = || row.scalar(name).map(Value::Float);
    match scope {
        Scope::Any => row.attribute(name).or_else(flag).or_else(scalar),
        Scope::Attr => row.attribute(name),
        Scope::Flag => flag(),
        Scope::Scalar => scalar(),
    }
}
