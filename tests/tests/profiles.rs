//! A profile is chosen by exactly one feature, and there is no default.

use std::path::PathBuf;

use tests::cargo::{self, Check};
use tests::given;

const NONE: &str = "Must enable either cloud-profile or embedded-profile";
const BOTH: &str = "Cannot enable both cloud-profile and embedded-profile";

fn target() -> PathBuf {
    given::scratch("profiles")
}

fn check(package: &str, features: &[&str]) -> Check {
    let features = features.join(",");
    let arguments = ["--package", package, "--lib", "--no-default-features", "--features", &features];
    cargo::check(given::workspace(), &target(), &arguments)
}

#[track_caller]
fn assert_fails_with(check: &Check, message: &str) {
    assert!(!check.succeeded, "it compiles");
    let first = check.errors.first().unwrap_or_else(|| panic!("no error, but: {}", check.said));
    assert_eq!((first.target.as_str(), first.message.as_str()), ("kernel_bpf", message));
}

#[test]
fn no_profile_is_an_error_that_names_both() {
    assert_fails_with(&check("kernel_bpf", &[]), NONE);
    assert_fails_with(&check("kernel_core", &[]), NONE);
    // And with cargo's own defaults.
    assert_fails_with(&cargo::check(given::workspace(), &target(), &["--package", "kernel_bpf"]), NONE);
}

#[test]
fn two_profiles_are_an_error() {
    assert_fails_with(&check("kernel_bpf", &["cloud-profile", "embedded-profile"]), BOTH);
    assert_fails_with(&check("kernel_core", &["cloud-profile", "embedded-profile"]), BOTH);
}

#[test]
fn one_profile_compiles() {
    for profile in ["cloud-profile", "embedded-profile"] {
        let check = check("kernel_core", &[profile]);
        assert!(check.succeeded, "{profile}: {} {:?}", check.said, check.errors);
    }
}
