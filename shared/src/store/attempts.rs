//! Repeating calls to DynamoDB: what is worth repeating, how long to pause, when to give up.
//!
//! The SDK's own retries are switched off, because they don't know transaction conflicts, and because a write has to
//! know whether an earlier attempt of it may have been carried out.

use std::error::Error;
use std::time::Duration;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::ConsumedCapacity;
use tokio::time::Instant;

use super::refusal::Findings;
use super::{Store, StoreError};
use crate::entropy;
use crate::tally::Tally;
use crate::xray::Engine;

/// What was wrong with an attempt.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Another transaction had the same item in its hands; nothing was written.
    Contention(String),
    /// DynamoDB asked to slow down; nothing was written.
    Throttled(String),
    /// No answer, or one that says nothing: the write may have been carried out.
    Unknown(String),
    /// DynamoDB takes this attempt for another than it had under the same token, so an earlier one has reached it.
    OtherUnderToken(String),
    /// Repeating won't help.
    Final(String),
}

impl Trouble {
    /// Tells by the error's code, and where that says nothing by the status
    /// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>).
    pub(super) fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let text = describe(error);
        let SdkError::ServiceError(service) = error else {
            return match error {
                SdkError::ConstructionFailure(_) => Self::Final(text),
                _ => Self::Unknown(text),
            };
        };
        match service.err().code().unwrap_or_default() {
            "TransactionConflictException" | "TransactionInProgressException" | "ReplicatedWriteConflictException" => {
                Self::Contention(text)
            }
            "ProvisionedThroughputExceededException" | "ThrottlingException" | "RequestLimitExceeded" => {
                Self::Throttled(text)
            }
            "IdempotentParameterMismatchException" => Self::OtherUnderToken(text),
            // An answer without any code comes from something in between.
            "" => Self::Unknown(text),
            _ if service.raw().status().as_u16() >= 500 => Self::Unknown(text),
            _ => Self::Final(text),
        }
    }
}

/// Code, message and causes. Not the SDK's own display of the context: that has the answer's body, and with it
/// reservation ids.
pub(super) fn describe<E>(error: &SdkError<E, HttpResponse>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let mut text = match error.code() {
        Some(code) => format!("{code}: {}", error.message().unwrap_or_default()),
        None => error.to_string(),
    };
    let mut cause = error.source().filter(|_| error.code().is_none());
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// The attempts of one operation.
#[derive(Debug)]
pub(super) struct Attempts<'a> {
    tally: &'a Tally,
    give_up: Instant,
    made: u32,
    /// An earlier attempt may have been carried out although nobody said so.
    pub(super) unknown: bool,
}

impl<'a> Attempts<'a> {
    const FIRST_PAUSE: Duration = Duration::from_millis(20);
    const LONGEST_PAUSE: Duration = Duration::from_millis(500);

    /// The attempts of a read.
    pub(super) fn to_read(store: &Store, tally: &'a Tally) -> Self {
        Self::within(store.patience, tally)
    }

    /// The attempts of a write: they leave time for a last look.
    pub(super) fn to_write(store: &Store, tally: &'a Tally) -> Self {
        Self::within(store.patience * 4 / 5, tally)
    }

    /// The attempts of the last look, after those of a write were used up.
    pub(super) fn to_look_again(store: &Store, tally: &'a Tally) -> Self {
        Self::within(store.patience / 5, tally)
    }

    fn within(patience: Duration, tally: &'a Tally) -> Self {
        let give_up = tally.give_up().min(Instant::now() + patience);
        Self { tally, give_up, made: 0, unknown: false }
    }

    /// Goes on to another call within the same time: the next attempt is a first one again.
    pub(super) fn start_over(&mut self) {
        self.made = 0;
    }

    /// Sends one call of this name: bounded by the time left, counted with its capacity.
    pub(super) async fn send<T, E>(
        &mut self,
        operation: &'static str,
        call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        consumed: impl FnOnce(&T) -> &[ConsumedCapacity],
    ) -> Result<T, Failed<E>> {
        let started = Instant::now();
        let result = tokio::time::timeout_at(self.give_up, call).await;
        self.tally.add(|costs| {
            costs.dynamodb_calls += 1;
            costs.dynamodb_retries += u32::from(self.made > 0);
            costs.dynamodb_time += started.elapsed();
            if let Ok(Ok(answer)) = &result {
                costs.capacity_units +=
                    consumed(answer).iter().filter_map(ConsumedCapacity::capacity_units).sum::<f64>();
            }
        });
        self.tally.called(Engine::DynamoDb, operation, started, !matches!(result, Ok(Ok(_))));
        self.made += 1;
        match result {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(Failed::Answered(Box::new(error))),
            Err(_) => Err(Failed::OutOfTime),
        }
    }

    /// What a failure means for the request: nothing is broken for good that an earlier attempt may have done.
    pub(super) fn failure(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Broken(text) if self.unknown => StoreError::Undecided(text),
            error => error,
        }
    }

    /// Whether to try again although the answer is a refusal already: some seats weren't decided, and it is to name every
    /// seat in the way. Not for long: it stays a refusal.
    pub(super) fn worth_knowing_all(&self, findings: &Findings) -> bool {
        findings.trouble.is_some() && self.made < 3
    }

    /// Whether so few attempts were made that the next, a better informed one, needs no pause.
    pub(super) fn may_repeat_at_once(&self) -> bool {
        self.made < 8
    }

    /// Pauses before the next attempt, or says that there will be none.
    ///
    /// Full jitter: a random share of a pause that doubles
    /// (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).
    pub(super) async fn pause(&mut self, trouble: Trouble) -> Result<(), StoreError> {
        let text = match trouble {
            Trouble::Final(text) => return Err(self.failure(StoreError::Broken(text))),
            Trouble::Contention(text) | Trouble::Throttled(text) => text,
            Trouble::Unknown(text) | Trouble::OtherUnderToken(text) => {
                self.unknown = true;
                text
            }
        };
        let doubled = Self::FIRST_PAUSE.saturating_mul(1 << self.made.saturating_sub(1).min(10));
        let pause = entropy::jitter(doubled.min(Self::LONGEST_PAUSE));
        if Instant::now() + pause >= self.give_up {
            return Err(StoreError::Undecided(text));
        }
        tracing::debug!(attempt = self.made, reason = text, "DynamoDB call is repeated");
        tokio::time::sleep(pause).await;
        self.tally.add(|costs| costs.dynamodb_time += pause);
        Ok(())
    }
}

/// A call that brought no result.
#[derive(Debug)]
pub(super) enum Failed<E> {
    Answered(Box<SdkError<E, HttpResponse>>),
    OutOfTime,
}

impl<E: ProvideErrorMetadata + std::error::Error + 'static> Failed<E> {
    pub(super) fn trouble(&self) -> Trouble {
        match self {
            Self::Answered(error) => Trouble::of(error),
            Self::OutOfTime => Trouble::Unknown("no answer in time".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_calls_of_a_request_share_its_time_and_none_has_more_than_its_own() {
        let tally = Tally::default();
        assert_eq!(Attempts::within(Duration::from_secs(60), &tally).give_up, tally.give_up());
        assert!(Attempts::within(Duration::from_secs(1), &tally).give_up < tally.give_up());
    }
}
