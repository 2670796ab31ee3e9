//! Execution of plans, one after another, on instances that live for many histories. Each history has its own theater.

mod client;
mod documents;
mod stage;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use boxoffice::domain::time::EpochMillis;
use futures_util::future::join_all;
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::call_log::{Answer, CallRecord, Request};
use super::faults;
use super::plan::{Event, MAX_CLIENTS, Plan, Step};
use super::seats::LABELS;
use super::summary::Summary;
use crate::World;
use crate::world::START;
use client::Client;
use stage::Stage;

/// The distance between the clocks of two histories in milliseconds. It keeps the state of circuit breakers and layout
/// caches from affecting the next history.
const CLOCK_GAP: u64 = 3_600_000;
/// A worker with four instances, and with the proxies in front of them.
pub struct Worker {
    world: Arc<World>,
    clients: Vec<Client>,
    redis: MultiplexedConnection,
    histories: u64,
}

impl Worker {
    /// Creates a worker for plans of the same kind as this one.
    pub async fn new(world: Arc<World>, plan: &Plan) -> Self {
        let mut clients = Vec::new();
        for _ in 0..MAX_CLIENTS {
            clients.push(Client::new(&world, plan).await);
        }
        let redis = world.redis().await;
        Self { world, clients, redis, histories: 0 }
    }

    /// Executes a plan. The last call reads the final state.
    pub async fn run(&mut self, plan: &Plan, summary: &Summary) -> Vec<CallRecord> {
        self.histories += 1;
        let stage = Stage {
            plan,
            id: format!("history-{}-{}", plan.seed, Uuid::now_v7().simple()),
            base: START.as_millis() + self.histories * CLOCK_GAP,
            ticks: AtomicU64::new(0),
            kept: Mutex::new(None),
            summary,
        };
        for call in documents::create(&stage) {
            let mut reply = call.send(&self.world.office).await;
            // A busy machine may be too slow for a write. A repeated put is answered with 200.
            while reply.code() == "try_again" {
                reply = call.send(&self.world.office).await;
            }
            assert!([200, 201].contains(&reply.status), "{}", reply.text);
        }
        for (client, ahead) in self.clients.iter().zip(&plan.clocks) {
            client.starts_at(EpochMillis::new(stage.base + ahead));
        }
        let clients = (0..plan.clocks.len()).map(|client| self.run_steps(client, &stage));
        let mut records: Vec<_> = join_all(clients).await.into_iter().flatten().collect();
        records.push(self.last_read(&stage).await);
        records.sort_by_key(|record| record.begin);
        records
    }

    async fn run_steps(&self, client: usize, stage: &Stage<'_>) -> Vec<CallRecord> {
        let mut records = Vec::new();
        let mut given = None;
        for step in stage.plan.steps.iter().filter(|step| step.client == client) {
            let clock = &self.clients[client].clock;
            clock.set(clock.now() + Duration::from_millis(step.advance));
            if let Some(event) = step.before {
                records.extend(self.apply_event(event, client, stage).await);
            }
            let record = self.clients[client].make_call(step, given, stage).await;
            if let Answer::Reserved { reservation, .. } = record.answer {
                given = Some(reservation);
            }
            records.push(record);
        }
        records
    }

    async fn last_read(&self, stage: &Stage<'_>) -> CallRecord {
        let step = Step {
            client: 0,
            advance: 0,
            before: None,
            request: Request::Read { consistent: true },
            own_reservation: false,
            faults: faults::Faults::default(),
            killed_after: None,
        };
        self.clients[0].make_call(&step, None, stage).await
    }

    /// Returns the records of an event that changes seats.
    async fn apply_event(&self, event: Event, client: usize, stage: &Stage<'_>) -> Vec<CallRecord> {
        let mut redis = self.redis.clone();
        let key = self.world.cache_key(&stage.cache_name());
        match event {
            Event::Sweep => return self.sweep(client, stage).await,
            Event::Evict => {
                let gone: usize = redis.del(&key).await.expect("the cache");
                stage.summary.add("key evicted", gone);
            }
            Event::KeepKey => *stage.kept.lock().await = redis.get(&key).await.expect("the cache"),
            Event::RollBack => {
                if let Some(kept) = stage.kept.lock().await.clone() {
                    let () = redis.set_ex(&key, kept, 60).await.expect("the cache");
                    stage.summary.add("key rolled back", 1);
                }
            }
        }
        Vec::new()
    }

    /// Deletes reservations that have expired by every clock, as DynamoDB's TTL does, only sooner. This includes the
    /// clocks of writes that may still be on their way. In production such writes end before DynamoDB's TTL deletes.
    async fn sweep(&self, client: usize, stage: &Stage<'_>) -> Vec<CallRecord> {
        let clocks = self.clients.iter().take(stage.plan.clocks.len()).map(Client::earliest);
        let slowest = clocks.min().unwrap_or_default().seconds().as_secs();
        let mut records = Vec::new();
        for (seat, label) in LABELS[..stage.plan.seats].iter().enumerate() {
            let begin = stage.tick();
            let delete = self.world.client.delete_item().table_name(&self.world.table);
            let delete = delete.key("pk", AttributeValue::S(stage.seats_pk()));
            let delete = delete.key("sk", AttributeValue::S(format!("SEAT#{label}")));
            let delete = delete.condition_expression("#status = :reserved AND expires_at <= :now");
            let delete = delete.expression_attribute_names("#status", "status");
            let delete = delete.expression_attribute_values(":reserved", AttributeValue::S("reserved".to_owned()));
            let delete = delete.expression_attribute_values(":now", AttributeValue::N(slowest.to_string()));
            match delete.send().await {
                Ok(_) => records.push(CallRecord {
                    client,
                    begin,
                    end: Some(stage.tick()),
                    now: self.clients[client].clock.now(),
                    request: Request::Sweep { seat, now: slowest },
                    answer: Answer::Done,
                    writes: 0,
                    carried_out: 0,
                    met: Vec::new(),
                }),
                Err(refused) => {
                    let error = refused.into_service_error();
                    assert!(error.is_conditional_check_failed_exception(), "{error}");
                }
            }
        }
        records
    }
}
