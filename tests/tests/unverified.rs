//! A program that nobody has verified cannot be run: every way around the verifier is a compile error.
//!
//! Each source in `compile_fail/` has one forbidden item, switched on by a feature, and a comment that tells
//! which error it must be. Without the feature the same source must compile: then the error is about that item
//! and nothing else.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use tests::cargo;
use tests::given;

/// The comment behind a forbidden line.
const MARK: &str = "// error: ";

struct Source {
    name: String,
    path: PathBuf,
    /// The line that must not compile, counted from 1, and the error's number.
    forbidden: (u64, String),
}

impl Source {
    fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).expect("the source can be read");
        let marked = (1..)
            .zip(text.lines())
            .filter_map(|(number, line)| line.split_once(MARK).map(|(_, code)| (number, code.to_string())));
        let [forbidden] = &marked.collect::<Vec<_>>()[..] else {
            panic!("{} must have one line with `{MARK}`", path.display());
        };
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name of UTF-8");
        Self { name: name.into(), forbidden: forbidden.clone(), path }
    }
}

fn sources() -> Vec<Source> {
    let folder = given::workspace().join("tests/compile_fail");
    let entries = fs::read_dir(folder).expect("the folder can be read");
    let paths = entries.map(|entry| entry.expect("the folder can be read").path());
    paths.filter(|path| path.extension().is_some_and(|end| end == "rs")).map(Source::read).collect()
}

/// A package outside the workspace with every source as a binary.
fn package(sources: &[Source]) -> PathBuf {
    let folder = given::scratch("unverified");
    let kernel = given::workspace().join("kernel/bpf");
    let mut manifest = format!(
        "[package]\nname = \"unverified\"\nedition = \"2024\"\n\n[workspace]\n\n[features]\nforbidden = []\n\n\
         [dependencies]\nkernel_bpf = {{ path = '{}', features = [\"cloud-profile\"] }}\n",
        kernel.display()
    );
    for Source { name, path, .. } in sources {
        write!(manifest, "\n[[bin]]\nname = \"{name}\"\npath = '{}'\n", path.display())
            .expect("a string takes everything");
    }
    fs::write(folder.join("Cargo.toml"), manifest).expect("the scratch folder can be written to");
    folder
}

#[test]
fn every_way_around_the_verifier_is_a_compile_error() {
    let sources = sources();
    assert!(sources.len() >= 12, "only {} sources were found", sources.len());
    let package = package(&sources);
    let target = package.join("target");

    let allowed = cargo::check(&package, &target, &["--bins"]);
    assert!(allowed.succeeded, "without the forbidden items: {} {:?}", allowed.said, allowed.errors);

    let forbidden = cargo::check(&package, &target, &["--bins", "--keep-going", "--features", "forbidden"]);
    let mut errors = BTreeMap::<_, Vec<_>>::new();
    for error in forbidden.errors {
        errors.entry(error.target.clone()).or_default().push(error);
    }
    for Source { name, path, forbidden: (line, code) } in &sources {
        let errors = errors.remove(name).unwrap_or_else(|| panic!("{name} compiles, with {code} forbidden"));
        for error in errors {
            let place = error.place.as_ref().map(|(file, line)| (file_name(file), *line));
            assert_eq!(
                (error.code.as_ref(), place),
                (Some(code), Some((file_name(path), *line))),
                "{name}: {}",
                error.message
            );
        }
    }
    assert!(errors.is_empty(), "{errors:?}");
}

fn file_name(path: &Path) -> Option<&str> {
    path.file_name().and_then(|name| name.to_str())
}
