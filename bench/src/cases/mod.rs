//! The measured calls: their preconditions, their events and their expected answers.

mod kind;

use anyhow::{Context, Result, bail, ensure};
use hyper::body::Bytes;
use serde_json::{Value, json};

pub(crate) use self::kind::{CallKind, REFERENCE_VENUE};
use crate::fixture::Fixture;
use crate::ids;
use crate::instance::{Instance, TimedAnswer};
use crate::venues::{self, SoldShare, Venue};

/// Seats of the venues in which writes are measured.
const SEATS_ON_SALE: usize = 10_000;

/// A prepared call. It provides the next event and checks its answer.
pub(crate) struct Case {
    pub(crate) kind: CallKind,
    theater: String,
    fixed: Option<Bytes>,
    status: u16,
    cache: Option<&'static str>,
    free: std::vec::IntoIter<String>,
}

impl Case {
    /// Creates the data that the call needs. Afterwards the cache knows the theater.
    pub(crate) async fn ready(kind: CallKind, fixture: &Fixture, reader: &Instance) -> Result<Self> {
        let theater = kind.venue().map_or_else(|| format!("sale-{:016x}", fastrand::u64(..)), Venue::theater);
        let (status, cache) = match kind {
            CallKind::Hit(_) | CallKind::Map(_) => (200, Some("hit")),
            CallKind::Miss(_) => (200, Some("miss")),
            CallKind::NotModified(_) => (304, None),
            CallKind::Reserve(_) | CallKind::Book(_) => (201, None),
            CallKind::Replay
            | CallKind::Reservation
            | CallKind::Booking
            | CallKind::Theater(_)
            | CallKind::Batch
            | CallKind::Echo => (200, None),
            CallKind::Refused => (409, None),
        };
        let mut case = Self { kind, theater, fixed: None, status, cache, free: Vec::new().into_iter() };
        if kind == CallKind::Echo {
            case.fixed = Some(fixture.events.look(&REFERENCE_VENUE.theater()));
            return Ok(case);
        }
        if kind.venue().is_none() {
            venues::put(&fixture.office, &case.theater, SEATS_ON_SALE).await?;
            case.free = venues::labels(SEATS_ON_SALE).into_iter();
        }
        case.fix(fixture).await?;
        case.fill(fixture, reader).await?;
        Ok(case)
    }

    /// Builds the event if it is the same for every call.
    async fn fix(&mut self, fixture: &Fixture) -> Result<()> {
        let (events, theater) = (&fixture.events, self.theater.clone());
        self.fixed = match self.kind {
            CallKind::Hit(_) | CallKind::Miss(_) => Some(events.look(&theater)),
            CallKind::Map(_) => Some(events.map(&theater)),
            CallKind::Replay => {
                let seat = self.seats(1)?;
                let body = json!({ "seats": seat, "booking_id": ids::chosen(&mut fastrand::Rng::new()).to_string() });
                Some(events.book(&theater, &body))
            }
            CallKind::Refused => {
                let seat = self.seats(1)?;
                venues::sell(&fixture.office, &theater, &seat).await?;
                Some(events.book(&theater, &json!({ "seats": seat })))
            }
            CallKind::Reservation => {
                let id = venues::reserve(&fixture.office, &theater, &self.seats(2)?).await?;
                Some(events.reservation(&theater, &id))
            }
            CallKind::Booking => {
                let id = venues::book(&fixture.office, &theater, &self.seats(2)?).await?;
                Some(events.booking(&theater, &id))
            }
            CallKind::Theater(_) => Some(events.theater(&theater)),
            CallKind::Batch => Some(events.batch(&theater)),
            CallKind::NotModified(_) | CallKind::Reserve(_) | CallKind::Book(_) | CallKind::Echo => None,
        };
        Ok(())
    }

    /// Fills the cache again, so that it needs no renewal for a while.
    pub(crate) async fn fill(&mut self, fixture: &Fixture, reader: &Instance) -> Result<()> {
        if self.kind == CallKind::Echo {
            return Ok(());
        }
        fixture.forget().await?;
        let look = reader.invoke(fixture.events.look(&self.theater)).await?;
        if let Some(venue) = self.kind.venue() {
            is_sold(venue, &look)?;
        }
        if matches!(self.kind, CallKind::NotModified(_)) {
            // The read that fills the cache gets no revision. All other reads get one.
            let hit = reader.invoke(fixture.events.look(&self.theater)).await?;
            let answer: Value = serde_json::from_slice(&hit.body)?;
            ensure!(header(&answer, "x-cache") == Some("hit"), "a filled cache isn't read");
            let etag = header(&answer, "etag").context("a read has no ETag")?.to_owned();
            self.fixed = Some(fixture.events.revalidate(&self.theater, &etag));
        }
        Ok(())
    }

    /// Returns the next event after preparing its data.
    pub(crate) async fn event(&mut self, fixture: &Fixture) -> Result<Bytes> {
        if matches!(self.kind, CallKind::Miss(_)) {
            fixture.forget().await?;
        }
        if let Some(fixed) = &self.fixed {
            return Ok(fixed.clone());
        }
        let id = ids::chosen(&mut fastrand::Rng::new()).to_string();
        match self.kind {
            CallKind::Reserve(k) => {
                let seats = self.seats(k)?;
                Ok(fixture.events.reserve(&self.theater, &json!({ "seats": seats, "reservation_id": id })))
            }
            CallKind::Book(k) => {
                let seats = self.seats(k)?;
                Ok(fixture.events.book(&self.theater, &json!({ "seats": seats, "booking_id": id })))
            }
            other => bail!("{other:?} isn't prepared"),
        }
    }

    fn seats(&mut self, k: usize) -> Result<Vec<String>> {
        let seats: Vec<_> = self.free.by_ref().take(k).collect();
        ensure!(seats.len() == k, "the venue of {} is sold out", self.kind.name());
        Ok(seats)
    }

    /// Checks the answer. The `first` answer of a repeated booking is the booking itself.
    pub(crate) fn check(&self, answered: &TimedAnswer, first: bool) -> Result<()> {
        let answer: Value = serde_json::from_slice(&answered.body).context("the answer isn't JSON")?;
        if self.kind == CallKind::Echo {
            let sent: Value = serde_json::from_slice(self.fixed.as_deref().unwrap_or_default())?;
            ensure!(answer == sent, "the echo differs: {answer}");
            return Ok(());
        }
        if self.kind == CallKind::Batch {
            let failed = answer["batchItemFailures"].as_array().map(Vec::len);
            ensure!(failed == Some(0), "a batch didn't reach the cache: {answer}");
            return Ok(());
        }
        let expected = if first && self.kind == CallKind::Replay { 201 } else { self.status };
        let cache = header(&answer, "x-cache");
        // The first read of a venue, or of the whole measurement, may fill the cache.
        let as_cached = first || self.cache.is_none() || cache == self.cache;
        let (name, headers) = (self.kind.name(), &answer["headers"]);
        let shown = format!("{:.300}", answer["body"].to_string());
        ensure!(answer["statusCode"] == expected && as_cached, "{name}: {headers} {shown}");
        Ok(())
    }
}

fn header<'a>(answer: &'a Value, name: &str) -> Option<&'a str> {
    let single = answer["headers"][name].as_str();
    single.or_else(|| answer["multiValueHeaders"][name][0].as_str())
}

/// Checks that a read shows the expected number of seats as sold.
fn is_sold(venue: Venue, look: &TimedAnswer) -> Result<()> {
    let answer: Value = serde_json::from_slice(&look.body)?;
    let body: Value = serde_json::from_str(answer["body"].as_str().unwrap_or_default())?;
    let sold = match venue.sold {
        SoldShare::Empty => 0,
        SoldShare::Half => venue.seats.div_ceil(2),
        SoldShare::Out => venue.seats,
    };
    ensure!(body["booked"] == sold, "{}: {} seats are sold, and not {sold}", venue.theater(), body["booked"]);
    Ok(())
}

/// Returns the length of the body in an answer.
pub(crate) fn body_length(answered: &TimedAnswer) -> usize {
    let answer: Value = serde_json::from_slice(&answered.body).unwrap_or_default();
    answer["body"].as_str().map_or(0, str::len)
}
