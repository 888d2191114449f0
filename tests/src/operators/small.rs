//! Words of a few bits.

use std::ops::{BitAnd, BitOr, BitXor, Not};

use kernel_bpf::insn::Size;
use kernel_bpf::verifier::value::word::{Merge, Wide, Word};

/// A number of `BITS` bits, at most 8; the other bits are 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Small<const BITS: u32>(pub u8);

/// What a 64-bit register is in these tests, with halves of 2 bits.
pub type Nibble = Small<4>;

impl<const BITS: u32> Small<BITS> {
    const ONES: u8 = u8::MAX >> (8 - BITS);

    const fn of(number: u8) -> Self {
        Self(number & Self::ONES)
    }

    /// As a number below 0 where the sign bit is set.
    #[must_use]
    pub const fn value(self) -> i8 {
        (self.0 << (8 - BITS)).cast_signed() >> (8 - BITS)
    }
}

impl<const BITS: u32> std::fmt::Debug for Small<BITS> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl<const BITS: u32> BitAnd for Small<BITS> {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl<const BITS: u32> BitOr for Small<BITS> {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl<const BITS: u32> BitXor for Small<BITS> {
    type Output = Self;
    fn bitxor(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }
}

impl<const BITS: u32> Not for Small<BITS> {
    type Output = Self;
    fn not(self) -> Self {
        Self::of(!self.0)
    }
}

impl<const BITS: u32> Merge<bool> for Small<BITS> {
    fn merge(bit: bool, yes: Self, no: Self) -> Self {
        if bit { yes } else { no }
    }
}

impl<const BITS: u32> Word for Small<BITS> {
    type Bit = bool;
    type Signed = i8;

    const WIDTH: u32 = BITS;
    const ZERO: Self = Self(0);
    const ONE: Self = Self(1);
    const MAX: Self = Self(Self::ONES);
    const SIGN: Self = Self(1 << (BITS - 1));
    const LEAST: i8 = Self::SIGN.value();
    const MOST: i8 = Self(Self::ONES >> 1).value();

    fn literal(value: u64) -> Self {
        Self::of(value as u8)
    }
    fn number(self) -> Option<u64> {
        Some(self.0.into())
    }
    fn signed(self) -> i8 {
        self.value()
    }
    fn unsigned(signed: i8) -> Self {
        Self::of(signed.cast_unsigned())
    }
    fn plus(self, other: Self) -> Self {
        Self::of(self.0.wrapping_add(other.0))
    }
    fn minus(self, other: Self) -> Self {
        Self::of(self.0.wrapping_sub(other.0))
    }
    fn times(self, other: Self) -> (Self, Self) {
        let product = u16::from(self.0) * u16::from(other.0);
        (Self::of(product as u8), Self((product >> BITS) as u8))
    }
    fn over(self, other: Self) -> Self {
        Self(self.0.checked_div(other.0).unwrap_or(0))
    }
    fn left(self, count: u32) -> Self {
        Self::of(self.0 << count)
    }
    fn right(self, count: u32) -> Self {
        Self(self.0 >> count)
    }
    fn right_signed(self, count: u32) -> Self {
        Self::unsigned(self.value() >> count)
    }
    fn smeared(self) -> Self {
        Self(u8::MAX.checked_shr(self.0.leading_zeros()).unwrap_or(0))
    }
    fn equals(self, other: Self) -> bool {
        self == other
    }
    fn below(self, other: Self) -> bool {
        self < other
    }
}

/// A word of `$bits`, with halves of `$half`.
macro_rules! wide {
    ($bits:literal, $half:literal) => {
        impl Wide for Small<$bits> {
            type Half = Small<$half>;

            fn low(self) -> Small<$half> {
                Small::of(self.0)
            }
            fn high(self) -> Small<$half> {
                Small(self.0 >> $half)
            }
            fn of_halves(high: Small<$half>, low: Small<$half>) -> Self {
                Self(high.0 << $half | low.0)
            }
            fn swapped(self, size: Size) -> Self {
                crate::operators::meaning::swapped($bits, size, self.0.into())
                    .map_or(self, |swapped| Self(swapped as u8))
            }
        }
    };
}

wide!(4, 2);
wide!(8, 4);
