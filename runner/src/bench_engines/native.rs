//! Native code: a shared library's function. Unsafe because it is called.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use anyhow::{Context, bail};

/// The function `prog` of a library that was just built.
pub(super) struct Native(unsafe extern "C" fn(*mut u8) -> u64);

impl Native {
    pub(super) fn load(library: &Path) -> anyhow::Result<Self> {
        let path = CString::new(library.as_os_str().as_bytes()).context("a path with a zero byte")?;
        // SAFETY: 1. The path ends with a zero byte. 2. The library is clang's output for one C function: loading it
        // runs no code of its own.
        let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        if handle.is_null() {
            bail!("cannot load {}", library.display());
        }
        // SAFETY: 1. The handle is open and stays so: it is never closed.
        let symbol = unsafe { libc::dlsym(handle, c"prog".as_ptr()) };
        if symbol.is_null() {
            bail!("{} has no function prog", library.display());
        }
        // SAFETY: 1. `bench.h` defines `prog` as a function of this type.
        Ok(Self(unsafe {
            std::mem::transmute::<*mut libc::c_void, unsafe extern "C" fn(*mut u8) -> u64>(symbol)
        }))
    }

    /// Runs it on memory of a length and so many bytes.
    pub(super) fn run(&self, memory: &mut [u8]) -> u32 {
        // SAFETY: 1. The program stays inside the bytes whose number stands in front of them.
        unsafe { self.0(memory.as_mut_ptr()) as u32 }
    }
}
