//! Summaries of the availability of shows, for lists of shows. One hash has those of all shows, so one call reads as many
//! as a page has.
//!
//! A summary is as old as the last time when the seats of its show were counted. Nothing depends on it but what a list
//! shows.

use redis::Value;

use super::client::Connection;
use super::{Cache, CacheError, LIFETIME};
use crate::context::RequestContext;
use crate::domain::availability_level::SeatCounts;
use crate::domain::ids::ShowId;
use crate::domain::time::EpochMillis;

/// Bytes of a stored summary: three numbers of seats and an instant, big-endian.
const BYTES: usize = 4 + 4 + 4 + 8;

/// The numbers of a show's seats, and when they were counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    pub counts: SeatCounts,
    pub counted_at: EpochMillis,
}

impl Summary {
    /// Returns `true` unless seats may have become available without any write.
    ///
    /// Of reserved seats that isn't known, because a reservation ends by itself. So a summary without available seats,
    /// but with reserved ones, is good for a short time only.
    fn is_current(&self, now: EpochMillis) -> bool {
        let sold_out_for_now = self.counts.available == 0 && self.counts.reserved > 0;
        !sold_out_for_now || now.since(self.counted_at) < LIFETIME
    }

    fn encode(&self) -> [u8; BYTES] {
        let SeatCounts { available, reserved, booked } = self.counts;
        let mut bytes = [0; BYTES];
        for (place, number) in bytes.chunks_exact_mut(4).zip([available, reserved, booked]) {
            place.copy_from_slice(&number.to_be_bytes());
        }
        bytes[12..].copy_from_slice(&self.counted_at.as_millis().to_be_bytes());
        bytes
    }

    /// Reads a stored summary. Returns `None` for other bytes.
    fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; BYTES] = bytes.try_into().ok()?;
        let number = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let counts = SeatCounts { available: number(0), reserved: number(4), booked: number(8) };
        let counted_at = bytes[12..].try_into().map(u64::from_be_bytes).ok()?;
        Some(Self { counts, counted_at: EpochMillis::new(counted_at) })
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
            command.arg(show.as_str());
        }
        let command = &command;
        let query =
            |mut connection: Connection| async move { command.query_async::<Vec<Value>>(&mut connection).await };
        let values = self.client.call(ctx, query).await?;
        let now = self.clock.now();
        let decode = |value: &Value| match value {
            Value::BulkString(bytes) => Summary::decode(bytes).filter(|summary| summary.is_current(now)),
            _ => None,
        };
        Ok(values.iter().map(decode).collect())
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

    /// Deletes the summary of a show if it has no available seats, because a seat is available again. The list then has
    /// no summary until the seats are counted again. Costs one HMGET, and one HDEL if there is such a summary. Repeating
    /// it changes nothing.
    ///
    /// A summary that is stored between the two calls may be deleted with the old one, which costs nothing but the
    /// summary.
    pub async fn forget_sold_out_summary(&self, ctx: &RequestContext, show: &ShowId) -> Result<(), CacheError> {
        match self.summaries(ctx, &[show]).await?.first() {
            Some(Some(summary)) if summary.counts.available == 0 => self.forget_summary(ctx, show).await,
            _ => Ok(()),
        }
    }

    /// Deletes the summary of a show that no longer exists.
    pub async fn forget_summary(&self, ctx: &RequestContext, show: &ShowId) -> Result<(), CacheError> {
        let mut command = redis::cmd("HDEL");
        command.arg(self.summaries_key()).arg(show.as_str());
        let command = &command;
        self.client
            .call(ctx, |mut connection: Connection| async move { command.query_async(&mut connection).await })
            .await
    }

    fn summaries_key(&self) -> String {
        format!("{}:{{shows}}:summaries", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sold_out_by_reservations_is_good_for_a_minute() {
        let counted_at = EpochMillis::new(1_000);
        let current = |available, reserved, booked, now| {
            let counts = SeatCounts { available, reserved, booked };
            Summary { counts, counted_at }.is_current(EpochMillis::new(now))
        };
        assert!(current(0, 1, 5, 60_999) && !current(0, 1, 5, 61_000));
        assert!(current(0, 1, 5, 0), "counted by a clock that is ahead");
        assert!(current(1, 1, 5, u64::MAX) && current(0, 0, 6, u64::MAX));
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
