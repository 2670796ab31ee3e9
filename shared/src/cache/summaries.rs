//! Summaries of the availability of shows, for lists of shows. One hash has those of all shows, so one call reads as
//! many as a page has.
//!
//! A summary is as old as the last time when the seats of its show were counted. Nothing depends on it but what a list
//! shows.
//!
//! A summary without available seats would keep buyers away for ever, if nothing ended it. So the hash also has the
//! last instant at which a seat of each show became available again. A sold-out summary that isn't newer doesn't count,
//! whenever it was stored.

use std::time::Duration;

use redis::Value;

use super::client::Connection;
use super::{Cache, CacheError, LIFETIME};
use crate::context::RequestContext;
use crate::domain::availability_level::SeatCounts;
use crate::domain::ids::ShowId;
use crate::domain::time::EpochMillis;

/// Bytes of a stored summary: three numbers of seats and an instant, big-endian.
const BYTES: usize = 4 + 4 + 4 + INSTANT_BYTES;

/// Bytes of a stored instant, big-endian.
const INSTANT_BYTES: usize = 8;
/// Time by which a sold-out summary has to be newer than the last available seat. The clocks of two functions differ by
/// less.
const CLOCK_MARGIN: Duration = Duration::from_secs(5);

/// The numbers of a show's seats, and when they were counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    pub counts: SeatCounts,
    pub counted_at: EpochMillis,
}

impl Summary {
    /// Returns `true` unless the summary has no available seats and seats may have become available since.
    /// `available_at` is the last instant at which that was seen.
    ///
    /// A reservation ends without any write. So a summary without available seats, but with reserved ones, is good for
    /// a short time only.
    fn is_current(&self, available_at: Option<EpochMillis>, now: EpochMillis) -> bool {
        if self.counts.available > 0 {
            return true;
        }
        let is_older = available_at.is_some_and(|at| self.counted_at <= at + CLOCK_MARGIN);
        let may_have_ended = self.counts.reserved > 0 && now.since(self.counted_at) >= LIFETIME;
        !is_older && !may_have_ended
    }

    fn encode(&self) -> [u8; BYTES] {
        let SeatCounts { available, reserved, booked } = self.counts;
        let mut bytes = [0; BYTES];
        for (place, number) in bytes.chunks_exact_mut(4).zip([available, reserved, booked]) {
            place.copy_from_slice(&number.to_be_bytes());
        }
        bytes[12..].copy_from_slice(&encode_instant(self.counted_at));
        bytes
    }

    /// Reads a stored summary. Returns `None` for other bytes.
    fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; BYTES] = bytes.try_into().ok()?;
        let number = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let counts = SeatCounts { available: number(0), reserved: number(4), booked: number(8) };
        Some(Self { counts, counted_at: decode_instant(&bytes[12..])? })
    }
}

impl Cache {
    /// Reads the summaries of shows, in their order, with one HMGET. A show without one has `None`, and so has a show
    /// whose summary is out of date.
    pub async fn summaries(&self, ctx: &RequestContext, shows: &[&ShowId]) -> Result<Vec<Option<Summary>>, CacheError> {
        if shows.is_empty() {
            return Ok(Vec::new());
        }
        let mut command = redis::cmd("HMGET");
        command.arg(self.summaries_key());
        for show in shows {
            command.arg(show.as_str()).arg(available_field(show));
        }
        let command = &command;
        let query =
            |mut connection: Connection| async move { command.query_async::<Vec<Value>>(&mut connection).await };
        let values = self.client.call(ctx, query).await?;
        let now = self.clock.now();
        let decode = |pair: &[Value]| match pair {
            [Value::BulkString(summary), available_at] => {
                let available_at = match available_at {
                    Value::BulkString(bytes) => decode_instant(bytes),
                    _ => None,
                };
                Summary::decode(summary).filter(|summary| summary.is_current(available_at, now))
            }
            _ => None,
        };
        Ok(values.chunks(2).map(decode).collect())
    }

    /// Stores the summary of a show. Repeating it changes nothing.
    pub async fn put_summary(&self, ctx: &RequestContext, show: &ShowId, summary: &Summary) -> Result<(), CacheError> {
        let mut command = redis::cmd("HSET");
        command.arg(self.summaries_key()).arg(show.as_str()).arg(summary.encode().as_slice());
        let command = &command;
        self.client
            .call(ctx, |mut connection: Connection| async move { command.query_async(&mut connection).await })
            .await
    }

    /// Ends a summary without available seats, because a seat of the show is available again. It also ends one that an
    /// earlier count stores later. The list then has no summary until the seats are counted again. Costs one HSET.
    /// Repeating it ends summaries of later counts, too, which costs nothing but them.
    pub async fn end_sold_out_summary(&self, ctx: &RequestContext, show: &ShowId) -> Result<(), CacheError> {
        let mut command = redis::cmd("HSET");
        command.arg(self.summaries_key()).arg(available_field(show)).arg(encode_instant(self.clock.now()).as_slice());
        let command = &command;
        self.client
            .call(ctx, |mut connection: Connection| async move { command.query_async(&mut connection).await })
            .await
    }

    /// Drops the summary of a show that was moved to another layout, and ends a sold-out one that a count of the old
    /// seats stores later. Repeating it is as safe as for [`end_sold_out_summary`](Self::end_sold_out_summary).
    pub async fn drop_summary(&self, ctx: &RequestContext, show: &ShowId) -> Result<(), CacheError> {
        let mut command = redis::cmd("HSET");
        // No bytes are no summary.
        command.arg(self.summaries_key()).arg(show.as_str()).arg([0; 0].as_slice());
        command.arg(available_field(show)).arg(encode_instant(self.clock.now()).as_slice());
        let command = &command;
        self.client
            .call(ctx, |mut connection: Connection| async move { command.query_async(&mut connection).await })
            .await
    }

    /// Deletes the summary of a show that no longer exists.
    pub async fn forget_summary(&self, ctx: &RequestContext, show: &ShowId) -> Result<(), CacheError> {
        let mut command = redis::cmd("HDEL");
        command.arg(self.summaries_key()).arg(show.as_str()).arg(available_field(show));
        let command = &command;
        self.client
            .call(ctx, |mut connection: Connection| async move { command.query_async(&mut connection).await })
            .await
    }

    fn summaries_key(&self) -> String {
        format!("{}:{{shows}}:summaries", self.prefix)
    }
}

/// Returns the field of the last instant at which a seat of a show became available again. No id has a slash.
fn available_field(show: &ShowId) -> String {
    format!("{show}/available")
}

fn encode_instant(instant: EpochMillis) -> [u8; INSTANT_BYTES] {
    instant.as_millis().to_be_bytes()
}

/// Reads a stored instant. Returns `None` for other bytes.
fn decode_instant(bytes: &[u8]) -> Option<EpochMillis> {
    bytes.try_into().ok().map(u64::from_be_bytes).map(EpochMillis::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sold_out_by_reservations_is_good_for_a_minute() {
        let counted_at = EpochMillis::new(1_000);
        let current = |available, reserved, booked, now| {
            let counts = SeatCounts { available, reserved, booked };
            Summary { counts, counted_at }.is_current(None, EpochMillis::new(now))
        };
        assert!(current(0, 1, 5, 60_999) && !current(0, 1, 5, 61_000));
        assert!(current(0, 1, 5, 0), "counted by a clock that is ahead");
        assert!(current(1, 1, 5, u64::MAX) && current(0, 0, 6, u64::MAX));
    }

    #[test]
    fn sold_out_summary_ends_when_a_seat_is_available_again() {
        let current = |available, counted_at| {
            let counts = SeatCounts { available, reserved: 0, booked: 6 };
            let summary = Summary { counts, counted_at: EpochMillis::new(counted_at) };
            summary.is_current(Some(EpochMillis::new(10_000)), EpochMillis::new(90_000_000))
        };
        for (counted_at, expected) in [(9_999, false), (10_000, false), (15_000, false), (15_001, true)] {
            assert_eq!(current(0, counted_at), expected, "{counted_at}");
            assert!(current(1, counted_at), "a summary with available seats keeps no buyer away");
        }
    }

    #[test]
    fn a_summary_survives_encoding_and_other_bytes_are_none() {
        let counts = SeatCounts { available: 1, reserved: 70_000, booked: u32::MAX };
        let summary = Summary { counts, counted_at: EpochMillis::new(1_795_370_400_123) };
        assert_eq!(Summary::decode(&summary.encode()), Some(summary));
        for length in [0, BYTES - 1, BYTES + 1] {
            assert_eq!(Summary::decode(&vec![1; length]), None);
        }
    }
}
