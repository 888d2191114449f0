//! Memory for machine code: writable, then executable, never both. Unsafe because pages change what may be done
//! with them, and because code is called.

use core::marker::PhantomData;
use core::ptr::NonNull;

use super::run::{Ending, Entry, Run};
use super::{Features, NoCode};

/// Where pages for machine code come from: a board's page tables, or an operating system.
///
/// # Implementation safety
/// 1. `map` returns pages of at least `bytes` bytes, page-aligned, that may be read and written and not executed,
///    that nobody else uses, with an unmapped page before and after.
/// 2. After `seal` returned true the pages may be read and executed and not written, by this and any address.
/// 3. The processor executes x86-64 in 64-bit mode, and what `features` names.
pub unsafe trait CodeMemory: Sync {
    /// Pages for `bytes` bytes of code, to be written.
    fn map(&self, bytes: usize) -> Option<NonNull<[u8]>>;

    /// Makes pages executable and read-only.
    ///
    /// # Safety
    /// 1. `pages` came from [`Self::map`] of the same memory and was not unmapped. 2. Nobody writes to them any more.
    #[must_use]
    unsafe fn seal(&self, pages: NonNull<[u8]>) -> bool;

    /// Takes pages back.
    ///
    /// # Safety
    /// 1. `pages` came from [`Self::map`] of the same memory and was not unmapped. 2. Nobody executes or reads them
    ///    any more.
    unsafe fn unmap(&self, pages: NonNull<[u8]>);

    /// What the processor offers beyond the first x86-64.
    fn features(&self) -> Features;
}

/// Pages that can be written and not executed. Holding it proves that nobody executes them.
pub(super) struct Writable<'m> {
    pages: Pages<'m>,
}

/// Code that can be executed and not written. Holding it proves that its bytes are those that were checked.
pub(super) struct Sealed<'m> {
    pages: Pages<'m>,
}

/// Pages with their owner, which takes them back.
struct Pages<'m> {
    memory: &'m dyn CodeMemory,
    pages: NonNull<[u8]>,
    bytes: usize,
    owned: PhantomData<[u8]>,
}

impl<'m> Writable<'m> {
    /// Pages for `bytes` bytes.
    pub(super) fn new(memory: &'m dyn CodeMemory, bytes: usize) -> Result<Self, NoCode> {
        let pages = memory.map(bytes).ok_or(NoCode::NoMemory)?;
        Ok(Self { pages: Pages { memory, pages, bytes, owned: PhantomData } })
    }

    /// The bytes, to be written.
    pub(super) fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: 1. `CodeMemory::map` promises that many writable bytes, which `self` alone refers to. 2. Every
        // byte is a number; pages of an operating system or a board hold zeros or old data, never nothing.
        unsafe { core::slice::from_raw_parts_mut(self.pages.pages.cast().as_ptr(), self.pages.bytes) }
    }

    /// Gives up writing for executing.
    pub(super) fn seal(self) -> Result<Sealed<'m>, NoCode> {
        let Self { pages } = self;
        // SAFETY: 1. They came from this memory's `map` in `new`, and only a drop unmaps them. 2. `self` is gone,
        // and with it every borrow of `bytes`.
        let sealed = unsafe { pages.memory.seal(pages.pages) };
        if sealed { Ok(Sealed { pages }) } else { Err(NoCode::NotSealed) }
    }
}

impl Sealed<'_> {
    /// Bytes of code.
    pub(super) const fn len(&self) -> usize {
        self.pages.bytes
    }

    /// The code, to be read.
    pub(super) const fn bytes(&self) -> &[u8] {
        // SAFETY: 1. Sealed pages may be read, and nobody writes them while `self` lives (`CodeMemory` 2).
        unsafe { core::slice::from_raw_parts(self.pages.pages.cast().as_ptr(), self.pages.bytes) }
    }

    /// Address of the first byte.
    pub(super) fn address(&self) -> usize {
        self.pages.pages.cast::<u8>().as_ptr().addr()
    }

    /// Runs the code from its first byte.
    ///
    /// # Safety
    /// 1. The bytes are a function of type [`Entry`], made from a verified program by this crate's compiler and
    ///    accepted by its check.
    /// 2. `run` describes a run of that program with the maps it was compiled for; r1, r2 and the frame pointer are
    ///    those of its job.
    #[inline]
    pub(super) unsafe fn call(&self, run: &mut Run<'_>, [r1, r2]: [u64; 2], stack_top: u64) -> Ending {
        let entry = self.pages.pages.cast::<u8>().as_ptr();
        // SAFETY: 1. The caller's first duty: the bytes are such a function. 2. They are sealed, so executable.
        let entry = unsafe { core::mem::transmute::<*mut u8, Entry>(entry) };
        // SAFETY: 1. The caller's second duty. The function keeps to the C ABI of x86-64.
        let r0 = unsafe { entry(r1, r2, stack_top, run) };
        run.outcome(r0)
    }
}

impl Drop for Pages<'_> {
    fn drop(&mut self) {
        // SAFETY: 1. They came from this memory's `map`, and this is the one owner. 2. A call of the code borrows
        // the owner, so none goes on.
        unsafe { self.memory.unmap(self.pages) };
    }
}
