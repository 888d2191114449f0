//! Tristate numbers: each bit is 0, 1 or unknown.

/// The numbers `n` with `n & !mask == value`. `value & mask` is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tnum {
    /// The known ones.
    pub value: u64,
    /// The unknown bits.
    pub mask: u64,
}

impl Tnum {
    /// Every number.
    pub const UNKNOWN: Self = Self { value: 0, mask: u64::MAX };

    /// Exactly `value`.
    #[must_use]
    pub const fn constant(value: u64) -> Self {
        Self { value, mask: 0 }
    }

    /// The smallest tristate number that holds all of `min..=max`: their common leading bits are known.
    #[must_use]
    pub const fn of_range(min: u64, max: u64) -> Self {
        let differing = min ^ max;
        let mask = if differing == 0 { 0 } else { u64::MAX >> differing.leading_zeros() };
        Self { value: min & !mask, mask }
    }

    /// Whether `number` is one of them.
    #[must_use]
    pub const fn contains(self, number: u64) -> bool {
        number & !self.mask == self.value
    }

    /// Whether every number of `other` is one of them.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        other.mask & !self.mask == 0 && other.value & !self.mask == self.value
    }

    /// The largest of them; the smallest is `value`.
    #[must_use]
    pub const fn max(self) -> u64 {
        self.value | self.mask
    }

    /// The numbers in both; `None` if a bit is known differently.
    #[must_use]
    pub const fn meet(self, other: Self) -> Option<Self> {
        if (self.value ^ other.value) & !self.mask & !other.mask != 0 {
            return None;
        }
        let mask = self.mask & other.mask;
        Some(Self { value: (self.value | other.value) & !mask, mask })
    }

    /// Sums. An unknown bit spreads as far as a carry out of it can: that is where the sums of the smallest
    /// and of the largest numbers differ.
    #[must_use]
    pub const fn add(self, other: Self) -> Self {
        let least = self.value.wrapping_add(other.value);
        let unknown = self.mask.wrapping_add(other.mask);
        let mask = (least.wrapping_add(unknown) ^ least) | self.mask | other.mask;
        Self { value: least & !mask, mask }
    }

    /// Differences, by the same argument on borrows.
    #[must_use]
    pub const fn sub(self, other: Self) -> Self {
        let difference = self.value.wrapping_sub(other.value);
        let most = difference.wrapping_add(self.mask);
        let least = difference.wrapping_sub(other.mask);
        let mask = (most ^ least) | self.mask | other.mask;
        Self { value: difference & !mask, mask }
    }

    /// Bitwise and: a known 0 on either side is a known 0.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        let value = self.value & other.value;
        let possible = self.max() & other.max();
        Self { value, mask: possible & !value }
    }

    /// Bitwise or: a known 1 on either side is a known 1.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        let value = self.value | other.value;
        Self { value, mask: (self.mask | other.mask) & !value }
    }

    /// Bitwise exclusive or: known where both are.
    #[must_use]
    pub const fn xor(self, other: Self) -> Self {
        let mask = self.mask | other.mask;
        Self { value: (self.value ^ other.value) & !mask, mask }
    }

    /// Products: constants exactly, else the trailing zeros that both have together.
    #[must_use]
    pub const fn mul(self, other: Self) -> Self {
        if self.mask == 0 && other.mask == 0 {
            return Self::constant(self.value.wrapping_mul(other.value));
        }
        let zeros = self.max().trailing_zeros() + other.max().trailing_zeros();
        let mask = if zeros >= 64 { 0 } else { u64::MAX << zeros };
        Self { value: 0, mask }
    }

    /// Left shifts by a count below 64.
    #[must_use]
    pub const fn lsh(self, count: u32) -> Self {
        Self { value: self.value << count, mask: self.mask << count }
    }

    /// Logical right shifts by a count below 64.
    #[must_use]
    pub const fn rsh(self, count: u32) -> Self {
        Self { value: self.value >> count, mask: self.mask >> count }
    }

    /// Arithmetic right shifts by a count below 64: an unknown sign spreads as unknown bits.
    #[must_use]
    pub const fn arsh(self, count: u32) -> Self {
        Self { value: ((self.value as i64) >> count) as u64, mask: ((self.mask as i64) >> count) as u64 }
    }

    /// The low bits that `bits` has set, the rest zero.
    #[must_use]
    pub const fn truncate(self, bits: u64) -> Self {
        Self { value: self.value & bits, mask: self.mask & bits }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BITS: u64 = 4;

    /// All tristate numbers of `BITS` bits.
    fn all() -> impl Iterator<Item = Tnum> + Clone {
        let values = 0..1u64 << BITS;
        values.clone().flat_map(move |value| {
            values.clone().filter(move |mask| value & mask == 0).map(move |mask| Tnum { value, mask })
        })
    }

    fn members(tnum: Tnum) -> impl Iterator<Item = u64> + Clone {
        (0..1u64 << BITS).filter(move |&number| tnum.contains(number))
    }

    #[test]
    fn every_operator_holds_every_result() {
        type Case = (&'static str, fn(Tnum, Tnum) -> Tnum, fn(u64, u64) -> u64);
        let operators: [Case; 6] = [
            ("add", Tnum::add, u64::wrapping_add),
            ("sub", Tnum::sub, u64::wrapping_sub),
            ("mul", Tnum::mul, u64::wrapping_mul),
            ("and", Tnum::and, |a, b| a & b),
            ("or", Tnum::or, |a, b| a | b),
            ("xor", Tnum::xor, |a, b| a ^ b),
        ];
        for (name, operator, concrete) in operators {
            for (a, b) in all().flat_map(|a| all().map(move |b| (a, b))) {
                let result = operator(a, b);
                assert_eq!(result.value & result.mask, 0, "{name} {a:?} {b:?}");
                for (x, y) in members(a).flat_map(|x| members(b).map(move |y| (x, y))) {
                    assert!(result.contains(concrete(x, y)), "{name} {a:?} {b:?}: {x} {y} not in {result:?}");
                }
            }
        }
    }

    #[test]
    fn ranges_meets_and_covers_agree_with_their_members() {
        for (a, b) in all().flat_map(|a| all().map(move |b| (a, b))) {
            assert_eq!(a.covers(b), members(b).all(|number| a.contains(number)), "{a:?} {b:?}");
            let both = members(a).filter(|&number| b.contains(number));
            match a.meet(b) {
                None => assert_eq!(both.count(), 0, "{a:?} {b:?}"),
                Some(meet) => assert!(both.eq(members(meet)), "{a:?} {b:?}"),
            }
        }
        for (min, max) in (0..16u64).flat_map(|min| (min..16).map(move |max| (min, max))) {
            assert!((min..=max).all(|number| Tnum::of_range(min, max).contains(number)));
        }
    }

    #[test]
    fn shifts_hold_every_result() {
        for (a, count) in all().flat_map(|a| (0..8u32).map(move |count| (a, count))) {
            let high = a.lsh(60);
            for number in members(a) {
                assert!(a.lsh(count).contains(number << count));
                assert!(high.rsh(count).contains((number << 60) >> count));
                assert!(high.arsh(count).contains((((number << 60) as i64) >> count) as u64));
            }
        }
    }
}
