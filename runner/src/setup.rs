//! `skep setup`: everything any command may need, at once.

use std::process::ExitCode;

use crate::cli::SetupArgs;
use crate::packages::{self, OnMissing};

pub(crate) fn run(args: &SetupArgs, on_missing: OnMissing) -> anyhow::Result<ExitCode> {
    let missing = packages::missing(&packages::ALL);
    if missing.is_empty() {
        println!("nothing is missing");
    } else if args.print && packages::can_install() {
        println!("{}", packages::command_line(&missing));
    } else {
        let on_missing = if args.print { OnMissing::Print } else { on_missing };
        packages::require(&missing, on_missing)?;
        println!("everything is installed");
    }
    Ok(ExitCode::SUCCESS)
}
