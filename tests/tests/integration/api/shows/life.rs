//! A show is sold by the same calls as a theater, and shares nothing but the layout with anything else.

use boxoffice_tests::{Call, World};
use serde_json::json;

use super::{create, evening};
use crate::api::id;

#[tokio::test]
async fn a_show_is_sold_by_the_calls_of_a_theater() {
    let world = World::new().await;
    create(&world, "evening", &evening("1")).await;
    let send = async |call: Call| call.of_show().send(&world.office).await;
    let map = send(Call::map("evening")).await;
    assert_eq!((map.text("show_id"), map.text("theater_id"), map.status), ("evening", "1", 200));
    let reserved =
        send(Call::reserve("evening", &json!({ "seats": ["A1", "A2"], "reservation_id": id(1), "expires_in": 60 })))
            .await;
    assert_eq!((reserved.status, reserved.seats()), (201, vec!["A1", "A2"]), "{}", reserved.text);
    assert_eq!((reserved.text("show_id"), reserved.text("theater_id")), ("evening", "1"));
    let location = format!("/v1/shows/evening/reservations/{}", id(1));
    assert_eq!(reserved.header("location"), location);
    assert!(reserved.header("link").contains("</v1/shows/evening/book>"), "{}", reserved.header("link"));
    let shown = send(Call::reservation("evening", &id(1))).await;
    assert_eq!((shown.status, shown.seats(), shown.text("show_id")), (200, vec!["A1", "A2"], "evening"));
    let extended = send(Call::extend("evening", &id(1), &json!({ "expires_in": 900 }))).await;
    assert_eq!((extended.status, &extended.body["expires_in"]), (200, &json!(900)));
    let states = send(Call::get_seats("evening").query("view=states")).await;
    assert_eq!(states.body["states"], "rraaaa");
    let own = Call::get_seats("evening").query("view=map").header("Reservation-Id", &id(1)).signed_in("ann");
    let own = send(own).await;
    assert_eq!((own.text("show_id"), &own.body["seats"][0]["status"]), ("evening", &json!("reserved")));
    let booked =
        send(Call::book("evening", &json!({ "reservation_id": id(1), "booking_id": id(2), "seats": ["A1"] }))).await;
    assert_eq!((booked.status, booked.text("show_id")), (201, "evening"), "{}", booked.text);
    assert_eq!(booked.header("location"), format!("/v1/shows/evening/bookings/{}", id(2)));
    let booking = send(Call::booking("evening", &id(2))).await;
    assert_eq!((booking.status, booking.seats(), booking.text("show_id")), (200, vec!["A1"], "evening"));
    assert_eq!(send(Call::release("evening", &id(1))).await.status, 204);
    let best = send(Call::reserve("evening", &json!({ "quantity": 3, "reservation_id": id(3) }))).await;
    assert_eq!((best.status, best.seats()), (201, vec!["B1", "B2", "B3"]), "{}", best.text);
    let whole = send(Call::book("evening", &json!({ "reservation_id": id(3), "booking_id": id(4) }))).await;
    assert_eq!((whole.status, whole.seats()), (201, vec!["B1", "B2", "B3"]));
    assert_eq!(send(Call::cancel("evening", &id(4))).await.status, 204);
    let seats = send(Call::get_seats("evening")).await;
    assert_eq!(seats.seats(), ["A2", "A3", "B1", "B2", "B3"]);
    assert_eq!((seats.text("show_id"), seats.text("theater_id")), ("evening", "1"));
    let taken = send(Call::reserve("evening", &json!({ "seat": "A1", "reservation_id": id(5) }))).await;
    assert_eq!((taken.status, taken.code()), (409, "seat_unavailable"));
    let unknown = send(Call::reserve("evening", &json!({ "seat": "Z9" }))).await;
    assert_eq!((unknown.status, unknown.code()), (404, "seat_not_found"));
    assert_eq!(
        world.items_of("THEATER#1").await.len(),
        4,
        "the layout, its snapshot, the pointer and the number of shows"
    );
}

#[tokio::test]
async fn a_show_and_a_theater_of_one_name_never_meet() {
    let world = World::new().await;
    create(&world, "1", &evening("1")).await;
    let reserve = |seats: &[&str]| Call::reserve("1", &json!({ "seats": seats, "reservation_id": id(1) }));
    let book = || Call::book("1", &json!({ "seat": "B1" })).header("Idempotency-Key", "0123456789abcdef");
    let (theater, show) = (reserve(&["A1"]), reserve(&["A1", "A2"]).of_show());
    assert_eq!(theater.send(&world.office).await.status, 201);
    assert_eq!(show.send(&world.office).await.status, 201, "the same seat under the same id");
    let shown = Call::reservation("1", &id(1)).of_show().send(&world.office).await;
    assert_eq!(shown.seats(), ["A1", "A2"]);
    let (theater, show) = (book().send(&world.office).await, book().of_show().send(&world.office).await);
    assert_eq!((theater.status, show.status), (201, 201));
    assert_ne!(theater.text("booking_id"), show.text("booking_id"), "ids from keys name their inventory");
    for call in [
        Call::booking("1", show.text("booking_id")),
        Call::booking("1", theater.text("booking_id")).of_show(),
        Call::cancel("1", show.text("booking_id")),
    ] {
        let reply = call.send(&world.office).await;
        assert!([404, 204].contains(&reply.status), "{}", reply.text);
    }
    let kept = Call::booking("1", show.text("booking_id")).of_show().send(&world.office).await;
    assert_eq!(kept.status, 200, "{}", kept.text);
    assert_eq!(Call::release("1", &id(1)).send(&world.office).await.status, 204);
    assert_eq!(Call::reservation("1", &id(1)).of_show().send(&world.office).await.status, 200);
    let seats = async |call: Call| call.send(&world.office).await.seats().join(" ");
    assert_eq!(seats(Call::get_seats("1")).await, "A1 A2 A3 B2 B3");
    assert_eq!(seats(Call::get_seats("1").of_show()).await, "A3 B2 B3");
    assert_eq!(seats(Call::get_seats("1").query("consistent=true").of_show()).await, "A3 B2 B3");
}

#[tokio::test]
async fn two_shows_share_a_layout_and_no_seat() {
    let world = World::new().await;
    let one = create(&world, "matinee", &super::document("1", "2026-12-01T15:00:00+01:00")).await;
    let other = create(&world, "evening", &evening("1")).await;
    assert_eq!(one.body["layout_version"], other.body["layout_version"]);
    let snapshots = world.items_of("THEATER#1").await;
    let snapshots = snapshots.iter().filter(|item| item["sk"].as_s().unwrap().starts_with("LAYOUT#"));
    assert_eq!(snapshots.count(), 1);
    let all = json!({ "seats": ["A1", "A2", "A3", "B1", "B2", "B3"], "booking_id": id(1) });
    for show in ["matinee", "evening"] {
        let booked = Call::book(show, &all).of_show().send(&world.office).await;
        assert_eq!(booked.status, 201, "{}", booked.text);
    }
    assert_eq!(Call::get_seats("1").send(&world.office).await.seats().len(), 6);
}

#[tokio::test]
async fn limits_of_a_caller_count_for_each_show() {
    let setup = boxoffice_tests::Setup { max_booked_per_caller: 2, ..boxoffice_tests::Setup::shared() };
    let world = World::on(setup).await;
    for show in ["matinee", "evening"] {
        create(&world, show, &evening("1")).await;
        for (seats, status) in [(json!(["A1", "A2"]), 201), (json!(["A3"]), 409)] {
            let book = Call::book(show, &json!({ "seats": seats })).of_show().signed_in("ann");
            let reply = book.send(&world.office).await;
            assert_eq!(reply.status, status, "{}", reply.text);
        }
    }
}
