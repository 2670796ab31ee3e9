//! The measured calls: their preconditions, their events and their expected answers.

mod kind;

use anyhow::{Context, Result, bail, ensure};
use hyper::body::Bytes;
use serde_json::{Value, json};

pub(crate) use self::kind::{Kind, USUAL};
use crate::halls::{self, Hall, Sold};
use crate::ids;
use crate::instance::Instance;
use crate::runtime_api::Answered;
use crate::stand::Stand;

/// Seats of the venues in which writes are measured.
const SALE: usize = 10_000;

/// A prepared call. It provides the next event and checks its answer.
pub(crate) struct Case {
    pub(crate) kind: Kind,
    theater: String,
    fixed: Option<Bytes>,
    status: u16,
    cache: Option<&'static str>,
    free: std::vec::IntoIter<String>,
}

impl Case {
    /// Creates the data that the call needs. Afterwards the cache knows the theater.
    pub(crate) async fn ready(kind: Kind, stand: &Stand, looker: &Instance) -> Result<Self> {
        let theater = kind.hall().map_or_else(|| format!("sale-{:016x}", fastrand::u64(..)), Hall::theater);
        let (status, cache) = match kind {
            Kind::Hit(_) | Kind::Map(_) => (200, Some("hit")),
            Kind::Miss(_) => (200, Some("miss")),
            Kind::NotModified(_) => (304, None),
            Kind::Reserve(_) | Kind::Book(_) => (201, None),
            Kind::Replay | Kind::Reservation | Kind::Booking | Kind::Theater(_) | Kind::Batch | Kind::Echo => {
                (200, None)
            }
            Kind::Refused => (409, None),
        };
        let mut case = Self { kind, theater, fixed: None, status, cache, free: Vec::new().into_iter() };
        if kind == Kind::Echo {
            case.fixed = Some(stand.events.look(&USUAL.theater()));
            return Ok(case);
        }
        if kind.hall().is_none() {
            halls::put(&stand.office, &case.theater, SALE).await?;
            case.free = halls::labels(SALE).into_iter();
        }
        case.fix(stand).await?;
        case.fill(stand, looker).await?;
        Ok(case)
    }

    /// Builds the event if it is the same for every call.
    async fn fix(&mut self, stand: &Stand) -> Result<()> {
        let (events, theater) = (&stand.events, self.theater.clone());
        self.fixed = match self.kind {
            Kind::Hit(_) | Kind::Miss(_) => Some(events.look(&theater)),
            Kind::Map(_) => Some(events.map(&theater)),
            Kind::Replay => {
                let seat = self.seats(1)?;
                let body = json!({ "seats": seat, "booking_id": ids::chosen(&mut fastrand::Rng::new()).to_string() });
                Some(events.book(&theater, &body))
            }
            Kind::Refused => {
                let seat = self.seats(1)?;
                halls::sell(&stand.office, &theater, &seat).await?;
                Some(events.book(&theater, &json!({ "seats": seat })))
            }
            Kind::Reservation => {
                let id = halls::reserve(&stand.office, &theater, &self.seats(2)?).await?;
                Some(events.reservation(&theater, &id))
            }
            Kind::Booking => {
                let id = halls::book(&stand.office, &theater, &self.seats(2)?).await?;
                Some(events.booking(&theater, &id))
            }
            Kind::Theater(_) => Some(events.theater(&theater)),
            Kind::Batch => Some(events.batch(&theater)),
            Kind::NotModified(_) | Kind::Reserve(_) | Kind::Book(_) | Kind::Echo => None,
        };
        Ok(())
    }

    /// Fills the cache again, so that it needs no renewal for a while.
    pub(crate) async fn fill(&mut self, stand: &Stand, looker: &Instance) -> Result<()> {
        if self.kind == Kind::Echo {
            return Ok(());
        }
        stand.forget().await?;
        let look = looker.invoke(stand.events.look(&self.theater)).await?;
        if let Some(hall) = self.kind.hall() {
            is_sold(hall, &look)?;
        }
        if matches!(self.kind, Kind::NotModified(_)) {
            // The read that fills the cache gets no revision. All other reads get one.
            let hit = looker.invoke(stand.events.look(&self.theater)).await?;
            let answer: Value = serde_json::from_slice(&hit.body)?;
            ensure!(header(&answer, "x-cache") == Some("hit"), "a filled cache isn't read");
            let etag = header(&answer, "etag").context("a read has no ETag")?.to_owned();
            self.fixed = Some(stand.events.look_again(&self.theater, &etag));
        }
        Ok(())
    }

    /// Returns the next event after preparing its data.
    pub(crate) async fn event(&mut self, stand: &Stand) -> Result<Bytes> {
        if matches!(self.kind, Kind::Miss(_)) {
            stand.forget().await?;
        }
        if let Some(fixed) = &self.fixed {
            return Ok(fixed.clone());
        }
        let id = ids::chosen(&mut fastrand::Rng::new()).to_string();
        match self.kind {
            Kind::Reserve(k) => {
                let seats = self.seats(k)?;
                Ok(stand.events.reserve(&self.theater, &json!({ "seats": seats, "reservation_id": id })))
            }
            Kind::Book(k) => {
                let seats = self.seats(k)?;
                Ok(stand.events.book(&self.theater, &json!({ "seats": seats, "booking_id": id })))
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
    pub(crate) fn check(&self, answered: &Answered, first: bool) -> Result<()> {
        let answer: Value = serde_json::from_slice(&answered.body).context("the answer isn't JSON")?;
        if self.kind == Kind::Echo {
            let sent: Value = serde_json::from_slice(self.fixed.as_deref().unwrap_or_default())?;
            ensure!(answer == sent, "the echo differs: {answer}");
            return Ok(());
        }
        if self.kind == Kind::Batch {
            let failed = answer["batchItemFailures"].as_array().map(Vec::len);
            ensure!(failed == Some(0), "a batch didn't reach the cache: {answer}");
            return Ok(());
        }
        let expected = if first && self.kind == Kind::Replay { 201 } else { self.status };
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
fn is_sold(hall: Hall, look: &Answered) -> Result<()> {
    let answer: Value = serde_json::from_slice(&look.body)?;
    let body: Value = serde_json::from_str(answer["body"].as_str().unwrap_or_default())?;
    let sold = match hall.sold {
        Sold::Empty => 0,
        Sold::Half => hall.seats.div_ceil(2),
        Sold::Out => hall.seats,
    };
    ensure!(body["booked"] == sold, "{}: {} seats are sold, and not {sold}", hall.theater(), body["booked"]);
    Ok(())
}

/// Returns the length of the body in an answer.
pub(crate) fn body_length(answered: &Answered) -> usize {
    let answer: Value = serde_json::from_slice(&answered.body).unwrap_or_default();
    answer["body"].as_str().map_or(0, str::len)
}
