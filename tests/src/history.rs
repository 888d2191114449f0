//! Defects that verifiers, interpreters and compilers of BPF programs have had, each made again: a program that
//! must be refused, an operator that must not forget an outcome, or a program whose result is known.
//!
//! An `id` is the one the defect is known by: a CVE, or a project with its issue or commit.

mod engines;
mod objects;
mod operators;
mod programs;

/// A defect.
pub struct Defect {
    /// What it is known by.
    pub id: &'static str,
    /// What was wrong.
    pub was: &'static str,
    /// Makes it again.
    pub check: fn() -> Finding,
}

/// What was found, if the defect is here too.
pub type Finding = Result<(), String>;

const fn defect(id: &'static str, was: &'static str, check: fn() -> Finding) -> Defect {
    Defect { id, was, check }
}

/// All of them.
pub fn defects() -> impl Iterator<Item = &'static Defect> {
    [operators::DEFECTS, programs::DEFECTS, engines::DEFECTS, objects::DEFECTS].into_iter().flatten()
}

fn that(holds: bool, otherwise: impl Into<String>) -> Finding {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}
