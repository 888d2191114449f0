//! `skep setup`: everything any command may need, at once.

use std::process::ExitCode;

use crate::cli::SetupArgs;
use crate::output;
use crate::packages::{self, OnMissing};

pub(crate) fn run(args: &SetupArgs, on_missing: OnMissing) -> anyhow::Result<ExitCode> {
    let missing = packages::missing(&[&packages::ALL[..], &packages::OPTIONAL].concat());
    if missing.is_empty() {
        output::line(format_args!("nothing is missing"));
    } else if args.print && packages::can_install() {
        output::line(format_args!("{}", packages::command_line(&missing)));
    } else {
        let on_missing = if args.print { OnMissing::Print } else { on_missing };
        packages::require(&packages::ALL, on_missing)?;
        packages::wish(&packages::OPTIONAL, on_missing)?;
        output::line(format_args!("all that can be is installed"));
    }
    Ok(ExitCode::SUCCESS)
}
