//! `skep verify`: the kernel's own verifier, on the host.

mod trace;

use std::process::ExitCode;
use std::time::Instant;

use kernel_bpf::context::{ProgramKind, missing_facility};
use kernel_bpf::maps::{self, MapDef};
use kernel_bpf::object::{Object, ProgramSpec};
use kernel_bpf::profile::{ActiveProfile, PhysicalProfile};
use kernel_bpf::verifier::{Addresses, Observer, Reason, Rejection, verify_with};
use kernel_bpf::{BpfProgram, Verified};
use serde::Serialize;
use trace::Trace;

use crate::cli::VerifyArgs;
use crate::compile;
use crate::output;
use crate::pack;
use crate::packages::OnMissing;
use crate::profile::{self, BUILT_FOR};

pub(crate) fn run(args: &VerifyArgs, on_missing: OnMissing) -> anyhow::Result<ExitCode> {
    if args.profile != BUILT_FOR {
        return profile::run_again_for(args.profile);
    }
    let mut all_accepted = true;
    for path in pack::programs(&args.objects)? {
        let mut object = compile::object(&path, on_missing)?;
        // As much as a board gives it, so that the verdict is the board's.
        let mut workspace = vec![0; ActiveProfile::verifier_words(object.bytes.len())];
        for decision in decide(&object.name, &mut object.bytes, &mut workspace, args) {
            all_accepted &= decision.verdict == ACCEPT;
            if args.json {
                output::line(format_args!("{}", serde_json::to_string(&decision)?));
            } else {
                output::line(format_args!("{}{}", decision.trace, decision.text()));
            }
        }
    }
    Ok(if all_accepted { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

const ACCEPT: &str = "accept";
const REJECT: &str = "reject";

/// One program's verdict; an object that cannot be linked is one rejection without a function.
#[derive(Debug, Serialize)]
struct Decision {
    object: String,
    section: String,
    function: String,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    insn: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    insns: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stack: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wcet_insns: Option<u64>,
    states: u64,
    ns: u128,
    /// The path, if it was asked for.
    #[serde(skip)]
    trace: String,
}

impl Decision {
    fn rejected(object: &str, reason: String) -> Self {
        Self {
            object: object.into(),
            section: String::new(),
            function: String::new(),
            verdict: REJECT,
            insn: None,
            line: None,
            reason: Some(reason),
            insns: None,
            stack: None,
            wcet_insns: None,
            states: 0,
            ns: 0,
            trace: String::new(),
        }
    }

    fn accepted(mut self, verified: &Verified<'_, ActiveProfile>) -> Self {
        (self.verdict, self.reason, self.states) = (ACCEPT, None, verified.states());
        (self.insns, self.stack) = (Some(verified.insns()), Some(verified.stack()));
        self.wcet_insns = Some(verified.wcet_insns());
        self
    }

    fn text(&self) -> String {
        let Self { object, function, .. } = self;
        match (&self.reason, self.insn) {
            (None, _) => format!(
                "{object}: {function} accepted, {} insns, stack {}, bound {}, {} states",
                self.insns.unwrap_or(0),
                self.stack.unwrap_or(0),
                self.wcet_insns.unwrap_or(0),
                self.states
            ),
            (Some(reason), Some(insn)) => {
                let place = self.line.as_deref().map_or_else(String::new, |line| format!(" ({line})"));
                format!("{object}: {function} rejected at insn {insn}{place}: {reason}")
            }
            (Some(reason), None) => format!("{object}: {function} rejected: {reason}"),
        }
    }
}

/// The verdicts on every program of an object.
fn decide(name: &str, bytes: &mut [u8], workspace: &mut [u64], args: &VerifyArgs) -> Vec<Decision> {
    let object = match Object::link(bytes) {
        Ok(object) => object,
        Err(error) => return vec![Decision::rejected(name, error.to_string())],
    };
    let mut defs = vec![MapDef::VACANT; object.map_count()];
    maps::define(&object, &mut defs);
    let decide = |program: ProgramSpec<'_>| {
        let mut decision = decide_program(name, &object, &program, &defs, workspace, args);
        (decision.section, decision.function) = (program.section.into(), program.name.into());
        decision
    };
    let decisions: Vec<_> = object.programs().map(decide).collect();
    if decisions.is_empty() {
        return vec![Decision::rejected(name, "the object has no program".into())];
    }
    decisions
}

fn decide_program(
    name: &str,
    object: &Object<'_>,
    spec: &ProgramSpec<'_>,
    defs: &[MapDef<'_>],
    workspace: &mut [u64],
    args: &VerifyArgs,
) -> Decision {
    let Some(kind) = ProgramKind::of_section(spec.section) else {
        return Decision::rejected(name, missing_facility(spec.section).to_string());
    };
    let program =
        BpfProgram::<ActiveProfile>::new(object.text(), spec.first_insn, spec.insn_count, kind, defs);
    let program = match program {
        Ok(program) => program,
        Err(error) => return Decision::rejected(name, error.to_string()),
    };
    let addresses = if args.secret_addresses { Addresses::Secret } else { Addresses::Open };
    let mut trace = args.verbose.then(Trace::default);
    let observer = trace.as_mut().map(|trace| trace as &mut dyn Observer);
    let start = Instant::now();
    let result = verify_with(program, workspace, addresses, observer);
    let ns = start.elapsed().as_nanos();
    let trace = trace.map_or_else(String::new, |trace| match &result {
        Ok(_) => trace.accepted(object),
        Err(_) => trace.rejected(object),
    });
    match result {
        Ok(verified) => Decision { ns, trace, ..Decision::rejected(name, String::new()).accepted(&verified) },
        Err(rejection) => {
            let first = object.function_at(rejection.pc).map_or(0, |function| function.first_insn);
            let fault = object.fault_at(rejection.pc);
            let reason = fault.map_or_else(|| explained(object, &rejection), |fault| fault.to_string());
            let line = object.line_at(rejection.pc).map(|line| format!("{}:{}", line.file, line.line));
            Decision {
                insn: Some(rejection.pc.saturating_sub(first)),
                line,
                states: rejection.states,
                ns,
                trace,
                ..Decision::rejected(name, reason)
            }
        }
    }
}

/// The reason, and the source line of another instruction that it names.
fn explained(object: &Object<'_>, rejection: &Rejection) -> String {
    let other = match rejection.reason {
        Reason::UnboundedLoop { head } => Some(head),
        Reason::NotGivenBack { pc } => Some(pc),
        _ => None,
    };
    let Some((pc, line)) = other.and_then(|pc| Some((pc, object.line_at(pc as usize)?))) else {
        return rejection.to_string();
    };
    format!("{rejection}; insn {pc} is {}:{}", line.file, line.line)
}
