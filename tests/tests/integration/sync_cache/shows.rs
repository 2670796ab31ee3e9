//! Repair of the cached seats of shows, and of the summaries for lists.

use super::*;

/// The summaries of the shows' own list, in which they are on this day.
const DAY: &str = "from=2026-12-01";

impl RepairedWorld {
    /// Returns a world with a show of theater 1.
    async fn with_show() -> Self {
        let mut repaired = Self::new().await;
        repaired.put_show().await;
        repaired
    }

    /// Puts a show, and skips the records of that.
    async fn put_show(&mut self) {
        let show = json!({ "theater_id": "1", "title": "Tosca", "starts_at": "2026-12-01T20:15:00+01:00",
            "timezone": "Europe/Vienna" });
        done(Call::put_show("evening", &show), &self.world.office).await;
        self.deliver().await;
    }

    /// Returns the available seats that the cache shows of the show.
    async fn cached_of_show(&self) -> Vec<String> {
        let seat_map = Call::get_seats("evening").of_show().send(&self.world.office).await;
        assert_eq!(seat_map.header("x-cache"), "hit", "{}", seat_map.text);
        seat_map.seats().into_iter().map(str::to_owned).collect()
    }

    async fn fill_show(&self) {
        let seat_map = Call::get_seats("evening").of_show().send(&self.world.office).await;
        assert_eq!(seat_map.header("x-cache"), "miss");
    }

    /// Counts the seats of the show, and returns the level.
    async fn count(&self) -> String {
        Call::show("evening").send(&self.world.office).await.body["availability"]["level"].as_str().unwrap().to_owned()
    }

    /// Returns the level of the show in the list.
    async fn listed(&self) -> String {
        let list = Call::shows(DAY).send(&self.world.office).await;
        list.body["shows"][0]["availability"]["level"].as_str().unwrap_or_else(|| panic!("{}", list.text)).to_owned()
    }

    /// Sends a call on the show to an instance whose writes never reach the cache.
    async fn unmerged(&self, call: Call) {
        done(call.of_show(), &self.unmerged_office).await;
    }

    async fn sell_all(&self) {
        for (seats, booking) in [(["A1", "A2", "A3"], 7), (["B1", "B2", "B3"], 8)] {
            self.unmerged(Call::book("evening", &json!({ "seats": seats, "booking_id": id(booking) }))).await;
        }
    }
}

#[tokio::test]
async fn stream_updates_the_seats_of_a_show() {
    let mut repaired = RepairedWorld::with_show().await;
    repaired.fill("1").await;
    repaired.fill_show().await;
    repaired.unmerged(Call::reserve("evening", &json!({ "seat": "A1", "reservation_id": id(1) }))).await;
    repaired.unmerged(Call::book("evening", &json!({ "seat": "B1" }))).await;
    assert_eq!(repaired.cached_of_show().await.len(), 6, "behind");
    let delivered = repaired.deliver().await;
    assert_eq!((delivered.records, delivered.undelivered.len()), (2, 0));
    assert_eq!(repaired.cached_of_show().await, ["A2", "A3", "B2", "B3"]);
    assert_eq!(repaired.cached("1").await.len(), 6, "the theater's own seats are others");
    repaired.unmerged(Call::release("evening", &id(1))).await;
    repaired.deliver().await;
    assert_eq!(repaired.cached_of_show().await, ["A1", "A2", "A3", "B2", "B3"]);
}

#[tokio::test]
async fn records_of_shows_and_sales_are_skipped() {
    let repaired = RepairedWorld::with_show().await;
    repaired.fill_show().await;
    let record = |pk: &str, sk: &str| {
        let keys = json!({ "pk": { "S": pk }, "sk": { "S": sk } });
        let image = json!({ "status": { "S": "booked" }, "changed_at": { "N": "7" } });
        json!({ "eventName": "INSERT", "dynamodb": { "Keys": keys, "NewImage": image, "SequenceNumber": "1" } })
    };
    let batch = [
        record("SHOW#evening", "SHOW"),
        record("SHOWS#2026-12-01", "001796152500#evening"),
        record("THEATER#1", "SHOW#evening"),
        record("THEATER#1", "LAYOUT#7"),
        record("THEATER#1", "SALE"),
        record("THEATER#1", "SHOWS_ADDED"),
        record("SHOW#evening", "SEAT#A1"),
    ];
    let answer = send_batch(&repaired.world.office, json!({ "Records": batch })).await;
    assert_eq!(answer, json!({ "batchItemFailures": [] }));
    assert_eq!(repaired.cached_of_show().await, ["A2", "A3", "B1", "B2", "B3"]);
}

#[tokio::test]
async fn seat_available_again_ends_a_sold_out_summary() {
    let mut repaired = RepairedWorld::with_show().await;
    repaired.sell_all().await;
    repaired.deliver().await;
    assert_eq!((repaired.count().await.as_str(), repaired.listed().await.as_str()), ("none", "none"));
    repaired.world.at(3_600_000);
    assert_eq!(repaired.listed().await, "none", "an hour later, because all seats are booked");
    repaired.unmerged(Call::cancel("evening", &id(7))).await;
    assert_eq!(repaired.listed().await, "none", "behind");
    repaired.deliver().await;
    assert_eq!(repaired.listed().await, "unknown");
    assert_eq!((repaired.count().await.as_str(), repaired.listed().await.as_str()), ("many", "many"));
    // A summary with available seats stays, and so does one of a show that is sold out again.
    repaired.unmerged(Call::cancel("evening", &id(8))).await;
    repaired.deliver().await;
    assert_eq!(repaired.listed().await, "many");
}

#[tokio::test]
async fn sold_out_summary_that_is_stored_late_does_not_count() {
    let mut repaired = RepairedWorld::with_show().await;
    repaired.sell_all().await;
    repaired.deliver().await;
    assert_eq!(repaired.count().await, "none");
    let mut redis = repaired.world.redis().await;
    let key = format!("{}:{{shows}}:summaries", repaired.world.prefix);
    let late: Vec<u8> = redis::cmd("HGET").arg(&key).arg("evening").query_async(&mut redis).await.unwrap();
    let _: i64 = redis::cmd("HDEL").arg(&key).arg("evening").query_async(&mut redis).await.unwrap();
    repaired.unmerged(Call::cancel("evening", &id(7))).await;
    repaired.deliver().await;
    // A reader that counted the seats before the cancellation stores the summary now.
    let _: i64 = redis::cmd("HSET").arg(&key).arg("evening").arg(late).query_async(&mut redis).await.unwrap();
    for millis in [0, 60_000, 86_400_000] {
        repaired.world.at(millis);
        assert_eq!(repaired.listed().await, "unknown", "{millis} ms");
    }
    let again = json!({ "seats": ["A1", "A2", "A3"] });
    repaired.unmerged(Call::book("evening", &again)).await;
    repaired.deliver().await;
    assert_eq!((repaired.count().await.as_str(), repaired.listed().await.as_str()), ("none", "none"), "sold out again");
}

#[tokio::test]
async fn seat_taken_again_in_the_batch_keeps_the_summary() {
    let mut repaired = RepairedWorld::with_show().await;
    repaired.sell_all().await;
    repaired.deliver().await;
    assert_eq!(repaired.count().await, "none");
    repaired.unmerged(Call::cancel("evening", &id(7))).await;
    repaired.unmerged(Call::book("evening", &json!({ "seats": ["A1", "A2", "A3"] }))).await;
    assert_eq!(repaired.deliver().await.invocations, 1);
    assert_eq!(repaired.listed().await, "none");
}

#[tokio::test]
async fn sold_out_by_reservations_is_unknown_after_a_minute() {
    let repaired = RepairedWorld::with_show().await;
    let all = json!({ "seats": ["A1", "A2", "A3", "B1", "B2", "B3"], "expires_in": 60 });
    repaired.unmerged(Call::reserve("evening", &all)).await;
    assert_eq!(repaired.count().await, "none");
    repaired.world.at(59_999);
    assert_eq!(repaired.listed().await, "none");
    repaired.world.at(60_000);
    assert_eq!(repaired.listed().await, "unknown", "the reservations may have ended");
}

#[tokio::test]
async fn deletions_end_a_sold_out_summary() {
    let (stack, mut repaired) = world_in_the_past().await;
    repaired.put_show().await;
    let all = json!({ "seats": ["A1", "A2", "A3", "B1", "B2", "B3"], "expires_in": 1 });
    repaired.unmerged(Call::reserve("evening", &all)).await;
    repaired.deliver().await;
    assert_eq!(repaired.count().await, "none");
    stack.dynamodb.sweep_ttl().unwrap();
    assert_eq!(repaired.listed().await, "none");
    assert_eq!(repaired.deliver().await.records, 6);
    assert_eq!(repaired.listed().await, "unknown");

    repaired.world.clock.set(EpochMillis::new(PAST + 60_000));
    repaired.sell_all().await;
    repaired.deliver().await;
    assert_eq!(repaired.count().await, "none");
    let delete = repaired.world.client.delete_item().table_name(&repaired.world.table);
    let delete = delete.key("pk", AttributeValue::S("SHOW#evening".into()));
    delete.key("sk", AttributeValue::S("SEAT#A1".into())).send().await.unwrap();
    repaired.deliver().await;
    assert_eq!(repaired.listed().await, "unknown", "deleted by hand");
}

#[tokio::test]
async fn a_summary_costs_calls_only_if_a_seat_is_available_again() {
    let redis = RedisProxy::before(engines::shared().valkey.port()).await;
    let mut repaired = RepairedWorld::with_show().await;
    let office = repaired.world.instance_on(&Setup::with_cache(&redis.url)).await;
    repaired.sell_all().await;
    redis.take();
    repaired.deliver_to(&office).await;
    assert_eq!(redis.take(), ["EVALSHA"], "only taken seats");
    assert_eq!(repaired.count().await, "none");
    for booking in [7, 8] {
        repaired.unmerged(Call::cancel("evening", &id(booking))).await;
        repaired.deliver_to(&office).await;
        assert_eq!(redis.take(), ["HSET", "EVALSHA"], "three seats in one batch");
    }
    repaired.fill("1").await;
    done(Call::book("1", &json!({ "seat": "A1", "booking_id": id(9) })), &repaired.unmerged_office).await;
    done(Call::cancel("1", &id(9)), &repaired.unmerged_office).await;
    repaired.deliver_to(&office).await;
    assert_eq!(redis.take(), ["EVALSHA"], "theaters have no summary");
}

#[tokio::test]
async fn summary_that_cannot_be_ended_fails_the_record() {
    let redis = RedisProxy::before(engines::shared().valkey.port()).await;
    let repaired = RepairedWorld::with_show().await;
    let office = repaired.world.instance_on(&Setup::with_cache(&redis.url)).await;
    // The cached seats need no update, because the reservation has ended by itself.
    let collected = json!({ "eventName": "REMOVE",
        "userIdentity": { "type": "Service", "principalId": "dynamodb.amazonaws.com" },
        "dynamodb": { "Keys": { "pk": { "S": "SHOW#evening" }, "sk": { "S": "SEAT#A1" } }, "SequenceNumber": "1" } });
    let batch = json!({ "Records": [collected] });
    assert_eq!(send_batch(&office, batch.clone()).await, json!({ "batchItemFailures": [] }));
    redis.set(Some(RedisFault::Refused)).await;
    let failed = json!({ "batchItemFailures": [{ "itemIdentifier": "1" }] });
    assert_eq!(send_batch(&office, batch).await, failed);
}

#[tokio::test]
async fn summary_is_retried_until_redis_is_back() {
    let redis = RedisProxy::before(engines::shared().valkey.port()).await;
    let mut repaired = RepairedWorld::with_show().await;
    repaired.sell_all().await;
    repaired.deliver().await;
    assert_eq!(repaired.count().await, "none");
    repaired.unmerged(Call::cancel("evening", &id(7))).await;
    let office = repaired.world.instance_on(&Setup::with_cache(&redis.url)).await;
    redis.set(Some(RedisFault::Refused)).await;
    let failures = RefCell::new(0);
    let (proxy, clock) = (&redis, &repaired.world.clock);
    let invoke = async |event: Value| {
        let answer = send_batch(&office, event).await;
        if answer["batchItemFailures"] != json!([]) {
            *failures.borrow_mut() += 1;
            proxy.set(None).await;
            // The pause of the circuit breaker passes.
            clock.set(clock.now() + Duration::from_secs(60));
        }
        Ok(answer)
    };
    drain(&mut repaired.reader, &repaired.mapping, &invoke).await.unwrap();
    assert_eq!(failures.into_inner(), 1);
    assert_eq!(repaired.listed().await, "unknown");
}
