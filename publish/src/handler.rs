//! The handler of `publish-events`. It turns batches of the table's stream into domain events, and expiry timers into
//! events of reservations that have expired.

use std::collections::BTreeMap;

use boxoffice::clock::Clock;
use boxoffice::context::RequestContext;
use boxoffice::domain::domain_event::{DomainEvent, DomainEventKind, SeatReservation};
use boxoffice::domain::ids::SeatLabel;
use boxoffice::domain::inventory::InventoryId;
use boxoffice::domain::time::{EpochMillis, EpochSeconds};
use boxoffice::events::Event;
use boxoffice::lambda_batch::{Batch, BatchResponse};
use boxoffice::observability::log::{is_zero, millis, write_access_log_line};
use boxoffice::observability::metrics::Counts;
use boxoffice::store::{Store, StoreError};
use lambda_runtime::{Error, LambdaEvent};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;
use tracing::{Instrument, Level};

use crate::event_sink::{EventSink, ExpiryTimer, PublishError};

/// The publisher of domain events.
#[derive(Debug)]
pub struct Publisher {
    store: Store,
    clock: Clock,
    event_sink: EventSink,
}

/// The contents of a batch of the stream, in its order.
#[derive(Default)]
struct StreamBatch {
    events: Vec<Event>,
    /// The index of the record of each event.
    records: Vec<usize>,
    timers: Vec<ExpiryTimer>,
    /// Indexes of the records in which a seat was taken over after its reservation had expired.
    takeovers: Vec<usize>,
    /// Indexes of the records that can't be read.
    skipped: Vec<usize>,
}

/// Fields of the log line of a batch of the stream. Zero values are left out.
#[derive(Serialize)]
struct PublishLogLine<'a> {
    op: &'static str,
    records: usize,
    #[serde(skip_serializing_if = "is_zero")]
    skipped: usize,
    events: usize,
    #[serde(skip_serializing_if = "String::is_empty")]
    kinds: String,
    #[serde(skip_serializing_if = "is_zero")]
    wake_ups: usize,
    #[serde(skip_serializing_if = "is_zero")]
    takeovers: usize,
    #[serde(skip_serializing_if = "is_zero")]
    failed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    lag_ms: Option<u64>,
    ms: f64,
    request_id: &'a str,
}

/// Fields of the log line of a batch of expiry timers. Zero values are left out.
#[derive(Serialize)]
struct TimerLogLine<'a> {
    op: &'static str,
    messages: usize,
    #[serde(skip_serializing_if = "is_zero")]
    skipped: usize,
    #[serde(skip_serializing_if = "is_zero")]
    expired: usize,
    #[serde(skip_serializing_if = "is_zero")]
    early: usize,
    #[serde(skip_serializing_if = "is_zero")]
    failed: usize,
    ms: f64,
    request_id: &'a str,
}

impl Publisher {
    /// Creates a publisher that sends to this event sink.
    pub fn new(store: Store, clock: Clock, event_sink: EventSink) -> Self {
        Self { store, clock, event_sink }
    }

    /// Handles a batch of either source, and writes its log line.
    ///
    /// Delivery is at least once. Records that weren't accepted come again, together with the records after them, and
    /// each event keeps its id. A record that can't be read would be no better the next time, so it is logged, counted
    /// and skipped.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<BatchResponse, Error> {
        let request_id = event.context.request_id.clone();
        let span = tracing::info_span!("batch", request_id = request_id.as_str());
        async {
            let batch = Batch::deserialize(event.payload).map_err(|error| {
                tracing::error!(%error, "the payload isn't a batch of records");
                error
            })?;
            let of_queue = batch.records.iter().any(|record| record["eventSource"] == "aws:sqs");
            // Boxed, because their types are nested deeper than the compiler follows.
            Ok(match of_queue {
                true => Box::pin(self.handle_timers(&batch.records, &request_id)).await,
                false => Box::pin(self.publish_batch(&batch, &request_id)).await,
            })
        }
        .instrument(span)
        .await
    }

    /// Publishes the events of a batch of the stream.
    async fn publish_batch(&self, batch: &Batch, request_id: &str) -> BatchResponse {
        let started = Instant::now();
        let records = &batch.records;
        let parsed = read(records);
        // Timers come before events, so that a consumer of a reservation also gets the event of its end.
        let failed = match self.event_sink.start_timers(&parsed.timers, self.clock.now()).await {
            Err(error) => Some(PublishError { accepted: 0, error }),
            Ok(()) => self.event_sink.publish(&parsed.events).await.err(),
        };
        let failed_at = failed.map(|PublishError { accepted, error }| {
            tracing::warn!(%error, "events weren't taken and will come again");
            // Without events the whole batch comes again.
            parsed.records.get(accepted).copied().unwrap_or(0)
        });
        // Records that weren't accepted are counted when they come again.
        let taken = |of: &[usize]| of.iter().filter(|record| failed_at.is_none_or(|failed| **record < failed)).count();
        let summary = PublishLogLine {
            op: "publishEvents",
            records: records.len(),
            skipped: taken(&parsed.skipped),
            events: taken(&parsed.records),
            kinds: counts(&parsed.events),
            wake_ups: parsed.timers.len(),
            takeovers: taken(&parsed.takeovers),
            failed: failed_at.is_some(),
            lag_ms: batch.lag(self.clock.now()),
            ms: millis(started.elapsed()),
            request_id,
        };
        write_access_log_line(Level::INFO, &summary, Counts::default());
        let name =
            |number: usize| records[number]["dynamodb"]["SequenceNumber"].as_str().unwrap_or_default().to_owned();
        BatchResponse::failed(failed_at.map(name))
    }

    /// Handles expiry timers from the queue, each by itself.
    async fn handle_timers(&self, records: &[Value], request_id: &str) -> BatchResponse {
        let started = Instant::now();
        let (mut failed, mut expired, mut early, mut skipped) = (Vec::new(), 0, 0, 0);
        for record in records {
            let body = record["body"].as_str().unwrap_or_default();
            let Some(pending) = PendingExpiry::parse(body) else {
                tracing::error!("a message isn't an expiry timer and is skipped");
                skipped += 1;
                continue;
            };
            match self.check_expiry(pending).await {
                Ok(TimerOutcome::Expired) => expired += 1,
                Ok(TimerOutcome::Early) => early += 1,
                Ok(TimerOutcome::Gone) => {}
                Err(why) => {
                    tracing::warn!(why, "a reservation's end isn't published yet, and the message will come again");
                    failed.push(record["messageId"].as_str().unwrap_or_default().to_owned());
                }
            }
        }
        let (messages, failures, ms) = (records.len(), failed.len(), millis(started.elapsed()));
        let summary =
            TimerLogLine { op: "wakeUps", messages, skipped, expired, early, failed: failures, ms, request_id };
        write_access_log_line(Level::INFO, &summary, Counts::default());
        BatchResponse::failed(failed)
    }

    /// Publishes the end of the reservation that an expiry timer names, if it has expired and the seat hasn't changed
    /// since.
    async fn check_expiry(&self, pending: PendingExpiry) -> Result<TimerOutcome, String> {
        let now = self.clock.now();
        let PendingExpiry { inventory, seat, changed_at, expires_at } = pending;
        if !expires_at.reached(now) {
            // The delay was the longest possible one, or the queue's clock is ahead of ours.
            let timer = timer(&inventory, &seat, changed_at, expires_at);
            let again = self.event_sink.start_timers(&[timer], now).await;
            return again.map(|()| TimerOutcome::Early).map_err(|error| error.to_string());
        }
        let ctx = RequestContext::default();
        let standing = self.store.find_reservation_by_stamp(&ctx, &inventory, &seat, changed_at).await;
        let Some(reservation) = standing.map_err(|error: StoreError| error.to_string())? else {
            return Ok(TimerOutcome::Gone);
        };
        let kind = DomainEventKind::Expired(SeatReservation { seat, reservation, changed_at, expires_at });
        let event = Event::of(&DomainEvent { inventory, by: None, kind });
        let published = self.event_sink.publish(&[event]).await;
        published.map(|()| TimerOutcome::Expired).map_err(|error| error.to_string())
    }
}

/// A reservation whose end is awaited, as its timer names it.
struct PendingExpiry {
    inventory: InventoryId,
    seat: SeatLabel,
    changed_at: EpochMillis,
    expires_at: EpochSeconds,
}

enum TimerOutcome {
    /// The reservation has run out, and the event was published.
    Expired,
    /// The reservation hasn't run out yet.
    Early,
    /// The seat was changed in another way, and the stream delivers that change.
    Gone,
}

fn read(records: &[Value]) -> StreamBatch {
    let mut parsed = StreamBatch::default();
    for (number, record) in records.iter().enumerate() {
        let events = match DomainEvent::read(record) {
            Ok(events) => events,
            Err(error) => {
                let sequence_number = record["dynamodb"]["SequenceNumber"].as_str().unwrap_or_default();
                tracing::error!(sequence_number, %error, "a record is skipped");
                parsed.skipped.push(number);
                continue;
            }
        };
        for event in events {
            if let DomainEventKind::Reserved { seat, .. } = &event.kind {
                parsed.timers.push(timer(&event.inventory, &seat.seat, seat.changed_at, seat.expires_at));
            }
            if let DomainEventKind::Expired(seat) = &event.kind
                && is_takeover(seat, &record["dynamodb"]["NewImage"])
            {
                parsed.takeovers.push(number);
            }
            parsed.events.push(Event::of(&event));
            parsed.records.push(number);
        }
    }
    parsed
}

/// Returns `true` if the new item shows that the seat went to another reservation or to a booking after its reservation
/// had run out. A seat doesn't show whose booking it is.
fn is_takeover(expired: &SeatReservation, now: &Value) -> bool {
    match now["status"]["S"].as_str() {
        Some("reserved") => now["reservation_id"]["S"].as_str() != Some(expired.reservation.to_string().as_str()),
        Some("booked") => true,
        _ => false,
    }
}

impl PendingExpiry {
    /// Parses the body of a message. Returns `None` if it isn't an expiry timer.
    fn parse(body: &str) -> Option<Self> {
        let timer: ExpiryTimer = serde_json::from_str(body).ok()?;
        Some(Self {
            inventory: InventoryId::parse(&timer.inventory).ok()?,
            seat: SeatLabel::parse(&timer.seat).ok()?,
            changed_at: EpochMillis::new(timer.changed_at),
            expires_at: EpochSeconds::new(timer.expires_at),
        })
    }
}

fn timer(inventory: &InventoryId, seat: &SeatLabel, changed_at: EpochMillis, expires_at: EpochSeconds) -> ExpiryTimer {
    ExpiryTimer {
        inventory: inventory.to_string(),
        seat: seat.to_string(),
        changed_at: changed_at.as_millis(),
        expires_at: expires_at.as_secs(),
    }
}

/// Formats the number of events of each kind, such as `booking.created 2, seats.reserved 5`.
fn counts(events: &[Event]) -> String {
    let mut counts = BTreeMap::new();
    for event in events {
        *counts.entry(event.kind).or_insert(0_usize) += 1;
    }
    let counts: Vec<_> = counts.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    counts.join(", ")
}

#[cfg(test)]
mod tests {
    use boxoffice::domain::ids::ReservationId;
    use serde_json::json;

    use super::*;

    const ONE: &str = "0188c0de-0000-7000-8000-000000000001";
    const OTHER: &str = "0188c0de-0000-7000-8000-000000000002";

    #[test]
    fn takeover_needs_another_reservation_or_booking() {
        let expired = SeatReservation {
            seat: SeatLabel::parse("A1").unwrap(),
            reservation: ReservationId::parse(ONE).unwrap(),
            changed_at: EpochMillis::new(5),
            expires_at: EpochSeconds::new(6),
        };
        for (status, reservation, takeover) in [
            ("reserved", OTHER, true),
            ("reserved", ONE, false),
            ("booked", "", true),
            ("available", "", false),
            ("removed", "", false),
        ] {
            let image = json!({ "status": { "S": status }, "reservation_id": { "S": reservation } });
            assert_eq!(is_takeover(&expired, &image), takeover, "{status} {reservation}");
        }
        assert!(!is_takeover(&expired, &Value::Null), "deleted by the TTL");
    }

    #[test]
    fn batch_events_keep_their_record_index() {
        let key = json!({ "pk": { "S": "THEATER#1" }, "sk": { "S": "SEAT#A1" } });
        let item = |reservation: &str, stamp: u64| {
            json!({ "status": { "S": "reserved" }, "reservation_id": { "S": reservation },
                "changed_at": { "N": stamp.to_string() }, "expires_at": { "N": "6" } })
        };
        let record = json!({ "eventName": "MODIFY", "dynamodb": { "Keys": key, "SequenceNumber": "1",
            "OldImage": item(ONE, 5), "NewImage": item(OTHER, 9_000) } });
        let parsed = read(&[json!({}), record]);
        assert_eq!((parsed.skipped, parsed.takeovers, parsed.records), (vec![0], vec![1], vec![1, 1]));
    }
}
