//! Arithmetic on numbers of a register.

use super::Scalar;
use crate::insn::{AluOp, Width};
use crate::verifier::value::known::{Known, Shift};
use crate::verifier::value::word::{Wide, Word};

impl<W: Wide> Scalar<W> {
    /// Results of `self op other` at `width`.
    #[must_use]
    pub fn alu(&self, op: AluOp, width: Width, other: &Self) -> Self {
        if let (Some(dst), Some(src)) = (self.plain(), other.plain())
            && let Some(result) = W::evaluated(op, width, dst, src)
        {
            return Self::exactly(result);
        }
        self.alu_parts(op, width, other).settled()
    }

    /// The same before reduction: each part holds every result by itself.
    #[must_use]
    pub fn alu_parts(&self, op: AluOp, width: Width, other: &Self) -> Self {
        match (width, op) {
            (Width::W32, _) => Self::zero_extended(operate(op, self.low(), other.low())),
            (Width::W64, AluOp::Lsh) => self.shifted_left(other.wide()),
            (Width::W64, _) => {
                let low = match op {
                    // Those whose low half depends on the low halves alone.
                    AluOp::Add
                    | AluOp::Sub
                    | AluOp::Mul
                    | AluOp::And
                    | AluOp::Or
                    | AluOp::Xor
                    | AluOp::Mov => operate(op, self.low(), other.low()),
                    _ => Known::unknown(),
                };
                Self::of_parts(operate(op, self.wide(), other.wide()), low)
            }
        }
    }

    /// The high half is shifted out, and the low half is zero, from the count of half the width on.
    fn shifted_left(&self, counts: Known<W>) -> Self {
        let half = W::Half::WIDTH;
        // Whatever fills the high half; copies of the sign keep both halves of the circle apart.
        let extended = Self::sign_extended_from(self.low()).wide();
        let none = (Known::EMPTY, Known::EMPTY);
        let (wide, low) = counts.each_count(none, |(wide, low), count| {
            let (whole, shifted_low) = if count < half {
                (self.wide(), self.low().shifted_by(Shift::Left, count))
            } else {
                (extended, Known::constant(W::Half::ZERO))
            };
            (wide.join(whole.shifted_by(Shift::Left, count)), low.join(shifted_low))
        });
        Self::of_parts(wide, low)
    }

    /// Results of `-self` at `width`.
    #[must_use]
    pub fn negated(&self, width: Width) -> Self {
        Self::exactly(W::ZERO).alu(AluOp::Sub, width, self)
    }
}

fn operate<W: Word>(op: AluOp, dst: Known<W>, src: Known<W>) -> Known<W> {
    match op {
        AluOp::Add => dst.sum(src),
        AluOp::Sub => dst.difference(src),
        AluOp::Mul => dst.product(src),
        AluOp::Div => dst.quotient(src),
        AluOp::SDiv => dst.signed_quotient(src),
        AluOp::Mod => dst.remainder(src),
        AluOp::SMod => dst.signed_remainder(src),
        AluOp::And => dst.and(src),
        AluOp::Or => dst.or(src),
        AluOp::Xor => dst.xor(src),
        AluOp::Mov => src,
        AluOp::Lsh => dst.shifted(Shift::Left, src),
        AluOp::Rsh => dst.shifted(Shift::Right, src),
        AluOp::Arsh => dst.shifted(Shift::RightSigned, src),
    }
}
