//! Releases of a whole reservation, or of some of its seats.

use super::{ChangedSeats, Learned};
use crate::context::RequestContext;
use crate::domain::availability::{SeatState, Slot};
use crate::domain::time::EpochMillis;
use crate::random;
use crate::store::reservation_records::{FoundRecord, stamp_above};
use crate::store::schema::reservation_record::{Record, ReservationIdState, ReservationRef, ReservedSeat};
use crate::store::write::rejection::WriteRejection;
use crate::store::write::retry::RetryLoop;
use crate::store::write::seat_write::SeatWrite;
use crate::store::{SeatSlot, Store, StoreError};

impl Store {
    /// Releases a whole reservation and spends its id, or releases some of its seats.
    ///
    /// Repeating it is safe: a spent id stays spent, and only seats that are reserved under it are changed. The id of a
    /// reservation that doesn't exist is spent too, because the request to make it may still be on its way.
    pub async fn release(&self, ctx: &RequestContext, wanted: &ReservationRef<'_>) -> Result<ChangedSeats, StoreError> {
        let mut retry_loop = RetryLoop::for_write(ctx, self);
        let mut learned = Learned::default();
        loop {
            let found = self.record(ctx, wanted).await?;
            let found = found.unwrap_or_else(|| FoundRecord { record: Record::default(), owner: wanted.owner });
            let now = found.record.effective_now(self.clock.now());
            let Some(release) = Release::of(&found.record, wanted, now) else {
                return Ok(ChangedSeats { slots: Vec::new(), uncertain: retry_loop.unknown });
            };
            let seats: Vec<_> = release.seats.into_iter().filter(|seat| !learned.lost.contains(&seat.seat)).collect();
            let stamp = learned.stamp.max(stamp_above(&seats, now));
            learned.stamp = stamp;
            let holder = found.holder(wanted.id);
            let changes = seats.iter().map(|seat| {
                let change = SeatWrite::release(&holder, stamp, now).by(wanted.by);
                (&seat.seat, if seat.fixed_price.is_some() { change.without_price() } else { change })
            });
            let write = self.build_transaction(&release.record, wanted, &found, now, None, changes);
            match self.transact(write, random::random_id(), &mut retry_loop).await {
                Ok(()) => {
                    let slot = Slot { changed_at: stamp, state: SeatState::Available };
                    let slots = seats.into_iter().map(|seat| SeatSlot { seat: seat.seat, slot });
                    return Ok(ChangedSeats { slots: slots.collect(), uncertain: retry_loop.unknown });
                }
                Err(refusal) => {
                    if let WriteRejection::Conditions(condition_results) = &refusal {
                        learned.learn(&holder, &seats, condition_results.iter().skip(1));
                    }
                    retry_loop.pause_before_reread(refusal).await?;
                }
            }
        }
    }
}

/// The changes that a release makes.
struct Release {
    /// The record after the release.
    record: Record,
    /// The seats to release.
    seats: Vec<ReservedSeat>,
}

impl Release {
    /// Returns `None` if nothing is left to do.
    fn of(record: &Record, wanted: &ReservationRef<'_>, now: EpochMillis) -> Option<Self> {
        if record.state != ReservationIdState::Open {
            return None;
        }
        let mut next = record.clone();
        match wanted.seats {
            None => next.release(),
            Some(seats) if seats.iter().all(|seat| record.given_back.contains(seat)) => return None,
            Some(seats) => next.release_seats(seats),
        }
        let asked = |seat: &&ReservedSeat| wanted.seats.is_none_or(|seats| seats.contains(&seat.seat));
        let running = record.seats.iter().filter(asked).filter(|seat| seat.is_running_at(now)).cloned();
        Some(Self { record: next, seats: running.collect() })
    }
}
