//! Counting tests by what Rust's test harness prints.

use std::fmt;

/// How many tests passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) passed: u64,
    pub(super) failed: u64,
}

impl Count {
    /// The sum of all `test result: ok. 5 passed; 0 failed; …` lines.
    pub(super) fn of(output: &str) -> Self {
        let mut sum = Self::default();
        for line in output.lines() {
            if let Some((_, counts)) = line.split_once("test result: ") {
                sum.add(Self {
                    passed: number_before(counts, " passed"),
                    failed: number_before(counts, " failed"),
                });
            }
        }
        sum
    }

    pub(super) fn add(&mut self, more: Self) {
        self.passed += more.passed;
        self.failed += more.failed;
    }

    /// A step can fail before its tests do, or have none.
    pub(super) fn at_least_one_failure(self) -> Self {
        Self { failed: self.failed.max(1), ..self }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} passed, {} failed", self.passed, self.failed)
    }
}

fn number_before(text: &str, what: &str) -> u64 {
    let before = text.split(what).next().unwrap_or_default();
    before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_summed_over_test_binaries() {
        let output = "running 2 tests\n\
            test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.66s\n\n\
            test result: FAILED. 12 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out\n";
        assert_eq!(Count::of(output), Count { passed: 17, failed: 3 });
    }

    #[test]
    fn a_step_that_fails_without_tests_counts_once() {
        assert_eq!(Count::of("error: no").at_least_one_failure(), Count { passed: 0, failed: 1 });
        let failed = Count { passed: 1, failed: 3 };
        assert_eq!(failed.at_least_one_failure(), failed);
    }

    #[test]
    fn the_last_line_has_the_agreed_form() {
        assert_eq!(Count { passed: 12, failed: 0 }.to_string(), "12 passed, 0 failed");
    }
}
