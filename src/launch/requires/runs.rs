//! Which run meets a requirement. The runs of a home are listed once, so that all trials of a batch choose among the
//! same ones.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use crate::project::OpDef;
use crate::run::{Run, Status, meta};
use crate::store::expression::Expr;
use crate::store::operation::OperationPattern;
use crate::store::{Filter, RunRow, Store};

use super::super::steps::steps_run_of;

/// How far a step looks for runs that meet its requirements.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Isolation {
    /// The steps run that the run is a step of.
    pub steps_run: Option<Run>,
    /// `yes`: only there; `no`: everywhere alike; not said: there, if it ran the operation, else everywhere.
    pub isolate: Option<bool>,
}

/// The runs that requirements may be met with.
pub struct Runs {
    home: PathBuf,
    isolation: Isolation,
    listed: OnceCell<Result<Vec<RunRow>, String>>,
}

/// Runs of the same steps run that ran an operation, suitable or not.
struct Within<'a> {
    rows: Vec<&'a RunRow>,
}

impl Runs {
    pub fn new(home: &Path, isolation: Isolation) -> Runs {
        Runs {
            home: home.to_path_buf(),
            isolation,
            listed: OnceCell::new(),
        }
    }

    /// All runs, newest first.
    fn rows(&self) -> Result<&[RunRow], String> {
        let listed = self.listed.get_or_init(|| {
            let listing = Store::open(&self.home).newest(&Filter::default(), usize::MAX);
            listing
                .map(|listing| listing.rows)
                .map_err(|error| format!("cannot read {}: {}", self.home.display(), crate::run::reason(&error)))
        });
        listed.as_deref().map_err(Clone::clone)
    }

    /// The run of one of these operations that a requirement of `op` is met with. `given` names it.
    pub fn choose(&self, op: &OpDef, names: &[String], given: Option<String>) -> Result<Run, String> {
        if let Some(given) = given {
            return self.named(&given);
        }
        let patterns = patterns(op, names)?;
        let of_operation = |row: &&RunRow| !row.batch && patterns.iter().any(|p| p.matches(&row.operation));
        let none = || format!("no suitable run for {}", names.join(","));
        if self.isolation.isolate != Some(false)
            && let Some(steps_run) = &self.isolation.steps_run
        {
            let within = self.within(steps_run, &of_operation)?;
            if !within.rows.is_empty() || self.isolation.isolate == Some(true) {
                return best(within.rows.into_iter(), op).ok_or_else(none);
            }
        }
        best(self.rows()?.iter().filter(of_operation), op).ok_or_else(none)
    }

    /// The newest suitable run that an expression, or an operation's name, describes.
    pub fn described(&self, op: &OpDef, select: &str) -> Result<Run, String> {
        let rows = self.all_described(op, select)?;
        best(rows.into_iter(), op).ok_or_else(|| format!("no runs match '{select}'"))
    }

    /// Every run that an expression, or an operation's name, describes, newest first.
    pub fn all_described(&self, op: &OpDef, select: &str) -> Result<Vec<&RunRow>, String> {
        if !is_expression(select) {
            let patterns = patterns(op, &[select.to_string()])?;
            let kept = self.rows()?.iter();
            return Ok(kept
                .filter(|row| patterns.iter().any(|p| p.matches(&row.operation)))
                .collect());
        }
        let expression = Expr::parse(select).map_err(|error| error.to_string())?;
        // Scalars are read for expressions only; few operations have them.
        let filter = Filter {
            expressions: vec![expression],
            ..Filter::default()
        };
        let listing = Store::open(&self.home).list(&filter);
        let listing = listing.map_err(|error| format!("cannot read {}: {error}", self.home.display()))?;
        let ids: Vec<&str> = listing.rows.iter().map(|row| row.run.id()).collect();
        Ok(self.rows()?.iter().filter(|row| ids.contains(&row.run.id())).collect())
    }

    /// The run that a user named: the beginning of its id, its name, or its directory.
    pub fn named(&self, word: &str) -> Result<Run, String> {
        let rows = self.rows()?;
        let runs: Vec<&Run> = rows.iter().map(|row| &row.run).collect();
        let bare: String = word
            .chars()
            .filter(|c| *c != '-')
            .flat_map(char::to_lowercase)
            .collect();
        let exact = runs.iter().find(|run| run.id() == word);
        let path = Path::new(word)
            .canonicalize()
            .ok()
            .filter(|path| path.is_dir() && word.contains('/'));
        let by_path = path.and_then(|path| {
            runs.iter()
                .find(|run| run.dir().canonicalize().ok() == Some(path.clone()))
        });
        if let Some(run) = exact.or(by_path) {
            return Ok((*run).clone());
        }
        let matching = |run: &&&Run| {
            let id: String = run
                .id()
                .chars()
                .filter(|c| *c != '-')
                .flat_map(char::to_lowercase)
                .collect();
            id.starts_with(&bare) || run.name().starts_with(&word.to_lowercase())
        };
        let found: Vec<&&Run> = runs.iter().filter(matching).collect();
        match found[..] {
            [one] if !bare.is_empty() => Ok((*one).clone()),
            [] => Err(format!("there is no run '{word}'")),
            _ => Err(format!("'{word}' matches {} runs", found.len())),
        }
    }

    /// The runs of a steps run, and of those it is a step of, that `wanted` keeps: its steps and their trials.
    fn within(&self, steps_run: &Run, wanted: &dyn Fn(&&RunRow) -> bool) -> Result<Within<'_>, String> {
        let mut steps_run = Some(steps_run.clone());
        // A steps run that is its own step would never end.
        for _ in 0..16 {
            let Some(run) = steps_run else { break };
            let linked = linked(&run);
            let of_step = |row: &&RunRow| linked.iter().any(|id| id == row.run.id());
            let of_batch = |row: &&RunRow| attribute(&row.run, "batch").is_some_and(|batch| linked.contains(&batch));
            let rows = self.rows()?.iter().filter(|row| wanted(row));
            let rows: Vec<&RunRow> = rows.filter(|row| of_step(row) || of_batch(row)).collect();
            if !rows.is_empty() {
                return Ok(Within { rows });
            }
            steps_run = steps_run_of(&run);
        }
        Ok(Within { rows: Vec::new() })
    }
}

fn is_expression(text: &str) -> bool {
    text.contains([' ', '=', '<', '>'])
}

/// A name without a model is an operation of the same model.
fn patterns(op: &OpDef, names: &[String]) -> Result<Vec<OperationPattern>, String> {
    let model = op.name.rsplit_once(':').map(|(model, _)| model);
    let pattern = |name: &String| {
        let full = match model {
            Some(model) if !name.contains(':') => format!("{model}:{name}"),
            _ => name.trim_start_matches(':').to_string(),
        };
        OperationPattern::parse(&full).map_err(|error| error.to_string())
    };
    names.iter().map(pattern).collect()
}

/// The newest run that may be used, a marked one before all, one of the same project before others.
fn best<'a>(rows: impl Iterator<Item = &'a RunRow>, op: &OpDef) -> Option<Run> {
    let suitable = rows.filter(|row| matches!(row.status, Status::Completed | Status::Running | Status::Terminated));
    let ranked = suitable.enumerate().min_by_key(|(age, row)| {
        let own = row.project.as_deref() == Some(op.project_dir.as_path());
        (!row.marked, !own, *age)
    });
    ranked.map(|(_, row)| row.run.clone())
}

/// Ids that the links of a run directory lead to.
fn linked(run: &Run) -> Vec<String> {
    let entries = std::fs::read_dir(run.dir()).into_iter().flatten().flatten();
    let targets = entries.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    targets
        .filter(|target| target.starts_with(".."))
        .filter_map(|target| Some(target.file_name()?.to_str()?.to_string()))
        .collect()
}

fn attribute(run: &Run, name: &str) -> Option<String> {
    let value = meta::read_json(&run.meta(&format!("sys/{name}.json"))).ok().flatten()?;
    value.as_str().map(str::to_string)
}
