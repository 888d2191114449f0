//! Programs that tail calls go on in: the proven ones of an initrd.
//!
//! What a map of programs holds is a number; only a program that was added here, of the same object, the same
//! type and with the same maps, is ever gone on in. So a tail call leads from proven code to proven code.

use core::cell::Cell;

use crate::context::ProgramKind;
use crate::maps::MapDef;
use crate::profile::PhysicalProfile;
use crate::program::Verified;

/// Most programs.
pub const MAX_TARGETS: usize = 64;

/// A proven program, as a tail call needs it.
#[derive(Clone, Copy)]
struct Target<'a> {
    text: &'a [u8],
    maps: &'a [MapDef<'a>],
    kind: ProgramKind,
    place: TailCall,
}

/// Where a tail call leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TailCall {
    /// The program's first slot in the text.
    pub entry: usize,
    /// Bound on the instructions it executes.
    pub wcet_insns: u64,
    /// Frames it needs, its own among them.
    pub frames: usize,
}

/// The programs.
pub struct Targets<'a> {
    all: [Cell<Option<Target<'a>>>; MAX_TARGETS],
}

/// No room for one more program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyTargets;

impl<'a> Targets<'a> {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self { all: [const { Cell::new(None) }; MAX_TARGETS] }
    }

    /// Adds a program. That it is a [`Verified`] is what makes it safe to go on in.
    ///
    /// # Errors
    /// [`TooManyTargets`]: tail calls to it will find nothing.
    pub fn add<P: PhysicalProfile>(&self, verified: &Verified<'a, P>) -> Result<(), TooManyTargets> {
        let program = &verified.program;
        let place =
            TailCall { entry: program.entry, wcet_insns: verified.wcet_insns(), frames: verified.frames() };
        let target = Target { text: program.text, maps: program.maps, kind: program.kind, place };
        let free = self.all.iter().find(|cell| cell.get().is_none()).ok_or(TooManyTargets)?;
        free.set(Some(target));
        Ok(())
    }

    fn of(&self, from: Origin) -> impl Iterator<Item = TailCall> {
        let same = move |target: &Target<'a>| Origin::new(target.text, target.maps, target.kind) == from;
        self.all.iter().filter_map(Cell::get).filter(same).map(|target| target.place)
    }

    /// The longest bound of any program that one from there may go on in.
    pub(crate) fn longest(&self, from: Origin) -> u64 {
        self.of(from).map(|target| target.wcet_insns).max().unwrap_or(0)
    }
}

/// Where a program comes from: its object's instructions and maps, by their places, and its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    text: *const [u8],
    maps: (*const (), usize),
    kind: ProgramKind,
}

impl Origin {
    pub(crate) const fn new(text: &[u8], maps: &[MapDef<'_>], kind: ProgramKind) -> Self {
        Self { text, maps: (maps.as_ptr().cast(), maps.len()), kind }
    }
}

/// [`Targets`] for a run, whatever they live as long as.
pub(crate) trait Find {
    /// The program that begins at `entry`, if one from there does.
    fn find(&self, from: Origin, entry: usize) -> Option<TailCall>;
}

impl Find for Targets<'_> {
    fn find(&self, from: Origin, entry: usize) -> Option<TailCall> {
        self.of(from).find(|target| target.entry == entry)
    }
}

impl Default for Targets<'_> {
    fn default() -> Self {
        Self::new()
    }
}
