//! A separate box office for each test: the three binaries, a table, a Valkey, and a proxy before each engine.

use std::collections::BTreeMap;
use std::time::Duration;

use boxoffice_local::engine::Valkey;
use boxoffice_tests::dynamodb_proxy::DynamoDbProxy;
use boxoffice_tests::gate::Gate;
use boxoffice_tests::redis_proxy::RedisProxy;
use boxoffice_tests::{Call, Reply, SeatFunctions, Setup, World, engines};
use serde_json::{Value, json};
use uuid::Uuid;

/// The theater of all tests.
pub(crate) const HALL: &str = "hall";
/// The number of its seats, S1 to S120.
pub(crate) const SEATS: usize = 120;

/// Timeout for events that happen by themselves. Far longer than they need.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A longer deadline than in service, so that on a busy machine only the staged faults cause failures.
pub(crate) const LONG_CACHE_DEADLINE: (&str, &str) = ("CACHE_DEADLINE_MS", "5000");
pub(crate) struct Deployment {
    pub(crate) world: World,
    pub(crate) valkey: Valkey,
    pub(crate) dynamodb: DynamoDbProxy,
    pub(crate) redis: RedisProxy,
    /// A gate for all calls, in both directions.
    pub(crate) gate: Gate,
    pub(crate) functions: SeatFunctions,
}

impl Deployment {
    pub(crate) async fn new() -> Self {
        Self::with(&[LONG_CACHE_DEADLINE]).await
    }

    /// Returns a deployment whose functions have these variables.
    pub(crate) async fn with(variables: &[(&str, &str)]) -> Self {
        let gate = Gate::default();
        let valkey = Valkey::start().expect("a Valkey");
        let dynamodb = DynamoDbProxy::behind(gate.clone(), engines::shared().endpoint()).await;
        let redis = RedisProxy::behind(gate.clone(), valkey.port()).await;
        let world = World::on(Setup::without_cache()).await;
        let labels: Vec<_> = (1..=SEATS).map(|number| format!("S{number}")).collect();
        world.put_theater(HALL, "Hall", &labels.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let setup = Setup { dynamodb: dynamodb.endpoint.clone(), ..Setup::with_cache(&redis.url) };
        let mut environment = world.environment(&setup);
        environment.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let functions = SeatFunctions::start(&environment).await;
        Self { world, valkey, dynamodb, redis, gate, functions }
    }

    pub(crate) async fn send(&self, call: &Call) -> Reply {
        self.functions.send(call).await
    }

    /// Sends a call, and repeats it while the outcome is unknown, as a client does.
    pub(crate) async fn insist(&self, call: &Call) -> Reply {
        eventually(async || Some(self.send(call).await).filter(|reply| reply.status != 503)).await
    }

    /// Returns the owner of each reserved or booked seat in DynamoDB.
    pub(crate) async fn taken(&self) -> BTreeMap<String, String> {
        let items = self.world.items().await;
        let text = |value: &aws_sdk_dynamodb::types::AttributeValue| value.as_s().unwrap().clone();
        let taken = items.iter().filter_map(|item| {
            let seat = text(&item["sk"]).strip_prefix("SEAT#")?.to_owned();
            let owner = item.get("booking_id").or(item.get("reservation_id")).map(text)?;
            Some((seat, owner))
        });
        taken.collect()
    }

    /// Returns the ids of all bookings. An id occurs once per item.
    pub(crate) async fn bookings(&self) -> Vec<String> {
        let items = self.world.items().await;
        let keys = items.iter().map(|item| item["pk"].as_s().unwrap());
        // The key has the theater, the owner and the id, in this order.
        let id = |pk: &String| Some(pk.strip_prefix("BOOKING#hall#")?.rsplit('#').next()?.to_owned());
        let mut ids: Vec<_> = keys.filter_map(id).collect();
        ids.sort_unstable();
        ids
    }

    /// Checks that a read past the cache shows exactly the state in DynamoDB.
    pub(crate) async fn check_consistent_read(&self) {
        let seat_map = self.send(&seat_map().query("consistent=true")).await;
        self.is_right(&seat_map).await;
    }

    /// Checks that this reply shows exactly the state in DynamoDB.
    pub(crate) async fn is_right(&self, seat_map: &Reply) {
        assert_eq!(seat_map.status, 200, "{}", seat_map.text);
        let (taken, bookings) = (self.taken().await, self.bookings().await);
        let booked = taken.values().filter(|owner| bookings.contains(owner)).count();
        let free: Vec<_> = (1..=SEATS).map(|n| format!("S{n}")).filter(|seat| !taken.contains_key(seat)).collect();
        assert_eq!(seat_map.seats(), free, "{}", seat_map.header("x-cache"));
        assert_eq!(seat_map.body["booked"], booked, "{}", seat_map.text);
        assert_eq!(seat_map.body["reserved"], taken.len() - booked, "{}", seat_map.text);
    }
}

/// Asks repeatedly until there is a result.
pub(crate) async fn eventually<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, asking).await.expect("it comes")
}

pub(crate) fn seat_map() -> Call {
    Call::get_seats(HALL)
}

pub(crate) fn reserve(seats: &[String], reservation: Uuid) -> Call {
    Call::reserve(HALL, &json!({ "seats": seats, "reservation_id": reservation.to_string() }))
}

pub(crate) fn book(seats: &[String], booking: Uuid, reservation: Option<Uuid>) -> Call {
    let mut body = json!({ "seats": seats, "booking_id": booking.to_string() });
    if let Some(reservation) = reservation {
        body["reservation_id"] = Value::from(reservation.to_string());
    }
    Call::book(HALL, &body)
}

/// Returns the labels of the seats `from` to `to`.
pub(crate) fn seats(from: usize, to: usize) -> Vec<String> {
    (from..=to).map(|number| format!("S{number}")).collect()
}
