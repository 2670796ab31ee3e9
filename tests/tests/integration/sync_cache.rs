//! Cache repair. Updates that a writer couldn't send to the cache arrive from the table's stream.

mod shows;

use std::cell::RefCell;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use boxoffice::app::BoxOffice;
use boxoffice::clock::Clock;
use boxoffice::domain::time::EpochMillis;
use boxoffice_local::LocalStack;
use boxoffice_local::engine::Valkey;
use boxoffice_local::stream::{DeliveryReport, EventSourceMapping, StreamReader, drain};
use boxoffice_tests::delivery::send_batch;
use boxoffice_tests::dynamodb_proxy::DynamoDbProxy;
use boxoffice_tests::gate::{Gate, HoldPoint};
use boxoffice_tests::redis_proxy::{RedisFault, RedisProxy};
use boxoffice_tests::{Call, Setup, World, engines};
use redis::AsyncCommands;
use serde_json::{Value, json};

use crate::api::id;

/// A world, and sync-cache on its table's stream. Records are delivered on request.
struct RepairedWorld {
    world: World,
    /// An instance whose writes never reach the cache.
    unmerged_office: BoxOffice,
    reader: StreamReader,
    mapping: EventSourceMapping,
}

impl RepairedWorld {
    async fn new() -> Self {
        let world = World::new().await;
        let reader = engines::shared().dynamodb.stream(&world.table).unwrap();
        Self::of(world, reader).await
    }

    async fn of(world: World, reader: StreamReader) -> Self {
        let unmerged_office = world.instance_on(&Setup { cache: None, ..world.setup.clone() }).await;
        Self { world, unmerged_office, reader, mapping: EventSourceMapping::from_checkout("sync-cache").unwrap() }
    }

    /// Delivers all new records of the stream to an instance of sync-cache.
    async fn deliver_to(&mut self, office: &BoxOffice) -> DeliveryReport {
        let invoke = async |event: Value| Ok(send_batch(office, event).await);
        drain(&mut self.reader, &self.mapping, &invoke).await.unwrap()
    }

    async fn deliver(&mut self) -> DeliveryReport {
        let office = self.world.instance(self.world.clock.clone()).await;
        self.deliver_to(&office).await
    }

    /// Returns the available seats that the cache shows.
    async fn cached(&self, theater: &str) -> Vec<String> {
        let seat_map = Call::get_seats(theater).send(&self.world.office).await;
        assert_eq!(seat_map.header("x-cache"), "hit", "{}", seat_map.text);
        seat_map.seats().into_iter().map(str::to_owned).collect()
    }

    async fn fill(&self, theater: &str) {
        assert_eq!(Call::get_seats(theater).send(&self.world.office).await.header("x-cache"), "miss");
    }
}

async fn done(call: Call, office: &BoxOffice) {
    let reply = call.send(office).await;
    assert!([201, 204].contains(&reply.status), "{}", reply.text);
}

#[tokio::test]
async fn stream_updates_the_cache_after_a_failed_merge() {
    let mut repaired = RepairedWorld::new().await;
    repaired.fill("1").await;
    done(Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) })), &repaired.unmerged_office).await;
    done(Call::reserve("1", &json!({ "seats": ["A2", "A3"] })), &repaired.unmerged_office).await;
    done(Call::book("1", &json!({ "seat": "B1" })), &repaired.unmerged_office).await;
    assert_eq!(repaired.cached("1").await.len(), 6, "behind");
    let delivered = repaired.deliver().await;
    // The booking's own record isn't a seat's, so the filter drops it.
    assert_eq!((delivered.records, delivered.undelivered.len()), (4, 0));
    assert_eq!(repaired.cached("1").await, ["B2", "B3"]);
    done(Call::book("1", &json!({ "seat": "A1", "reservation_id": id(1) })), &repaired.unmerged_office).await;
    repaired.deliver().await;
    // An expired reservation makes its seat available again. A booked seat isn't available.
    repaired.world.at(601_000);
    assert_eq!(repaired.cached("1").await, ["A2", "A3", "B2", "B3"]);
}

#[tokio::test]
async fn redis_lost_between_write_and_merge_is_behind_until_the_delivery() {
    let reserve = Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) }));
    let left = ["A2", "A3", "B1", "B2", "B3"];
    for fault in [RedisFault::Refused, RedisFault::Unreachable, RedisFault::Silent] {
        let mut repaired = RepairedWorld::new().await;
        let gate = Gate::default();
        let dynamodb = DynamoDbProxy::behind(gate.clone(), engines::shared().endpoint()).await;
        let redis = RedisProxy::before(engines::shared().valkey.port()).await;
        let cache_deadline = Duration::from_millis(300);
        let setup = Setup { dynamodb: dynamodb.endpoint.clone(), cache_deadline, ..Setup::with_cache(&redis.url) };
        let writer = repaired.world.instance_on(&setup).await;
        repaired.fill("1").await;
        assert_eq!(Call::get_seats("1").send(&writer).await.header("x-cache"), "hit");
        // The table has the seat's reservation. Its answer is held until Redis is lost.
        redis.take();
        gate.hold(1, HoldPoint::After);
        let lose_redis = async {
            gate.holds().await;
            assert_eq!(redis.count("EVALSHA"), 0, "nothing is merged yet");
            redis.set(Some(fault)).await;
            gate.open();
        };
        let (reserved, ()) = tokio::join!(reserve.send(&writer), lose_redis);
        assert_eq!((reserved.status, reserved.seats()), (201, vec!["A1"]), "{fault:?}: {}", reserved.text);
        assert_eq!(repaired.cached("1").await.len(), 6, "{fault:?}: the key is behind");
        let uncached = Call::get_seats("1").send(&writer).await;
        assert_eq!(uncached.seats(), left, "{fault:?}: without Redis the table is read");
        redis.set(None).await;
        assert_eq!(repaired.cached("1").await.len(), 6, "{fault:?}: nothing but the stream repairs it");
        assert_eq!(repaired.deliver().await.records, 1, "{fault:?}");
        assert_eq!(repaired.cached("1").await, left, "{fault:?}");
    }
}

#[tokio::test]
async fn stream_updates_the_cache_after_an_unmerged_release() {
    let mut repaired = RepairedWorld::new().await;
    let World { office, .. } = &repaired.world;
    done(Call::reserve("1", &json!({ "seats": ["A1", "A2"], "reservation_id": id(1) })), office).await;
    done(Call::book("1", &json!({ "seats": ["B1"], "booking_id": id(2) })), office).await;
    repaired.fill("1").await;
    repaired.world.at(1_000);
    done(Call::release("1", &id(1)), &repaired.unmerged_office).await;
    done(Call::cancel("1", &id(2)), &repaired.unmerged_office).await;
    assert_eq!(repaired.cached("1").await, ["A3", "B2", "B3"]);
    repaired.deliver().await;
    assert_eq!(repaired.cached("1").await, ["A1", "A2", "A3", "B1", "B2", "B3"]);
}

#[tokio::test]
async fn last_change_of_a_seat_in_a_batch_counts() {
    let mut repaired = RepairedWorld::new().await;
    repaired.fill("1").await;
    done(Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) })), &repaired.unmerged_office).await;
    done(Call::book("1", &json!({ "seat": "A1", "reservation_id": id(1) })), &repaired.unmerged_office).await;
    assert_eq!(repaired.deliver().await.invocations, 1);
    repaired.world.at(601_000);
    assert_eq!(repaired.cached("1").await.len(), 5, "booked, not an expired reservation");
}

#[tokio::test]
async fn seat_added_lately_is_repaired_despite_an_old_layout() {
    let mut repaired = RepairedWorld::new().await;
    let old = repaired.world.instance(repaired.world.clock.clone()).await;
    Call::get_seats("1").query("consistent=true").send(&old).await;
    repaired.world.at(6_000);
    repaired.world.put_theater("1", "Theater_A", &["A1", "A2", "A3", "B1", "B2", "B3", "B4"]).await;
    repaired.fill("1").await;
    done(Call::book("1", &json!({ "seat": "B4" })), &repaired.unmerged_office).await;
    assert_eq!(repaired.cached("1").await.len(), 7, "behind");
    repaired.deliver_to(&old).await;
    assert_eq!(repaired.cached("1").await.len(), 6);
}

#[tokio::test]
async fn without_repair_the_cache_is_stale_until_the_key_expires() {
    let repaired = RepairedWorld::new().await;
    repaired.fill("1").await;
    done(Call::book("1", &json!({ "seat": "A1" })), &repaired.unmerged_office).await;
    assert_eq!(repaired.cached("1").await.len(), 6);
    let mut redis = repaired.world.redis().await;
    let key = repaired.world.cache_key("1");
    let left: i64 = redis.pttl(&key).await.unwrap();
    assert!((1..=60_000).contains(&left), "{left}");
    let _: bool = redis.pexpire(&key, 1).await.unwrap();
    while redis.exists::<_, bool>(&key).await.unwrap() {
        tokio::task::yield_now().await;
    }
    repaired.fill("1").await;
    assert_eq!(repaired.cached("1").await.len(), 5);
}

#[tokio::test]
async fn a_batch_costs_one_call_to_redis_per_theater() {
    let redis = RedisProxy::before(engines::shared().valkey.port()).await;
    let dynamodb = DynamoDbProxy::before(engines::shared().endpoint()).await;
    let mut repaired = RepairedWorld::new().await;
    for theater in ["1", "2"] {
        repaired.fill(theater).await;
    }
    let setup = Setup { dynamodb: dynamodb.endpoint.clone(), ..Setup::with_cache(&redis.url) };
    let office = repaired.world.instance_on(&setup).await;
    redis.take();
    dynamodb.take();
    for (theater, seats) in [("1", ["A1", "A2"]), ("2", ["C1", "C2"]), ("1", ["A3", "B1"])] {
        done(Call::reserve(theater, &json!({ "seats": seats })), &repaired.unmerged_office).await;
    }
    let delivered = repaired.deliver_to(&office).await;
    assert_eq!((delivered.records, delivered.invocations), (6, 1));
    assert_eq!(redis.take(), ["EVALSHA", "EVALSHA"]);
    let calls: Vec<_> = dynamodb.take().into_iter().map(|call| call.operation).collect();
    assert_eq!(calls, ["GetItem", "GetItem"], "the layouts, for a minute");
    // A repeated record changes nothing, and costs the same.
    done(Call::reserve("1", &json!({ "seat": "B2" })), &repaired.unmerged_office).await;
    repaired.deliver_to(&office).await;
    assert_eq!((redis.take(), dynamodb.take().len()), (vec!["EVALSHA".to_owned()], 0));
    assert_eq!(repaired.cached("1").await, ["B3"]);
    assert_eq!(repaired.cached("2").await, ["C3", "D1", "D2", "D3"]);
}

#[tokio::test]
async fn records_are_retried_until_redis_is_back() {
    let valkey = RefCell::new(Valkey::start().unwrap());
    let url = valkey.borrow().url();
    let world = World::on(Setup::with_cache(&url)).await;
    let reader = engines::shared().dynamodb.stream(&world.table).unwrap();
    let mut repaired = RepairedWorld::of(world, reader).await;
    repaired.fill("1").await;
    done(Call::book("1", &json!({ "seat": "A1" })), &repaired.unmerged_office).await;
    done(Call::book("1", &json!({ "seat": "A2" })), &repaired.unmerged_office).await;

    valkey.borrow_mut().pause().unwrap();
    let deadline = Duration::from_millis(100);
    let impatient = Setup { cache_deadline: deadline, ..repaired.world.setup.clone() };
    let office = repaired.world.instance_on(&impatient).await;
    let answers = RefCell::new(Vec::new());
    let invoke = async |event: Value| {
        let first = event["Records"][0]["dynamodb"]["SequenceNumber"].clone();
        let answer = send_batch(&office, event).await;
        let failed = answer["batchItemFailures"] != json!([]);
        if failed {
            assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": first }] }));
        }
        answers.borrow_mut().push(failed);
        if answers.borrow().len() == 2 {
            valkey.borrow_mut().resume().unwrap();
            // The pause of the circuit breaker passes.
            repaired.world.at(60_000);
        }
        Ok(answer)
    };
    let delivered = drain(&mut repaired.reader, &repaired.mapping, &invoke).await.unwrap();
    assert_eq!(delivered.undelivered.len(), 0);
    let answers = answers.into_inner();
    assert_eq!((answers[..2].to_vec(), answers.last()), (vec![true, true], Some(&false)));
    repaired.world.at(0);
    assert_eq!(repaired.cached("1").await, ["A3", "B1", "B2", "B3"]);
}

/// A time long ago. The TTL uses the system's clock, so it deletes at once every reservation that expires near this
/// time.
const PAST: u64 = 1_577_836_800_000;

/// Returns a world of that time on its own engines, where the TTL deletes on request.
async fn world_in_the_past() -> (LocalStack, RepairedWorld) {
    let stack = LocalStack::start().unwrap();
    let setup = Setup { dynamodb: stack.endpoint().to_owned(), ..Setup::with_cache(&stack.cache_url()) };
    let world = World::on_engine_with_ttl(setup, stack.endpoint()).await;
    world.clock.set(EpochMillis::new(PAST));
    let reader = stack.dynamodb.stream(&world.table).unwrap();
    let repaired = RepairedWorld::of(world, reader).await;
    (stack, repaired)
}

#[tokio::test]
async fn ttl_deletion_changes_nothing_and_manual_deletion_is_seen() {
    let (stack, mut repaired) = world_in_the_past().await;
    done(Call::reserve("1", &json!({ "seat": "A1" })), &repaired.unmerged_office).await;
    done(Call::book("1", &json!({ "seat": "A2" })), &repaired.unmerged_office).await;
    repaired.world.clock.set(EpochMillis::new(PAST + 601_000));
    repaired.fill("1").await;
    assert_eq!(repaired.cached("1").await, ["A1", "A3", "B1", "B2", "B3"]);
    assert_eq!(stack.dynamodb.sweep_ttl().unwrap(), 2, "the seat and its reservation record");
    assert!(repaired.world.seat_item("1", "A1").await.is_none(), "collected");
    assert_eq!(repaired.deliver().await.records, 3);
    assert_eq!(repaired.cached("1").await, ["A1", "A3", "B1", "B2", "B3"]);

    repaired.world.delete_seat_item("1", "A2").await;
    assert_eq!(repaired.cached("1").await.len(), 5, "the cache doesn't know yet");
    repaired.deliver().await;
    repaired.fill("1").await;
    assert_eq!(repaired.cached("1").await.len(), 6);
}

#[tokio::test]
async fn newer_reservation_with_a_smaller_stamp_wins_in_any_order() {
    for writer_tells in [true, false] {
        let (stack, mut repaired) = world_in_the_past().await;
        repaired.fill("1").await;
        let setup = match writer_tells {
            true => repaired.world.setup.clone(),
            false => Setup { cache: None, ..repaired.world.setup.clone() },
        };
        let at = |millis| Clock::manual(EpochMillis::new(PAST + millis));
        let fast = repaired.world.instance_at(&repaired.world.setup, at(5_000)).await;
        let slow = repaired.world.instance_at(&setup, at(2_000)).await;
        done(Call::reserve("1", &json!({ "seat": "A1", "expires_in": 1 })), &fast).await;
        // The reservation expires at 6 s. The TTL deletes the item at once, and with it the stamp. By the slow clock it
        // is 2 s.
        assert_eq!(stack.dynamodb.sweep_ttl().unwrap(), 2, "the seat and its reservation record");
        repaired.world.clock.set(EpochMillis::new(PAST + 7_000));
        assert_eq!(repaired.cached("1").await.len(), 6);
        // The id avoids an early rejection: by the slow clock, the cached reservation hasn't expired.
        done(Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(2) })), &slow).await;
        if !writer_tells {
            repaired.deliver().await;
        }
        for _ in 0..2 {
            let seat_map = Call::get_seats("1").send(&repaired.world.office).await;
            assert_eq!(seat_map.seats(), ["A2", "A3", "B1", "B2", "B3"], "{}", seat_map.header("x-cache"));
        }
        // The stream delivers all changes in their order to the current cache.
        repaired.deliver().await;
        for _ in 0..2 {
            assert_eq!(Call::get_seats("1").send(&repaired.world.office).await.seats().len(), 5);
        }
    }
}

#[tokio::test]
async fn unreadable_seat_drops_key_and_foreign_records_are_skipped() {
    let mut repaired = RepairedWorld::new().await;
    let record = |theater: &str, seat: &str| {
        let keys = json!({ "pk": { "S": format!("THEATER#{theater}") }, "sk": { "S": format!("SEAT#{seat}") } });
        let image = json!({ "status": { "S": "booked" }, "changed_at": { "N": "7" } });
        json!({ "eventName": "INSERT", "dynamodb": { "Keys": keys, "NewImage": image, "SequenceNumber": "1" } })
    };
    let (nothing_failed, office) = (json!({ "batchItemFailures": [] }), &repaired.world.office);
    repaired.fill("1").await;
    let event = json!({ "Records": [record("1", "no label"), record("nowhere", "A1"), record("1", "B1")] });
    assert_eq!(send_batch(office, event.clone()).await, nothing_failed);
    assert_eq!(repaired.cached("1").await.len(), 5);
    assert_eq!(
        send_batch(&repaired.unmerged_office, event).await,
        nothing_failed,
        "without a cache there is nothing to do"
    );
    let mut unreadable = record("1", "B2");
    unreadable["dynamodb"]["NewImage"]["status"] = json!({ "S": "sold" });
    // A seat that is missing in this instance's layout may be in a newer layout of another instance.
    for record in [record("1", "Z99"), unreadable] {
        assert_eq!(send_batch(office, json!({ "Records": [record] })).await, nothing_failed);
        repaired.fill("1").await;
        assert_eq!(repaired.cached("1").await.len(), 6);
    }
    assert_eq!(repaired.deliver().await.records, 0);
}

#[tokio::test]
async fn unreadable_layout_does_not_block_the_batch() {
    let mut repaired = RepairedWorld::new().await;
    repaired.fill("1").await;
    done(Call::book("1", &json!({ "seat": "A1" })), &repaired.unmerged_office).await;
    done(Call::book("2", &json!({ "seat": "C1" })), &repaired.unmerged_office).await;
    repaired.fill("2").await;
    let put = repaired.world.client.update_item().table_name(&repaired.world.table);
    let put = put.key("pk", AttributeValue::S("THEATER#1".into())).key("sk", AttributeValue::S("LAYOUT".into()));
    let put = put.update_expression("SET seats = :seats");
    put.expression_attribute_values(":seats", AttributeValue::N("7".into())).send().await.unwrap();
    let delivered = repaired.deliver().await;
    assert_eq!((delivered.records, delivered.invocations, delivered.undelivered.len()), (2, 1, 0));
    let there: bool = repaired.world.redis().await.exists(repaired.world.cache_key("1")).await.unwrap();
    assert!(!there, "forgotten");
}

#[tokio::test]
async fn payload_that_is_no_batch_is_a_function_error() {
    let world = World::new().await;
    for event in [json!(null), json!({}), json!({ "Records": 7 })] {
        let event = lambda_http::LambdaEvent::new(event, lambda_http::Context::default());
        assert!(boxoffice::sync_cache::handle(&world.office, event).await.is_err());
    }
}
