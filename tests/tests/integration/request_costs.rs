//! The cost of each request: calls and capacity, counted at proxies. The figures are exact, so more or less is a
//! failure.

use boxoffice::domain::ids::TheaterId;
use boxoffice::domain::rate_limit::RateLimits;
use boxoffice_tests::dynamodb_proxy::DynamoDbProxy;
use boxoffice_tests::engines;
use boxoffice_tests::redis_proxy::RedisProxy;
use boxoffice_tests::{Call, Reply, Setup, World};
use serde_json::json;

use crate::api::id;

pub(crate) struct Counted {
    pub(crate) world: World,
    pub(crate) dynamodb: DynamoDbProxy,
    pub(crate) redis: RedisProxy,
}

/// The cost of a call: calls to Redis (round trips, a pipeline is one), calls to DynamoDB by name, and capacity units.
pub(crate) type Cost = (usize, Vec<String>, f64);

impl Counted {
    /// Returns a warm instance behind both proxies. It is connected and has the layout and the sale in memory.
    pub(crate) async fn new() -> Self {
        let counted = Self::limited(RateLimits::default()).await;
        counted.cost(reserve_nothing("1")).await;
        counted
    }

    /// Returns an instance with a rate limit. It is connected and has the layout in memory.
    pub(crate) async fn limited(limits: RateLimits) -> Self {
        let dynamodb = DynamoDbProxy::before(engines::shared().endpoint()).await;
        let redis = RedisProxy::before(engines::shared().valkey.port()).await;
        let setup = Setup { dynamodb: dynamodb.endpoint.clone(), limits, ..Setup::with_cache(&redis.url) };
        let world = World::on(setup).await;
        let counted = Self { world, dynamodb, redis };
        counted.cost(Call::get_seats("1").query("consistent=true")).await;
        counted
    }

    pub(crate) async fn cost(&self, call: Call) -> (Reply, Cost) {
        self.dynamodb.take();
        self.redis.take_trips();
        let reply = call.send(&self.world.office).await;
        let seen = self.dynamodb.take();
        let capacity = seen.iter().map(|call| call.capacity).sum();
        (reply, (self.redis.take_trips(), seen.into_iter().map(|call| call.operation).collect(), capacity))
    }
}

/// Returns a call that changes nothing, and after which an instance knows a theater's layout and sale.
pub(crate) fn reserve_nothing(theater: &str) -> Call {
    Call::reserve(theater, &json!({ "seat": "no-such-seat" }))
}

pub(crate) fn calls(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn preloaded_layout_saves_the_first_reads_dynamodb_call() {
    let counted = Counted::new().await;
    counted.cost(Call::get_seats("1")).await;
    for (warm_theaters, operations) in [(vec![], vec!["GetItem"]), (vec![TheaterId::parse("1").unwrap()], vec![])] {
        let setup = Setup { warm_theaters, ..counted.world.setup.clone() };
        let instance = counted.world.instance_on(&setup).await;
        counted.dynamodb.take();
        let seat_map = Call::get_seats("1").send(&instance).await;
        assert_eq!((seat_map.status, seat_map.header("x-cache")), (200, "hit"));
        let seen: Vec<_> = counted.dynamodb.take().into_iter().map(|call| call.operation).collect();
        assert_eq!(seen, operations);
    }
}

#[tokio::test]
async fn missing_theater_does_not_prevent_a_start() {
    let world = World::new().await;
    let warm_theaters = vec![TheaterId::parse("to-come").unwrap(), TheaterId::parse("1").unwrap()];
    let instance = world.instance_on(&Setup { warm_theaters, ..world.setup.clone() }).await;
    assert_eq!(Call::get_seats("1").send(&instance).await.status, 200);
    assert_eq!(Call::get_seats("to-come").send(&instance).await.status, 404);
}

#[tokio::test]
async fn read_hit_costs_1_redis_call_and_a_miss_3_and_a_query() {
    let counted = Counted::new().await;
    let (miss, cost) = counted.cost(Call::get_seats("1")).await;
    assert_eq!((miss.header("x-cache"), cost.0, cost.1), ("miss", 3, calls(&["Query"])));
    let (hit, cost) = counted.cost(Call::get_seats("1")).await;
    assert_eq!((hit.header("x-cache"), cost), ("hit", (1, calls(&[]), 0.0)));
    let unchanged = Call::get_seats("1").header("If-None-Match", hit.header("etag"));
    let (unchanged, cost) = counted.cost(unchanged).await;
    assert_eq!((unchanged.status, cost), (304, (1, calls(&[]), 0.0)));
    let (consistent, cost) = counted.cost(Call::get_seats("1").query("consistent=true")).await;
    assert_eq!((consistent.header("x-cache"), cost.0, cost.1), ("bypass", 0, calls(&["Query"])));
}

#[tokio::test]
async fn unchanged_read_costs_the_same_bytes_for_any_hall() {
    let counted = Counted::new().await;
    let labels: Vec<_> = (1..=10_000).map(|n| format!("A{n}")).collect();
    let labels: Vec<_> = labels.iter().map(String::as_str).collect();
    counted.world.put_theater("hall", "Hall", &labels).await;
    let mut weights = Vec::new();
    for (theater, seats) in [("1", 6), ("hall", 10_000)] {
        counted.cost(Call::get_seats(theater)).await;
        counted.redis.take_answered();
        let (hit, _) = counted.cost(Call::get_seats(theater)).await;
        let whole = counted.redis.take_answered();
        assert!(whole >= 12 * seats, "{whole} bytes");
        let (unchanged, cost) =
            counted.cost(Call::get_seats(theater).header("If-None-Match", hit.header("etag"))).await;
        assert_eq!((unchanged.status, cost), (304, (1, calls(&[]), 0.0)));
        weights.push(counted.redis.take_answered());
        println!("{seats} seats: {whole} bytes from Redis for the seats, {} for a 304", weights[weights.len() - 1]);
    }
    assert!(weights[1] < 300 && weights[1].abs_diff(weights[0]) <= 8, "{weights:?}");
}

#[tokio::test]
async fn query_capacity_depends_on_the_taken_seats() {
    let counted = Counted::new().await;
    let seat_map = || Call::get_seats("1").query("consistent=true");
    let (_, (_, _, nothing_taken)) = counted.cost(seat_map()).await;
    let seats = json!({ "seats": ["A1", "A2", "A3", "B1", "B2", "B3"] });
    counted.cost(Call::reserve("1", &seats)).await;
    let (_, (_, _, six_taken)) = counted.cost(seat_map()).await;
    // A strongly consistent read costs one unit per 4 KB begun. Six seats are far below that.
    assert!(nothing_taken <= 1.0 && six_taken <= 1.0, "{nothing_taken} {six_taken}");
}

#[tokio::test]
async fn a_cold_instance_reads_the_layout_once() {
    let counted = Counted::new().await;
    let cold = counted.world.instance(counted.world.clock.clone()).await;
    counted.dynamodb.take();
    assert_eq!(Call::book("2", &json!({ "seat": "C1", "booking_id": id(1) })).send(&cold).await.status, 201);
    assert_eq!(Call::book("2", &json!({ "seat": "C2", "booking_id": id(2) })).send(&cold).await.status, 201);
    let names: Vec<_> = counted.dynamodb.take().into_iter().map(|call| call.operation).collect();
    assert_eq!(names, ["BatchGetItem", "TransactWriteItems", "TransactWriteItems"], "the layout with the sale");
}

#[tokio::test]
async fn a_sale_is_read_once_in_ten_seconds() {
    let counted = Counted::new().await;
    for (number, millis, names, units) in [
        (1, 9_999, vec!["TransactWriteItems"], 4.0),
        (2, 10_000, vec!["GetItem", "TransactWriteItems"], 5.0),
        (3, 19_999, vec!["TransactWriteItems"], 4.0),
        (4, 60_000, vec!["BatchGetItem", "TransactWriteItems"], 6.0),
    ] {
        counted.world.at(millis);
        let seat = ["A1", "A2", "A3", "B1"][number - 1];
        let (reply, cost) =
            counted.cost(Call::reserve("1", &json!({ "seat": seat, "reservation_id": id(number as u128) }))).await;
        assert_eq!((reply.status, cost), (201, (1, calls(&names), units)), "{millis} ms");
    }
}

#[tokio::test]
async fn reserving_costs_one_transaction_of_the_record_and_the_seats() {
    let counted = Counted::new().await;
    let (reply, cost) = counted.cost(Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) }))).await;
    assert_eq!((reply.status, cost), (201, (1, calls(&["TransactWriteItems"]), 4.0)));
    let (reply, cost) = counted.cost(Call::reserve("1", &json!({ "seat": "A2" }))).await;
    assert_eq!((reply.status, cost), (201, (2, calls(&["TransactWriteItems"]), 4.0)), "without an id it peeks first");
    let (reply, cost) = counted.cost(Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) }))).await;
    assert_eq!(
        (reply.status, cost.0, cost.1),
        (200, 1, calls(&["TransactWriteItems"])),
        "a replay is one rejected write"
    );
    let body = json!({ "seats": ["A3", "B1", "B2"], "reservation_id": id(2) });
    let (reply, cost) = counted.cost(Call::reserve("1", &body)).await;
    assert_eq!((reply.status, cost), (201, (1, calls(&["TransactWriteItems"]), 8.0)), "2k + 2");
}

#[tokio::test]
async fn adding_to_a_reservation_costs_one_more_rejected_write() {
    let counted = Counted::new().await;
    let reserve = |seat: &str| Call::reserve("1", &json!({ "seat": seat, "reservation_id": id(1) }));
    counted.cost(reserve("A1")).await;
    let (reply, cost) = counted.cost(reserve("A2")).await;
    assert_eq!((reply.status, cost.0, cost.1), (201, 1, calls(&["TransactWriteItems", "TransactWriteItems"])));
    let made = Call::reserve("1", &json!({ "seat": "B1" }));
    let made = counted.cost(made).await.0.body["reservation_id"].as_str().unwrap().to_owned();
    let (reply, cost) = counted.cost(Call::reserve("1", &json!({ "seat": "B2", "reservation_id": made }))).await;
    let operations = calls(&["GetItem", "TransactWriteItems"]);
    assert_eq!((reply.status, cost), (201, (1, operations, 5.0)), "the server knows its own ids");
}

#[tokio::test]
async fn booking_k_seats_costs_2k_plus_2_units() {
    let counted = Counted::new().await;
    for (seats, units) in [(json!(["A1"]), 4.0), (json!(["A2", "A3", "B1"]), 8.0)] {
        let body = json!({ "seats": seats, "booking_id": id(units as u128) });
        let (reply, cost) = counted.cost(Call::book("1", &body)).await;
        assert_eq!((reply.status, cost), (201, (1, calls(&["TransactWriteItems"]), units)));
        let (reply, cost) = counted.cost(Call::book("1", &body)).await;
        assert_eq!((reply.status, cost.0, cost.1), (200, 1, calls(&["TransactWriteItems"])));
    }
    let (reply, cost) = counted.cost(Call::book("1", &json!({ "seat": "B2" }))).await;
    assert_eq!((reply.status, cost), (201, (2, calls(&["TransactWriteItems"]), 4.0)), "without an id it peeks first");
}

#[tokio::test]
async fn booking_item_with_ten_long_labels_costs_two_units() {
    let counted = Counted::new().await;
    let theater = "t".repeat(64);
    let labels: Vec<_> = (0..10).map(|n| format!("0188c0de-0000-7000-8000-00000000b00{n}")).collect();
    let labels: Vec<_> = labels.iter().map(String::as_str).collect();
    counted.world.put_theater(&theater, "Long", &labels).await;
    counted.cost(reserve_nothing(&theater)).await;
    let (reserved, cost) =
        counted.cost(Call::reserve(&theater, &json!({ "seats": labels, "reservation_id": id(1) }))).await;
    assert_eq!((reserved.status, cost.2), (201, 22.0));
    let body = json!({ "seats": labels, "booking_id": id(1), "reservation_id": id(1) });
    let (booked, cost) = counted.cost(Call::book(&theater, &body)).await;
    assert_eq!((booked.status, cost.2), (201, 22.0));
}

#[tokio::test]
async fn prices_add_no_call_and_no_unit() {
    let counted = Counted::new().await;
    let row = json!({ "row": "A", "seats": [{ "seat": "A1" }, { "seat": "A2" }, { "seat": "A3" }], "category": "all" });
    let hall = |child: u64| {
        json!({ "name": "Hall", "sections": [{ "section": "Stalls", "rows": [row] }],
            "categories": [{ "category": "all", "prices": { "standard": 8_500, "child": child }, "currency": "EUR" }] })
    };
    counted.cost(Call::put_theater("hall", &hall(4_500))).await;
    // Reads the layout and the sale.
    counted.cost(Call::book("hall", &json!({ "seat": "Z9" }))).await;
    let child = |seat: &str| json!({ "seat": seat, "ticket_type": "child" });
    let reserve = Call::reserve("hall", &json!({ "seats": ["A1", child("A2")], "reservation_id": id(1) }));
    let (reply, cost) = counted.cost(reserve).await;
    assert_eq!((reply.status, cost), (201, (1, calls(&["TransactWriteItems"]), 6.0)), "2k + 2");
    let book = |seats: serde_json::Value, booking: u128, total: u64| {
        Call::book(
            "hall",
            &json!({ "seats": seats, "reservation_id": id(1), "booking_id": id(booking),
            "reference": "R1", "expect": { "total": total } }),
        )
    };
    counted.world.at(1_000);
    let (reply, cost) = counted.cost(book(json!(["A1"]), 1, 8_500)).await;
    assert_eq!((reply.status, cost), (201, (1, calls(&["TransactWriteItems"]), 4.0)), "the price is the believed one");
    let (reply, cost) = counted.cost(book(json!([child("A3")]), 2, 4_500)).await;
    assert_eq!((reply.status, cost), (201, (1, calls(&["TransactWriteItems"]), 4.0)), "an available seat");
    let (reply, cost) = counted.cost(book(json!(["A2"]), 3, 4_501)).await;
    assert_eq!((reply.code(), cost.1, cost.2), ("reservation_changed", calls(&["BatchGetItem"]), 2.0));
    let label_alone = Call::book("hall", &json!({ "seat": "A2", "reservation_id": id(1), "booking_id": id(3) }));
    let (reply, cost) = counted.cost(label_alone).await;
    let twice = calls(&["TransactWriteItems", "TransactWriteItems"]);
    assert_eq!((reply.status, cost.0, cost.1), (201, 1, twice), "one refused write returns the reserved type");
}

#[tokio::test]
async fn sold_seat_is_rejected_from_the_cache_without_an_id() {
    let counted = Counted::new().await;
    counted.cost(Call::book("1", &json!({ "seat": "A1", "booking_id": id(1) }))).await;
    counted.cost(Call::get_seats("1")).await;
    for call in [Call::book("1", &json!({ "seat": "A1" })), Call::reserve("1", &json!({ "seat": "A1" }))] {
        let (reply, cost) = counted.cost(call).await;
        assert_eq!((reply.status, cost), (409, (1, calls(&[]), 0.0)));
    }
    let (reply, cost) = counted.cost(Call::book("1", &json!({ "seat": "A1", "booking_id": id(2) }))).await;
    assert_eq!((reply.status, cost.1), (409, calls(&["TransactWriteItems"])), "with an id DynamoDB decides");
}

#[tokio::test]
async fn unknown_seat_costs_one_layout_read_in_five_seconds() {
    let counted = Counted::new().await;
    for (millis, names) in [(0, vec![]), (4_999, vec![]), (5_000, vec!["GetItem"]), (5_001, vec![])] {
        counted.world.at(millis);
        let (reply, cost) = counted.cost(Call::book("1", &json!({ "seat": "Z9" }))).await;
        assert_eq!((reply.status, cost.0, cost.1), (404, 0, calls(&names)), "{millis} ms");
    }
}

#[tokio::test]
async fn dynamodb_costs_are_the_same_without_redis() {
    let dynamodb = DynamoDbProxy::before(engines::shared().endpoint()).await;
    let nowhere = format!("redis://127.0.0.1:{}", boxoffice_local::ports::free_port().unwrap());
    let setup = Setup { dynamodb: dynamodb.endpoint.clone(), ..Setup::with_cache(&nowhere) };
    let world = World::on(setup).await;
    reserve_nothing("1").send(&world.office).await;
    for (second, (call, status, names)) in (1..).zip([
        (Call::get_seats("1"), 200, vec!["Query"]),
        (Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) })), 201, vec!["TransactWriteItems"]),
        (Call::reserve("1", &json!({ "seats": ["A2", "A3"] })), 201, vec!["TransactWriteItems"]),
        (Call::book("1", &json!({ "seat": "A1", "reservation_id": id(1) })), 201, vec!["TransactWriteItems"]),
    ]) {
        world.at(second * 1_000);
        dynamodb.take();
        assert_eq!(call.send(&world.office).await.status, status);
        let seen: Vec<_> = dynamodb.take().into_iter().map(|call| call.operation).collect();
        assert_eq!(seen, names);
    }
}

#[tokio::test]
async fn every_dynamodb_call_is_conditional_or_strongly_consistent() {
    let counted = Counted::new().await;
    let world = counted.world.instance(counted.world.clock.clone()).await;
    counted.dynamodb.take();
    for call in [
        Call::get_seats("1"),
        Call::reserve("1", &json!({ "seat": "A1" })),
        Call::reserve("1", &json!({ "seats": ["A2", "A3"] })),
        Call::book("1", &json!({ "seat": "B1" })),
    ] {
        call.send(&world).await;
    }
    for call in counted.dynamodb.take() {
        match call.operation.as_str() {
            "GetItem" => assert_eq!(call.request["ConsistentRead"], true),
            "BatchGetItem" => {
                let mut tables = call.request["RequestItems"].as_object().unwrap().values();
                assert!(tables.all(|table| table["ConsistentRead"] == true), "{}", call.request);
            }
            "Query" => {
                assert_eq!(call.request["ConsistentRead"], true);
                let read = call.request["ProjectionExpression"].as_str().unwrap();
                assert!(!read.contains("reservation_id"), "a seat map doesn't need reservation ids: {read}");
            }
            "TransactWriteItems" => {
                for item in call.request["TransactItems"].as_array().unwrap() {
                    let write = item.as_object().unwrap().values().next().unwrap();
                    assert!(write["ConditionExpression"].is_string(), "{write}");
                    assert_eq!(write["ReturnValuesOnConditionCheckFailure"], "ALL_OLD");
                }
            }
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn map_of_a_known_hall_is_free_and_states_cost_a_read() {
    let counted = Counted::new().await;
    for query in ["".to_owned(), format!("version={}", version(&counted).await)] {
        let (map, cost) = counted.cost(Call::map("1").query(&query)).await;
        assert_eq!((map.status, cost), (200, (0, calls(&[]), 0.0)), "{query}");
        let (unchanged, cost) =
            counted.cost(Call::map("1").query(&query).header("If-None-Match", map.header("etag"))).await;
        assert_eq!((unchanged.status, cost), (304, (0, calls(&[]), 0.0)));
    }
    let states = || Call::get_seats("1").query("view=states");
    counted.cost(states()).await;
    let (hit, cost) = counted.cost(states()).await;
    assert_eq!((hit.header("x-cache"), cost), ("hit", (1, calls(&[]), 0.0)));
    let (unchanged, cost) = counted.cost(states().header("If-None-Match", hit.header("etag"))).await;
    assert_eq!((unchanged.status, cost), (304, (1, calls(&[]), 0.0)));
}

#[tokio::test]
async fn map_of_an_unknown_version_reads_layout_once_in_5_seconds() {
    let counted = Counted::new().await;
    let version = version(&counted).await;
    for (millis, version, names) in [
        (5_000, version + 1, vec!["GetItem"]),
        (5_001, version + 1, vec![]),
        (9_999, version + 2, vec![]),
        (10_000, version + 1, vec!["GetItem"]),
        (20_000, version - 1, vec![]),
    ] {
        counted.world.at(millis);
        let (reply, cost) = counted.cost(Call::map("1").query(&format!("version={version}"))).await;
        assert_eq!((reply.code(), cost.1), ("layout_version_not_found", calls(&names)), "{millis} ms");
    }
}

async fn version(counted: &Counted) -> u64 {
    let (shown, _) = counted.cost(Call::map("1")).await;
    shown.body["layout_version"].as_u64().unwrap()
}
