//! A run of compiled code: what it finds in memory, how it calls helpers, and how it ends early. Unsafe because
//! machine code calls in here.

use core::marker::PhantomData;
use core::mem::offset_of;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::error::{BpfError, Fault};
use crate::executable::Job;
use crate::helpers::{self, CallError, Caller, Outcome, Services};
use crate::memory::Reclaim;

/// Compiled code as a function: r1, r2, the frame pointer, the run; returns r0.
pub(super) type Entry = unsafe extern "C" fn(u64, u64, u64, *mut Run<'_>) -> u64;

/// What a helper hands to compiled code, in RAX and RDX.
#[repr(C)]
struct Returned {
    r0: u64,
    failed: u64,
}

type Trampoline = unsafe extern "C" fn(u64, u64, u64, u64, u64, *mut Run<'_>) -> Returned;

/// How a run ended.
pub(super) type Ending = Result<u64, Early>;

/// Why a run ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Early {
    /// What happened.
    pub(super) error: BpfError,
    /// The address that was accessed, if one was.
    pub(super) address: u64,
}

/// What compiled code finds through its fourth argument.
#[repr(C)]
pub(super) struct Run<'r> {
    trampoline: Trampoline,
    /// The stack pointer after the entry's prologue, stored by it: where a run that ends early goes on.
    stack_pointer: u64,
    /// The context's address, for loads that may be of its pointer fields.
    context: u64,
    /// The number of the helper being called, stored by the caller.
    helper: u32,
    early: Option<Early>,
    place: &'r Place,
    job: *const (),
    services: *mut (dyn Services + 'r),
    lifetime: PhantomData<&'r ()>,
}

/// Offsets in a [`Run`] that compiled code uses.
pub(super) mod offset {
    use super::{Run, offset_of};

    pub(in super::super) const TRAMPOLINE: i32 = offset_of!(Run<'static>, trampoline) as i32;
    pub(in super::super) const STACK_POINTER: i32 = offset_of!(Run<'static>, stack_pointer) as i32;
    pub(in super::super) const CONTEXT: i32 = offset_of!(Run<'static>, context) as i32;
    pub(in super::super) const HELPER: i32 = offset_of!(Run<'static>, helper) as i32;
}

/// Where code is and where it lands when it ends early.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) landing: u64,
}

impl<'r> Run<'r> {
    pub(super) fn new<M: Reclaim>(
        job: &'r Job<'_, M>,
        services: &'r mut dyn Services,
        place: &'r Place,
    ) -> Self {
        let services: *mut (dyn Services + 'r) = services;
        Self {
            trampoline: call_helper::<M>,
            stack_pointer: 0,
            context: job.arguments[0],
            helper: 0,
            early: None,
            place,
            job: ptr::from_ref(job).cast(),
            services,
            lifetime: PhantomData,
        }
    }

    /// What became of it: code that ended early returned nothing of meaning.
    #[inline]
    pub(super) fn outcome(&self, r0: u64) -> Ending {
        match self.early {
            None => Ok(r0),
            Some(early) => Err(early),
        }
    }
}

/// Calls the helper named in `run`. Anything but 0 in `failed` makes the code end early.
///
/// # Safety
/// 1. Called by compiled code with the run it was given, whose job has maps of strategy `M`.
unsafe extern "C" fn call_helper<M: Reclaim>(
    r1: u64,
    r2: u64,
    r3: u64,
    r4: u64,
    r5: u64,
    run: *mut Run<'_>,
) -> Returned {
    // SAFETY: 1. The code got `run` from `Sealed::call`, where it is a `&mut` that nothing else uses meanwhile.
    let run = unsafe { &mut *run };
    // SAFETY: 1. `Run::new` took both from borrows that live as long as the run. 2. It chose this function for
    // the job's own `M`. 3. Nothing else uses the services while the code runs.
    let (job, services) = unsafe { (&*run.job.cast::<Job<'_, M>>(), &mut *run.services) };
    let early = match helpers::call(run.helper, [r1, r2, r3, r4, r5], job, services, &mut NoFunctions) {
        Ok(Outcome::Value(r0)) => return Returned { r0, failed: 0 },
        // Programs with these are not compiled.
        Ok(Outcome::TailCall(_)) => Early { error: BpfError::InvalidHelper, address: 0 },
        Err(CallError::Unknown) => Early { error: BpfError::InvalidHelper, address: 0 },
        Err(CallError::Access(address)) => Early { error: BpfError::InvalidAccess, address },
        Err(CallError::Fault(fault)) => Early { error: fault.error, address: fault.address },
    };
    run.early = Some(early);
    Returned { r0: 0, failed: 1 }
}

/// Compiled programs have no functions for helpers to call: those that have are interpreted.
struct NoFunctions;

impl Caller for NoFunctions {
    fn call(&mut self, _: u64, _: [u64; 5], _: &mut dyn Services) -> Result<u64, Fault> {
        Err(Fault { error: BpfError::InvalidHelper, pc: 0, address: 0 })
    }
}

/// The run that goes on, for [`catch_fault`]; null if none. Machines with exceptions of their own have one core.
static ACTIVE: AtomicPtr<Run<'static>> = AtomicPtr::new(ptr::null_mut());

/// Makes a run known while it goes on.
pub(super) struct Activity {
    before: *mut Run<'static>,
}

impl Activity {
    pub(super) fn of(run: &mut Run<'_>) -> Self {
        let run = NonNull::from(run).cast::<Run<'static>>();
        let before = ACTIVE.load(Ordering::Relaxed);
        ACTIVE.store(run.as_ptr(), Ordering::Relaxed);
        Self { before }
    }
}

impl Drop for Activity {
    fn drop(&mut self) {
        ACTIVE.store(self.before, Ordering::Relaxed);
    }
}

/// Where the processor goes on after a fault in compiled code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Landing {
    /// The instruction pointer.
    pub instruction: u64,
    /// The stack pointer.
    pub stack: u64,
}

/// Ends the run whose code the instruction at `instruction` belongs to, because it faulted when accessing
/// `address`. `None` if no compiled code was running there: then the fault is the kernel's own.
///
/// For a board's exception handler, which lets the processor go on at the [`Landing`].
#[must_use]
pub fn catch_fault(instruction: u64, address: u64) -> Option<Landing> {
    let run = NonNull::new(ACTIVE.load(Ordering::Relaxed))?;
    // SAFETY: 1. `Activity` names a run only while it is borrowed for its call. 2. The exception interrupted that
    // call in its code or in a helper, on this one core, so nobody else is using it now.
    let run = unsafe { &mut *run.as_ptr() };
    if !(run.place.start..run.place.end).contains(&instruction) {
        return None;
    }
    run.early = Some(Early { error: BpfError::InvalidAccess, address });
    Some(Landing { instruction: run.place.landing, stack: run.stack_pointer })
}

impl Early {
    /// The fault of a program that was entered at `entry`. Machine code does not tell which instruction it was.
    pub(super) const fn fault(self, entry: usize) -> Fault {
        Fault { error: self.error, pc: entry, address: self.address }
    }
}
