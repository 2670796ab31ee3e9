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

use crate::context::RequestContext;
use crate::observability::trace::Engine;
use crate::random;
use crate::store::{Store, StoreError};

/// The failure of one attempt.
#[derive(Debug)]
pub(in crate::store) enum CallFailure {
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

impl CallFailure {
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
pub(in crate::store) struct RetryLoop<'a> {
    ctx: &'a RequestContext,
    deadline: Instant,
    made: u32,
    /// An earlier attempt may have been carried out, although no answer confirmed it.
    pub(in crate::store) unknown: bool,
}

impl<'a> RetryLoop<'a> {
    const FIRST_PAUSE: Duration = Duration::from_millis(20);
    const LONGEST_PAUSE: Duration = Duration::from_millis(500);

    /// Starts the retry loop of a read.
    pub(in crate::store) fn for_read(ctx: &'a RequestContext, store: &Store) -> Self {
        Self::within(ctx, store.patience)
    }

    /// Starts the retry loop of a write. It leaves time for a last read.
    pub(in crate::store) fn for_write(ctx: &'a RequestContext, store: &Store) -> Self {
        Self::within(ctx, store.patience * 4 / 5)
    }

    /// Starts the retry loop of the last read, after the attempts of a write are used up.
    pub(in crate::store) fn for_last_read(ctx: &'a RequestContext, store: &Store) -> Self {
        Self::within(ctx, store.patience / 5)
    }

    fn within(ctx: &'a RequestContext, patience: Duration) -> Self {
        let deadline = ctx.deadline().min(Instant::now() + patience);
        Self { ctx, deadline, made: 0, unknown: false }
    }

    /// Continues with another call within the same time limit. The count of attempts starts again at zero.
    pub(in crate::store) fn reset_attempts(&mut self) {
        self.made = 0;
    }

    /// Sends one call within the time left. Adds the call and its capacity to the request's costs.
    pub(in crate::store) async fn send<T, E>(
        &mut self,
        operation: &'static str,
        call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        consumed: impl FnOnce(&T) -> &[ConsumedCapacity],
    ) -> Result<T, FailedCall<E>> {
        let started = Instant::now();
        let result = tokio::time::timeout_at(self.deadline, call).await;
        self.ctx.record_costs(|costs| {
            costs.dynamodb_calls += 1;
            costs.dynamodb_retries += u32::from(self.made > 0);
            costs.dynamodb_time += started.elapsed();
            if let Ok(Ok(answer)) = &result {
                costs.capacity_units +=
                    consumed(answer).iter().filter_map(ConsumedCapacity::capacity_units).sum::<f64>();
            }
        });
        self.ctx.trace_call(Engine::DynamoDb, operation, started, !matches!(result, Ok(Ok(_))));
        self.made += 1;
        match result {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(FailedCall::Answered(Box::new(error))),
            Err(_) => Err(FailedCall::OutOfTime),
        }
    }

    /// Returns the request's error for a failed call. After an attempt that may have been carried out, the outcome is
    /// unknown and no error is permanent.
    pub(in crate::store) fn failure(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Permanent(text) if self.unknown => StoreError::OutcomeUnknown(text),
            error => error,
        }
    }

    /// Returns `true` if another attempt is worthwhile although the request is rejected already. `undecided` is `true`
    /// if some seats weren't decided. The answer should name every seat in the way. There are few such attempts,
    /// because the request stays rejected.
    pub(in crate::store) fn should_resolve_all_seats(&self, undecided: bool) -> bool {
        undecided && self.made < 3
    }

    /// Returns `true` if so few attempts were made that the next one, which knows more, needs no pause.
    pub(in crate::store) fn may_retry_immediately(&self) -> bool {
        self.made < 8
    }

    /// Pauses before the next attempt, or returns an error if there will be none.
    ///
    /// The pause is a random share of a time that doubles with each attempt (full jitter,
    /// <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).
    pub(in crate::store) async fn pause(&mut self, failure: CallFailure) -> Result<(), StoreError> {
        let text = match failure {
            CallFailure::Final(text) => return Err(self.failure(StoreError::Permanent(text))),
            CallFailure::Contention(text) | CallFailure::Throttled(text) => text,
            CallFailure::Unknown(text) | CallFailure::OtherUnderToken(text) => {
                self.unknown = true;
                text
            }
        };
        let doubled = Self::FIRST_PAUSE.saturating_mul(1 << self.made.saturating_sub(1).min(10));
        let pause = random::jitter(doubled.min(Self::LONGEST_PAUSE));
        if Instant::now() + pause >= self.deadline {
            return Err(StoreError::OutcomeUnknown(text));
        }
        tracing::debug!(attempt = self.made, reason = text, "retrying a DynamoDB call");
        tokio::time::sleep(pause).await;
        self.ctx.record_costs(|costs| costs.dynamodb_time += pause);
        Ok(())
    }
}

/// A call that returned no result.
#[derive(Debug)]
pub(in crate::store) enum FailedCall<E> {
    Answered(Box<SdkError<E, HttpResponse>>),
    OutOfTime,
}

impl<E: ProvideErrorMetadata + std::error::Error + 'static> FailedCall<E> {
    pub(in crate::store) fn call_failure(&self) -> CallFailure {
        match self {
            Self::Answered(error) => CallFailure::of(error),
            Self::OutOfTime => CallFailure::Unknown("no answer in time".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_share_deadline_and_keep_own_limit() {
        let ctx = RequestContext::default();
        assert_eq!(RetryLoop::within(&ctx, Duration::from_secs(60)).deadline, ctx.deadline());
        assert!(RetryLoop::within(&ctx, Duration::from_secs(1)).deadline < ctx.deadline());
    }
}
