//! The keys this image believes. Unsafe because the tool writes them into the finished image, where the compiler
//! put none.

use kernel_aarch64::device_tree::Arguments;
use kernel_core::Trust;
use kernel_core::trust::{BLOCK_BYTES, VACANT_BLOCK};

/// Found by its first bytes and filled in by `skep image --trust`.
#[used]
static BLOCK: [u8; BLOCK_BYTES] = VACANT_BLOCK;

/// What the image was told to trust, by its own block and by the command line.
pub(crate) fn trust(arguments: &Arguments) -> Trust {
    // SAFETY: a valid static, read as volatile: what the compiler knows of its bytes is not what they are.
    let block = unsafe { (&raw const BLOCK).read_volatile() };
    Trust::new(&block, arguments.value("trust"), arguments.value("oldest"))
}
