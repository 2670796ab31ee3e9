//! Extensions of a reservation. Each seat is extended once.

use super::{ChangedSeats, Learned, labels, select_named};
use crate::context::RequestContext;
use crate::domain::ids::SeatLabel;
use crate::domain::ids::{ExtensionId, RequestToken};
use crate::domain::time::{EpochMillis, EpochSeconds};
use crate::random;
use crate::store::reservation_quota::{QuotaChange, QuotaCheck, ReservationQuota};
use crate::store::reservation_records::stamp_above;
use crate::store::schema::reservation_record::{ExtensionMark, ReservationRef, ReservedSeat};
use crate::store::write::rejection::{ItemRejection, WriteRejection};
use crate::store::write::retry::RetryLoop;
use crate::store::write::seat_write::{MovedEnd, SeatWrite};
use crate::store::{Store, StoreError};

/// A request to extend a reservation.
#[derive(Clone, Copy, Debug)]
pub struct Extension {
    /// The id of the extension. A repeated request has the same id.
    pub id: ExtensionId,
    /// Seconds from now until the new end.
    pub expires_in: u32,
    /// Seconds that a seat may be reserved in total.
    pub longest: u32,
    /// The quota of seats that the caller may have reserved at once.
    pub reservation_quota: Option<ReservationQuota>,
}

/// The outcome of an extension.
#[derive(Debug, PartialEq, Eq)]
pub enum ExtendOutcome {
    /// These seats of the reservation are still reserved. Those that had no extension before end later now.
    Extended { seats: Vec<ReservedSeat>, changed: ChangedSeats },
    /// The same extension was carried out before. Nothing changed.
    Replayed(Vec<ReservedSeat>),
    /// Each seat was extended before by another request. Nothing changed.
    ExtendedBefore,
    /// No seat would end later than it does. Nothing changed.
    EndsNoLater(EpochSeconds),
    /// The caller has this many seats reserved, and the quota has no room for these any more. Nothing changed.
    LimitReached(usize),
    /// These of the named seats aren't reserved under the reservation, but others are. Nothing changed.
    Missing(Vec<SeatLabel>),
    /// All its seats have expired. Nothing changed, and no earlier attempt can change anything any more.
    Expired(Vec<SeatLabel>),
    /// None of the seats is reserved under it.
    NotFound,
}

impl ReservedSeat {
    /// Returns the seat as it is after an extension. The new end is the requested one, within the total time that a
    /// seat may be reserved. An end never moves to an earlier time.
    fn extended(&self, extension: &Extension, mark: ExtensionMark, now: EpochMillis) -> Self {
        let wanted = now.ends_after(extension.expires_in);
        let expires_at = wanted.min(self.reserved_at.ends_after(extension.longest)).max(self.expires_at);
        Self { expires_at, extension: Some(mark), ..self.clone() }
    }
}

impl Store {
    /// Extends the seats of a reservation, each of them once.
    ///
    /// Repeating it is safe: the record lists the extension of each seat, and is written in the same transaction. If an
    /// answer is lost, the record is read again and has this request's token.
    pub async fn extend(
        &self,
        ctx: &RequestContext,
        wanted: &ReservationRef<'_>,
        extension: &Extension,
    ) -> Result<ExtendOutcome, StoreError> {
        let mut retry_loop = RetryLoop::for_write(ctx, self);
        let token = RequestToken::new(random::random_id());
        let mut learned = Learned::default();
        let mut quota_change = QuotaChange::Keep;
        loop {
            let Some(found) = self.record(ctx, wanted).await? else { return Ok(ExtendOutcome::NotFound) };
            // Taken after the read, because a slow read must not revive seats that have ended meanwhile.
            let now = found.record.effective_now(self.clock.now());
            let seats = select_named(found.record.current(), wanted);
            let seats: Vec<_> = seats.into_iter().filter(|seat| !learned.lost.contains(&seat.seat)).collect();
            let stamp = learned.stamp.max(stamp_above(&seats, now));
            learned.stamp = stamp;
            let mark = ExtensionMark { id: extension.id, token, at: stamp };
            let next = match plan_extension(&seats, extension, mark, now) {
                Ok(next) => next,
                Err(ExtendOutcome::Replayed(seats)) => {
                    let reserved = self.still_reserved(ctx, wanted, &found, seats).await?;
                    return Ok(replay_extension(reserved, token));
                }
                Err(ExtendOutcome::Expired(seats)) => {
                    match self.store_rejection_time(wanted, &found, now, &mut retry_loop).await {
                        Ok(()) => return Ok(ExtendOutcome::Expired(seats)),
                        Err(refusal) => {
                            retry_loop.pause_before_reread(refusal).await?;
                            continue;
                        }
                    }
                }
                Err(outcome) => return Ok(outcome),
            };
            let missing = missing(wanted, &seats, now);
            if !missing.is_empty() {
                return Ok(ExtendOutcome::Missing(missing));
            }
            let mut record = found.record.clone();
            for seat in &mut record.seats {
                if let Some(later) = next.iter().find(|later| later.seat == seat.seat) {
                    *seat = later.clone();
                }
            }
            let holder = found.holder(wanted.id);
            let changed: Vec<_> = seats.iter().filter_map(|old| Some((old, later(&next, old)?))).collect();
            let changes = changed.iter().map(|(old, new)| {
                let end = MovedEnd { from: old.expires_at, to: new.expires_at };
                (&old.seat, SeatWrite::extend(&holder, end, stamp).by(wanted.by))
            });
            let reservation_quota = extension.reservation_quota.map(|reservation_quota| {
                let labels = changed.iter().map(|(old, _)| &old.seat);
                reservation_quota.item(&self.table, wanted.inventory, labels, &quota_change, now)
            });
            let limited = reservation_quota.is_some();
            let write = self.build_transaction(&record, wanted, &found, now, reservation_quota, changes);
            match self.transact(write, random::random_id(), &mut retry_loop).await {
                Ok(()) => {
                    let new: Vec<_> = changed.iter().map(|(_, new)| (*new).clone()).collect();
                    let changed = ChangedSeats::to(&new, retry_loop.unknown);
                    let all = seats.iter().filter(|seat| seat.is_running_at(now));
                    let all = all.map(|seat| later(&next, seat).unwrap_or(seat).clone());
                    return Ok(ExtendOutcome::Extended { seats: all.collect(), changed });
                }
                Err(refusal) => {
                    if let WriteRejection::Conditions(condition_results) = &refusal {
                        let old: Vec<_> = changed.iter().map(|(old, _)| (*old).clone()).collect();
                        let seats = condition_results.iter().skip(1 + usize::from(limited));
                        learned.learn(&holder, &old, seats);
                        if let (Some(reservation_quota), Some(ItemRejection::Refused(Some(set)))) =
                            (extension.reservation_quota, condition_results.get(1).filter(|_| limited))
                        {
                            let labels = old.iter().map(|seat| &seat.seat);
                            let room =
                                reservation_quota.recount(self, wanted.inventory, labels, set, &mut retry_loop).await?;
                            match room {
                                QuotaCheck::Full(reserved) => return Ok(ExtendOutcome::LimitReached(reserved)),
                                QuotaCheck::Enough(change) => quota_change = change,
                            }
                        }
                    }
                    retry_loop.pause_before_reread(refusal).await?;
                }
            }
        }
    }
}

/// Returns the seats that a call names and that aren't among `seats`, or have expired.
fn missing(wanted: &ReservationRef<'_>, seats: &[ReservedSeat], now: EpochMillis) -> Vec<SeatLabel> {
    let is_running = |label: &SeatLabel| seats.iter().any(|seat| seat.seat == *label && seat.is_running_at(now));
    wanted.seats.into_iter().flatten().filter(|label| !is_running(label)).cloned().collect()
}

/// Returns the outcome if seats already have this extension, by this request (whose answer was lost) or by an earlier
/// one.
fn replay_extension(seats: Vec<ReservedSeat>, token: RequestToken) -> ExtendOutcome {
    if seats.is_empty() {
        return ExtendOutcome::NotFound;
    }
    let own = |seat: &ReservedSeat| seat.extension.is_some_and(|extension| extension.token == token);
    if seats.iter().any(own) {
        let changed = ChangedSeats::to(&seats, false);
        return ExtendOutcome::Extended { seats, changed };
    }
    ExtendOutcome::Replayed(seats)
}

fn later<'a>(next: &'a [ReservedSeat], seat: &ReservedSeat) -> Option<&'a ReservedSeat> {
    next.iter().find(|later| later.seat == seat.seat)
}

/// Returns the seats that change, with their new ends, or the outcome if there is nothing to extend.
#[expect(clippy::expect_used, reason = "the seats that are running were counted")]
fn plan_extension(
    seats: &[ReservedSeat],
    extension: &Extension,
    mark: ExtensionMark,
    now: EpochMillis,
) -> Result<Vec<ReservedSeat>, ExtendOutcome> {
    let running: Vec<_> = seats.iter().filter(|seat| seat.is_running_at(now)).collect();
    let by_this = |seat: &&ReservedSeat| seat.extension.is_some_and(|mark| mark.id == extension.id);
    if running.iter().any(by_this) {
        return Err(ExtendOutcome::Replayed(running.into_iter().cloned().collect()));
    }
    if running.is_empty() {
        let expired = ExtendOutcome::Expired(labels(seats));
        return Err(if seats.is_empty() { ExtendOutcome::NotFound } else { expired });
    }
    let open: Vec<_> = running.iter().filter(|seat| seat.extension.is_none()).collect();
    if open.is_empty() {
        return Err(ExtendOutcome::ExtendedBefore);
    }
    let next = open.iter().map(|seat| (seat.expires_at, seat.extended(extension, mark, now)));
    let next: Vec<_> = next.filter(|(ends, next)| next.expires_at > *ends).map(|(_, next)| next).collect();
    if next.is_empty() {
        let end = running.iter().map(|seat| seat.expires_at).min().expect("a seat is running");
        return Err(ExtendOutcome::EndsNoLater(end));
    }
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const MARK: ExtensionMark = ExtensionMark {
        id: ExtensionId::new(Uuid::from_u128(1)),
        token: RequestToken::new(Uuid::from_u128(99)),
        at: EpochMillis::new(1_000_000),
    };
    const NOW: EpochMillis = EpochMillis::new(1_000_000);

    fn seat(label: &str, reserved: u64, expires_at: u64, extension: Option<u128>) -> ReservedSeat {
        let mark = |id| ExtensionMark {
            id: ExtensionId::new(Uuid::from_u128(id)),
            token: RequestToken::new(Uuid::nil()),
            at: EpochMillis::new(0),
        };
        ReservedSeat {
            seat: SeatLabel::parse(label).unwrap(),
            reserved_at: EpochMillis::new(reserved * 1_000),
            stamp: EpochMillis::new(reserved * 1_000),
            expires_at: EpochSeconds::new(expires_at),
            extension: extension.map(mark),
            fixed_price: None,
        }
    }

    fn by(expires_in: u32) -> Extension {
        Extension { id: ExtensionId::new(Uuid::from_u128(1)), expires_in, longest: 1_800, reservation_quota: None }
    }

    #[test]
    fn extension_respects_total_time_limit() {
        let seats = [seat("A1", 900, 1_100, None), seat("A2", 100, 1_500, None), seat("A3", 10, 1_805, None)];
        let next = plan_extension(&seats, &by(1_000), MARK, NOW).unwrap();
        let ends: Vec<_> = next.iter().map(|seat| seat.expires_at.as_secs()).collect();
        assert_eq!(ends, [2_000, 1_900, 1_810]);
        assert!(next.iter().all(|seat| seat.changed_at() == NOW && seat.extension == Some(MARK)));
    }

    #[test]
    fn extension_never_shortens_a_reservation() {
        let seats = [seat("A1", 900, 1_100, None), seat("A2", 900, 2_000, None)];
        let next = plan_extension(&seats, &by(200), MARK, NOW).unwrap();
        assert_eq!(next.iter().map(|seat| seat.expires_at.as_secs()).collect::<Vec<_>>(), [1_200], "A2 stays as it is");
        assert_eq!(
            plan_extension(&seats, &by(100), MARK, NOW),
            Err(ExtendOutcome::EndsNoLater(EpochSeconds::new(1_100)))
        );
    }

    #[test]
    fn each_seat_is_extended_once() {
        let all = [seat("A1", 900, 1_100, Some(2)), seat("A2", 900, 1_100, Some(3))];
        assert_eq!(plan_extension(&all, &by(600), MARK, NOW), Err(ExtendOutcome::ExtendedBefore));
        let grown = [seat("A1", 900, 1_100, Some(2)), seat("A2", 900, 1_100, None)];
        let next = plan_extension(&grown, &by(600), MARK, NOW).unwrap();
        assert_eq!(labels(&next), [SeatLabel::parse("A2").unwrap()], "the seat that was added since");
        let own = [seat("A1", 900, 1_100, Some(1)), seat("A2", 900, 1_100, None)];
        assert_eq!(plan_extension(&own, &by(600), MARK, NOW), Err(ExtendOutcome::Replayed(own.to_vec())));
        let gone = [seat("A1", 900, 999, Some(2)), seat("A2", 900, 1_100, None)];
        assert!(plan_extension(&gone, &by(600), MARK, NOW).is_ok(), "a seat that has expired doesn't belong to it");
    }

    #[test]
    fn no_seats_are_not_found_and_ended_ones_are_expired() {
        assert_eq!(plan_extension(&[], &by(600), MARK, NOW), Err(ExtendOutcome::NotFound));
        let ended = [seat("A1", 900, 1_000, None)];
        assert_eq!(plan_extension(&ended, &by(600), MARK, NOW), Err(ExtendOutcome::Expired(labels(&ended))));
    }
}
