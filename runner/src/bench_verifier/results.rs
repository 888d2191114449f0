//! What was measured, as a table and as JSON.

use serde::Serialize;

use crate::output;
use crate::profile::BUILT_FOR;
use crate::table;

/// Our verifier on one program.
#[derive(Debug, Serialize)]
pub(super) struct Ours {
    /// Why it is refused, if it is.
    #[serde(rename = "reason", skip_serializing_if = "Option::is_none")]
    pub(super) refusal: Option<String>,
    pub(super) insns: usize,
    /// Abstract instructions stepped through.
    pub(super) states: u64,
    /// Most bytes of its memory in use at once.
    #[serde(rename = "workspace_bytes", skip_serializing_if = "Option::is_none")]
    pub(super) workspace: Option<usize>,
    /// The median.
    #[serde(rename = "ns")]
    pub(super) nanoseconds: u64,
}

impl Ours {
    pub(super) const fn refused(reason: String, states: u64) -> Self {
        Self { refusal: Some(reason), insns: 0, states, workspace: None, nanoseconds: 0 }
    }
}

/// Linux's verifier on it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Theirs {
    /// The median, and the instructions it stepped through.
    Accepts {
        #[serde(rename = "us")]
        microseconds: u64,
        processed: u64,
    },
    Refuses(String),
}

/// One program.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) object: String,
    pub(super) function: String,
    #[serde(flatten)]
    pub(super) ours: Ours,
    #[serde(rename = "linux", skip_serializing_if = "Option::is_none")]
    pub(super) theirs: Option<Theirs>,
}

impl Row {
    /// Our time over Linux's, where both accept.
    fn ratio(&self) -> Option<f64> {
        match &self.theirs {
            Some(Theirs::Accepts { microseconds, .. }) if self.ours.refusal.is_none() => {
                Some(self.ours.nanoseconds as f64 / 1e3 / (*microseconds).max(1) as f64)
            }
            _ => None,
        }
    }

    fn cells(&self) -> [String; 8] {
        let Ours { refusal, insns, states, workspace, nanoseconds } = &self.ours;
        let (linux_time, linux_steps) = match &self.theirs {
            Some(Theirs::Accepts { microseconds, processed }) => {
                (microseconds.to_string(), processed.to_string())
            }
            Some(Theirs::Refuses(_)) => ("refused".into(), "-".into()),
            None => ("-".into(), "-".into()),
        };
        let accepted = refusal.is_none();
        let or_dash = |text: String| if accepted { text } else { "-".into() };
        [
            format!("{} {}", self.object.trim_end_matches(".o"), self.function),
            or_dash(insns.to_string()),
            if accepted { format!("{:.1}", *nanoseconds as f64 / 1e3) } else { "refused".into() },
            linux_time,
            self.ratio().map_or_else(|| "-".into(), |ratio| format!("{ratio:.2}")),
            states.to_string(),
            linux_steps,
            workspace.map_or_else(|| "-".into(), |bytes| bytes.to_string()),
        ]
    }
}

/// One line a program.
pub(super) fn print_json(rows: &[Row]) -> anyhow::Result<()> {
    for row in rows {
        output::line(format_args!("{}", serde_json::to_string(row)?));
    }
    Ok(())
}

/// The table, what was refused and why, and the most memory that any program took.
pub(super) fn print_table(rows: &[Row]) {
    let header = ["program", "insns", "skep µs", "Linux µs", "ratio", "states", "Linux states", "peak bytes"];
    let mut table = table::new(header, 1);
    for row in rows {
        table.add_row(row.cells());
    }
    output::line(format_args!("{table}"));
    for Row { object, function, ours, theirs } in rows {
        if let Some(reason) = &ours.refusal {
            output::line(format_args!("{object} {function}: refused by skep: {reason}"));
        }
        if let Some(Theirs::Refuses(reason)) = theirs {
            output::line(format_args!("{object} {function}: refused by Linux: {reason}"));
        }
    }
    output::line(format_args!("{}", summary(rows)));
}

fn summary(rows: &[Row]) -> String {
    let peak = rows.iter().filter_map(|row| row.ours.workspace).max().unwrap_or_default();
    let mut text = format!("peak workspace of all, {} profile: {peak} bytes", BUILT_FOR.name());
    let ratios: Vec<f64> = rows.iter().filter_map(Row::ratio).collect();
    if !ratios.is_empty() {
        let slower = ratios.iter().filter(|&&ratio| ratio > 1.0).count();
        let mean = (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp();
        text += &format!(
            "\nboth accept {} programs: skep takes {mean:.2} of Linux's time (geometric mean), and more than Linux for {slower}",
            ratios.len()
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(nanoseconds: u64, theirs: Option<Theirs>) -> Row {
        let ours = Ours { refusal: None, insns: 5, states: 7, workspace: Some(64), nanoseconds };
        Row { object: "a.o".into(), function: "f".into(), ours, theirs }
    }

    #[test]
    fn a_ratio_needs_both_to_accept() {
        let accepts = || Some(Theirs::Accepts { microseconds: 10, processed: 9 });
        assert_eq!(row(5_000, accepts()).ratio(), Some(0.5));
        assert_eq!(row(5_000, None).ratio(), None);
        assert_eq!(row(5_000, Some(Theirs::Refuses("no".into()))).ratio(), None);
        let refused = Row { ours: Ours::refused("no".into(), 3), ..row(0, accepts()) };
        assert_eq!(refused.ratio(), None);
        let text = summary(&[row(5_000, accepts()), row(40_000, accepts())]);
        assert!(text.contains("64 bytes") && text.contains("1.41") && text.contains("for 1"), "{text}");
    }

    #[test]
    fn json_names_what_the_table_shows() {
        let json =
            serde_json::to_string(&row(5, Some(Theirs::Accepts { microseconds: 1, processed: 2 }))).unwrap();
        assert!(
            json.contains("\"ns\":5") && json.contains("\"accepts\":{\"us\":1,\"processed\":2}"),
            "{json}"
        );
    }
}
