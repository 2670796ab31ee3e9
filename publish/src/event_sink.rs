//! The event sink, and the expiry timers that wake the function when a reservation runs out. They use EventBridge and
//! SQS, or files on a developer's machine.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use boxoffice::domain::time::{EpochMillis, EpochSeconds};
use boxoffice::events::Event;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Source of the events, as it is named on the bus.
const SOURCE: &str = "boxoffice";
/// Number of entries that one call takes
/// (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>,
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>).
const MAX_ENTRIES_PER_CALL: usize = 10;
/// Time limit of one attempt of a call. A call that fails is repeated with its batch, so it has few attempts.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);
/// Attempts of one call.
const MAX_ATTEMPTS: u32 = 2;
/// Longest delay of an SQS message.
const MAX_DELAY: Duration = Duration::from_secs(900);

/// An expiry timer, which wakes the function when a seat's reservation runs out. It names the reservation by the stamp
/// of its write and not by its id, because the id gives rights to the reservation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpiryTimer {
    /// The text of an [`InventoryId`](boxoffice::domain::inventory::InventoryId).
    pub inventory: String,
    pub seat: String,
    /// The stamp of the write, in milliseconds.
    pub changed_at: u64,
    /// The end of the reservation, in seconds.
    pub expires_at: u64,
}

/// Some of the events to publish weren't accepted.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct PublishError {
    /// The number of events before the first one that wasn't accepted. Some of the events after it may have been
    /// accepted too.
    pub accepted: usize,
    pub error: EventSinkError,
}

/// The reasons why the event sink didn't accept something. It is sent again.
#[derive(Debug, thiserror::Error)]
pub enum EventSinkError {
    /// EventBridge or SQS couldn't be reached, or didn't accept everything.
    #[error("{0}")]
    Service(String),
    /// A file couldn't be written.
    #[error("{path}: {error}")]
    File { path: PathBuf, error: std::io::Error },
}

/// The destination of events and expiry timers.
#[derive(Clone, Debug)]
pub enum EventSink {
    /// EventBridge and SQS.
    Aws {
        bus: aws_sdk_eventbridge::Client,
        bus_name: String,
        /// The ARN that events name as their resource.
        resource: Option<String>,
        queue: aws_sdk_sqs::Client,
        /// The queue that delivers expiry timers.
        queue_url: String,
    },
    /// Files, with one JSON object per line.
    Files {
        events: PathBuf,
        /// The expiry timers, for the process that delivers them.
        timers: PathBuf,
    },
}

impl EventSink {
    /// Creates an event sink that writes to files. The file of the expiry timers is beside that of the events.
    pub fn files(events: &Path) -> Self {
        let mut timers = events.as_os_str().to_owned();
        timers.push(".wake-ups");
        Self::Files { events: events.to_path_buf(), timers: timers.into() }
    }

    /// Creates an event sink for an event bus and a queue, with clients for them.
    pub fn aws(sdk: &SdkConfig, bus_name: String, queue_url: String, resource: Option<String>) -> Self {
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(ATTEMPT_TIMEOUT * MAX_ATTEMPTS + Duration::from_millis(500))
            .build();
        let retries = RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS);
        let sdk = sdk.to_builder().retry_config(retries).timeout_config(timeouts).build();
        let (bus, queue) = (aws_sdk_eventbridge::Client::new(&sdk), aws_sdk_sqs::Client::new(&sdk));
        Self::Aws { bus, bus_name, resource, queue, queue_url }
    }

    /// Publishes events in their order.
    pub async fn publish(&self, events: &[Event]) -> Result<(), PublishError> {
        match self {
            Self::Files { events: file, .. } => {
                let lines = events
                    .iter()
                    .map(|event| json!({ "source": SOURCE, "detail-type": event.kind, "detail": event.detail }));
                append(file, lines).map_err(|error| PublishError { accepted: 0, error })
            }
            Self::Aws { bus, bus_name, resource, .. } => {
                for (n, some) in events.chunks(MAX_ENTRIES_PER_CALL).enumerate() {
                    let before = n * MAX_ENTRIES_PER_CALL;
                    put_events(bus, bus_name, resource.as_deref(), some)
                        .await
                        .map_err(|failed| PublishError { accepted: before + failed.accepted, ..failed })?;
                }
                Ok(())
            }
        }
    }

    /// Starts expiry timers. Repeating it wakes the function once more, which does no harm.
    pub async fn start_timers(&self, timers: &[ExpiryTimer], now: EpochMillis) -> Result<(), EventSinkError> {
        match self {
            Self::Files { timers: file, .. } => append(file, timers.iter().map(|timer| json!(timer))),
            Self::Aws { queue, queue_url, .. } => {
                for some in timers.chunks(MAX_ENTRIES_PER_CALL) {
                    send(queue, queue_url, some, now).await?;
                }
                Ok(())
            }
        }
    }
}

async fn put_events(
    bus: &aws_sdk_eventbridge::Client,
    bus_name: &str,
    resource: Option<&str>,
    events: &[Event],
) -> Result<(), PublishError> {
    let failed =
        |accepted, why| PublishError { accepted, error: EventSinkError::Service(format!("EventBridge: {why}")) };
    let entries = events.iter().map(|event| {
        PutEventsRequestEntry::builder()
            .event_bus_name(bus_name)
            .source(SOURCE)
            .detail_type(event.kind)
            .detail(event.detail.to_string())
            .set_resources(resource.map(|resource| vec![resource.to_owned()]))
            .build()
    });
    let answer = bus.put_events().set_entries(Some(entries.collect())).send().await;
    let answer = answer.map_err(|error| failed(0, with_causes(&error)))?;
    // An answer of 200 may have left some entries out. Each entry has its own result, in the same order.
    let first = answer.entries().iter().enumerate().find_map(|(n, entry)| Some((n, entry.error_code()?.to_owned())));
    match first {
        Some((n, code)) => Err(failed(n, code)),
        None if answer.failed_entry_count() > 0 => {
            let error = EventSinkError::Service("EventBridge left out some entries".to_owned());
            Err(PublishError { accepted: 0, error })
        }
        None => Ok(()),
    }
}

async fn send(
    queue: &aws_sdk_sqs::Client,
    queue_url: &str,
    timers: &[ExpiryTimer],
    now: EpochMillis,
) -> Result<(), EventSinkError> {
    let failed = |why: String| EventSinkError::Service(format!("SQS: {why}"));
    let mut request = queue.send_message_batch().queue_url(queue_url);
    for (n, timer) in timers.iter().enumerate() {
        let body = serde_json::to_string(timer).map_err(|error| failed(error.to_string()))?;
        // Rounded up, so that the timer is due by our clock if the queue's clock runs as fast.
        let delay = (EpochSeconds::new(timer.expires_at).remaining(now) + 1).min(MAX_DELAY.as_secs());
        let delay = i32::try_from(delay).expect("the longest delay is 15 minutes");
        let entry = SendMessageBatchRequestEntry::builder()
            .id(n.to_string())
            .message_body(body)
            .delay_seconds(delay)
            .build()
            .map_err(|error| failed(error.to_string()))?;
        request = request.entries(entry);
    }
    let answer = request.send().await.map_err(|error| failed(with_causes(&error)))?;
    match answer.failed().first() {
        Some(entry) => Err(failed(entry.code().to_owned())),
        None => Ok(()),
    }
}

fn append(path: &Path, lines: impl Iterator<Item = serde_json::Value>) -> Result<(), EventSinkError> {
    let text: String = lines.map(|line| format!("{line}\n")).collect();
    let write = || OpenOptions::new().create(true).append(true).open(path)?.write_all(text.as_bytes());
    write().map_err(|error| EventSinkError::File { path: path.to_path_buf(), error })
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
