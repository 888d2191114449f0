//! Which pages of the code window are taken: runs with an empty page on either side.

/// Pages of the window.
const PAGES: usize = 512;

/// One bit a page; the first and the last stay empty.
#[derive(Debug)]
pub(super) struct Pages([u64; PAGES / 64]);

impl Pages {
    pub(super) const fn new() -> Self {
        Self([0; PAGES / 64])
    }

    fn is_taken(&self, page: usize) -> bool {
        self.0[page / 64] >> (page % 64) & 1 != 0
    }

    /// Takes `count` pages in a row whose neighbours are empty; the first of them.
    pub(super) fn take(&mut self, count: usize) -> Option<usize> {
        let mut empty = 0;
        for page in 0..PAGES {
            empty = if self.is_taken(page) { 0 } else { empty + 1 };
            if empty == count.checked_add(2)? {
                let first = page - count;
                (first..page).for_each(|page| self.0[page / 64] |= 1 << (page % 64));
                return Some(first);
            }
        }
        None
    }

    pub(super) fn give_back(&mut self, first: usize, count: usize) {
        (first..first + count).for_each(|page| self.0[page / 64] &= !(1 << (page % 64)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_have_an_empty_page_on_either_side() {
        let mut pages = Pages::new();
        assert_eq!(pages.take(3), Some(1));
        assert_eq!(pages.take(1), Some(5));
        pages.give_back(1, 3);
        assert_eq!(pages.take(4), Some(7));
        assert_eq!(pages.take(3), Some(1));
    }

    #[test]
    fn more_than_there_is_is_refused() {
        let mut pages = Pages::new();
        assert_eq!(pages.take(511), None);
        assert_eq!(pages.take(usize::MAX), None);
        assert_eq!(pages.take(510), Some(1));
        assert_eq!(pages.take(1), None);
        pages.give_back(1, 510);
        assert_eq!(pages.take(510), Some(1));
    }
}
