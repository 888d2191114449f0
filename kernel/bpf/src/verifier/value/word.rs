//! Words: what abstract numbers are computed with.
//!
//! The operators on abstract numbers are written once, over [`Word`]: on `u64` and `u32` they are the verifier;
//! on words of a few bits they are checked against every number there is; on words that are terms they print
//! what a solver proves. So their source never asks a word a plain question: a comparison gives a [`Bit`], and
//! a bit chooses between two results.

use core::fmt::Debug;
use core::ops::{BitAnd, BitOr, BitXor, Not};

use crate::insn::{AluOp, Size, Width};
use crate::interpreter::alu;

/// The answer of a comparison.
pub trait Bit:
    Copy + Debug + BitAnd<Output = Self> + BitOr<Output = Self> + Not<Output = Self> + Merge<Self>
{
    /// Yes.
    const TRUE: Self;
    /// No.
    const FALSE: Self;

    /// `yes` where the bit is true, else `no`. The one not chosen need not be computed.
    fn choose<T: Merge<Self>>(self, yes: impl FnOnce() -> T, no: impl FnOnce() -> T) -> T;

    /// The answer, if it is a plain one. It may only decide what to leave out because it changes nothing.
    fn known(self) -> Option<bool>;

    /// `yes` where the bit is true, else `no`, both at hand.
    fn select<T: Merge<Self>>(self, yes: T, no: T) -> T {
        T::merge(self, yes, no)
    }
}

/// What a bit can choose.
pub trait Merge<B>: Sized {
    /// `yes` where `bit` is true, else `no`.
    fn merge(bit: B, yes: Self, no: Self) -> Self;
}

/// A number of `WIDTH` bits, computed with modulo 2^`WIDTH`.
pub trait Word:
    Copy
    + Debug
    + Eq
    + Merge<Self::Bit>
    + BitAnd<Output = Self>
    + BitOr<Output = Self>
    + BitXor<Output = Self>
    + Not<Output = Self>
{
    /// What comparisons answer.
    type Bit: Bit;
    /// The same number in two's complement.
    type Signed: Copy + Debug + Eq;

    /// Bits: a power of two.
    const WIDTH: u32;
    /// 0
    const ZERO: Self;
    /// 1
    const ONE: Self;
    /// 2^`WIDTH` - 1
    const MAX: Self;
    /// 2^(`WIDTH` - 1): the smallest signed number.
    const SIGN: Self;
    /// The smallest signed number.
    const LEAST: Self::Signed;
    /// The largest signed number.
    const MOST: Self::Signed;

    /// The low bits of `value`.
    fn literal(value: u64) -> Self;
    /// The number, if it is a plain one. See [`Bit::known`].
    fn number(self) -> Option<u64>;
    /// As a signed number.
    fn signed(self) -> Self::Signed;
    /// Of a signed number.
    fn unsigned(signed: Self::Signed) -> Self;

    /// `self + other`
    fn plus(self, other: Self) -> Self;
    /// `self - other`
    fn minus(self, other: Self) -> Self;
    /// `self * other` of twice the width: its low and its high half.
    fn times(self, other: Self) -> (Self, Self);
    /// `self / other`; 0 where `other` is 0.
    fn over(self, other: Self) -> Self;
    /// `self << count`; `count` is below `WIDTH`, as in the next two.
    fn left(self, count: u32) -> Self;
    /// `self >> count`
    fn right(self, count: u32) -> Self;
    /// `self >> count`, filled with copies of the sign.
    fn right_signed(self, count: u32) -> Self;
    /// Every bit that is set or has a higher one set.
    fn smeared(self) -> Self;

    /// `self == other`
    fn equals(self, other: Self) -> Self::Bit;
    /// `self < other`
    fn below(self, other: Self) -> Self::Bit;

    /// `self <= other`
    fn at_most(self, other: Self) -> Self::Bit {
        !other.below(self)
    }
    /// Whether it is 0.
    fn is_zero(self) -> Self::Bit {
        self.equals(Self::ZERO)
    }
    /// Whether it is negative as a signed number.
    fn is_negative(self) -> Self::Bit {
        Self::SIGN.at_most(self)
    }
    /// `self < other` as signed numbers.
    fn below_signed(self, other: Self) -> Self::Bit {
        (self ^ Self::SIGN).below(other ^ Self::SIGN)
    }
    /// The larger of the two.
    fn larger(self, other: Self) -> Self {
        self.below(other).select(other, self)
    }
    /// The smaller of the two.
    fn smaller(self, other: Self) -> Self {
        self.below(other).select(self, other)
    }
    /// The larger of the two as signed numbers.
    fn larger_signed(self, other: Self) -> Self {
        self.below_signed(other).select(other, self)
    }
    /// The smaller of the two as signed numbers.
    fn smaller_signed(self, other: Self) -> Self {
        self.below_signed(other).select(self, other)
    }
    /// `0 - self`
    fn negative(self) -> Self {
        Self::ZERO.minus(self)
    }
    /// The lowest bit that is set, alone.
    fn lowest(self) -> Self {
        self & self.negative()
    }
}

/// A word with two halves: what a register holds. Operations of 32 bits work on the low half of 64.
pub trait Wide: Word {
    /// A half of it.
    type Half: Word<Bit = Self::Bit>;

    /// The low half.
    fn low(self) -> Self::Half;
    /// The high half.
    fn high(self) -> Self::Half;
    /// The word with these halves.
    fn of_halves(high: Self::Half, low: Self::Half) -> Self;
    /// The low bytes that `size` tells in reverse order, the rest zero.
    fn swapped(self, size: Size) -> Self;

    /// What the interpreter makes of two plain numbers: a short cut for the most common operands.
    fn evaluated(op: AluOp, width: Width, dst: Self, src: Self) -> Option<Self> {
        let _ = (op, width, dst, src);
        None
    }

    /// Bits of `size`, where a word is 8 bytes.
    #[must_use]
    fn bits(size: Size) -> u32 {
        Self::WIDTH * size.bytes() as u32 / 8
    }
}

impl<B: Copy, T: Merge<B>, U: Merge<B>> Merge<B> for (T, U) {
    fn merge(bit: B, yes: Self, no: Self) -> Self {
        (T::merge(bit, yes.0, no.0), U::merge(bit, yes.1, no.1))
    }
}

impl Bit for bool {
    const TRUE: Self = true;
    const FALSE: Self = false;

    #[inline]
    fn choose<T: Merge<Self>>(self, yes: impl FnOnce() -> T, no: impl FnOnce() -> T) -> T {
        if self { yes() } else { no() }
    }

    #[inline]
    fn known(self) -> Option<bool> {
        Some(self)
    }
}

impl Merge<Self> for bool {
    #[inline]
    fn merge(bit: Self, yes: Self, no: Self) -> Self {
        if bit { yes } else { no }
    }
}

/// What `u32` and `u64` have in common but no trait of the language.
macro_rules! word {
    ($word:ty, $signed:ty) => {
        impl Merge<bool> for $word {
            #[inline]
            fn merge(bit: bool, yes: Self, no: Self) -> Self {
                if bit { yes } else { no }
            }
        }

        impl Word for $word {
            type Bit = bool;
            type Signed = $signed;

            const WIDTH: u32 = Self::BITS;
            const ZERO: Self = 0;
            const ONE: Self = 1;
            const MAX: Self = Self::MAX;
            const SIGN: Self = 1 << (Self::BITS - 1);
            const LEAST: $signed = <$signed>::MIN;
            const MOST: $signed = <$signed>::MAX;

            #[inline]
            fn literal(value: u64) -> Self {
                value as Self
            }
            #[inline]
            fn number(self) -> Option<u64> {
                Some(self.into())
            }
            #[inline]
            fn signed(self) -> $signed {
                self.cast_signed()
            }
            #[inline]
            fn unsigned(signed: $signed) -> Self {
                signed.cast_unsigned()
            }
            #[inline]
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            #[inline]
            fn minus(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }
            #[inline]
            fn times(self, other: Self) -> (Self, Self) {
                let product = u128::from(self) * u128::from(other);
                (product as Self, (product >> Self::BITS) as Self)
            }
            #[inline]
            fn over(self, other: Self) -> Self {
                self.checked_div(other).unwrap_or(0)
            }
            #[inline]
            fn left(self, count: u32) -> Self {
                self << count
            }
            #[inline]
            fn right(self, count: u32) -> Self {
                self >> count
            }
            #[inline]
            fn right_signed(self, count: u32) -> Self {
                (self.cast_signed() >> count).cast_unsigned()
            }
            #[inline]
            fn smeared(self) -> Self {
                Self::MAX.checked_shr(self.leading_zeros()).unwrap_or(0)
            }
            #[inline]
            fn equals(self, other: Self) -> bool {
                self == other
            }
            #[inline]
            fn below(self, other: Self) -> bool {
                self < other
            }
        }
    };
}

word!(u32, i32);
word!(u64, i64);

impl Wide for u64 {
    type Half = u32;

    #[inline]
    fn low(self) -> u32 {
        self as u32
    }

    #[inline]
    fn high(self) -> u32 {
        (self >> 32) as u32
    }

    #[inline]
    fn of_halves(high: u32, low: u32) -> Self {
        Self::from(high) << 32 | Self::from(low)
    }

    #[inline]
    fn swapped(self, size: Size) -> Self {
        alu::swap(crate::insn::ByteOrder::Swap, size, self)
    }

    #[inline]
    fn evaluated(op: AluOp, width: Width, dst: Self, src: Self) -> Option<Self> {
        Some(alu::alu(op, width, dst, src))
    }
}
