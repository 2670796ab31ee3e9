//! A box office of its own for each test: the three binaries, a table, a Valkey, and a proxy before each engine.

use std::collections::BTreeMap;
use std::time::Duration;

use boxoffice_local::engine::Valkey;
use boxoffice_tests::dynamodb_proxy::DynamoDbProxy;
use boxoffice_tests::gate::Gate;
use boxoffice_tests::redis_proxy::RedisProxy;
use boxoffice_tests::{Call, Functions, Reply, Setup, World, engines};
use serde_json::{Value, json};
use uuid::Uuid;

/// The theater that everything happens in.
pub(crate) const HALL: &str = "hall";
/// Its seats are S1 to S120.
pub(crate) const SEATS: usize = 120;

/// For what comes by itself sooner or later. Far above what it takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Longer than in service, so that on a busy machine nothing fails but what is staged.
pub(crate) const PATIENT: (&str, &str) = ("CACHE_DEADLINE_MS", "5000");
pub(crate) struct Site {
    pub(crate) world: World,
    pub(crate) valkey: Valkey,
    pub(crate) dynamodb: DynamoDbProxy,
    pub(crate) redis: RedisProxy,
    /// All calls pass it, in whichever direction.
    pub(crate) gate: Gate,
    pub(crate) functions: Functions,
}

impl Site {
    pub(crate) async fn new() -> Self {
        Self::with(&[PATIENT]).await
    }

    /// With these variables for the functions.
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
        let functions = Functions::start(&environment).await;
        Self { world, valkey, dynamodb, redis, gate, functions }
    }

    pub(crate) async fn send(&self, call: &Call) -> Reply {
        self.functions.send(call).await
    }

    /// Sends a call, and again while the outcome isn't known, as a client does.
    pub(crate) async fn insist(&self, call: &Call) -> Reply {
        eventually(async || Some(self.send(call).await).filter(|reply| reply.status != 503)).await
    }

    /// What is reserved and what is booked, as DynamoDB has it: for each seat, by whom.
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

    /// The ids of all bookings, each as often as it stands there.
    pub(crate) async fn bookings(&self) -> Vec<String> {
        let items = self.world.items().await;
        let keys = items.iter().map(|item| item["pk"].as_s().unwrap());
        // After the theater comes the owner, then the id.
        let id = |pk: &String| Some(pk.strip_prefix("BOOKING#hall#")?.rsplit('#').next()?.to_owned());
        let mut ids: Vec<_> = keys.filter_map(id).collect();
        ids.sort_unstable();
        ids
    }

    /// Looks past the cache, and finds exactly what DynamoDB has.
    pub(crate) async fn look_is_right(&self) {
        let look = self.send(&look().query("consistent=true")).await;
        self.is_right(&look).await;
    }

    /// That this look shows exactly what DynamoDB has.
    pub(crate) async fn is_right(&self, look: &Reply) {
        assert_eq!(look.status, 200, "{}", look.text);
        let (taken, bookings) = (self.taken().await, self.bookings().await);
        let booked = taken.values().filter(|owner| bookings.contains(owner)).count();
        let free: Vec<_> = (1..=SEATS).map(|n| format!("S{n}")).filter(|seat| !taken.contains_key(seat)).collect();
        assert_eq!(look.seats(), free, "{}", look.header("x-cache"));
        assert_eq!(look.body["booked"], booked, "{}", look.text);
        assert_eq!(look.body["reserved"], taken.len() - booked, "{}", look.text);
    }
}

/// Asks until there is an answer.
pub(crate) async fn eventually<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.expect("it comes")
}

pub(crate) fn look() -> Call {
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

/// Seats `from` to `to`, by number.
pub(crate) fn seats(from: usize, to: usize) -> Vec<String> {
    (from..=to).map(|number| format!("S{number}")).collect()
}
