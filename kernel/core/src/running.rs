//! Running what was loaded: releases, the ready queue, and what happens after each run.

use core::cell::Cell;
use core::fmt;

use kernel_bpf::context::ProgramKind;
use kernel_bpf::error::BpfError;
use kernel_bpf::maps;
use kernel_bpf::profile::{FailureSemantic, PhysicalProfile, RecoveryAction};
use kernel_bpf::scheduler::{ReadyQueue, Request, SchedulerPolicy};
use kernel_bpf::{Completion, Input, RunSpace};
use kernel_report::{Action, Record};

use crate::loading::{Loaded, MAX_PROGRAMS};
use crate::manifest::{Expect, OnRestart, Trigger};
use crate::narration::{Narrator, Pace, Text};
use crate::pcap::Packets;
use crate::platform::Platform;
use crate::services::{Random, RunServices};

/// An Ethernet frame with an IPv4/UDP packet in it, for packet programs that no capture is given to.
const SAMPLE_FRAME: &[u8] = b"\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x08\x00\
    \x45\x00\x00\x32\x12\x34\x00\x00\x40\x11\x00\x00\x0a\x00\x00\x01\xc0\xa8\x07\x09\
    \x30\x39\x00\x35\x00\x1e\x00\x00Hello from Skep, 64 B.";

/// When a program is released next, and whether it still may be.
#[derive(Clone, Copy, Debug, Default)]
struct Life {
    next_release: Option<u64>,
    /// A job of it waits to run. There is never a second one, so the queue has room for every program's.
    waiting: bool,
    releases: u64,
    retries: u32,
    dead: bool,
}

type Policy<Q> = <Q as PhysicalProfile>::SchedulerPolicy;
type Failures<Q> = <Q as PhysicalProfile>::FailureSemantic;

/// The run phase.
pub(crate) struct Runner<'r, 't, 'p, P: Platform, Q: PhysicalProfile> {
    pub(crate) programs: &'r [Option<Loaded<'t, Q>>],
    pub(crate) space: RunSpace<Q>,
    pub(crate) narrator: &'r mut Narrator<'p, P>,
    pub(crate) random: Random,
    /// Finds a file of the initrd by name.
    pub(crate) files: &'r dyn Fn(&str) -> Option<&'r [u8]>,
    /// Nothing is released at or after this time, not even what was due before.
    pub(crate) end: u64,
}

/// Everything stops: the profile's last resort.
struct SafeState;

impl<P: Platform, Q: PhysicalProfile> Runner<'_, '_, '_, P, Q> {
    /// Runs until nothing is due any more.
    pub(crate) fn run(&mut self) {
        let mut lives =
            [Life { next_release: Some(self.narrator.platform.now()), ..Life::default() }; MAX_PROGRAMS];
        let mut ready = ReadyQueue::<Policy<Q>, MAX_PROGRAMS>::default();
        loop {
            self.release(&mut lives, &mut ready);
            if let Some(job) = ready.take() {
                lives[job.program].waiting = false;
                let Some(program) = self.programs.get(job.program).and_then(Option::as_ref) else {
                    continue;
                };
                if self.execute(program, &job, &mut lives[job.program]).is_err() {
                    return self.hold_safe_state();
                }
            } else if let Some(next) = self.next_release(&lives) {
                self.narrator.platform.sleep_until(next);
            } else {
                return;
            }
        }
    }

    fn next_release(&self, lives: &[Life]) -> Option<u64> {
        let loaded =
            lives.iter().zip(self.programs).filter(|(life, program)| !life.dead && program.is_some());
        loaded.filter_map(|(life, _)| life.next_release).min()
    }

    /// Submits a job for every program that is due and has none waiting. A program that takes longer than its
    /// period is released again as soon as it can be, release by release.
    fn release(&mut self, lives: &mut [Life], ready: &mut ReadyQueue<Policy<Q>, MAX_PROGRAMS>) {
        let now = self.narrator.platform.now();
        for (index, (life, program)) in lives.iter_mut().zip(self.programs).enumerate() {
            let Some(program) = program.as_ref().filter(|_| !life.dead && !life.waiting) else {
                continue;
            };
            let Some(release) = life.next_release.filter(|&release| release <= now) else {
                continue;
            };
            let urgency = Policy::<Q>::urgency(release, program.entry.deadline_ns);
            let request = Request { program: index, priority: program.entry.priority, release, urgency };
            // Without room it would stay due.
            life.waiting = ready.submit(request).is_ok();
            if life.waiting {
                life.next_release = self.release_after(release, now, program);
            }
        }
    }

    fn release_after(&self, release: u64, now: u64, program: &Loaded<'_, Q>) -> Option<u64> {
        let Trigger::Every { period_ns } = program.entry.trigger else {
            return None;
        };
        let next = release.checked_add(period_ns)?;
        (next.max(now) < self.end).then_some(next)
    }

    /// One job: one run, or one for each packet.
    fn execute(
        &mut self,
        program: &Loaded<'_, Q>,
        job: &Request<Policy<Q>>,
        life: &mut Life,
    ) -> Result<(), SafeState> {
        let kind = program.executable.verified().kind();
        if !kind.takes_packet() {
            let event = event(program, job.release, life.releases);
            life.releases += 1;
            return self.run_once(program, job, Input::Context(&event), life);
        }
        let Some(name) = program.entry.packets else {
            return self.run_once(program, job, Input::Packet(SAMPLE_FRAME), life);
        };
        let Some(file) = (self.files)(name) else {
            self.narrator.refuse(
                name,
                0,
                format_args!("`{}` takes its packets from it, and it is not there", program.name),
            );
            return Ok(());
        };
        let packets = match Packets::new(file) {
            Ok(packets) => packets,
            Err(error) => {
                self.narrator.refuse(name, error.offset, format_args!("{}", error.cause));
                return Ok(());
            }
        };
        for packet in packets {
            match packet {
                Ok(bytes) if !life.dead => self.run_once(program, job, Input::Packet(bytes), life)?,
                Ok(_) => break,
                Err(error) => self.narrator.refuse(name, error.offset, format_args!("{}", error.cause)),
            }
        }
        Ok(())
    }

    /// Runs to the end, again after failures as the profile has it.
    fn run_once(
        &mut self,
        program: &Loaded<'_, Q>,
        job: &Request<Policy<Q>>,
        input: Input<'_>,
        life: &mut Life,
    ) -> Result<(), SafeState> {
        loop {
            let platform = self.narrator.platform;
            platform.running(Some(program.name));
            let start = platform.now();
            let services = &mut RunServices { platform, random: &mut self.random, program: program.name };
            let result = program.executable.run(&self.space, input, services);
            let end = platform.now();
            platform.running(None);
            match result {
                Ok(completion) => {
                    life.retries = 0;
                    self.completed(program, job, (start, end), completion);
                    self.drain(program);
                    return match Policy::<Q>::missed(job.urgency, end) {
                        None => Ok(()),
                        Some(deadline_ns) => self.missed(program, deadline_ns, life),
                    };
                }
                Err(fault) => {
                    self.narrator.fail();
                    self.narrator.say(Pace::NeverWaits, format_args!("{}: {fault}", program.name));
                    if !self.recover(program, fault.error, life)? {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn completed(
        &mut self,
        program: &Loaded<'_, Q>,
        job: &Request<Policy<Q>>,
        (start_ns, end_ns): (u64, u64),
        Completion { r0, insns }: Completion,
    ) {
        let expected = match program.entry.expect {
            Expect::R0(expected) => r0 == expected,
            Expect::Any | Expect::Rejected => true,
        };
        if !expected {
            self.narrator.fail();
        }
        self.narrator.tally.runs += 1;
        let (name, object, release_ns) = (program.name, program.entry.object, job.release);
        let record = Record::Run { name, object, release_ns, start_ns, end_ns, r0, insns, expected };
        self.narrator.record(Pace::NeverWaits, &record);
    }

    /// Reports what the program left in ring buffers.
    fn drain(&mut self, program: &Loaded<'_, Q>) {
        let (name, object) = (program.name, program.entry.object);
        for (def, map) in program.maps.defs.iter().zip(program.maps.maps) {
            map.consume(|record| {
                let data = Text::of(format_args!("{}", Hex(record)));
                let (bytes, data) = (record.len() as u32, data.as_str());
                let record = Record::Output { map: def.name, name, object, bytes, data };
                self.narrator.record(Pace::NeverWaits, &record);
            });
        }
    }

    fn missed(
        &mut self,
        program: &Loaded<'_, Q>,
        deadline_ns: u64,
        life: &mut Life,
    ) -> Result<(), SafeState> {
        self.narrator.tally.misses += 1;
        let record = Record::Miss { name: program.name, object: program.entry.object, deadline_ns };
        self.narrator.record(Pace::NeverWaits, &record);
        self.recover(program, BpfError::DeadlineMiss, life).map(drop)
    }

    /// Does what the profile's failure semantic says; true to run again.
    fn recover(
        &mut self,
        program: &Loaded<'_, Q>,
        error: BpfError,
        life: &mut Life,
    ) -> Result<bool, SafeState> {
        let action = match Failures::<Q>::on_failure(error) {
            RecoveryAction::Restart if life.retries >= Failures::<Q>::MAX_RETRIES => RecoveryAction::Abort,
            action => action,
        };
        let again = action == RecoveryAction::Restart;
        life.retries += u32::from(again);
        life.dead |= matches!(action, RecoveryAction::Abort | RecoveryAction::Degrade);
        let retry = if again { life.retries } else { 0 };
        let (name, object) = (program.name, program.entry.object);
        let record = Record::Recovery { name, object, error: error.name(), action: reported(action), retry };
        self.narrator.record(Pace::NeverWaits, &record);
        if again {
            self.narrator.tally.restarts += 1;
            if program.entry.on_restart == OnRestart::Clear {
                maps::reset(program.maps.defs, program.maps.maps);
            }
        }
        if action == RecoveryAction::SafeState { Err(SafeState) } else { Ok(again) }
    }

    /// Latched: nothing runs any more, and every program's declared value stands for its result.
    fn hold_safe_state(&mut self) {
        self.narrator.fail();
        for program in self.programs.iter().flatten() {
            if let Some(value) = program.entry.safe_value {
                self.narrator.say(Pace::MayWait, format_args!("safe state: {} holds {value}", program.name));
            }
        }
    }
}

/// Bytes as hexadecimal digits.
struct Hex<'b>(&'b [Cell<u8>]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{:02x}", byte.get()))
    }
}

/// `struct skep_event`: when the program was released, how often before, and its period.
fn event<Q: PhysicalProfile>(program: &Loaded<'_, Q>, release: u64, sequence: u64) -> [u8; 24] {
    let period = match (program.entry.trigger, program.executable.verified().kind()) {
        (Trigger::Every { period_ns }, _) | (_, ProgramKind::Timer { period: period_ns }) => period_ns,
        _ => 0,
    };
    let mut bytes = [0; 24];
    for (place, word) in bytes.chunks_exact_mut(8).zip([release, sequence, period]) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

const fn reported(action: RecoveryAction) -> Action {
    match action {
        RecoveryAction::Restart => Action::Restart,
        RecoveryAction::Abort => Action::Abort,
        RecoveryAction::SkipAndContinue => Action::SkipAndContinue,
        RecoveryAction::Degrade => Action::Degrade,
        RecoveryAction::SafeState => Action::SafeState,
    }
}
