//! Options that choose runs, shared by every command that takes runs. Turns them into a store filter; what a filter
//! means is the store's.

use clap::Args;

use super::Failure;
use crate::run::status::Status;
use crate::store::Filter;
use crate::store::expression::Expr;
use crate::store::operation::OperationPattern;
use crate::store::range::{self, TimeRange};

/// Which runs to consider
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Choosing runs")]
pub struct FilterArgs {
    /// Runs for which EXPR holds, such as 'loss < 0.5 and lr in [0.1, 0.2]' [also: -w]
    #[arg(short = 'F', long = "filter", visible_alias = "where", value_name = "EXPR")]
    pub filter: Vec<String>,

    /// Runs of operations that match VAL [short: -Fo]
    #[arg(long = "operation", value_name = "VAL")]
    pub operation: Vec<String>,

    /// Runs whose label contains VAL; '-' for none [short: -Fl]
    #[arg(long = "label", value_name = "VAL", allow_hyphen_values = true)]
    pub label: Vec<String>,

    /// Runs without a label [short: -Fu]
    #[arg(long)]
    pub unlabeled: bool,

    /// Runs with this tag [short: -Ft]
    #[arg(long = "tag", value_name = "TAG")]
    pub tag: Vec<String>,

    /// Runs with a comment that contains VAL [short: -Fc]
    #[arg(long = "comment", value_name = "VAL")]
    pub comment: Vec<String>,

    /// Marked runs [short: -Fm]
    #[arg(long)]
    pub marked: bool,

    /// Runs that are not marked [short: -Fn]
    #[arg(long, conflicts_with = "marked")]
    pub unmarked: bool,

    /// Runs started in RANGE, such as 'last 2 hours' or 'after 9:00' [short: -Fs]
    #[arg(long = "started", value_name = "RANGE")]
    pub started: Option<String>,

    /// Runs whose source code digest begins with VAL [short: -Fd]
    #[arg(long = "digest", value_name = "VAL")]
    pub digest: Option<String>,

    /// Runs with any of these statuses: (r)unning (c)ompleted (e)rror (t)erminated (p)ending (s)taged
    #[arg(short = 'S', value_name = "LETTERS")]
    pub status: Option<String>,

    #[arg(long, hide = true)]
    pub running: bool,
    #[arg(long, hide = true)]
    pub completed: bool,
    #[arg(long, hide = true)]
    pub error: bool,
    #[arg(long, hide = true)]
    pub terminated: bool,
    #[arg(long, hide = true)]
    pub pending: bool,
    #[arg(long, hide = true)]
    pub staged: bool,
    #[arg(long, hide = true)]
    pub not_running: bool,
    #[arg(long, hide = true)]
    pub not_completed: bool,
    #[arg(long, hide = true)]
    pub not_error: bool,
    #[arg(long, hide = true)]
    pub not_terminated: bool,
    #[arg(long, hide = true)]
    pub not_pending: bool,
    #[arg(long, hide = true)]
    pub not_staged: bool,
}

impl FilterArgs {
    /// The store's filter. `command` (`gage runs`) is named where help is.
    pub fn filter(&self, command: &str) -> Result<Filter, Failure> {
        let (statuses, not_statuses) = self.statuses(command)?;
        let expressions: Result<_, _> = self.filter.iter().map(|text| Expr::parse(text)).collect();
        let operations: Result<_, _> = self
            .operation
            .iter()
            .map(|text| OperationPattern::parse(text))
            .collect();
        Ok(Filter {
            expressions: expressions?,
            operations: operations?,
            labels: self.label.clone(),
            unlabeled: self.unlabeled,
            tags: self.tag.clone(),
            comments: self.comment.clone(),
            marked: (self.marked || self.unmarked).then_some(self.marked),
            started: self.range()?,
            digest: self.digest.clone(),
            statuses,
            not_statuses,
        })
    }

    /// True when any filter was given.
    pub fn any(&self) -> bool {
        let lists = [&self.filter, &self.operation, &self.label, &self.tag, &self.comment];
        let flags = [self.unlabeled, self.marked, self.unmarked];
        lists.iter().any(|list| !list.is_empty())
            || flags.contains(&true)
            || self.started.is_some()
            || self.digest.is_some()
            || self.status.is_some()
            || self.status_flags().iter().any(|(_, yes, no)| *yes || *no)
    }

    fn status_flags(&self) -> [(Status, bool, bool); 6] {
        [
            (Status::Running, self.running, self.not_running),
            (Status::Completed, self.completed, self.not_completed),
            (Status::Error, self.error, self.not_error),
            (Status::Terminated, self.terminated, self.not_terminated),
            (Status::Pending, self.pending, self.not_pending),
            (Status::Staged, self.staged, self.not_staged),
        ]
    }

    fn statuses(&self, command: &str) -> Result<(Vec<Status>, Vec<Status>), Failure> {
        let flags = self.status_flags();
        let mut statuses: Vec<Status> = flags.iter().filter(|f| f.1).map(|f| f.0).collect();
        let not_statuses = flags.iter().filter(|f| f.2).map(|f| f.0).collect();
        for letter in self.status.iter().flat_map(|letters| letters.chars()) {
            statuses.push(match letter {
                'r' => Status::Running,
                'c' => Status::Completed,
                'e' => Status::Error,
                't' => Status::Terminated,
                'p' => Status::Pending,
                's' => Status::Staged,
                _ => {
                    let text = format!("unrecognized status char '{letter}' in option '-S'");
                    return Err(Failure::misuse(text, command));
                }
            });
        }
        Ok((statuses, not_statuses))
    }

    fn range(&self) -> Result<Option<TimeRange>, Failure> {
        let Some(text) = &self.started else { return Ok(None) };
        range::parse(text, &jiff::Zoned::now()).map_err(|error| {
            Failure::new(format!(
                "{error}\nTry 'gage runs list --help' for help specifying time ranges."
            ))
        })
    }
}
