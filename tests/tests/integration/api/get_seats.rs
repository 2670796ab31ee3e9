//! `GET /theaters/{theaterId}/seats`

use boxoffice::domain::layout_version::LayoutVersion;
use boxoffice_tests::{Call, Setup, World};
use serde_json::json;

use super::id;

#[tokio::test]
async fn a_fresh_theater_shows_all_its_seats_in_layout_order() {
    let world = World::new().await;
    let reply = Call::get_seats("1").send(&world.office).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!(reply.header("cache-control"), "no-cache");
    insta::assert_json_snapshot!(reply.body);
}

#[tokio::test]
async fn reserved_and_booked_seats_are_counted_but_not_listed() {
    let world = World::new().await;
    Call::reserve("1", &json!({ "seats": ["A1", "B3"] })).send(&world.office).await;
    Call::book("1", &json!({ "seat": "A2" })).send(&world.office).await;
    for consistent in ["", "consistent=true"] {
        let reply = Call::get_seats("1").query(consistent).send(&world.office).await;
        assert_eq!(reply.seats(), ["A3", "B1", "B2"]);
        assert_eq!((&reply.body["reserved"], &reply.body["booked"]), (&json!(2), &json!(1)));
    }
    assert_eq!(Call::get_seats("2").send(&world.office).await.seats().len(), 6, "the other theater has nothing of it");
}

#[tokio::test]
async fn a_reservation_is_shown_until_the_second_before_it_ends() {
    let world = World::new().await;
    let reserved = Call::reserve("1", &json!({ "seat": "A1", "expires_in": 100 })).send(&world.office).await;
    assert_eq!(reserved.text("expires_at"), "2026-11-22T18:01:40Z");
    for (millis, free) in [(99_000, false), (99_999, false), (100_000, true), (101_000, true)] {
        world.at(millis);
        for query in ["", "consistent=true"] {
            let reply = Call::get_seats("1").query(query).send(&world.office).await;
            assert_eq!(reply.seats().contains(&"A1"), free, "{millis} ms, {query:?}");
            assert_eq!(reply.body["reserved"], u8::from(!free), "{millis} ms, {query:?}");
        }
    }
}

#[tokio::test]
async fn first_read_is_a_cache_miss_and_the_next_a_hit() {
    let world = World::new().await;
    let first = Call::get_seats("1").send(&world.office).await;
    let next = Call::get_seats("1").send(&world.office).await;
    assert_eq!((first.header("x-cache"), next.header("x-cache")), ("miss", "hit"));
    assert_eq!(first.text, next.text);
    // The ETag of a cache hit holds more than the ETag of a miss. Both are recognized.
    for known in [first.header("etag"), next.header("etag")] {
        let again = Call::get_seats("1").header("If-None-Match", known).send(&world.office).await;
        assert_eq!((again.status, again.header("etag")), (304, next.header("etag")), "{known}");
    }
}

#[tokio::test]
async fn consistent_read_bypasses_and_does_not_fill_the_cache() {
    let world = World::new().await;
    Call::get_seats("1").send(&world.office).await;
    let reply = Call::get_seats("1").query("consistent=true").send(&world.office).await;
    assert_eq!((reply.header("x-cache"), reply.header("cache-control")), ("bypass", "no-store"));
    let reply = Call::get_seats("1").query("consistent=false").send(&world.office).await;
    assert_eq!(reply.header("x-cache"), "hit");
}

#[tokio::test]
async fn every_read_queries_dynamodb_without_a_cache() {
    let world = World::on(Setup::without_cache()).await;
    for _ in 0..2 {
        let reply = Call::get_seats("1").send(&world.office).await;
        assert_eq!((reply.status, reply.header("x-cache")), (200, "bypass"));
        assert_eq!(reply.seats().len(), 6);
    }
    assert_eq!(Call::book("1", &json!({ "seat": "A1" })).send(&world.office).await.status, 201);
    assert_eq!(Call::get_seats("1").send(&world.office).await.seats().len(), 5);
}

#[tokio::test]
async fn matching_etag_gets_304() {
    let world = World::new().await;
    let from_the_table = Call::get_seats("1").send(&world.office).await.header("etag").to_owned();
    let etag = Call::get_seats("1").send(&world.office).await.header("etag").to_owned();
    for (etag, length) in [(&from_the_table, 16), (&etag, 32)] {
        let inner = etag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).expect("a quoted tag");
        assert!(inner.len() == length && inner.bytes().all(|c| matches!(c, b'!' | b'#'..=b'~')), "{etag}");
    }
    let ways = |etag: &str| [etag.to_owned(), format!("W/{etag}"), format!(" {etag} "), format!("\"other\", {etag}")];
    let wanted = ways(&etag).into_iter().chain(ways(&from_the_table)).chain(["*".to_owned()]);
    for wanted in wanted {
        let reply = Call::get_seats("1").header("If-None-Match", &wanted).send(&world.office).await;
        assert_eq!((reply.status, reply.text.as_str(), reply.header("etag")), (304, "", etag.as_str()), "{wanted}");
        assert_eq!((reply.header("cache-control"), reply.header("x-cache")), ("no-cache", "hit"));
    }
    for other in ["\"other\"", "", "\"", "\"\"", &etag[1..33], &etag[..33], &format!("\"A{}", &etag[1..])] {
        let reply = Call::get_seats("1").header("If-None-Match", other).send(&world.office).await;
        assert_eq!(reply.status, 200, "{other}");
    }
}

#[tokio::test]
async fn etag_changes_with_every_visible_change_and_at_expiry() {
    let world = World::new().await;
    let etag = async || Call::get_seats("1").send(&world.office).await.header("etag").to_owned();
    let again = async |etag: &str| Call::get_seats("1").header("If-None-Match", etag).send(&world.office).await.status;
    etag().await;
    let fresh = etag().await;
    Call::reserve("1", &json!({ "seat": "A1", "expires_in": 10 })).send(&world.office).await;
    let reserved = etag().await;
    assert_ne!(fresh, reserved);
    assert_eq!((again(&fresh).await, again(&reserved).await), (200, 304));
    world.at(10_000);
    assert_ne!(etag().await, reserved);
    assert_eq!((again(&fresh).await, again(&reserved).await), (304, 200), "the first response again");
}

#[tokio::test]
async fn a_reservation_id_is_never_shown() {
    let world = World::new().await;
    let reserved = Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) })).send(&world.office).await;
    assert_eq!(reserved.text("reservation_id"), id(1));
    for reply in [
        Call::get_seats("1").send(&world.office).await,
        Call::get_seats("1").query("consistent=true").send(&world.office).await,
        Call::reserve("1", &json!({ "seat": "A1" })).send(&world.office).await,
        Call::book("1", &json!({ "seat": "A1", "booking_id": id(2) })).send(&world.office).await,
    ] {
        assert!(!reply.text.contains(&id(1)) && !format!("{:?}", reply.headers).contains(&id(1)), "{}", reply.text);
    }
}

#[tokio::test]
async fn a_theater_id_is_decoded_by_the_gateway_and_not_again() {
    let world = World::new().await;
    world.put_theater("a:b", "Colon", &["X1"]).await;
    let decoded = Call::get_seats("a:b").send(&world.office).await;
    assert_eq!((decoded.status, decoded.text("theater_id")), (200, "a:b"));
    for theater in ["a%3Ab", "a%3ab"] {
        assert_eq!(Call::get_seats(theater).send(&world.office).await.status, 400, "{theater}");
    }
}

/// Puts a hall with two sections and every detail that a map shows.
async fn hall(world: &World) {
    use boxoffice::domain::ids::{SeatLabel, TheaterId};
    use boxoffice::domain::layout::Layout;
    use boxoffice::domain::prices::{Currency, TicketPrices};
    use boxoffice::domain::seating_plan::{Category, Point, Row, SeatPlacement, SeatingPlan};
    let seats = ["P1", "P2", "S1"].map(|label| SeatLabel::parse(label).unwrap()).to_vec();
    let row = |name: &str, section| Row { name: name.to_owned(), section };
    let place = |row, x, y, category, accessible| SeatPlacement {
        row,
        point: Point { x, y },
        category,
        accessible,
        companion_of: None,
    };
    let prices = TicketPrices::of_standard(8_500).unwrap();
    let plan = SeatingPlan::new(
        Point { x: 0, y: -200 },
        vec!["Parterre".to_owned(), "Sides".to_owned()],
        vec![row("1", 0), row("A", 1)],
        vec![Category { name: "premium".to_owned(), prices, currency: Currency::parse("EUR").unwrap() }],
        vec![place(0, -25, 0, Some(0), false), place(0, 25, 0, Some(0), true), place(1, 400, 50, None, false)],
    );
    let id = TheaterId::parse("hall").unwrap();
    let layout = Layout::with_plan(id, "Hall".to_owned(), LayoutVersion::new(7), seats, plan.unwrap()).unwrap();
    world.put_layout(&layout).await;
}

#[tokio::test]
async fn a_map_shows_every_seat_with_place_price_and_status() {
    let world = World::new().await;
    hall(&world).await;
    Call::book("hall", &json!({ "seat": "P1" })).send(&world.office).await;
    Call::reserve("hall", &json!({ "seat": "S1", "expires_in": 60 })).send(&world.office).await;
    let map = || Call::get_seats("hall").query("view=map");
    assert_eq!(map().send(&world.office).await.header("x-cache"), "miss");
    let shown = map().send(&world.office).await;
    assert_eq!((shown.status, shown.header("x-cache"), shown.header("cache-control")), (200, "hit", "no-cache"));
    insta::assert_json_snapshot!(shown.body);
    let unchanged = map().header("If-None-Match", shown.header("etag")).send(&world.office).await;
    assert_eq!(unchanged.status, 304);
    world.at(60_000);
    assert_eq!(map().send(&world.office).await.body["seats"][2]["status"], "available");
}

#[tokio::test]
async fn a_section_is_shown_by_itself() {
    let world = World::new().await;
    hall(&world).await;
    Call::book("hall", &json!({ "seat": "P1" })).send(&world.office).await;
    let seat_map = Call::get_seats("hall").query("section=Parterre").send(&world.office).await;
    assert_eq!((seat_map.seats(), &seat_map.body["booked"]), (vec!["P2"], &json!(1)));
    let seat_map = Call::get_seats("hall").query("section=Sides&view=map").send(&world.office).await;
    assert_eq!((seat_map.seats(), &seat_map.body["booked"]), (vec!["S1"], &json!(0)));
    for (query, expected) in [
        ("section=Gods", "\"Parterre\", \"Sides\""),
        ("view=picture", "seats, states, map"),
        ("section=A&view=states", "section: "),
    ] {
        let refused = Call::get_seats("hall").query(query).send(&world.office).await;
        assert_eq!((refused.status, refused.code()), (400, "malformed_request"));
        assert!(refused.text("detail").contains(expected), "{}", refused.text);
    }
}

#[tokio::test]
async fn map_marks_the_seats_of_the_given_reservation() {
    let world = World::new().await;
    let reserve = json!({ "seats": ["A1", "B1"], "reservation_id": id(1), "expires_in": 60 });
    Call::reserve("1", &reserve).signed_in("ann").send(&world.office).await;
    Call::reserve("1", &json!({ "seat": "A2" })).send(&world.office).await;
    let map = |who: &str, reservation: u128| {
        let call = Call::get_seats("1").query("view=map").header("Reservation-Id", &id(reservation));
        if who.is_empty() { call } else { call.signed_in(who) }
    };
    let yours = |reply: &boxoffice_tests::Reply| {
        let seats = reply.body["seats"].as_array().unwrap().iter().filter(|seat| seat["yours"] == true);
        seats.map(|seat| seat["seat"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let own = map("ann", 1).send(&world.office).await;
    assert_eq!((own.header("x-cache"), own.header("cache-control")), ("miss", "no-store"));
    assert_eq!((yours(&own), &own.body["reserved"]), (vec!["A1".to_owned(), "B1".to_owned()], &json!(3)));
    for (who, reservation) in [("bob", 1), ("", 1), ("ann", 2)] {
        assert_eq!(
            yours(&map(who, reservation).send(&world.office).await),
            Vec::<String>::new(),
            "{who} {reservation}"
        );
    }
    world.at(60_000);
    assert_eq!(yours(&map("ann", 1).send(&world.office).await), Vec::<String>::new(), "they have expired");
    let wrong = Call::get_seats("1").query("view=map").header("Reservation-Id", "mine").send(&world.office).await;
    assert!(wrong.text("detail").starts_with("Reservation-Id: "), "{}", wrong.text);
}
