//! Every operator on abstract numbers and every refinement by a branch holds every outcome.

use tests::operators::check::{self, Share};
use tests::operators::states::Sets;

#[test]
fn no_outcome_is_lost() {
    let sets = Sets::new();
    let states = sets.all();
    println!("{} states", states.len());
    let one_of: usize = std::env::var("ONE").ok().and_then(|s| s.parse().ok()).unwrap_or(41);
    for check in check::checks() {
        let begin = std::time::Instant::now();
        let tally = check::check(check, &sets, &states, Share { one_of });
        println!("{:<20} {tally}  {:?}", check.to_string(), begin.elapsed());
    }
}
