//! Events of shows, sales and prices, from the real stream.

use aws_sdk_dynamodb::types::AttributeValue;

use super::*;

impl PublishedWorld {
    /// Puts a show of theater 1, and forgets the events of that.
    async fn with_show() -> Self {
        let mut published = Self::new().await;
        published.send(Call::put_show("evening", &show())).await;
        published.publish_stream().await;
        published
    }

    /// Puts an item into the table, past every function.
    async fn put_item(&self, attributes: &[(&str, &str)]) {
        let mut put = self.world.client.put_item().table_name(&self.world.table);
        for (name, value) in attributes {
            let number = ["price", "changed_at", "booked_at", "cancelled_at", "expires_at"].contains(name);
            let value = (*value).to_owned();
            put = put.item(*name, if number { AttributeValue::N(value) } else { AttributeValue::S(value) });
        }
        put.send().await.unwrap();
    }
}

fn show() -> Value {
    json!({ "theater_id": "1", "title": "Tosca", "starts_at": "2026-12-01T20:15:00+01:00", "timezone": "Europe/Vienna" })
}

/// Returns the values of these members.
fn members<'a, const N: usize>(event: &'a Value, names: [&str; N]) -> [&'a Value; N] {
    names.map(|name| &event[name])
}

#[tokio::test]
async fn every_step_of_a_show_is_published() {
    let mut published = PublishedWorld::new().await;
    published.send(Call::put_show("evening", &show())).await;
    let created = published.publish_stream().await;
    assert_eq!(kinds(&created), ["show.changed"], "no event of the list, the pointer, the layout or an open sale");
    let [show_id, theater, deleted, title, day] =
        members(&created[0], ["show_id", "theater_id", "deleted", "title", "local_date"]);
    assert_eq!([show_id, theater, title, day], ["evening", "1", "Tosca", "2026-12-01"]);
    assert_eq!(deleted, false);
    assert_eq!(created[0]["starts_at"], "2026-12-01T20:15:00+01:00");
    let read = Call::show("evening").send(&published.world.office).await;
    assert_eq!(
        members(&created[0], ["show_version", "layout_version"]),
        members(&read.body, ["version", "layout_version"])
    );

    published.world.at(1_000);
    let later = json!({ "theater_id": "1", "title": "Aida", "starts_at": "2026-12-02T00:30:00+01:00",
        "timezone": "Europe/Vienna" });
    published.send(Call::put_show("evening", &later).header("if-match", "*")).await;
    let changed = published.publish_stream().await;
    assert_eq!(kinds(&changed), ["show.changed"]);
    assert_eq!(members(&changed[0], ["title", "local_date"]), ["Aida", "2026-12-02"]);
    assert!(changed[0]["show_version"].as_u64() > created[0]["show_version"].as_u64());
    assert_ne!(changed[0]["id"], created[0]["id"]);

    published.send(Call::delete_show("evening").header("if-match", "*")).await;
    let removed = published.publish_stream().await;
    assert_eq!(kinds(&removed), ["show.changed"], "its seats were never sold");
    assert_eq!(
        members(&removed[0], ["deleted", "theater_id", "show_version", "title"]),
        [&json!(true), &json!("1"), &changed[0]["show_version"], &Value::Null]
    );
    assert_ne!(removed[0]["id"], changed[0]["id"]);
}

#[tokio::test]
async fn sale_is_published_for_theaters_and_shows() {
    let mut published = PublishedWorld::with_show().await;
    published.world.at(1_000);
    published.send(Call::put_sale("evening", &json!({ "state": "paused" })).of_show()).await;
    let paused = published.publish_stream().await;
    assert_eq!(kinds(&paused), ["show.changed", "sale.changed"]);
    assert_eq!(members(&paused[1], ["show_id", "state"]), ["evening", "paused"]);
    assert_eq!(paused[1]["sale_version"], paused[0]["show_version"]);
    assert_eq!(paused[1]["occurred_at"], "2026-11-22T18:00:01.000Z");

    let window =
        json!({ "state": "open", "opens_at": "2026-11-25T12:00:00+01:00", "closes_at": "2026-11-26T11:00:00Z" });
    published.send(Call::put_sale("1", &window)).await;
    let opened = published.publish_stream().await;
    assert_eq!(kinds(&opened), ["sale.changed"]);
    assert_eq!(
        members(&opened[0], ["theater_id", "state", "opens_at", "closes_at"]),
        ["1", "open", "2026-11-25T11:00:00Z", "2026-11-26T11:00:00Z"]
    );
    published.world.at(2_000);
    published.send(Call::put_sale("1", &json!({ "state": "closed" }))).await;
    let closed = published.publish_stream().await;
    assert_eq!(members(&closed[0], ["state", "opens_at"]), [&json!("closed"), &Value::Null]);
    assert!(closed[0]["sale_version"].as_u64() > opened[0]["sale_version"].as_u64());

    let with_sale = json!({ "theater_id": "1", "title": "Aida", "starts_at": "2026-12-01T20:15:00+01:00",
        "timezone": "Europe/Vienna", "sale": { "state": "closed" } });
    published.send(Call::put_show("late", &with_sale)).await;
    assert_eq!(kinds(&published.publish_stream().await), ["show.changed", "sale.changed"]);
    published.send(Call::put_show("late", &with_sale)).await;
    assert_eq!(published.publish_stream().await.len(), 0, "a repeat writes nothing");
}

#[tokio::test]
async fn every_step_of_a_shows_seat_is_published() {
    let mut published = PublishedWorld::with_show().await;
    let reserve = json!({ "seats": ["A1", "A2"], "reservation_id": id(1), "expires_in": 60 });
    published.send(Call::reserve("evening", &reserve).of_show()).await;
    published.send(Call::release("evening", &id(1)).query("seats=A2").of_show()).await;
    let book = json!({ "reservation_id": id(1), "booking_id": id(7) });
    published.send(Call::book("evening", &book).of_show()).await;
    published.send(Call::cancel("evening", &id(7)).of_show()).await;
    let events = published.publish_stream().await;
    assert_eq!(
        kinds(&events),
        ["seats.reserved", "seats.reserved", "seats.released", "booking.created", "booking.cancelled"]
    );
    for event in &events {
        assert_eq!(members(event, ["show_id", "theater_id"]), [&json!("evening"), &Value::Null], "{event}");
    }
    // The same calls in the theater are other events.
    let before: BTreeSet<_> = events.iter().map(|event| event["id"].to_string()).collect();
    published.send(Call::reserve("1", &reserve)).await;
    published.send(Call::book("1", &book)).await;
    for event in published.publish_stream().await {
        assert_eq!(members(&event, ["show_id", "theater_id"]), [&Value::Null, &json!("1")], "{event}");
        assert!(!before.contains(&event["id"].to_string()), "{event}");
    }
}

#[tokio::test]
async fn expiry_in_a_show_is_published_by_its_timer() {
    let mut published = PublishedWorld::with_show().await;
    published.send(Call::reserve("evening", &json!({ "seat": "A1", "expires_in": 60 })).of_show()).await;
    published.publish_stream().await;
    let wake_up = published.wake_ups().remove(0);
    assert_eq!(members(&wake_up, ["inventory", "seat"]), ["show/evening", "A1"]);
    let before = published.events().len();
    published.world.at(60_000);
    assert_eq!(published.wake(&wake_up).await, json!({ "batchItemFailures": [] }));
    let expired = published.events().split_off(before);
    assert_eq!(kinds(&expired), ["reservation.expired"]);
    assert_eq!(members(&expired[0], ["show_id", "occurred_at"]), ["evening", "2026-11-22T18:01:00.000Z"]);
    // The seat of the theater under the same name has no such reservation.
    let of_theater = json!({ "inventory": "1", "seat": "A1", "changed_at": wake_up["changed_at"],
        "expires_at": wake_up["expires_at"] });
    published.wake(&of_theater).await;
    assert_eq!(published.events().len(), before + 1);
}

#[tokio::test]
async fn prices_of_seats_and_bookings_are_published() {
    let mut published = PublishedWorld::with_show().await;
    let seat = [("pk", "SHOW#evening"), ("sk", "SEAT#A1"), ("status", "reserved"), ("changed_at", "1795370400000")];
    let reservation = id(1);
    let reserved = [("expires_at", "1795370460"), ("reservation_id", reservation.as_str()), ("price", "4500")];
    published.put_item(&[&seat[..], &reserved, &[("ticket_type", "child")]].concat()).await;
    let events = published.publish_stream().await;
    assert_eq!(members(&events[0], ["ticket_type", "price"]), [&json!("child"), &json!(4_500)]);

    let key = format!("BOOKING#show/evening#-#{}", id(7));
    let lines = r#"[["Stalls","A","1","premium",9500],[null,null,"2"]]"#;
    let booking =
        [("pk", key.as_str()), ("sk", "BOOKING"), ("seats", "A1 A2"), ("request_token", "x"), ("lines", lines)];
    let booking = [&booking[..], &[("currency", "EUR"), ("reference", "order-4711")]].concat();
    let booked = [("booked_at", "1795370400000"), ("changed_at", "1795370400000")];
    published.put_item(&[&booking[..], &booked].concat()).await;
    published.put_item(&[&booking[..], &booked, &[("cancelled_at", "1795370500000")]].concat()).await;
    let events = published.publish_stream().await;
    assert_eq!(kinds(&events), ["booking.created", "booking.cancelled"]);
    for event in events {
        let [total, currency, reference] = members(&event, ["total", "currency", "reference"]);
        assert_eq!([total, currency, reference], [&json!(9_500), &json!("EUR"), &json!("order-4711")]);
        let expected = json!([
            { "seat": "A1", "section": "Stalls", "row": "A", "number": "1", "category": "premium",
                "ticket_type": "standard", "price": 9_500 },
            { "seat": "A2", "number": "2" }]);
        assert_eq!(event["lines"], expected);
    }
}

#[tokio::test]
async fn redelivered_records_of_shows_publish_the_same_events() {
    let mut published = PublishedWorld::new().await;
    published.send(Call::put_show("evening", &show())).await;
    published.send(Call::put_sale("evening", &json!({ "state": "paused" })).of_show()).await;
    published.send(Call::put_sale("evening", &json!({ "state": "open" })).of_show()).await;
    published.send(Call::put_sale("1", &json!({ "state": "closed" }))).await;
    published.send(Call::put_sale("1", &json!({ "state": "open" }))).await;
    published.send(Call::delete_show("evening").header("if-match", "*")).await;
    let first = published.publish_stream().await;
    let by_id: BTreeMap<_, _> = first.iter().map(|event| (event["id"].to_string(), event)).collect();
    assert_eq!((first.len(), by_id.len()), (8, 8), "each event once: {:?}", kinds(&first));
    for record in &published.records {
        let before = published.events().len();
        handle(&published.publisher, json!({ "Records": [record] })).await;
        for event in published.events().split_off(before) {
            assert_eq!(by_id.get(&event["id"].to_string()), Some(&&event));
        }
    }
}

#[tokio::test]
async fn unreadable_show_is_skipped() {
    let mut published = PublishedWorld::with_show().await;
    published.send(Call::reserve("evening", &json!({ "seat": "A1" })).of_show()).await;
    published.publish_stream().await;
    let [mut show, seat] = ["SHOW", "SEAT#A1"].map(|sk| {
        let found = published.records.iter().find(|record| record["dynamodb"]["Keys"]["sk"]["S"] == sk);
        found.unwrap_or_else(|| panic!("no record of {sk}")).clone()
    });
    show["dynamodb"]["NewImage"]["sale_state"] = json!({ "S": "sold" });
    let before = published.events().len();
    let answer = handle(&published.publisher, json!({ "Records": [show, seat] })).await;
    assert_eq!(answer, json!({ "batchItemFailures": [] }));
    assert_eq!(kinds(&published.events().split_off(before)), ["seats.reserved"]);
}
