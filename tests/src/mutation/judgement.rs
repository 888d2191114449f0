//! Whether a report of a mutant's boot is one that a user can live with.

use std::collections::{BTreeMap, BTreeSet};

use crate::report::{ProgramKey, Report};

/// What the report on a mutant must say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Something in the initrd is refused.
    Refusal,
    /// All went as before, or a record tells what did not.
    Explanation,
}

/// How a mutant was answered, where the answer is one to live with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// Everything went as with the base.
    Harmless,
    /// Something was refused.
    Refused,
    /// A verdict, a result or a failed run is other than expected, and a record says so.
    Unexpected,
}

/// Judges the report on a mutant by the report on its base.
///
/// # Errors
/// What is wrong with it.
pub fn judge(demand: Demand, report: &Report, base: &Report) -> Result<Answer, String> {
    let require =
        |condition: bool, otherwise: &str| if condition { Ok(()) } else { Err(otherwise.to_string()) };
    require(!report.crashed(), "the image crashed")?;
    require(report.unreadable.is_empty(), "a record cannot be read")?;
    let summary = report.summary().ok_or("the last record is no summary")?;
    require(summary.lost_lines == 0, "a line was lost, and the serial line had room")?;
    if summary.ok {
        require(demand == Demand::Explanation, "it was to be refused, and all is said to have gone well")?;
        require(!report.explains_a_failure(), "a failure was reported, and all is said to have gone well")?;
        require(returned(report) == returned(base), "other results, and all is said to have gone well")?;
        return Ok(Answer::Harmless);
    }
    require(report.explains_a_failure(), "it failed, and no record says why")?;
    let refused = !report.refusals().is_empty();
    require(refused || demand == Demand::Explanation, "it failed, and nothing was refused")?;
    let explained = report.refusals().iter().all(|(file, _, reason)| !file.is_empty() && !reason.is_empty());
    require(explained, "a refusal without file or reason")?;
    Ok(if refused { Answer::Refused } else { Answer::Unexpected })
}

/// The different values each program returned.
fn returned(report: &Report) -> BTreeMap<ProgramKey, BTreeSet<u64>> {
    let results = report.results().into_iter();
    results.map(|(program, values)| (program, values.into_iter().collect())).collect()
}
