//! Carrying out plans, one after the other, on instances that stay: each history has a theater of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use boxoffice::clock::Clock;
use boxoffice::rules::time::EpochMillis;
use boxoffice::usecases::BoxOffice;
use futures_util::future::join_all;
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::faults;
use super::plan::{Event, MOST_CLIENTS, Plan, Step};
use super::record::{Answer, Ask, Record};
use super::seats::LABELS;
use super::summary::Summary;
use crate::dynamodb_proxy::{DynamoDbProxy, Seen};
use crate::redis_proxy::RedisProxy;
use crate::world::START;
use crate::{Call, Setup, World, engines};

/// Between the clocks of two histories: no breaker and no layout of the one reaches into the other.
const NEXT: u64 = 3_600_000;
/// A cache that fails is waited for so long; one that is well, so long that this machine can't be slower.
const LOSSY_DEADLINE: Duration = Duration::from_millis(60);
const DEADLINE: Duration = Duration::from_secs(20);

/// Four instances with the proxies before them.
pub struct Lane {
    world: Arc<World>,
    clients: Vec<Client>,
    redis: MultiplexedConnection,
    histories: u64,
}

struct Client {
    office: BoxOffice,
    clock: Clock,
    dynamodb: DynamoDbProxy,
    /// Before a cache that is well there is none.
    redis: Option<RedisProxy>,
}

/// One history while it happens.
struct Stage<'a> {
    plan: &'a Plan,
    theater: String,
    base: u64,
    ticks: AtomicU64,
    kept: Mutex<Option<Vec<u8>>>,
    summary: &'a Summary,
}

impl Lane {
    /// A lane for plans whose cache fails, or for those whose cache is well.
    pub async fn new(world: Arc<World>, lossy: bool) -> Self {
        let mut clients = Vec::new();
        for _ in 0..MOST_CLIENTS {
            clients.push(Client::new(&world, lossy).await);
        }
        let redis = world.redis().await;
        Self { world, clients, redis, histories: 0 }
    }

    /// Carries out a plan. The last call is a look at what is left in the end.
    pub async fn carry_out(&mut self, plan: &Plan, summary: &Summary) -> Vec<Record> {
        self.histories += 1;
        let stage = Stage {
            plan,
            theater: format!("history-{}-{}", plan.seed, Uuid::now_v7().simple()),
            base: START.0 + self.histories * NEXT,
            ticks: AtomicU64::new(0),
            kept: Mutex::new(None),
            summary,
        };
        self.world.put_theater(&stage.theater, "H", &LABELS[..plan.seats]).await;
        for (client, ahead) in self.clients.iter().zip(&plan.clocks) {
            client.clock.set(EpochMillis(stage.base + ahead));
        }
        let clients = (0..plan.clocks.len()).map(|client| self.steps_of(client, &stage));
        let mut records: Vec<_> = join_all(clients).await.into_iter().flatten().collect();
        records.push(self.last_look(&stage).await);
        records.sort_by_key(|record| record.begin);
        records
    }

    async fn steps_of(&self, client: usize, stage: &Stage<'_>) -> Vec<Record> {
        let mut records = Vec::new();
        let mut given = None;
        for step in stage.plan.steps.iter().filter(|step| step.client == client) {
            let clock = &self.clients[client].clock;
            clock.set(EpochMillis(clock.now().0 + step.advance));
            if let Some(event) = step.before {
                self.happens(event, stage).await;
            }
            let record = self.clients[client].makes(step, given, stage).await;
            if let Answer::Reserved { reservation, .. } = record.answer {
                given = Some(reservation);
            }
            records.push(record);
        }
        records
    }

    async fn last_look(&self, stage: &Stage<'_>) -> Record {
        let step = Step {
            client: 0,
            advance: 0,
            before: None,
            ask: Ask::Look { consistent: true },
            own_reservation: false,
            faults: faults::Faults::default(),
            killed_after: None,
        };
        self.clients[0].makes(&step, None, stage).await
    }

    async fn happens(&self, event: Event, stage: &Stage<'_>) {
        let mut redis = self.redis.clone();
        let key = self.world.cache_key(&stage.theater);
        match event {
            Event::Sweep => self.sweep(stage).await,
            Event::Evict => {
                let gone: usize = redis.del(&key).await.expect("the cache");
                stage.summary.add("key evicted", gone);
            }
            Event::KeepKey => *stage.kept.lock().await = redis.get(&key).await.expect("the cache"),
            Event::RollBack => {
                let Some(kept) = stage.kept.lock().await.take() else { return };
                let () = redis.set_ex(&key, kept, 60).await.expect("the cache");
                stage.summary.add("key rolled back", 1);
            }
        }
    }

    /// Deletes what has run out by every clock, as DynamoDB's TTL does, only sooner.
    async fn sweep(&self, stage: &Stage<'_>) {
        let clocks = self.clients.iter().take(stage.plan.clocks.len()).map(|client| client.clock.now());
        let slowest = clocks.min().unwrap_or_default().seconds().0;
        for label in &LABELS[..stage.plan.seats] {
            let delete = self.world.client.delete_item().table_name(&self.world.table);
            let delete = delete.key("pk", AttributeValue::S(format!("THEATER#{}", stage.theater)));
            let delete = delete.key("sk", AttributeValue::S(format!("SEAT#{label}")));
            let delete = delete.condition_expression("#status = :reserved AND expires_at <= :now");
            let delete = delete.expression_attribute_names("#status", "status");
            let delete = delete.expression_attribute_values(":reserved", AttributeValue::S("reserved".to_owned()));
            let delete = delete.expression_attribute_values(":now", AttributeValue::N(slowest.to_string()));
            match delete.send().await {
                Ok(_) => stage.summary.add("seat swept", 1),
                Err(refused) => {
                    let error = refused.into_service_error();
                    assert!(error.is_conditional_check_failed_exception(), "{error}");
                }
            }
        }
    }
}

impl Client {
    async fn new(world: &World, lossy: bool) -> Self {
        let dynamodb = DynamoDbProxy::before(engines::shared().endpoint()).await;
        let redis = if lossy { Some(RedisProxy::before(engines::shared().valkey.port()).await) } else { None };
        let cache = redis.as_ref().map_or(Setup::shared(), |redis| Setup::with_cache(&redis.url));
        let setup = Setup {
            dynamodb: dynamodb.endpoint.clone(),
            cache_deadline: if lossy { LOSSY_DEADLINE } else { DEADLINE },
            attempt: Duration::from_millis(300),
            total: Duration::from_millis(900),
            ..cache
        };
        let clock = Clock::manual(START);
        Self { office: world.instance_at(&setup, clock.clone()).await, clock, dynamodb, redis }
    }

    async fn makes(&self, step: &Step, given: Option<Uuid>, stage: &Stage<'_>) -> Record {
        let ask = match step.ask {
            Ask::Book { seats, booking, .. } if step.own_reservation && given.is_some() => {
                Ask::Book { seats, booking, reservation: given }
            }
            ask => ask,
        };
        let call = call(&ask, &stage.theater);
        // What was left over from the call before, be it on its way, isn't this one's.
        self.dynamodb.take();
        step.faults.stage(&self.dynamodb, self.redis.as_ref()).await;
        let begin = stage.ticks.fetch_add(1, Ordering::SeqCst);
        let reply = match step.killed_after {
            Some(after) => tokio::time::timeout(after, call.send(&self.office)).await.ok(),
            None => Some(call.send(&self.office).await),
        };
        let end = stage.ticks.fetch_add(1, Ordering::SeqCst);
        let seen = self.dynamodb.take();
        self.dynamodb.calm();
        let met = self.met(step, &seen).await;
        let writes = seen.iter().filter(|seen| ["UpdateItem", "TransactWriteItems"].contains(&seen.operation.as_str()));
        Record {
            client: step.client,
            begin,
            end: reply.is_some().then_some(end),
            now: EpochMillis(self.clock.now().0),
            answer: reply.map_or(Answer::Unknown, |reply| Answer::read(&ask, &reply)),
            ask,
            writes: writes.clone().count(),
            carried_out: writes.filter(|seen| seen.carried_out != Some(false)).count(),
            met,
        }
    }

    async fn met(&self, step: &Step, seen: &[Seen]) -> Vec<&'static str> {
        let mut met: Vec<_> = seen.iter().filter_map(|seen| seen.fault.as_ref()).map(faults::name).collect();
        if let (Some(redis), Some(fault)) = (&self.redis, step.faults.cache) {
            redis.set(None).await;
            met.extend((redis.take_met() > 0).then_some(fault.name()));
        }
        met
    }
}

fn call(ask: &Ask, theater: &str) -> Call {
    match ask {
        Ask::Look { consistent: true } => Call::get_seats(theater).query("consistent=true"),
        Ask::Look { consistent: false } => Call::get_seats(theater),
        Ask::Reserve { seats, reservation, expires_in } => {
            let body =
                json!({ "seats": seats.labels(), "expires_in": expires_in, "reservation_id": text(*reservation) });
            Call::reserve(theater, &body)
        }
        Ask::Book { seats, booking, reservation } => {
            let body = json!({
                "seats": seats.labels(), "booking_id": text(*booking), "reservation_id": text(*reservation)
            });
            Call::book(theater, &body)
        }
    }
}

fn text(id: Option<Uuid>) -> Value {
    id.map_or(Value::Null, |id| Value::String(id.to_string()))
}
