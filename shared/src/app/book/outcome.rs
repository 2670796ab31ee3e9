//! The outcome of an attempt to book.

use super::{BookError, Booked};
use crate::app::select::{CachedView, SelectedSeats};
use crate::app::{BoxOffice, SelectError};
use crate::context::RequestContext;
use crate::domain::availability::{SeatState, Slot};
use crate::domain::ids::SeatLabel;
use crate::domain::offers::unknown_ticket_types;
use crate::domain::seat_request::SeatRequest;
use crate::domain::selection::Conflict;
use crate::store::{BookOutcome, BookRequest, Decision};

impl BoxOffice {
    /// Merges what an attempt learned into the cache, and evaluates its outcome.
    pub(super) async fn finish_booking(
        &self,
        ctx: &RequestContext,
        selected: &SelectedSeats,
        request: &BookRequest<'_>,
        Decision { outcome, observed }: Decision<BookOutcome>,
    ) -> Result<Booked, BookError> {
        let id = request.booking;
        let _ = self.update_cache(ctx, &selected.inventory, &observed).await;
        match outcome {
            BookOutcome::Booked(booking) => Ok(Booked { id, booking, replayed: false }),
            BookOutcome::Replayed(booking) => Ok(Booked { id, booking, replayed: true }),
            BookOutcome::IdReused => Err(BookError::IdReused),
            BookOutcome::Cancelled => Err(BookError::Cancelled),
            BookOutcome::NotReserved(missing) => {
                Err(BookError::ReservationChanged(self.show_expired_as_available(missing)))
            }
            BookOutcome::Unexpected(other) => Err(BookError::Unexpected(Box::new(other))),
            BookOutcome::UnknownTicketTypes(seats) => {
                let requests = requests_of(request, &seats);
                let unknown = unknown_ticket_types(&requests, &selected.inventory);
                Err(SelectError::TicketTypeNotFound(unknown).into())
            }
            BookOutcome::LimitReached(booked) => {
                Err(BookError::LimitReached { booked, most: self.policy.max_booked_per_caller })
            }
            BookOutcome::Refused(conflicts) => {
                if selected.cached == CachedView::AllFree {
                    self.count_stale_answers(ctx, &observed);
                }
                match self.withdrawn_seats_error(ctx, request.inventory, &conflicts).await {
                    Some(error) => Err(error.into()),
                    None => Err(BookError::SeatUnavailable(conflicts)),
                }
            }
        }
    }

    /// Shows seats whose reservation has expired as available.
    fn show_expired_as_available(&self, mut conflicts: Vec<Conflict>) -> Vec<Conflict> {
        let now = self.clock.now();
        for conflict in &mut conflicts {
            conflict.state = Slot { state: conflict.state, ..Slot::default() }.state_at(now);
            conflict.yours &= conflict.state != SeatState::Available;
        }
        conflicts
    }
}

/// Returns what the request asks for these seats.
fn requests_of(request: &BookRequest<'_>, seats: &[SeatLabel]) -> Vec<SeatRequest> {
    let offers = request.offers.map(|offers| offers.seats.as_slice()).unwrap_or_default();
    let asked = request.seats.labels().zip(offers).filter(|(label, _)| seats.contains(label));
    asked.map(|(seat, offer)| SeatRequest { seat: seat.clone(), ticket_type: offer.named.clone() }).collect()
}
