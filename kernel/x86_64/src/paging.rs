//! The kernel's own page tables: text readable and executable, constants readable, everything else readable
//! and writable; the lower half, null page included, empty.

mod builder;
#[cfg(any(target_os = "none", test))]
mod pages;
mod walk;

#[cfg(target_os = "none")]
mod image;
#[cfg(target_os = "none")]
mod live;
#[cfg(target_os = "none")]
mod window;

pub use builder::{Access, Builder, MapError, tables_needed};
pub use walk::{executable_writable_pages, translate};

#[cfg(target_os = "none")]
pub use image::{Layout, image_range};
#[cfg(target_os = "none")]
pub use live::{Mapped, PagingError, physical_address, switch, wx_pages};
#[cfg(target_os = "none")]
pub use window::{CODE_WINDOW, CODE_WINDOW_BYTES, CodeWindow};
