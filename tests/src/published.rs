//! Objects of other people, as they are: loaded, with their maps within reach, and run on packets.

use std::cell::Cell;
use std::fmt;

use kernel_bpf::context::ProgramKind;
use kernel_bpf::helpers::Services;
use kernel_bpf::maps::{self, Map, MapDef};
use kernel_bpf::object::{Object, ProgramSpec};
use kernel_bpf::profile::{ActiveProfile, PhysicalProfile};
use kernel_bpf::{BpfProgram, Executable, Input, RunSpace, verify};

type LiveMap = Map<<ActiveProfile as PhysicalProfile>::MemoryStrategy>;

/// An object and its maps. Its memory is never given back, as on a board.
pub struct Published {
    object: Object<'static>,
    defs: &'static [MapDef<'static>],
    maps: &'static [&'static LiveMap],
}

impl Published {
    /// Links an object file and makes its maps.
    ///
    /// # Errors
    /// Why it cannot be linked, or a map cannot be made.
    pub fn load(file: Vec<u8>) -> Result<Self, String> {
        let object = Object::link(file.leak()).map_err(|error| error.to_string())?;
        let defs = vec![MapDef::VACANT; object.map_count()].leak();
        maps::define(&object, defs);
        let mut live: Vec<&'static LiveMap> = Vec::new();
        for def in &*defs {
            let map = Map::new(def).map_err(|error| format!("map `{}`: {error}", def.name))?;
            live.push(Box::leak(Box::new(map)));
        }
        maps::place(defs, &live);
        Ok(Self { object, defs, maps: live.leak() })
    }

    /// The names of its programs.
    #[must_use]
    pub fn programs(&self) -> Vec<&'static str> {
        self.object.programs().map(|program| program.name).collect()
    }

    /// The map of that name.
    ///
    /// # Panics
    /// Without one.
    #[must_use]
    pub fn map(&self, name: &str) -> &'static LiveMap {
        let handle = self.defs.iter().position(|def| def.name == name && !def.template);
        self.maps[handle.unwrap_or_else(|| panic!("no map `{name}`"))]
    }

    /// The bytes of a value.
    #[must_use]
    pub fn value(&self, map: &str, key: &[u8]) -> Option<Vec<u8>> {
        let map = self.map(map);
        let start = map.lookup(key)?;
        Some(map.values()[start..start + map.value_size()].iter().map(Cell::get).collect())
    }

    /// Verifies a program and binds it.
    ///
    /// # Errors
    /// Why it is rejected.
    pub fn verify(&self, name: &str) -> Result<Executable<'static, ActiveProfile>, String> {
        let spec: ProgramSpec<'static> =
            self.object.programs().find(|program| program.name == name).ok_or("no such program")?;
        let kind = ProgramKind::of_section(spec.section)
            .ok_or_else(|| kernel_bpf::context::missing_facility(spec.section).to_string())?;
        let program = BpfProgram::new(self.object.text(), spec.first_insn, spec.insn_count, kind, self.defs)
            .map_err(|error| error.to_string())?;
        let mut workspace = vec![0; ActiveProfile::verifier_words(self.object.text().len())];
        let verified = verify(program, &mut workspace).map_err(|rejection| {
            let fault = self.object.fault_at(rejection.pc);
            fault.map_or_else(|| rejection.to_string(), |fault| fault.to_string())
        })?;
        Executable::new(verified, self.maps).map_err(|error| error.to_string())
    }
}

/// Runs a program on a packet; returns r0.
///
/// # Panics
/// If the run fails.
#[must_use]
pub fn run(program: &Executable<'static, ActiveProfile>, packet: &[u8]) -> u64 {
    let space = RunSpace::new(program.verified().frames()).expect("memory for a run");
    program.run(&space, Input::Packet(packet), &mut Silence).expect("a verified program runs").r0
}

/// A world in which time stands still.
struct Silence;

impl Services for Silence {
    fn now(&self) -> u64 {
        1_000_000_000
    }
    fn random(&mut self) -> u32 {
        7
    }
    fn processor(&self) -> u32 {
        0
    }
    fn print(&mut self, _: fmt::Arguments<'_>) {}
}

/// An Ethernet frame with an IPv4 packet and 8 bytes of ports and lengths in it; ports in host order.
#[must_use]
pub fn ipv4_frame(source: [u8; 4], target: [u8; 4], protocol: u8, ports: [u16; 2]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    frame.extend([0x45, 0, 0, 46, 0, 1, 0, 0, 64, protocol, 0, 0]);
    frame.extend(source);
    frame.extend(target);
    frame.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
    // Behind the ports UDP has its length.
    frame.extend(26u16.to_be_bytes());
    frame.extend([0; 20]);
    frame
}
