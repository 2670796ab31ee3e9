//! Reads and writes of reservations' records.

use aws_sdk_dynamodb::types::TransactWriteItem;

use super::schema::reservation_record::{Record, ReservationRef, ReservedSeat};
use super::schema::{self, n};
use super::write::seat_write::{SeatHolder, SeatWrite};
use super::{Store, StoreError};
use crate::context::RequestContext;
use crate::domain::caller::Owner;
use crate::domain::ids::ReservationId;
use crate::domain::time::EpochMillis;

/// A record, and the owner whose key it was found under.
#[derive(Clone, Debug)]
pub(super) struct FoundRecord {
    pub(super) record: Record,
    pub(super) owner: Option<Owner>,
}

impl FoundRecord {
    /// Returns the reservation and the owner that the items of its seats name.
    pub(super) fn holder(&self, id: ReservationId) -> SeatHolder {
        SeatHolder { reservation: id, owner: self.owner }
    }
}

impl Store {
    /// Reads a reservation's record: the caller's own, or otherwise one without an owner. Costs one strongly consistent
    /// GetItem, or two for a signed-in caller who has none.
    pub(super) async fn record(
        &self,
        ctx: &RequestContext,
        wanted: &ReservationRef<'_>,
    ) -> Result<Option<FoundRecord>, StoreError> {
        let owners = [wanted.owner, None];
        for owner in &owners[usize::from(wanted.owner.is_none())..] {
            let item = self.read_item(ctx, schema::reservation_key(wanted.inventory, *owner, wanted.id)).await?;
            let record = item.map_or(Ok(None), |item| Record::read(&item, self.clock.now()))?;
            if let Some(record) = record {
                return Ok(Some(FoundRecord { record, owner: *owner }));
            }
        }
        Ok(None)
    }

    /// Builds the write of a record. Its condition is the version that was read, or that there is no record. Repeating
    /// it is safe, because the write raises the version and the condition fails from then on.
    pub(super) fn build_record_put(
        &self,
        record: &Record,
        wanted: &ReservationRef<'_>,
        now: EpochMillis,
    ) -> Result<TransactWriteItem, StoreError> {
        let item = record.item(wanted, now)?;
        let (condition, value) = match record.turn {
            0 => ("attribute_not_exists(pk) OR expires_at <= :now", (":now", n(now.seconds().as_secs()))),
            turn => ("turn = :turn", (":turn", n(turn))),
        };
        self.put_if(item, condition, Some([(value.0.to_owned(), value.1)].into()))
    }
}

/// Returns a stamp above those that the record knows. So most writes find no higher stamp.
pub(super) fn stamp_above(seats: &[ReservedSeat], now: EpochMillis) -> EpochMillis {
    let highest = seats.iter().map(ReservedSeat::changed_at).max().unwrap_or_default();
    SeatWrite::raise_above(highest, now)
}
