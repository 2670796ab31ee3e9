//! Invariants of every on-sale, and effects of more resources.

use super::parameters::{Crowd, Hall, NotModified, Parameters, Stack};
use super::{Outcome, run, scenarios};
use crate::prices::Prices;

/// A small venue with a crowd that is too large for it.
fn small() -> Parameters {
    let crowd = Crowd { people: 4_000, late: 30.0, patience: 120.0, paying: 10.0, ..Crowd::default() };
    let hall = Hall { seats: 300, reservation: 60, ..Hall::default() };
    let stack = Stack { gateway_rate: 400.0, gateway_burst: 200.0, ..Stack::default() };
    Parameters { seed: 7, horizon: 400, hall, crowd, stack }
}

fn prices() -> Prices {
    Prices::read(&boxoffice_local::checkout::root().unwrap().join("bench/prices.toml")).unwrap()
}

fn outcome(change: impl FnOnce(&mut Parameters)) -> Outcome {
    let mut parameters = small();
    change(&mut parameters);
    run(&parameters, &prices()).unwrap()
}

fn told(outcome: &Outcome) -> String {
    serde_json::to_string(outcome).unwrap()
}

#[test]
fn the_same_seed_has_the_same_on_sale_and_another_seed_another() {
    let first = told(&outcome(|_| {}));
    assert_eq!(told(&outcome(|_| {})), first);
    assert_ne!(told(&outcome(|parameters| parameters.seed = 8)), first);
}

#[test]
fn in_every_scenario_each_seat_is_sold_once_reserved_or_to_be_had() {
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
fn nothing_serves_more_than_it_can() {
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
fn an_unchanged_hall_costs_fewer_bytes_by_the_header_alone() {
    let bytes = |not_modified| {
        let outcome = outcome(|parameters| {
            parameters.stack.not_modified = not_modified;
            parameters.crowd.tries = 0.0;
        });
        assert_eq!(outcome.booked, 0, "nobody buys, so nothing changes");
        assert!(outcome.looks_not_modified > outcome.looks / 2);
        outcome.cache_bytes / super::bill::count(outcome.looks)
    };
    let (whole, header) = (bytes(NotModified::WholeString), bytes(NotModified::HeaderOnly));
    assert!(header < whole / 2.0, "{header} {whole}");
}

#[test]
fn a_reservation_that_nobody_pays_for_comes_back() {
    let outcome = outcome(|parameters| parameters.crowd.abandon = 1.0);
    assert_eq!((outcome.booked, outcome.bookings), (0, 0));
    assert!(outcome.reservations > 300, "seats were reserved again: {}", outcome.reservations);
}

#[test]
fn a_crowd_that_everything_can_serve_is_refused_nothing() {
    let outcome = outcome(|parameters| {
        parameters.crowd.people = 20;
        parameters.crowd.tries = 1.0;
    });
    assert_eq!(outcome.first_limit, None);
    assert_eq!(outcome.writes_refused, 0);
    assert!(outcome.write_units_a_seat < 8.0, "{}", outcome.write_units_a_seat);
}

#[test]
fn what_is_assumed_of_the_stack_is_assumed_of_single_calls_too() {
    let (stack, assumed) = (Stack::default(), prices().assumed);
    assert_eq!(
        [stack.cache_trip, stack.table_trip, stack.memory],
        [assumed.redis_ms, assumed.dynamodb_ms, assumed.memory_mb]
    );
}

#[test]
fn what_a_look_takes_of_a_processor_is_what_the_bench_has_measured() {
    let folder = boxoffice_local::checkout::root().unwrap().join("docs/performance");
    let results = crate::report::read(&folder).unwrap();
    let line = results.line("hit", crate::halls::Sold::Half, |call| Some(call.timed.cpu)).unwrap();
    let stack = Stack::default();
    for (assumed, measured) in [(stack.look_cpu, line.base), (stack.look_cpu_a_seat, line.slope)] {
        assert!(
            (assumed / measured - 1.0).abs() < 0.3,
            "{assumed}, and measured {measured}: bench/src/simulate/parameters.rs"
        );
    }
}
