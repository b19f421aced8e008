//! Options that choose runs, shared by every command that takes runs. Turns them into a store filter; what a filter
//! means is the store's.

use clap::Args;

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
    #[arg(long, conflicts_with = "unmarked")]
    pub marked: bool,

    /// Runs that are not marked [short: -Fn]
    #[arg(long)]
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
