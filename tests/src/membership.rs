//! Whether a machine is in one of the states that the verifier told of: before every instruction, each register,
//! each byte of stack and each saved register must be what a state there says, all in the same state, with what
//! ties them to each other.
//!
//! Nothing here is shared with how the verifier compares states: that is what is judged.

mod live;
mod relation;

use std::collections::HashMap;

use kernel_bpf::interpreter::FRAME_BYTES;
use kernel_bpf::verifier::state::{Entry, Held, Loop, Part, Slot, State};
use kernel_bpf::verifier::tie::Tie;
use kernel_bpf::verifier::value::{Pointer, Target, Value};
use kernel_bpf::verifier::{Addresses, Observer};

use crate::flat::{self, Flat, Witness};
use relation::Relations;

/// Steps after which the verifier is stopped: programs that take long are few, and would take all the time.
const MOST_STEPS: u64 = 15_000;
/// What the verifier unwinds with when it is stopped.
pub struct TooLong;

/// Most states of one program that are kept.
const MOST_STATES: usize = 6_000;

/// What the verifier said of one instruction on one path.
#[derive(Clone, Debug)]
pub struct Seen {
    step: u64,
    pc: usize,
    /// r0 to r9.
    registers: [Held; 10],
    frames: Vec<SeenFrame>,
    packet_bytes: u32,
    loops: Vec<Loop>,
}

#[derive(Clone, Debug)]
struct SeenFrame {
    return_to: usize,
    entry: Entry,
    saved: [Held; 9],
    slots: Vec<(usize, Slot)>,
}

impl Seen {
    fn of(step: u64, state: &State) -> Self {
        let frames = state.frames[..=state.depth].iter().map(|frame| SeenFrame {
            return_to: frame.return_to,
            entry: frame.entry,
            saved: frame.saved,
            slots: frame.present_slots().map(|(index, slot)| (index, *slot)).collect(),
        });
        Self {
            step,
            pc: state.pc,
            registers: state.registers,
            frames: frames.collect(),
            packet_bytes: state.packet_bytes,
            loops: state.loops[..state.loop_count].to_vec(),
        }
    }
}

/// Notes what the verifier says.
#[derive(Default)]
pub struct Watch {
    seen: Vec<Seen>,
    /// Whether there was more than is kept.
    overflowed: bool,
}

impl Observer for Watch {
    fn reached(&mut self, step: u64, state: &State) {
        if step > MOST_STEPS {
            // The one way to stop the verifier; no message is printed.
            std::panic::resume_unwind(Box::new(TooLong));
        }
        if self.seen.len() < MOST_STATES {
            self.seen.push(Seen::of(step, state));
        } else {
            self.overflowed = true;
        }
    }

    fn taken_back(&mut self, step: u64) {
        let kept = self.seen.partition_point(|seen| seen.step < step);
        self.seen.truncate(kept);
    }
}

impl Watch {
    /// The states of the program `text` by their instructions; `None` if there were too many to keep.
    #[must_use]
    pub fn finish(self, text: &[u8], addresses: Addresses) -> Option<Claims> {
        if self.overflowed {
            return None;
        }
        let mut at: HashMap<usize, Vec<usize>> = HashMap::new();
        for (index, seen) in self.seen.iter().enumerate() {
            at.entry(seen.pc).or_default().push(index);
        }
        Some(Claims { seen: self.seen, at, last: 0, live: live::live(text), addresses })
    }
}

/// Everything the verifier claims of a program.
pub struct Claims {
    seen: Vec<Seen>,
    at: HashMap<usize, Vec<usize>>,
    /// The state that the machine was in last: the next is often the one after it.
    last: usize,
    live: Vec<u16>,
    addresses: Addresses,
}

impl Claims {
    /// How many states.
    #[must_use]
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// Whether the machine is in a state that was seen.
    fn judge(&self, seen: &Seen, machine: &Flat<'_>) -> Result<(), String> {
        if seen.frames.len() != machine.frames.len() {
            return Err("its frames are others".into());
        }
        if u64::from(seen.packet_bytes) > machine.world.input.len() as u64
            && machine.world.kind.takes_packet()
        {
            return Err(format!("the packet has no {} bytes", seen.packet_bytes));
        }
        let mut all = Judge {
            machine,
            live: &self.live,
            addresses: self.addresses,
            relations: Relations::new(&seen.loops),
        };
        let now = self.live[machine.pc];
        for (number, held) in seen.registers.iter().enumerate().filter(|(number, _)| now >> number & 1 != 0) {
            all.held(held, machine.registers[number]).map_err(|why| format!("r{number}: {why}: {held:?}"))?;
        }
        for (depth, frame) in seen.frames.iter().enumerate() {
            all.frame(depth, frame)?;
        }
        all.relations.hold()
    }
}

impl Witness for Claims {
    fn look(&mut self, machine: &Flat<'_>) -> Result<(), String> {
        let next = self.seen.get(self.last + 1).filter(|seen| seen.pc == machine.pc);
        if next.is_some_and(|seen| self.judge(seen, machine).is_ok()) {
            self.last += 1;
            return Ok(());
        }
        let mut why = String::from("no state was seen here");
        for &index in self.at.get(&machine.pc).into_iter().flatten() {
            match self.judge(&self.seen[index], machine) {
                Ok(()) => {
                    self.last = index;
                    return Ok(());
                }
                Err(reason) => why = reason,
            }
        }
        let registers = machine.registers.iter().map(|number| format!("{number:#x}"));
        Err(format!("{why}; registers {}", registers.collect::<Vec<_>>().join(" ")))
    }
}

struct Judge<'m, 'w> {
    machine: &'m Flat<'w>,
    live: &'m [u16],
    addresses: Addresses,
    relations: Relations,
}

type Judgement = Result<(), String>;

fn that(holds: bool, otherwise: &str) -> Judgement {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}

impl Judge<'_, '_> {
    fn held(&mut self, held: &Held, number: u64) -> Judgement {
        match held.value {
            Value::Uninitialised => Ok(()),
            Value::Number(ref scalar) => {
                that(scalar.contains(number), "is not in its range")?;
                self.tie(held.tie, number)
            }
            Value::Pointer(ref pointer) => self.pointer(pointer, held.tie, number),
        }
    }

    fn tie(&mut self, tie: Tie, number: u64) -> Judgement {
        match tie {
            Tie::None => Ok(()),
            Tie::Same { id, delta } => {
                let base = number.wrapping_sub(delta as u64);
                that(self.relations.is_base_of(id, base), "is not what it is tied to")
            }
            Tie::Trips { level, low, high } => {
                let number = i128::from(number as i64);
                let (level, low, high) = (level.into(), (low.slope, low.start), (high.slope, high.start));
                that(
                    self.relations.is_between(level, low, number, high),
                    "lies between its lines after no trips",
                )
            }
        }
    }

    fn pointer(&mut self, pointer: &Pointer, tie: Tie, number: u64) -> Judgement {
        let base = match pointer.target {
            Target::Stack { frame } => {
                that(usize::from(frame) < self.machine.frames.len(), "leads to a frame that is gone")?;
                flat::frame_top(frame.into())
            }
            Target::Context | Target::Memory { .. } => flat::ARGUMENT,
            // There is no metadata: it begins where the packet does.
            Target::Packet | Target::PacketMeta => flat::PACKET,
            Target::PacketEnd => flat::PACKET + self.machine.world.input.len() as u64,
            Target::Map { map } => flat::handle(map),
            Target::MapValue { map } => value_near(map, number),
            Target::MapValueOrNull { map } => {
                let is_null = number == 0;
                let linked = self.relations.is_null(pointer.identity, is_null);
                that(linked, "is null where its copy is not")?;
                if is_null {
                    return Ok(());
                }
                value_near(map, number)
            }
            Target::Allocated { .. }
            | Target::AllocatedOrNull { .. }
            | Target::MapKey { .. }
            | Target::Function { .. } => {
                return Err("cannot be: no helper hands it out".into());
            }
        };
        let variable = number.wrapping_sub(base).wrapping_sub(pointer.fixed as u64);
        that(pointer.variable.contains(variable), "lies elsewhere")?;
        if pointer.target == Target::Packet {
            let end = (variable as i64).saturating_add(pointer.proven.into());
            let inside = pointer.proven == 0 || end <= self.machine.world.input.len() as i64;
            that(inside, "has fewer bytes behind it than are proven")?;
            that(self.relations.has_offset(pointer.identity, variable), "is not where its copy is")?;
        }
        self.tie(tie, variable)
    }

    fn frame(&mut self, depth: usize, seen: &SeenFrame) -> Judgement {
        let frame = &self.machine.frames[depth];
        that(depth == 0 || seen.return_to == frame.return_to, "it returns elsewhere")?;
        that(seen.entry == Entry::Call, "it was entered by no helper")?;
        let later = if depth > 0 { self.live[frame.return_to] >> 1 } else { 0 };
        for (number, held) in seen.saved.iter().enumerate().filter(|(number, _)| later >> number & 1 != 0) {
            let Some(kept) = (number + 1).checked_sub(6) else {
                that(*held == Held::NOTHING, "a call keeps no argument")?;
                continue;
            };
            let saved = self.held(held, self.machine.frames[depth].saved[kept]);
            saved.map_err(|why| format!("r{} of frame {}: {why}: {held:?}", number + 1, depth - 1))?;
        }
        for (index, slot) in &seen.slots {
            let place = *index as i64 * 8 - FRAME_BYTES as i64;
            let at = |why: String| format!("frame {depth}, {place}: {why}: {slot:?}");
            self.slot(depth, *index, slot).map_err(at)?;
        }
        Ok(())
    }

    fn slot(&mut self, depth: usize, index: usize, slot: &Slot) -> Judgement {
        let frame = &self.machine.frames[depth];
        for byte in 0..8 {
            let place = index * 8 + byte;
            that(slot.zero >> byte & 1 == 0 || frame.bytes[place] == 0, "a byte is not zero")?;
            // Where addresses are open, nothing depends on it.
            let written = frame.written[place] || self.addresses == Addresses::Open;
            that(slot.written >> byte & 1 == 0 || written, "a byte was not written")?;
        }
        if slot.part == Part::Nothing {
            return Ok(());
        }
        let start = index * 8 + slot.part.start();
        let bytes = &frame.bytes[start..start + slot.part.size().bytes()];
        let number = bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte));
        self.held(&slot.held, number)
    }
}

/// The address of the value of `map` that `address` is nearest to.
fn value_near(map: u32, address: u64) -> u64 {
    let first = flat::value_address(map, 0);
    let distance = flat::value_address(map, 1) - first;
    let index = address.wrapping_sub(first).wrapping_add(distance / 2) / distance;
    first + index.min(15) * distance
}
