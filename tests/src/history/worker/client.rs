//! A client of a history: its instance, its clock, and the proxies in front of the engines.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use boxoffice::app::BoxOffice;
use boxoffice::clock::Clock;
use boxoffice::domain::time::EpochMillis;
use serde_json::{Value, json};
use uuid::Uuid;

use super::documents;
use super::stage::Stage;
use crate::dynamodb_proxy::{DynamoDbProxy, RecordedCall};
use crate::history::call_log::{Answer, CallRecord, Request};
use crate::history::faults;
use crate::history::money::TicketType;
use crate::history::plan::{MAX_RESERVED, Plan, Step};
use crate::history::seats::{LABELS, Seats};
use crate::redis_proxy::RedisProxy;
use crate::world::START;
use crate::{Call, Setup, World, engines};

/// The cache deadlines: short for a failing cache, and for a working cache longer than any delay of this machine.
const LOSSY_DEADLINE: Duration = Duration::from_millis(60);
const DEADLINE: Duration = Duration::from_secs(20);

pub(super) struct Client {
    pub(super) clock: Clock,
    office: BoxOffice,
    dynamodb: DynamoDbProxy,
    /// The proxy of a failing cache. A working cache has none.
    redis: Option<RedisProxy>,
    /// The clock of the first call with an unknown outcome, because that call may still be on its way.
    unknown_since: AtomicU64,
}

impl Client {
    pub(super) async fn new(world: &World, plan: &Plan) -> Self {
        let cache_fails = plan.cache_fails;
        let dynamodb = DynamoDbProxy::before(engines::shared().endpoint()).await;
        let redis = if cache_fails { Some(RedisProxy::before(engines::shared().valkey.port()).await) } else { None };
        let cache = redis.as_ref().map_or(Setup::shared(), |redis| Setup::with_cache(&redis.url));
        let setup = Setup {
            dynamodb: dynamodb.endpoint.clone(),
            cache_deadline: if cache_fails { LOSSY_DEADLINE } else { DEADLINE },
            attempt: Duration::from_millis(300),
            total: Duration::from_millis(900),
            max_reserved_per_caller: MAX_RESERVED,
            ..cache
        };
        let clock = Clock::manual(START);
        let office = world.instance_at(&setup, clock.clone()).await;
        Self { clock, office, dynamodb, redis, unknown_since: AtomicU64::new(u64::MAX) }
    }

    /// Sets the clock for a new history.
    pub(super) fn starts_at(&self, now: EpochMillis) {
        self.clock.set(now);
        self.unknown_since.store(u64::MAX, Ordering::SeqCst);
    }

    /// Returns the earliest time at which a call of this client may evaluate a seat from now on.
    pub(super) fn earliest(&self) -> EpochMillis {
        self.clock.now().min(EpochMillis::new(self.unknown_since.load(Ordering::SeqCst)))
    }

    /// Makes a call with its faults. `given` is the reservation that the client received last.
    pub(super) async fn make_call(&self, step: &Step, given: Option<Uuid>, stage: &Stage<'_>) -> CallRecord {
        let request = match step.request {
            Request::Book { seats, children, booking, .. } if step.own_reservation && given.is_some() => {
                Request::Book { seats, children, booking, reservation: given }
            }
            request => request,
        };
        let call = call(&request, stage);
        // Discards calls that belong to the previous step, including those that are still on their way.
        self.dynamodb.take();
        step.faults.stage(&self.dynamodb, self.redis.as_ref()).await;
        let begin = stage.tick();
        let reply = match step.killed_after {
            Some(after) => tokio::time::timeout(after, call.send(&self.office)).await.ok(),
            None => Some(call.send(&self.office).await),
        };
        let end = stage.tick();
        let seen = self.dynamodb.take();
        self.dynamodb.clear_faults();
        let met = self.met(step, &seen).await;
        let answer = reply.as_ref().map_or(Answer::Unknown, |reply| Answer::read(&request, reply));
        if answer == Answer::Unknown {
            self.unknown_since.fetch_min(self.clock.now().as_millis(), Ordering::SeqCst);
        }
        let writes = seen.iter().filter(|seen| seen.operation == "TransactWriteItems" && !notes_a_refusal(seen));
        let carried_out = writes.clone().filter(|seen| seen.carried_out != Some(false)).count();
        // After a timeout the last attempt may reach the proxy only after this count.
        let unseen = answer == Answer::Unknown && !matches!(request, Request::Read { .. });
        CallRecord {
            client: step.client,
            begin,
            end: reply.is_some().then_some(end),
            now: self.clock.now(),
            request,
            answer,
            writes: writes.count(),
            carried_out: carried_out.max(usize::from(unseen)),
            met,
        }
    }

    async fn met(&self, step: &Step, seen: &[RecordedCall]) -> Vec<&'static str> {
        let mut met: Vec<_> = seen.iter().filter_map(|seen| seen.fault.as_ref()).map(faults::name).collect();
        if let (Some(redis), Some(fault)) = (&self.redis, step.faults.cache) {
            redis.set(None).await;
            met.extend((redis.take_faults_met() > 0).then_some(fault.name()));
        }
        met
    }
}

/// Returns `true` if a write only records a rejection in a reservation's record. Such a write belongs to the answer and
/// isn't an attempt.
fn notes_a_refusal(seen: &RecordedCall) -> bool {
    let items = seen.request["TransactItems"].as_array();
    items.is_some_and(|items| items.len() == 1 && items[0]["Put"]["Item"]["refused_at"].is_object())
}

fn call(request: &Request, stage: &Stage<'_>) -> Call {
    let call = match request {
        Request::PutPrices { list } => return documents::put_prices(stage, *list),
        Request::PutSale { open } => {
            let state = if *open { "open" } else { "paused" };
            return stage.on_inventory(Call::put_sale(&stage.id, &json!({ "state": state })));
        }
        request => stage.on_inventory(buyers_call(request, &stage.id)),
    };
    // In plans with a limit each history has its own caller.
    if stage.plan.limited { call.signed_in(&stage.id) } else { call }
}

/// Returns the call of a buyer on a theater.
fn buyers_call(request: &Request, theater: &str) -> Call {
    match request {
        Request::Read { consistent: true } => Call::get_seats(theater).query("consistent=true"),
        Request::Read { consistent: false } => Call::get_seats(theater),
        Request::Reserve { seats, children, reservation, expires_in } => {
            let body = json!({ "seats": named(*seats, *children), "expires_in": expires_in });
            Call::reserve(theater, &with_ids(body, [("reservation_id", *reservation)]))
        }
        Request::Book { seats, children, booking, reservation } => {
            let ids = [("booking_id", *booking), ("reservation_id", *reservation)];
            Call::book(theater, &with_ids(json!({ "seats": named(*seats, *children) }), ids))
        }
        Request::BookWhole { booking, reservation } => {
            let ids = [("booking_id", *booking), ("reservation_id", Some(*reservation))];
            Call::book(theater, &with_ids(json!({}), ids))
        }
        Request::ReleaseAll { reservation } => Call::release(theater, &reservation.to_string()),
        Request::Release { seat: at, reservation } => {
            Call::release(theater, &reservation.to_string()).query(&format!("seats={}", seat(*at)))
        }
        Request::Extend { seat: at, reservation, key, expires_in } => {
            let body = json!({ "seats": [seat(*at)], "expires_in": expires_in });
            let call = Call::extend(theater, &reservation.to_string(), &body);
            call.header("Idempotency-Key", &format!("an-extension-by-key-{key}"))
        }
        Request::Cancel { booking } => Call::cancel(theater, &booking.to_string()),
        Request::PutPrices { .. } | Request::PutSale { .. } | Request::Sweep { .. } => {
            unreachable!("a buyer doesn't {request}")
        }
    }
}

/// Returns the seats of a request, some of them with their ticket type.
fn named(seats: Seats, children: Seats) -> Vec<Value> {
    let named = |at: usize| match children.has(at) {
        true => json!({ "seat": seat(at), "ticket_type": TicketType::Child.as_str() }),
        false => json!(seat(at)),
    };
    seats.positions().map(named).collect()
}

fn seat(position: usize) -> &'static str {
    LABELS[position]
}

fn with_ids<const N: usize>(mut body: Value, ids: [(&str, Option<Uuid>); N]) -> Value {
    for (name, id) in ids.into_iter().filter_map(|(name, id)| Some((name, id?))) {
        body[name] = json!(id.to_string());
    }
    body
}
