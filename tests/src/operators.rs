//! Checks of the verifier's operators on abstract numbers, on words so short that every set of numbers and every
//! number can be tried.
//!
//! [`small`] makes such words; [`meaning`] is what instructions do with their numbers, written by hand from
//! RFC 9669 for any width; [`states`] lists every abstract number; [`check`] compares.

pub mod check;
pub mod meaning;
pub mod query;
pub mod small;
pub mod states;
pub mod term;
