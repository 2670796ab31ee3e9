//! Retries of DynamoDB calls: which failures are worth a retry, how long to pause, and when to give up.
//!
//! The SDK's own retries are switched off. They don't know transaction conflicts, and a write has to know whether an
//! earlier attempt of it may have been carried out.

use std::error::Error;
use std::time::Duration;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::ConsumedCapacity;
use tokio::time::Instant;

use super::rejection::Findings;
use crate::context::Tally;
use crate::observability::trace::Engine;
use crate::random;
use crate::store::{Store, StoreError};

/// The failure of one attempt.
#[derive(Debug)]
pub(in crate::store) enum Trouble {
    /// Another transaction was changing the same item. Nothing was written.
    Contention(String),
    /// DynamoDB throttled the call. Nothing was written.
    Throttled(String),
    /// No answer, or an inconclusive one. The write may have been carried out.
    Unknown(String),
    /// DynamoDB had another request under the same token before, so an earlier attempt has reached it.
    OtherUnderToken(String),
    /// A failure that a retry won't fix.
    Final(String),
}

impl Trouble {
    /// Classifies an error by its code. An error with an unlisted code is classified by its HTTP status
    /// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>).
    pub(in crate::store) fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
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
            // An answer without a code isn't DynamoDB's own. It comes from something in between.
            "" => Self::Unknown(text),
            _ if service.raw().status().as_u16() >= 500 => Self::Unknown(text),
            _ => Self::Final(text),
        }
    }
}

/// Formats an error's code and message, or the error and its causes if it has no code. The SDK's own display of the
/// context isn't used, because it contains the answer's body and with it reservation ids.
pub(in crate::store) fn describe<E>(error: &SdkError<E, HttpResponse>) -> String
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

/// The retry loop of one operation.
#[derive(Debug)]
pub(in crate::store) struct Attempts<'a> {
    tally: &'a Tally,
    give_up: Instant,
    made: u32,
    /// An earlier attempt may have been carried out, although no answer confirmed it.
    pub(in crate::store) unknown: bool,
}

impl<'a> Attempts<'a> {
    const FIRST_PAUSE: Duration = Duration::from_millis(20);
    const LONGEST_PAUSE: Duration = Duration::from_millis(500);

    /// Starts the retry loop of a read.
    pub(in crate::store) fn to_read(tally: &'a Tally, store: &Store) -> Self {
        Self::within(tally, store.patience)
    }

    /// Starts the retry loop of a write. It leaves time for a last read.
    pub(in crate::store) fn to_write(tally: &'a Tally, store: &Store) -> Self {
        Self::within(tally, store.patience * 4 / 5)
    }

    /// Starts the retry loop of the last read, after the attempts of a write are used up.
    pub(in crate::store) fn to_look_again(tally: &'a Tally, store: &Store) -> Self {
        Self::within(tally, store.patience / 5)
    }

    fn within(tally: &'a Tally, patience: Duration) -> Self {
        let give_up = tally.give_up().min(Instant::now() + patience);
        Self { tally, give_up, made: 0, unknown: false }
    }

    /// Continues with another call within the same time limit. The count of attempts starts again at zero.
    pub(in crate::store) fn start_over(&mut self) {
        self.made = 0;
    }

    /// Sends one call within the time left. Adds the call and its capacity to the request's costs.
    pub(in crate::store) async fn send<T, E>(
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

    /// Returns the request's error for a failed call. After an attempt that may have been carried out, the outcome is
    /// unknown and no error is permanent.
    pub(in crate::store) fn failure(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Broken(text) if self.unknown => StoreError::Undecided(text),
            error => error,
        }
    }

    /// Returns `true` if another attempt is worthwhile although the request is rejected already. Some seats weren't
    /// decided, and the answer should name every seat in the way. There are few such attempts, because the request
    /// stays rejected.
    pub(in crate::store) fn worth_knowing_all(&self, findings: &Findings) -> bool {
        findings.trouble.is_some() && self.made < 3
    }

    /// Returns `true` if so few attempts were made that the next one, which knows more, needs no pause.
    pub(in crate::store) fn may_repeat_at_once(&self) -> bool {
        self.made < 8
    }

    /// Pauses before the next attempt, or returns an error if there will be none.
    ///
    /// The pause is a random share of a time that doubles with each attempt (full jitter,
    /// <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).
    pub(in crate::store) async fn pause(&mut self, trouble: Trouble) -> Result<(), StoreError> {
        let text = match trouble {
            Trouble::Final(text) => return Err(self.failure(StoreError::Broken(text))),
            Trouble::Contention(text) | Trouble::Throttled(text) => text,
            Trouble::Unknown(text) | Trouble::OtherUnderToken(text) => {
                self.unknown = true;
                text
            }
        };
        let doubled = Self::FIRST_PAUSE.saturating_mul(1 << self.made.saturating_sub(1).min(10));
        let pause = random::jitter(doubled.min(Self::LONGEST_PAUSE));
        if Instant::now() + pause >= self.give_up {
            return Err(StoreError::Undecided(text));
        }
        tracing::debug!(attempt = self.made, reason = text, "retrying a DynamoDB call");
        tokio::time::sleep(pause).await;
        self.tally.add(|costs| costs.dynamodb_time += pause);
        Ok(())
    }
}

/// A call that returned no result.
#[derive(Debug)]
pub(in crate::store) enum Failed<E> {
    Answered(Box<SdkError<E, HttpResponse>>),
    OutOfTime,
}

impl<E: ProvideErrorMetadata + std::error::Error + 'static> Failed<E> {
    pub(in crate::store) fn trouble(&self) -> Trouble {
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
        assert_eq!(Attempts::within(&tally, Duration::from_secs(60)).give_up, tally.give_up());
        assert!(Attempts::within(&tally, Duration::from_secs(1)).give_up < tally.give_up());
    }
}
