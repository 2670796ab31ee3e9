//! The calls that are measured.

use anyhow::{Context, Result, bail, ensure};
use hyper::body::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::halls::{self, Hall, SIZES, Sold};
use crate::instance::Instance;
use crate::runtime_api::Answered;
use crate::stand::Stand;

/// Seats of the halls that writes are measured in.
const SALE: usize = 10_000;
/// The hall that all kinds of calls are compared in.
pub(crate) const USUAL: Hall = Hall { seats: 300, sold: Sold::Half };

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A look that the cache answers.
    Hit(Hall),
    /// A look by somebody who has seen the answer.
    NotModified(Hall),
    /// A look when the cache has nothing.
    Miss(Hall),
    /// A look at the map, by the cache.
    Map(Hall),
    /// A reservation of so many free seats.
    Reserve(usize),
    /// A booking of so many free seats.
    Book(usize),
    /// A booking that was made already.
    Replay,
    /// A booking without an id, of a seat that the cache knows to be sold.
    Refused,
    /// A reservation is looked up.
    Reservation,
    /// A booking is looked up.
    Booking,
    /// A layout is shown.
    Theater(Hall),
    /// A batch of the table's stream is told to the cache.
    Batch,
    /// Whatever is sent comes back: the bare runtime.
    Echo,
}

impl Kind {
    /// All, in the order in which they are shown.
    pub(crate) fn all() -> Vec<Self> {
        let mut kinds: Vec<_> = Hall::all().map(Self::Hit).collect();
        let half = SIZES.map(|seats| Hall { seats, sold: Sold::Half });
        kinds.extend(half.map(Self::NotModified));
        kinds.extend(SIZES.map(|seats| Self::Miss(Hall { seats, sold: Sold::Out })));
        kinds.extend([Self::Map(USUAL), Self::Reserve(1), Self::Reserve(4), Self::Book(1), Self::Book(4)]);
        kinds.extend([Self::Replay, Self::Refused]);
        kinds.extend([Self::Reservation, Self::Booking, Self::Theater(USUAL), Self::Batch, Self::Echo]);
        kinds
    }

    /// Those with a budget: each kind, and looks at a small and at a large hall.
    pub(crate) fn budgeted() -> Vec<Self> {
        let large = Hall { seats: 10_000, sold: Sold::Half };
        let mut kinds = vec![Self::Hit(USUAL), Self::Hit(large), Self::NotModified(USUAL), Self::NotModified(large)];
        kinds.extend([Self::Miss(USUAL), Self::Map(USUAL), Self::Reserve(1), Self::Reserve(4), Self::Book(1)]);
        kinds.extend([Self::Book(4), Self::Replay, Self::Refused]);
        kinds.extend([Self::Reservation, Self::Booking, Self::Theater(USUAL), Self::Batch]);
        kinds
    }

    /// The function that is called.
    pub(crate) fn function(self) -> &'static str {
        match self {
            Self::Hit(_) | Self::NotModified(_) | Self::Miss(_) | Self::Map(_) => "get-seats",
            Self::Reserve(_) => "reserve",
            Self::Book(_) | Self::Replay | Self::Refused => "book",
            Self::Reservation => "reservations",
            Self::Booking => "bookings",
            Self::Theater(_) => "theaters",
            Self::Batch => "sync-cache",
            Self::Echo => "bench-echo",
        }
    }

    /// The hall, if it is one of those to look at.
    pub(crate) fn hall(self) -> Option<Hall> {
        match self {
            Self::Hit(hall) | Self::NotModified(hall) | Self::Miss(hall) | Self::Map(hall) => Some(hall),
            Self::Theater(hall) => Some(hall),
            _ => None,
        }
    }

    /// Its name without the hall.
    pub(crate) fn what(self) -> &'static str {
        match self {
            Self::Hit(_) => "hit",
            Self::NotModified(_) => "304",
            Self::Miss(_) => "miss",
            Self::Map(_) => "map",
            Self::Theater(_) => "layout",
            _ => "",
        }
    }

    /// What it is called in tables.
    pub(crate) fn name(self) -> String {
        if let Some(hall) = self.hall() {
            return format!("{} {}, {} seats, {}", self.function(), self.what(), hall.seats, hall.sold);
        }
        let seats = |k: usize| if k == 1 { "1 seat".to_owned() } else { format!("{k} seats") };
        match self {
            Self::Hit(_) | Self::NotModified(_) | Self::Miss(_) | Self::Map(_) | Self::Theater(_) => String::new(),
            Self::Reserve(k) => format!("reserve {}", seats(k)),
            Self::Book(k) => format!("book {}", seats(k)),
            Self::Replay => "book, repeated".to_owned(),
            Self::Refused => "book, refused by the cache".to_owned(),
            Self::Reservation => "reservation, looked up".to_owned(),
            Self::Booking => "booking, looked up".to_owned(),
            Self::Batch => "sync-cache, a batch".to_owned(),
            Self::Echo => "bare runtime, echo".to_owned(),
        }
    }
}

/// A kind of call, made ready: knows the next event, and what its answer has to be.
pub(crate) struct Case {
    pub(crate) kind: Kind,
    theater: String,
    fixed: Option<Bytes>,
    status: u16,
    cache: Option<&'static str>,
    free: std::vec::IntoIter<String>,
}

impl Case {
    /// Makes ready what the call needs to be there. The cache knows the theater from then on.
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

    /// The event, where it is always the same.
    async fn fix(&mut self, stand: &Stand) -> Result<()> {
        let (events, theater) = (&stand.events, self.theater.clone());
        self.fixed = match self.kind {
            Kind::Hit(_) | Kind::Miss(_) => Some(events.look(&theater)),
            Kind::Map(_) => Some(events.map(&theater)),
            Kind::Replay => {
                let seat = self.seats(1)?;
                let body = json!({ "seats": seat, "booking_id": Uuid::from_u128(fastrand::u128(..)).to_string() });
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

    /// Has the cache filled anew, so that it doesn't have to be renewed for a while.
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
            let answer: Value = serde_json::from_slice(&look.body)?;
            let etag = header(&answer, "etag").context("a look has no ETag")?.to_owned();
            self.fixed = Some(stand.events.look_again(&self.theater, &etag));
        }
        Ok(())
    }

    /// The next event, with what has to be done before it.
    pub(crate) async fn event(&mut self, stand: &Stand) -> Result<Bytes> {
        if matches!(self.kind, Kind::Miss(_)) {
            stand.forget().await?;
        }
        if let Some(fixed) = &self.fixed {
            return Ok(fixed.clone());
        }
        let id = Uuid::from_u128(fastrand::u128(..)).to_string();
        match self.kind {
            Kind::Reserve(k) => {
                let seats = self.seats(k)?;
                Ok(stand.events.reserve(&self.theater, &json!({ "seats": seats, "reservation_id": id })))
            }
            Kind::Book(k) => {
                let seats = self.seats(k)?;
                Ok(stand.events.book(&self.theater, &json!({ "seats": seats, "booking_id": id })))
            }
            other => bail!("{other:?} isn't ready"),
        }
    }

    fn seats(&mut self, k: usize) -> Result<Vec<String>> {
        let seats: Vec<_> = self.free.by_ref().take(k).collect();
        ensure!(seats.len() == k, "the hall of {} is sold out", self.kind.name());
        Ok(seats)
    }

    /// That the answer is what it has to be. `first` of a replay is the booking itself.
    pub(crate) fn check(&self, answered: &Answered, first: bool) -> Result<()> {
        let answer: Value = serde_json::from_slice(&answered.body).context("the answer is no JSON")?;
        if self.kind == Kind::Echo {
            let sent: Value = serde_json::from_slice(self.fixed.as_deref().unwrap_or_default())?;
            ensure!(answer == sent, "the echo is another: {answer}");
            return Ok(());
        }
        if self.kind == Kind::Batch {
            let failed = answer["batchItemFailures"].as_array().map(Vec::len);
            ensure!(failed == Some(0), "a batch was not told to the cache: {answer}");
            return Ok(());
        }
        let expected = if first && self.kind == Kind::Replay { 201 } else { self.status };
        let cache = header(&answer, "x-cache");
        // Whoever is the first to look, at a hall or at all, may fill the cache.
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

/// That as many seats of a hall are shown as sold as are to be.
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

/// The length of the body in an answer.
pub(crate) fn body_length(answered: &Answered) -> usize {
    let answer: Value = serde_json::from_slice(&answered.body).unwrap_or_default();
    answer["body"].as_str().map_or(0, str::len)
}
