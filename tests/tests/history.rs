//! No defect that others had is here.

use std::collections::HashSet;
use std::panic::catch_unwind;

use tests::history::defects;

#[test]
fn no_historical_defect_is_here() {
    let mut ids = HashSet::new();
    let mut found = Vec::new();
    for defect in defects() {
        println!("{:<26} {}", defect.id, defect.was);
        assert!(ids.insert(defect.id), "{} is there twice", defect.id);
        if let Err(what) = catch_unwind(defect.check).unwrap_or_else(|_| Err("it panics".into())) {
            found.push(format!("{}: {}: {what}", defect.id, defect.was));
        }
    }
    println!("{} defects, {} of them here", ids.len(), found.len());
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(ids.len() >= 40, "{}", ids.len());
}
