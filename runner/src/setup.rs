//! `skep setup`: everything any command may need, at once.

use std::process::ExitCode;

use crate::cli::SetupArgs;
use crate::output;
use crate::packages::{self, OnMissing};

pub(crate) fn run(args: &SetupArgs, on_missing: OnMissing) -> anyhow::Result<ExitCode> {
    let missing = packages::missing(&packages::ALL);
    if missing.is_empty() {
        output::line(format_args!("nothing is missing"));
    } else if args.print && packages::can_install() {
        output::line(format_args!("{}", packages::command_line(&missing)));
    } else {
        let on_missing = if args.print { OnMissing::Print } else { on_missing };
        packages::require(&missing, on_missing)?;
        output::line(format_args!("everything is installed"));
    }
    Ok(ExitCode::SUCCESS)
}
