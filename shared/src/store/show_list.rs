//! The list of shows by local day.

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;

use super::schema::{Item, s, show};
use super::write::retry::RetryLoop;
use super::{Store, StoreError};
use crate::context::RequestContext;
use crate::domain::ids::TheaterId;
use crate::domain::local_time::LocalDate;
use crate::domain::show::{ListPlace, ShowEntry};

/// Largest number of entries that one Query of a filtered list reads. An entry has less than 1 KB, so this is less than
/// 13 capacity units.
const MAX_READ_AT_ONCE: usize = 100;

/// A part of the list of one day.
#[derive(Debug, PartialEq, Eq)]
pub struct ShowPage {
    /// Shows in the order of their places: by start, then by id.
    pub shows: Vec<ShowEntry>,
    /// `true` if the day has more of them after these.
    pub more: bool,
}

impl Store {
    /// Reads the shows of one local day in their order (strongly consistent), after a place, of one theater or of all.
    /// Returns at most `most` of them.
    ///
    /// A place before the day means its begin, and a day before the place has no more shows.
    ///
    /// Costs one Query. With a theater, DynamoDB reads the shows of all theaters and returns those of this one. Then
    /// there are further Queries, each of at most 100 shows, until `most` are found or the day ends.
    pub async fn shows_of_day(
        &self,
        ctx: &RequestContext,
        date: LocalDate,
        theater: Option<&TheaterId>,
        after: Option<&ListPlace>,
        most: usize,
    ) -> Result<ShowPage, StoreError> {
        if after.is_some_and(|after| after.date > date) {
            return Ok(ShowPage { shows: Vec::new(), more: false });
        }
        let after = after.filter(|after| after.date == date);
        let mut shows = Vec::new();
        let mut start: Option<Item> = None;
        // One time limit for all pages together.
        let mut retry_loop = RetryLoop::for_read(ctx, self);
        loop {
            let missing = most + 1 - shows.len();
            let limit = if theater.is_some() { missing.max(MAX_READ_AT_ONCE) } else { missing };
            let query = self
                .client
                .query()
                .table_name(&self.table)
                .expression_attribute_values(":day", show::day_pk(date))
                .limit(i32::try_from(limit).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start.clone())
                .consistent_read(true)
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            let query = match after {
                None => query.key_condition_expression("pk = :day"),
                Some(after) => query
                    .key_condition_expression("pk = :day AND sk > :after")
                    .expression_attribute_values(":after", s(after.text_within_day())),
            };
            let query = match theater {
                None => query,
                Some(theater) => query
                    .filter_expression("theater_id = :theater")
                    .expression_attribute_values(":theater", s(theater.as_str())),
            };
            match retry_loop.send("Query", query.send(), |answer| answer.consumed_capacity.as_slice()).await {
                Err(failed) => retry_loop.pause(failed.call_failure()).await?,
                Ok(answer) => {
                    retry_loop.reset_attempts();
                    for item in answer.items().iter().take(missing) {
                        shows.push(show::read_entry(item)?);
                    }
                    let more = shows.len() > most;
                    if more || answer.last_evaluated_key.is_none() {
                        shows.truncate(most);
                        return Ok(ShowPage { shows, more });
                    }
                    start = answer.last_evaluated_key;
                }
            }
        }
    }
}
