//! Sets of physical memory as a few disjoint ranges. When a set runs out of room it forgets memory, never
//! invents it.

/// The size of a page and of a page table.
pub const PAGE_BYTES: u64 = 4096;

/// Ranges a set can hold; machines have three or four.
pub const MAX_RANGES: usize = 32;

/// Physical addresses `start..end`. Holding one proves that `start <= end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    start: u64,
    end: u64,
}

impl Range {
    /// No addresses at all.
    pub const EMPTY: Self = Self { start: 0, end: 0 };

    /// `start..end`; empty if `end` is below `start`.
    #[must_use]
    pub const fn new(start: u64, end: u64) -> Self {
        if end < start { Self { start, end: start } } else { Self { start, end } }
    }

    /// `bytes` bytes from `start` on; `None` if that runs past the address space.
    #[must_use]
    pub const fn sized(start: u64, bytes: u64) -> Option<Self> {
        match start.checked_add(bytes) {
            Some(end) => Some(Self { start, end }),
            None => None,
        }
    }

    /// The first address.
    #[must_use]
    pub const fn start(self) -> u64 {
        self.start
    }

    /// The address behind the last.
    #[must_use]
    pub const fn end(self) -> u64 {
        self.end
    }

    /// How many bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.end - self.start
    }

    /// Whether there is no address in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Whether every address of `other` is in here.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// The addresses both have.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self::new(self.start.max(other.start), self.end.min(other.end))
    }

    /// The smallest range of whole pages around this one. The topmost page of the address space, which no
    /// machine has, is left out.
    #[must_use]
    pub const fn pages_around(self) -> Self {
        let last = !(PAGE_BYTES - 1);
        let end = if self.end > last { last } else { self.end.next_multiple_of(PAGE_BYTES) };
        Self::new(self.start & last, end)
    }

    /// The largest range of whole pages inside this one.
    #[must_use]
    pub const fn pages_inside(self) -> Self {
        let last = !(PAGE_BYTES - 1);
        let start = if self.start > last { last } else { self.start.next_multiple_of(PAGE_BYTES) };
        Self::new(start, self.end & last)
    }
}

/// A set of addresses. Holding one proves that its ranges are disjoint and none is empty.
#[derive(Clone, Debug)]
pub struct Ranges {
    list: [Range; MAX_RANGES],
    len: usize,
}

impl Ranges {
    /// The empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { list: [Range::EMPTY; MAX_RANGES], len: 0 }
    }

    /// The ranges, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = Range> + '_ {
        self.list[..self.len].iter().copied()
    }

    /// All bytes in the set.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.iter().map(Range::bytes).sum()
    }

    /// Whether one range of the set holds all of `range`.
    #[must_use]
    pub fn contains(&self, range: Range) -> bool {
        self.iter().any(|each| each.contains(range))
    }

    /// Adds `range`. In a full set the smallest range is forgotten.
    pub fn add(&mut self, range: Range) {
        self.subtract(range);
        self.push(range);
    }

    /// Takes `range` out.
    pub fn subtract(&mut self, range: Range) {
        let before = core::mem::take(self);
        for each in before.iter() {
            let middle = each.intersection(range);
            if middle.is_empty() {
                self.push(each);
            } else {
                self.push(Range::new(each.start, middle.start));
                self.push(Range::new(middle.end, each.end));
            }
        }
    }

    /// Keeps only what is in `window`.
    pub fn clip(&mut self, window: Range) {
        let before = core::mem::take(self);
        before.iter().for_each(|each| self.push(each.intersection(window)));
    }

    /// The lowest `bytes` bytes, page aligned, that lie wholly in `window`.
    #[must_use]
    pub fn find(&self, bytes: u64, window: Range) -> Option<Range> {
        self.iter()
            .map(|each| each.intersection(window).pages_inside())
            .filter(|each| each.bytes() >= bytes)
            .min_by_key(|each| each.start)
            .and_then(|each| Range::sized(each.start, bytes))
    }

    /// The largest range, taken out of the set.
    pub fn take_largest(&mut self) -> Option<Range> {
        let largest = self.iter().max_by_key(|each| each.bytes())?;
        self.subtract(largest);
        Some(largest)
    }

    /// Adds a range disjoint from all others.
    fn push(&mut self, range: Range) {
        if range.is_empty() {
            return;
        }
        if self.len < MAX_RANGES {
            self.list[self.len] = range;
            self.len += 1;
        } else if let Some(smallest) = self.list.iter_mut().min_by_key(|each| each.bytes())
            && smallest.bytes() < range.bytes()
        {
            *smallest = range;
        }
    }
}

impl Default for Ranges {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn set(ranges: &[(u64, u64)]) -> Ranges {
        let mut set = Ranges::new();
        ranges.iter().for_each(|&(start, end)| set.add(Range::new(start, end)));
        set
    }

    fn sorted(set: &Ranges) -> Vec<(u64, u64)> {
        let mut list: Vec<_> = set.iter().map(|each| (each.start(), each.end())).collect();
        list.sort_unstable();
        list
    }

    #[test]
    fn subtracting_the_middle_leaves_both_sides() {
        let mut set = set(&[(0x1000, 0x9000)]);
        set.subtract(Range::new(0x3000, 0x4000));
        assert_eq!(sorted(&set), [(0x1000, 0x3000), (0x4000, 0x9000)]);
    }

    #[test]
    fn subtracting_agrees_with_a_set_of_single_addresses() {
        for start in 0..20 {
            for end in 0..20 {
                let mut set = set(&[(2, 6), (8, 9), (12, 18)]);
                let taken = Range::new(start, end);
                set.subtract(taken);
                for address in 0..20 {
                    let was = [2..6, 8..9, 12..18].iter().any(|range| range.contains(&address));
                    let is = set.contains(Range::new(address, address + 1));
                    assert_eq!(is, was && !(start..end).contains(&address), "{taken:?} {address}");
                }
            }
        }
    }

    #[test]
    fn overlapping_ranges_count_once() {
        assert_eq!(set(&[(0, 10), (5, 15), (0, 10), (3, 4)]).bytes(), 15);
    }

    #[test]
    fn a_full_set_forgets_the_smallest_range_and_stays_disjoint() {
        let mut full = Ranges::new();
        for index in 0..100_u64 {
            full.add(Range::new(index * 1000, index * 1000 + index));
        }
        assert_eq!(full.iter().count(), MAX_RANGES);
        assert!(full.contains(Range::new(99_000, 99_099)));
        assert!(full.iter().all(|each| each.bytes() >= 68));
    }

    #[test]
    fn find_takes_the_lowest_whole_pages_inside_the_window() {
        let set = set(&[(0x10_0800, 0x20_0000), (0x9_0000, 0x9_f000)]);
        let window = Range::new(0x10_0000, u64::MAX);
        assert_eq!(set.find(0x2000, window), Some(Range::new(0x10_1000, 0x10_3000)));
        assert_eq!(set.find(0x10_0000, window), None);
    }

    #[test]
    fn the_edge_of_the_address_space_neither_overflows_nor_panics() {
        assert_eq!(Range::sized(u64::MAX, 2), None);
        let top = Range::new(u64::MAX - 5, u64::MAX);
        assert!(top.pages_inside().is_empty() && top.pages_around().is_empty());
        let all = Range::new(1, u64::MAX);
        assert_eq!(all.pages_around(), Range::new(0, !0xfff));
        assert_eq!(all.pages_inside(), Range::new(0x1000, !0xfff));
    }
}
