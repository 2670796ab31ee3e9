use std::collections::HashSet;
use std::sync::Arc;

use lambda_http::Response;
use proptest::prelude::*;
use serde::Serialize;
use serde_json::Value;

use super::*;
use crate::app::{Slots, Source};
use crate::domain::availability::{SeatState, Slot};
use crate::domain::ids::{SeatLabel, TheaterId};
use crate::domain::layout::Layout;
use crate::domain::layout_version::LayoutVersion;
use crate::domain::seating_plan::{Point, Row, SeatPlacement, SeatingPlan};
use crate::domain::time::{EpochMillis, EpochSeconds};
use crate::http::response_body::LambdaResponse;

/// The body as the documentation describes it, to be written by a serializer.
#[derive(Serialize)]
struct SeatsBody<'a> {
    theater_id: &'a str,
    name: &'a str,
    seats: Vec<&'a str>,
    reserved: usize,
    booked: usize,
    layout_version: u64,
}

fn slot() -> impl Strategy<Value = Slot> {
    let state = prop_oneof![
        Just(SeatState::Available),
        (95..105_u64).prop_map(|at| SeatState::Reserved { expires_at: EpochSeconds::new(at) }),
        Just(SeatState::Booked),
    ];
    state.prop_map(|state| Slot { changed_at: EpochMillis::new(1), state })
}

/// Generates the seats of two sections, with their slots.
fn hall() -> impl Strategy<Value = Vec<(String, bool, Slot)>> {
    prop::collection::hash_map("[A-Za-z0-9_-]{1,36}", (any::<bool>(), slot()), 1..60)
        .prop_map(|hall| hall.into_iter().map(|(label, (left, slot))| (label, left, slot)).collect())
}

fn view(name: &str, hall: &[(String, bool, Slot)], now: EpochMillis) -> SeatsView {
    let seats: Vec<_> = hall.iter().map(|(label, ..)| SeatLabel::parse(label).unwrap()).collect();
    let row = |section| Row { name: "1".to_owned(), section };
    let places = (0..).zip(hall).map(|(x, (_, left, _))| SeatPlacement {
        row: u16::from(*left),
        point: Point { x, y: 0 },
        category: None,
        accessible: false,
        companion_of: None,
    });
    let sections = vec!["right".to_owned(), "left".to_owned()];
    let plan =
        SeatingPlan::new(Point { x: 0, y: 0 }, sections, vec![row(0), row(1)], vec![], places.collect()).unwrap();
    let layout =
        Layout::with_plan(TheaterId::parse("a:1").unwrap(), name.to_owned(), LayoutVersion::new(7), seats, plan)
            .unwrap();
    let slots = Slots::Read(hall.iter().map(|(.., slot)| *slot).collect());
    SeatsView {
        inventory: Arc::new(Inventory::of_theater(layout)),
        slots,
        yours: HashSet::new(),
        now,
        source: Source::Hit,
    }
}

proptest! {
    #[test]
    fn body_equals_the_serialized_one(
        name in "[a-z\"\\\\é座]{1,200}",
        hall in hall(),
        now in 94_000..106_000_u64,
        section in prop::option::of(any::<bool>()),
    ) {
        let now = EpochMillis::new(now);
        let shown: Vec<_> = hall.iter().filter(|(_, left, _)| section.is_none_or(|wanted| wanted == *left)).collect();
        let count = |wanted| shown.iter().filter(|(.., slot)| slot.status_at(now) == wanted).count();
        let expected = SeatsBody {
            theater_id: "a:1",
            name: &name,
            seats: shown.iter().filter(|(.., slot)| slot.is_available(now)).map(|(label, ..)| label.as_str()).collect(),
            reserved: count(SeatStatus::Reserved),
            booked: count(SeatStatus::Booked),
            layout_version: 7,
        };
        let expected = serde_json::to_string(&expected).unwrap();
        let view = view(&name, &hall, now);
        let section = section.map(|left| if left { "left" } else { "right" });
        let body = SeatsWriter::of(&view.inventory, View::Seats, section).unwrap().body(&view).unwrap();
        let written = serde_json::to_string(&LambdaResponse::from(Response::new(body))).unwrap();
        let written: Value = serde_json::from_str(&written).unwrap();
        prop_assert_eq!(written["body"].as_str(), Some(expected.as_str()));
    }

    #[test]
    fn states_are_one_letter_per_seat(hall in hall(), now in 94_000..106_000_u64) {
        let view = view("Hall", &hall, EpochMillis::new(now));
        let body = SeatsWriter::of(&view.inventory, View::States, None).unwrap().body(&view).unwrap();
        let written: Value = serde_json::from_str(&body.text()).unwrap();
        let letters = hall.iter().map(|(.., slot)| match slot.status_at(EpochMillis::new(now)) {
            SeatStatus::Available => 'a',
            SeatStatus::Reserved => 'r',
            SeatStatus::Booked => 'b',
        });
        let letters: String = letters.collect();
        let count = |wanted| letters.chars().filter(|letter| *letter == wanted).count();
        prop_assert_eq!(written, serde_json::json!({ "theater_id": "a:1", "layout_version": 7, "states": letters,
            "available": count('a'), "reserved": count('r'), "booked": count('b') }));
    }
}
