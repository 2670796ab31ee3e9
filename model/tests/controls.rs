//! Control experiments: each test leaves out one rule of the protocol, and the checker must find a counterexample.
//! Otherwise the checker could be finding nothing at all. `docs/decisions/0003-drop-the-key-when-stamps-are-in-doubt.md`
//! explains the counterexamples in words.

#![allow(clippy::panic)]

use boxoffice_model::properties::{CONVERGED, FRESH};
use boxoffice_model::steps::Step::{self, *};
use boxoffice_model::table::WriteRequest::{Anything, Book, Reserve};
use boxoffice_model::{Bounds, Protocol, Rule};
use stateright::{Checker, HasDiscoveries, Model};

/// Returns a shortest counterexample to a property. It searches one step deeper at a time, because a breadth-first
/// search reports the last of several counterexamples that it finds together.
fn shortest(bounds: &Bounds, property: &'static str) -> Vec<Step> {
    const LONGEST: usize = 12;
    for steps in 1..=LONGEST {
        // The checker counts states, and stops before the state at this depth.
        let checker = Protocol(bounds.clone()).checker().target_max_depth(steps + 2);
        let checker = checker.finish_when(HasDiscoveries::AnyOf([property].into()));
        if let Some(path) = checker.spawn_bfs().join().discovery(property) {
            return path.into_actions();
        }
    }
    panic!("no counterexample of up to {LONGEST} steps to: {property}");
}

fn bounds() -> Bounds {
    Bounds { writers: vec![0; 2], fillers: 2, disruptions: 2, ..Bounds::default() }
}

/// Checks that these steps are the shortest counterexample without the rule, and that the full protocol has none of
/// that length within the same bounds.
fn breaks(property: &'static str, bounds: Bounds, steps: &[Step]) {
    assert_eq!(shortest(&bounds, property), steps);
    let sound = Bounds { without: None, skew: Bounds::default().skew, ..bounds };
    let checker = Protocol(sound).checker().target_max_depth(steps.len() + 2).spawn_bfs().join();
    assert!(checker.discovery(property).is_none(), "the full protocol has the same counterexample");
}

#[test]
fn without_stamps_a_fill_loses_a_later_write() {
    let without = Some(Rule::Stamps);
    let steps = [Begin(0), Read(0), Accept(0, 0, Anything), Answer(0), End(0)];
    breaks(FRESH, Bounds { without, ..bounds() }, &steps);
}

#[test]
fn without_tokens_a_fill_of_a_lost_key_loses_a_write() {
    let without = Some(Rule::Token);
    let steps = [Begin(0), Read(0), Accept(0, 0, Anything), Answer(0), Vanish, End(0)];
    breaks(FRESH, Bounds { without, ..bounds() }, &steps);
}

#[test]
fn without_numbers_a_delayed_begin_revives_a_fill() {
    let without = Some(Rule::Numbers);
    let begun = [HoldUp(0), Begin(0), Read(0), Accept(0, 0, Anything), Answer(0)];
    let steps = [&begun[..], &[Vanish, Arrive(0), End(0)]].concat();
    breaks(FRESH, Bounds { without, delays: 1, ..bounds() }, &steps);
}

#[test]
fn without_keep_merged_a_fill_loses_merged_writes() {
    let without = Some(Rule::KeepMerged);
    let steps = [Begin(0), Read(0), Accept(0, 0, Anything), Answer(0), End(0)];
    breaks(FRESH, Bounds { without, ..bounds() }, &steps);
}

#[test]
fn without_replacing_a_fill_keeps_deleted_slots() {
    let (without, repair) = (Some(Rule::ReplaceKnown), Some(0));
    let deleted = [Accept(0, 0, Anything), Delete(0), Repair(2)];
    let merged_late = [Begin(0), Answer(0), LeaseEnds];
    let filled_again = [Begin(1), Read(1), End(1)];
    let steps = [deleted, merged_late, filled_again].concat();
    breaks(CONVERGED, Bounds { without, repair, deletions: 1, ..bounds() }, &steps);
}

#[test]
fn expired_reservation_hides_booking_if_skew_is_underestimated() {
    let steps = [Accept(0, 0, Reserve(1)), Begin(0), Read(0), End(0), Tick, Collect(0), Accept(1, 0, Book), Answer(1)];
    // The limit is exact to the millisecond.
    for skew in [0, 9_999] {
        breaks(FRESH, Bounds { skew, writers: vec![0, 2], ticks: 2, ..bounds() }, &steps);
    }
}

#[test]
fn without_repair_a_lost_merge_stays_lost() {
    let steps = [Begin(0), Read(0), Accept(0, 0, Anything), Lose(0), End(0)];
    let lossy = Bounds { losses: true, ..bounds() };
    assert_eq!(shortest(&lossy, CONVERGED), steps);
    let repaired = Protocol(Bounds { repair: Some(0), ..lossy }).checker().target_max_depth(7).spawn_bfs().join();
    assert!(repaired.discovery(CONVERGED).is_none());
}
