//! Invariants of every on-sale, and effects of more resources.

use super::parameters::{Crowd, NotModified, Parameters, Stack, Venue};
use super::{Outcome, run, scenarios};
use crate::prices::Prices;

/// A small venue with a crowd that is too large for it.
fn small() -> Parameters {
    let crowd = Crowd { people: 4_000, late: 30.0, patience: 120.0, paying: 10.0, ..Crowd::default() };
    let venue = Venue { seats: 300, reservation: 60, ..Venue::default() };
    let stack = Stack { gateway_rate: 400.0, gateway_burst: 200.0, ..Stack::default() };
    Parameters { seed: 7, horizon: 400, venue, crowd, stack }
}

fn prices() -> Prices {
    Prices::read(&boxoffice_local::checkout::root().unwrap().join("bench/prices.toml")).unwrap()
}

fn outcome(change: impl FnOnce(&mut Parameters)) -> Outcome {
    let mut parameters = small();
    change(&mut parameters);
    run(&parameters, &prices()).unwrap()
}

fn to_json(outcome: &Outcome) -> String {
    serde_json::to_string(outcome).unwrap()
}

#[test]
fn seed_determines_the_on_sale() {
    let first = to_json(&outcome(|_| {}));
    assert_eq!(to_json(&outcome(|_| {})), first);
    assert_ne!(to_json(&outcome(|parameters| parameters.seed = 8)), first);
}

#[test]
fn every_scenario_accounts_for_each_seat() {
    for scenario in scenarios(&small()) {
        let outcome = run(&scenario.parameters, &prices()).unwrap();
        let sells = scenario.parameters.crowd.tries > 0.0;
        let Outcome { booked, reserved, available, bookings, .. } = outcome;
        assert_eq!(booked + reserved + available, 300, "{}", scenario.name);
        // Every booking has one to four seats, and each seat is in one booking.
        assert!((u64::from(booked.div_ceil(4))..=u64::from(booked)).contains(&bookings), "{}", scenario.name);
        assert!(outcome.booked_by_second.is_sorted(), "{}: a booked seat stays booked", scenario.name);
        assert_eq!((booked > 0, outcome.dollars > 0.0), (sells, true), "{}", scenario.name);
    }
}

#[test]
fn no_component_exceeds_its_capacity() {
    for scenario in scenarios(&small()) {
        let outcome = run(&scenario.parameters, &prices()).unwrap();
        assert!(outcome.concurrency_peak <= scenario.parameters.stack.concurrency, "{}", scenario.name);
        for share in &outcome.components {
            assert!(share.mean <= 1.0 + 1e-9, "{}: {} is used {}", scenario.name, share.component, share.mean);
        }
    }
}

#[test]
fn a_tenth_of_the_write_units_sells_slower() {
    let slow = outcome(|parameters| parameters.stack.partition_writes = 4.0);
    let fast = outcome(|parameters| parameters.stack.partition_writes = 40.0);
    assert!(slow.half_booked_after.unwrap_or(u32::MAX) > fast.half_booked_after.unwrap(), "{slow:?} {fast:?}");
    assert!(slow.write_ms.p99 > fast.write_ms.p99);
}

#[test]
fn header_only_304s_save_bytes() {
    let bytes = |not_modified| {
        let outcome = outcome(|parameters| {
            parameters.stack.not_modified = not_modified;
            parameters.crowd.tries = 0.0;
        });
        assert_eq!(outcome.booked, 0, "nobody buys, so nothing changes");
        assert!(outcome.looks_not_modified > outcome.looks / 2);
        outcome.cache_bytes / super::units::count(outcome.looks)
    };
    let (whole, header) = (bytes(NotModified::WholeString), bytes(NotModified::HeaderOnly));
    assert!(header < whole / 2.0, "{header} {whole}");
}

#[test]
fn unpaid_reservation_becomes_available() {
    let outcome = outcome(|parameters| parameters.crowd.abandon = 1.0);
    assert_eq!((outcome.booked, outcome.bookings), (0, 0));
    assert!(outcome.reservations > 300, "seats were reserved again: {}", outcome.reservations);
}

#[test]
fn small_crowd_is_never_rejected() {
    let outcome = outcome(|parameters| {
        parameters.crowd.people = 20;
        parameters.crowd.tries = 1.0;
    });
    assert_eq!(outcome.first_limit, None);
    assert_eq!(outcome.writes_refused, 0);
    assert!(outcome.write_units_a_seat < 8.0, "{}", outcome.write_units_a_seat);
}

#[test]
fn stack_assumptions_match_the_prices() {
    let (stack, assumed) = (Stack::default(), prices().assumed);
    assert_eq!(
        [stack.cache_trip, stack.table_trip, stack.memory],
        [assumed.redis_ms, assumed.dynamodb_ms, assumed.memory_mb]
    );
}

#[test]
fn read_cpu_matches_the_measurement() {
    let folder = boxoffice_local::checkout::root().unwrap().join("docs/performance");
    let results = crate::report::read(&folder).unwrap();
    let line = results.line("hit", crate::venues::SoldShare::Half, |call| Some(call.timed.cpu)).unwrap();
    let stack = Stack::default();
    for (assumed, measured) in [(stack.look_cpu, line.base), (stack.look_cpu_a_seat, line.slope)] {
        assert!(
            (assumed / measured - 1.0).abs() < 0.3,
            "{assumed}, and measured {measured}: bench/src/simulate/parameters.rs"
        );
    }
}
