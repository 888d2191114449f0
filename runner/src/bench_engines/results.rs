//! What was measured, as a table or as JSON.

use serde_json::json;

use super::engines::{Engine, Figures};
use super::measure::geometric_mean;
use super::programs::Program;
use crate::{output, table};

const COLUMNS: usize = Engine::ALL.len();

/// One engine on one program.
#[derive(Clone, Debug, Default)]
pub(super) enum Measured {
    #[default]
    Nothing,
    Figures(Figures),
    /// Why there are none.
    Failed(String),
}

impl Measured {
    pub(super) fn of(result: anyhow::Result<Figures>) -> Self {
        match result {
            Ok(figures) => Self::Figures(figures),
            Err(error) => Self::Failed(format!("{error:#}")),
        }
    }

    fn figures(&self) -> Option<&Figures> {
        match self {
            Self::Figures(figures) => Some(figures),
            Self::Nothing | Self::Failed(_) => None,
        }
    }
}

/// Everything, a row a program.
pub(super) struct Results<'p> {
    programs: &'p [Program],
    rows: Vec<[Measured; COLUMNS]>,
}

impl<'p> Results<'p> {
    pub(super) fn new(programs: &'p [Program]) -> Self {
        Self { programs, rows: programs.iter().map(|_| Default::default()).collect() }
    }

    /// Keeps the quicker of two measurements.
    pub(super) fn add(&mut self, row: usize, engine: Engine, measured: Measured) {
        let place = &mut self.rows[row][engine as usize];
        match (&mut *place, measured) {
            (Measured::Figures(known), Measured::Figures(new)) => {
                known.ns = known.ns.min(new.ns);
                known.compile_ns = known.compile_ns.zip(new.compile_ns).map(|(one, two)| one.min(two));
            }
            (Measured::Nothing, measured) => *place = measured,
            _ => {}
        }
    }

    fn figures(&self, row: usize, engine: Engine) -> Option<&Figures> {
        self.rows[row][engine as usize].figures()
    }

    fn each(&self) -> impl Iterator<Item = usize> {
        0..self.rows.len()
    }

    /// Whether every engine that ran a program had the same results.
    pub(super) fn agree(&self) -> bool {
        self.each().all(|row| self.disagreement(row).is_none())
    }

    fn disagreement(&self, row: usize) -> Option<String> {
        let native = self.figures(row, Engine::Native)?.results;
        let other = Engine::ALL.into_iter().find_map(|engine| {
            let results = self.figures(row, engine)?.results;
            (results != native).then(|| format!("{} {results:x?}, native {native:x?}", engine.name()))
        });
        other.map(|other| format!("{}: results differ: {other}", self.programs[row].name))
    }

    /// The geometric mean of the times of one engine to those of another, over the programs that both ran.
    fn ratio(&self, one: Engine, other: Engine) -> Option<f64> {
        geometric_mean(
            self.each().filter_map(|row| Some(self.figures(row, one)?.ns / self.figures(row, other)?.ns)),
        )
    }

    /// The same of bytes of code.
    fn code_ratio(&self, one: Engine, other: Engine) -> Option<f64> {
        geometric_mean(self.each().filter_map(|row| {
            Some(self.figures(row, one)?.code_bytes? as f64 / self.figures(row, other)?.code_bytes? as f64)
        }))
    }

    fn insns(&self, row: usize) -> Option<f64> {
        Some(self.figures(row, Engine::Interpreter)?.insns? as f64)
    }

    /// Nanoseconds an instruction of an interpreter, as a geometric mean.
    fn interpreted(&self, engine: Engine) -> Option<f64> {
        geometric_mean(self.each().filter_map(|row| Some(self.figures(row, engine)?.ns / self.insns(row)?)))
    }

    /// Nanoseconds to compile an instruction: all programs' time over all programs' instructions.
    fn compiled(&self) -> Option<f64> {
        let (mut ns, mut insns) = (0.0, 0.0);
        for row in self.each() {
            ns += self.figures(row, Engine::Jit)?.compile_ns?;
            insns += (self.programs[row].text.len() / 8) as f64;
        }
        (insns > 0.0).then(|| ns / insns)
    }

    pub(super) fn print_table(&self) {
        let header = [
            "program",
            "native ns",
            "jit",
            "linux",
            "rbpf",
            "interp.",
            "rbpf int.",
            "jit/nat",
            "jit/lin",
            "jit/rbpf",
            "int ns/insn",
            "bytes",
            "lin. bytes",
            "comp ns/insn",
        ];
        let mut table = table::new(header, 1);
        for row in self.each() {
            table.add_row(self.row(row));
        }
        output::line(format_args!("{table}"));
        self.print_means();
        for (row, program) in self.rows.iter().zip(self.programs) {
            for (engine, measured) in Engine::ALL.iter().zip(row) {
                if let Measured::Failed(reason) = measured {
                    output::line(format_args!("{} on {}: {reason}", program.name, engine.name()));
                }
            }
        }
        self.each()
            .filter_map(|row| self.disagreement(row))
            .for_each(|text| output::line(format_args!("{text}")));
    }

    fn row(&self, row: usize) -> Vec<String> {
        let ns = |engine| number(self.figures(row, engine).map(|figures| figures.ns), 1);
        let ratio = |other| {
            let pair = self.figures(row, Engine::Jit).zip(self.figures(row, other));
            number(pair.map(|(one, other)| one.ns / other.ns), 2)
        };
        let bytes = |engine| {
            let bytes = self.figures(row, engine).and_then(|figures| figures.code_bytes);
            bytes.map_or_else(|| "-".into(), |bytes| bytes.to_string())
        };
        let per_insn = self.figures(row, Engine::Interpreter).zip(self.insns(row));
        let insns = (self.programs[row].text.len() / 8) as f64;
        let compiled = self.figures(row, Engine::Jit).and_then(|figures| Some(figures.compile_ns? / insns));
        let mut cells = vec![self.programs[row].name.clone()];
        cells.extend(Engine::ALL.map(ns));
        cells.extend([Engine::Native, Engine::Linux, Engine::RbpfJit].map(ratio));
        cells.push(number(per_insn.map(|(figures, insns)| figures.ns / insns), 2));
        cells.extend([bytes(Engine::Jit), bytes(Engine::Linux), number(compiled, 0)]);
        cells
    }

    fn print_means(&self) {
        let text = |value| number(value, 3);
        output::line(format_args!(
            "geometric means: jit {} of native, {} of linux, {} of rbpf; linux {} of native, rbpf {} of native",
            text(self.ratio(Engine::Jit, Engine::Native)),
            text(self.ratio(Engine::Jit, Engine::Linux)),
            text(self.ratio(Engine::Jit, Engine::RbpfJit)),
            text(self.ratio(Engine::Linux, Engine::Native)),
            text(self.ratio(Engine::RbpfJit, Engine::Native)),
        ));
        output::line(format_args!(
            "interpreters: ours {} ns an instruction, rbpf {}; code: {} of linux's bytes; compiling: {} ns an instruction",
            text(self.interpreted(Engine::Interpreter)),
            text(self.interpreted(Engine::RbpfInterpreter)),
            text(self.code_ratio(Engine::Jit, Engine::Linux)),
            number(self.compiled(), 1),
        ));
    }

    pub(super) fn print_json(&self) -> anyhow::Result<()> {
        for (row, program) in self.rows.iter().zip(self.programs) {
            let mut object = serde_json::Map::new();
            object.insert("program".into(), json!(program.name));
            object.insert("insns".into(), json!(program.text.len() / 8));
            for (engine, measured) in Engine::ALL.iter().zip(row) {
                let value = match measured {
                    Measured::Nothing => serde_json::Value::Null,
                    Measured::Failed(reason) => json!({ "error": reason }),
                    Measured::Figures(figures) => json!({
                        "ns": figures.ns, "code_bytes": figures.code_bytes, "compile_ns": figures.compile_ns,
                        "insns_run": figures.insns, "results": figures.results,
                    }),
                };
                object.insert(engine.name().into(), value);
            }
            output::line(format_args!("{}", serde_json::to_string(&object)?));
        }
        let means = json!({
            "jit_of_native": self.ratio(Engine::Jit, Engine::Native),
            "jit_of_linux": self.ratio(Engine::Jit, Engine::Linux),
            "jit_of_rbpf": self.ratio(Engine::Jit, Engine::RbpfJit),
            "interpreter_ns_per_insn": self.interpreted(Engine::Interpreter),
            "rbpf_interpreter_ns_per_insn": self.interpreted(Engine::RbpfInterpreter),
            "code_of_linux": self.code_ratio(Engine::Jit, Engine::Linux),
            "compile_ns_per_insn": self.compiled(),
            "agree": self.agree(),
        });
        output::line(format_args!("{means}"));
        Ok(())
    }
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".into(), |value| format!("{value:.digits$}"))
}
