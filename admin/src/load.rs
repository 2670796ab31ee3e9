//! Puts theaters, shows and bookings in the order of a file.

use std::fmt::Write;
use std::time::Duration;

use boxoffice::app::{Book, BookError, BoxOffice, Precondition, Put, RequestId, SelectError, ShowPut};
use boxoffice::context::RequestContext;
use boxoffice::domain::caller::Caller;
use boxoffice::domain::ids::TheaterId;
use boxoffice::domain::inventory::InventoryId;
use boxoffice::domain::sale::NotOnSaleReason;

use crate::file::{Contents, Theater};
use crate::shows::{NewBooking, NewShow};

/// Time limit of one put. Withdrawing all seats of the largest hall takes some seconds, and no client is waiting on a
/// connection.
const TIME_LIMIT: Duration = Duration::from_secs(120);

/// The outcomes of the shows of one theater.
#[derive(Default)]
struct Outcomes {
    created: usize,
    changed: usize,
    unchanged: usize,
    /// Bookings that weren't there before.
    booked: usize,
}

/// Loads a file, and reports each theater, and the shows of each theater, in a line. Repeating it changes nothing.
///
/// # Errors
///
/// Returns the first error, with the theater or the show. All before it stay loaded.
pub(crate) async fn load(
    office: &BoxOffice,
    contents: &Contents,
    report: &mut dyn FnMut(&str) -> std::io::Result<()>,
) -> Result<(), Box<dyn std::error::Error>> {
    for theater in &contents.theaters {
        report(&put_theater(office, theater).await?)?;
    }
    let mut outcomes: Vec<(&TheaterId, Outcomes)> = Vec::new();
    for show in &contents.shows {
        let index = outcomes.iter().position(|(theater, _)| *theater == &show.theater).unwrap_or_else(|| {
            outcomes.push((&show.theater, Outcomes::default()));
            outcomes.len() - 1
        });
        put_show(office, show, &mut outcomes[index].1).await.map_err(|error| format!("show {}: {error}", show.id))?;
    }
    for (theater, outcomes) in outcomes {
        report(&outcomes.line(theater))?;
    }
    Ok(())
}

async fn put_theater(office: &BoxOffice, theater: &Theater) -> Result<String, String> {
    let Theater { id, layout } = theater;
    let ctx = RequestContext::with_time_limit(TIME_LIMIT);
    let outcome = office.put_theater(&ctx, id, layout, Precondition::Whatever).await;
    let what = match outcome.map_err(|error| format!("theater {id}: {error}"))?.put {
        Put::Created => "created",
        Put::Changed => "changed",
        Put::Unchanged => "unchanged",
    };
    Ok(format!("theater {id} ({}): {} seats, {what}", layout.name, layout.seats.len()))
}

async fn put_show(office: &BoxOffice, show: &NewShow, outcomes: &mut Outcomes) -> Result<(), String> {
    let ctx = RequestContext::with_time_limit(TIME_LIMIT);
    match office.put_show(&ctx, &show.id, &show.put, &Precondition::Whatever).await {
        Ok(ShowPut::Created(_)) => outcomes.created += 1,
        Ok(ShowPut::Changed(_)) => outcomes.changed += 1,
        Ok(ShowPut::Unchanged(_)) => outcomes.unchanged += 1,
        Err(error) => return Err(error.to_string()),
    }
    for NewBooking { id, seats, reference } in &show.bookings {
        let book = Book {
            inventory: InventoryId::Show(show.id.clone()),
            seats: Some(seats.clone()),
            booking: Some(RequestId::Given(*id)),
            reservation: None,
            expect: None,
            reference: reference.clone(),
            caller: Caller::Anonymous,
        };
        let ctx = RequestContext::with_time_limit(TIME_LIMIT);
        match office.book(&ctx, &book).await {
            Ok(booked) => outcomes.booked += usize::from(!booked.replayed),
            // An earlier load made it, and it stays cancelled.
            Err(BookError::Cancelled) => {}
            Err(error) => return Err(format!("booking {id}: {}", refusal(&error))),
        }
    }
    // A failed count isn't an error: the list has an unknown availability until the first read of the show.
    let _ = office.count_seats(&ctx, &show.id).await;
    Ok(())
}

/// Describes a refused booking. Names the seats that are in the way.
fn refusal(error: &BookError) -> String {
    match error {
        BookError::SeatUnavailable(conflicts) => {
            let mut text = "seats are taken:".to_owned();
            for conflict in conflicts {
                let _ = write!(text, " {}", conflict.seat);
            }
            text
        }
        BookError::Select(SelectError::SeatNotFound(seats)) => {
            let mut text = "no such seats:".to_owned();
            for seat in seats {
                let _ = write!(text, " {seat}");
            }
            text
        }
        BookError::Select(SelectError::NotOnSale { refusal, .. }) => match refusal.reason {
            NotOnSaleReason::NotYet => "the sale hasn't opened yet",
            NotOnSaleReason::Paused => "the sale is paused",
            NotOnSaleReason::Closed => "the sale is closed",
        }
        .to_owned(),
        other => other.to_string(),
    }
}

impl Outcomes {
    fn line(&self, theater: &TheaterId) -> String {
        let Self { created, changed, unchanged, booked } = self;
        let mut line =
            format!("shows of theater {theater}: {created} created, {changed} changed, {unchanged} unchanged");
        if *booked > 0 {
            let _ = write!(line, ", {booked} bookings made");
        }
        line
    }
}
