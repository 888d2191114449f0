//! From files to executables: link an object, make its maps, verify its programs.

mod map_tables;

pub(crate) use map_tables::{Demand, MAX_MAPS, MapTables, ObjectMaps, TooManyMaps};

use kernel_bpf::context::{ProgramKind, missing_facility};
use kernel_bpf::object::{Object, ProgramSpec};
use kernel_bpf::profile::PhysicalProfile;
use kernel_bpf::targets::Targets;
use kernel_bpf::{BpfProgram, CodeMemoryOf, Executable, OptionsOf, Verified, verify};
use kernel_report::{Record, Verdict};

use crate::manifest::{self, Entry, Expect, Manifest, Trigger};
use crate::narration::{Narrator, Pace, Text};
use crate::platform::Platform;

/// Most programs of one initrd.
pub(crate) const MAX_PROGRAMS: usize = 64;

/// A program that may run.
pub(crate) struct Loaded<'t, P: PhysicalProfile> {
    pub(crate) name: &'static str,
    pub(crate) executable: Executable<'t, P>,
    pub(crate) maps: ObjectMaps<'t, P>,
    pub(crate) entry: Entry<'static>,
}

/// The verifier's memory and the programs accepted so far.
pub(crate) struct Loader<'t, P: PhysicalProfile> {
    pub(crate) tables: MapTables<'t, P>,
    /// What tail calls may go on in: every accepted program.
    pub(crate) targets: &'t Targets<'t>,
    pub(crate) workspace: &'static mut [u64],
    pub(crate) programs: [Option<Loaded<'t, P>>; MAX_PROGRAMS],
    pub(crate) count: usize,
    /// Where machine code goes, if this profile's engine makes any and the board has room for it.
    pub(crate) code_memory: Option<&'static CodeMemoryOf<P>>,
    pub(crate) manifest: Option<Manifest<'static>>,
    /// Which programs of the manifest were met, in its order.
    pub(crate) met: [bool; manifest::MAX_PROGRAMS],
}

impl<'t, P: PhysicalProfile> Loader<'t, P> {
    /// Loads every program of one object file; what is wrong with it is reported, and the rest goes on.
    pub(crate) fn load(
        &mut self,
        file: &'static str,
        bytes: &'static mut [u8],
        narrator: &mut Narrator<'_, impl Platform>,
    ) {
        // A failed link leaves the file behind, for the name of a symbol in the message.
        let object = match Object::link(bytes) {
            Ok(object) => object,
            Err(error) => return narrator.refuse(file, error.offset, format_args!("{}", error.cause)),
        };
        let tell = |shortage| narrator.refuse(file, 0, format_args!("{shortage}"));
        let maps = match self.tables.make(&object, tell) {
            Ok(maps) => maps,
            Err(TooManyMaps(count)) => {
                let reason = format_args!("no room for {count} more maps: an initrd may have {MAX_MAPS}");
                return narrator.refuse(file, 0, reason);
            }
        };
        if object.programs().next().is_none() {
            narrator.refuse(
                file,
                0,
                format_args!("the object has no program: no global function in a program section"),
            );
        }
        for program in object.programs() {
            if !manifest::is_name(program.name) {
                let (place, rule) = (program.first_insn, manifest::Reason::BadName);
                narrator.refuse(file, 0, format_args!("the program at instruction {place}: {rule}"));
                continue;
            }
            self.load_program(file, &object, &program, maps, narrator);
        }
    }

    fn load_program(
        &mut self,
        file: &'static str,
        object: &Object<'static>,
        spec: &ProgramSpec<'static>,
        maps: ObjectMaps<'t, P>,
        narrator: &mut Narrator<'_, impl Platform>,
    ) {
        let named = self.named(file, spec.name);
        let mut entry = named.unwrap_or(Entry::new(file, spec.name));
        let report = Report { file, name: spec.name, insns: spec.insn_count as u32, expect: entry.expect };
        let Some(kind) = ProgramKind::of_section(spec.section) else {
            let reason = missing_facility(spec.section);
            return report.rejected(None, "unknown", None, format_args!("{reason}"), narrator);
        };
        if let (ProgramKind::Timer { period: period_ns @ 1.. }, None) = (kind, named) {
            entry.trigger = Trigger::Every { period_ns };
        }
        if entry.trigger == Trigger::Xdp && !kind.takes_packet() {
            let reason = format_args!("the manifest gives packets to a program of type {}", kind.name());
            return report.rejected(None, kind.name(), None, reason, narrator);
        }
        let program =
            match BpfProgram::<P>::new(object.text(), spec.first_insn, spec.insn_count, kind, maps.defs) {
                Ok(program) => program,
                Err(error) => {
                    return report.rejected(None, kind.name(), None, format_args!("{error}"), narrator);
                }
            };
        match verify(program, self.workspace) {
            Ok(verified) => self.keep(verified, entry, maps, &report, narrator),
            Err(rejection) => {
                let insn =
                    rejection.pc.saturating_sub(object.function_at(rejection.pc).map_or(0, |f| f.first_insn));
                let place = object.line_at(rejection.pc);
                let line = place.map(|place| Text::of(format_args!("{}:{}", place.file, place.line)));
                let line = line.as_ref().map(Text::as_str);
                let insn = Some(insn as u32);
                match object.fault_at(rejection.pc) {
                    Some(fault) => {
                        report.rejected(insn, kind.name(), line, format_args!("{fault}"), narrator)
                    }
                    None => report.rejected(insn, kind.name(), line, format_args!("{rejection}"), narrator),
                }
            }
        }
    }

    /// What the manifest says about a program, if it names it.
    fn named(&mut self, file: &str, program: &str) -> Option<Entry<'static>> {
        let mut entries = self.manifest?.entries().enumerate();
        let (index, entry) = entries.find(|(_, entry)| entry.object == file && entry.program == program)?;
        self.met[index] = true;
        Some(entry)
    }

    fn keep(
        &mut self,
        verified: Verified<'t, P>,
        entry: Entry<'static>,
        maps: ObjectMaps<'t, P>,
        report: &Report<'static>,
        narrator: &mut Narrator<'_, impl Platform>,
    ) {
        let name = report.name;
        let executable = match Executable::new(verified, maps.maps) {
            Ok(executable) => executable.compiled(self.code_memory, OptionsOf::<P>::default()),
            Err(error) => return narrator.refuse(entry.object, 0, format_args!("{name}: {error}")),
        };
        report.accepted(&executable, narrator);
        let Some(place) = self.programs.get_mut(self.count) else {
            let reason = format_args!("no room for `{name}`: an initrd may have {MAX_PROGRAMS} programs");
            return narrator.refuse(entry.object, 0, reason);
        };
        // As many as programs.
        let _ = self.targets.add(executable.verified());
        let executable = executable.with_targets(self.targets);
        *place = Some(Loaded { name, executable, maps, entry });
        self.count += 1;
    }
}

/// What a report about one program has in common.
struct Report<'r> {
    file: &'r str,
    name: &'r str,
    insns: u32,
    expect: Expect,
}

impl Report<'_> {
    fn accepted<P: PhysicalProfile>(
        &self,
        executable: &Executable<'_, P>,
        narrator: &mut Narrator<'_, impl Platform>,
    ) {
        let verified = executable.verified();
        let expected = self.expect != Expect::Rejected;
        if !expected {
            narrator.fail();
        }
        narrator.tally.loaded += 1;
        let (name, insns, stack) = (self.name, verified.insns() as u32, verified.stack() as u32);
        let bound = verified.wcet_insns();
        narrator.say(
            Pace::MayWait,
            format_args!("verifier: {name} accepted, {insns} insns, stack {stack}, bound {bound}"),
        );
        let code = executable.code_bytes();
        if let Err(Some(reason)) = code {
            narrator.say(Pace::MayWait, format_args!("jit: {name} is interpreted: {reason}"));
        }
        narrator.record(
            Pace::MayWait,
            &Record::Program {
                name,
                object: self.file,
                kind: verified.kind().name(),
                verdict: Verdict::Accept,
                insns,
                stack: Some(stack),
                wcet_insns: Some(bound),
                engine: Some(executable.engine()),
                jited_bytes: code.ok().map(|bytes| bytes as u32),
                insn: None,
                line: None,
                reason: None,
                expected,
            },
        );
    }

    fn rejected(
        &self,
        insn: Option<u32>,
        kind: &str,
        line: Option<&str>,
        reason: core::fmt::Arguments<'_>,
        narrator: &mut Narrator<'_, impl Platform>,
    ) {
        let expected = self.expect == Expect::Rejected;
        if !expected {
            narrator.fail();
        }
        narrator.tally.rejected += 1;
        let (name, place) = (self.name, line.unwrap_or(self.file));
        match insn {
            Some(insn) => narrator.say(
                Pace::MayWait,
                format_args!("verifier: {name} rejected at insn {insn} ({place}): {reason}"),
            ),
            None => {
                narrator.say(Pace::MayWait, format_args!("verifier: {name} rejected ({place}): {reason}"))
            }
        }
        let reason = Text::of(reason);
        narrator.record(
            Pace::MayWait,
            &Record::Program {
                name,
                object: self.file,
                kind,
                verdict: Verdict::Reject,
                insns: self.insns,
                stack: None,
                wcet_insns: None,
                engine: None,
                jited_bytes: None,
                insn,
                line,
                reason: Some(reason.as_str()),
                expected,
            },
        );
    }
}
