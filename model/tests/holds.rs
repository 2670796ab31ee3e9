//! Properties that hold in every order of all events that the bounds allow. Each model must also reach the states it
//! is about (the `sometimes` in `properties.rs`) and a minimum number of states, so that it can't pass vacuously.

use boxoffice_model::{Bounds, Protocol};
use stateright::{Checker, HasDiscoveries, Model};

fn holds(bounds: Bounds, at_least: usize) {
    let checker = Protocol(bounds).checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    checker.assert_properties();
    let states = checker.unique_state_count();
    assert!(states >= at_least, "only {states} states, expected at least {at_least}");
}

/// Returns bounds without clocks: a stamp is a version.
fn versions() -> Bounds {
    Bounds { writers: vec![0; 2], fillers: 2, disruptions: 2, ..Bounds::default() }
}

/// Returns bounds with the largest difference of clocks, so that the order of stamps can differ from the order of
/// writes.
fn clocks_apart() -> Bounds {
    Bounds { writers: vec![0, 2], fillers: 2, ticks: 2, ..Bounds::default() }
}

#[test]
fn no_answer_is_older_than_an_answered_write() {
    holds(Bounds { writers: vec![0; 3], fillers: 3, ..versions() }, 90_000);
}

#[test]
fn no_answer_is_stale_when_begins_are_delayed_or_unanswered() {
    holds(Bounds { fillers: 3, delays: 1, ..versions() }, 410_000);
}

#[test]
fn no_answer_is_stale_for_several_seats() {
    holds(Bounds { seats: 2, writers: vec![0; 3], ..versions() }, 140_000);
}

#[test]
fn no_answer_is_stale_when_clocks_differ() {
    holds(Bounds { disruptions: 1, ticks: 3, ..clocks_apart() }, 740_000);
}

#[test]
fn no_answer_is_stale_with_three_clocks() {
    // Seats aren't released here: RELIABILITY.md, "Clocks".
    let give_back = false;
    holds(Bounds { writers: vec![0, 2, 1], fillers: 1, give_back, ..clocks_apart() }, 310_000);
}

#[test]
fn stream_repairs_lost_merges() {
    holds(Bounds { writers: vec![0; 3], disruptions: 1, losses: true, repair: Some(1), ..versions() }, 115_000);
}

#[test]
fn stream_repairs_lost_merges_and_deletions() {
    holds(Bounds { disruptions: 1, losses: true, repair: Some(2), deletions: 1, ..versions() }, 195_000);
}

#[test]
fn stream_repairs_lost_merges_when_clocks_differ() {
    holds(Bounds { losses: true, repair: Some(1), ..clocks_apart() }, 800_000);
}

#[test]
fn stream_repairs_deletions_when_clocks_differ() {
    let (fillers, repair) = (1, Some(0));
    holds(Bounds { fillers, losses: true, repair, deletions: 1, ..clocks_apart() }, 540_000);
}

#[test]
fn restored_older_key_is_corrected_when_it_ends_or_is_refilled() {
    holds(Bounds { fillers: 3, disruptions: 1, losses: true, repair: Some(0), rollback: true, ..versions() }, 500_000);
}
