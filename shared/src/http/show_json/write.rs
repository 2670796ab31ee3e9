//! Documents of shows and sales in responses.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::domain::availability_level::{AvailabilityLevel, SeatCounts};
use crate::domain::prices::PriceOverrides;
use crate::domain::sale::SaleTerms;
use crate::domain::show::{Show, ShowEntry};
use crate::domain::time::{EpochMillis, EpochSeconds};
use crate::layout_json::extra_as_json;

/// A show in a response.
#[derive(Debug, Serialize)]
pub struct ShowBody<'a> {
    show_id: &'a str,
    theater_id: &'a str,
    title: &'a str,
    starts_at: &'a str,
    timezone: &'a str,
    local_date: String,
    local_time: String,
    layout_version: u64,
    version: u64,
    sale: SaleBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    prices: Option<&'a PriceOverrides>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    availability: Option<AvailabilityBody>,
}

/// A show in a response that lists shows.
#[derive(Debug, Serialize)]
pub struct ListedShow<'a> {
    show_id: &'a str,
    theater_id: &'a str,
    title: &'a str,
    starts_at: &'a str,
    timezone: &'a str,
    local_date: String,
    local_time: String,
    sale: SaleBody,
    availability: ListedAvailability,
}

/// A sale in a response.
#[derive(Debug, Serialize)]
pub struct SaleBody {
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    opens_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    closes_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    booking_closes_at: Option<String>,
    /// `true` if seats can be reserved now.
    on_sale: bool,
}

/// The availability of a show, with the numbers of its seats.
#[derive(Debug, Serialize)]
pub struct AvailabilityBody {
    level: &'static str,
    /// Seconds since the seats were counted.
    age: u64,
    seats: u32,
    available: u32,
    reserved: u32,
    booked: u32,
}

/// The availability of a show in a list.
#[derive(Debug, Serialize)]
pub struct ListedAvailability {
    level: &'static str,
    /// Seconds since the seats were counted, if they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    age: Option<u64>,
}

impl<'a> ShowBody<'a> {
    /// Creates the document of a show without its availability. `currency` is that of its prices.
    pub fn of(show: &'a Show, currency: Option<&'a str>, now: EpochMillis) -> Self {
        Self {
            show_id: show.id.as_str(),
            theater_id: show.theater.as_str(),
            title: show.title.as_str(),
            starts_at: show.starts_at.as_str(),
            timezone: show.timezone.as_str(),
            local_date: show.local.date.to_string(),
            local_time: show.local.time.to_string(),
            layout_version: show.layout_version.as_u64(),
            version: show.version.as_u64(),
            sale: SaleBody::of(&show.sale.terms, Some(show.starts_at.instant()), now),
            prices: (!show.prices.is_empty()).then_some(&show.prices),
            currency,
            extra: extra_as_json(show.extra.as_ref()),
            availability: None,
        }
    }

    /// Adds the availability.
    #[must_use]
    pub fn with_availability(self, availability: AvailabilityBody) -> Self {
        Self { availability: Some(availability), ..self }
    }
}

impl<'a> ListedShow<'a> {
    /// Creates the entry of a show.
    pub fn of(show: &'a ShowEntry, availability: ListedAvailability, now: EpochMillis) -> Self {
        Self {
            show_id: show.show.as_str(),
            theater_id: show.theater.as_str(),
            title: show.title.as_str(),
            starts_at: show.starts_at.as_str(),
            timezone: show.timezone.as_str(),
            local_date: show.local.date.to_string(),
            local_time: show.local.time.to_string(),
            sale: SaleBody::of(&show.sale.terms, Some(show.starts_at.instant()), now),
            availability,
        }
    }
}

impl SaleBody {
    /// Creates the document of a sale. `default_end` is the end of a sale without `closes_at`: the start of a show, and
    /// `None` for a theater.
    pub fn of(terms: &SaleTerms, default_end: Option<EpochSeconds>, now: EpochMillis) -> Self {
        let text = |instant: Option<EpochSeconds>| instant.map(|instant| instant.to_string());
        Self {
            state: terms.state().as_str(),
            opens_at: text(terms.opens_at()),
            closes_at: text(terms.closes_at()),
            booking_closes_at: text(terms.booking_closes_at()),
            on_sale: terms.on_sale(now, default_end),
        }
    }
}

impl AvailabilityBody {
    /// Creates the availability of seats that were counted at an instant.
    pub fn of(counts: &SeatCounts, counted_at: EpochMillis, now: EpochMillis) -> Self {
        let &SeatCounts { available, reserved, booked } = counts;
        let level = AvailabilityLevel::of(Some(counts)).as_str();
        Self { level, age: now.since(counted_at).as_secs(), seats: counts.seats(), available, reserved, booked }
    }
}

impl ListedAvailability {
    /// Creates the availability of seats that were counted at an instant.
    pub fn of(counts: &SeatCounts, counted_at: EpochMillis, now: EpochMillis) -> Self {
        let level = AvailabilityLevel::of(Some(counts)).as_str();
        Self { level, age: Some(now.since(counted_at).as_secs()) }
    }

    /// Creates the availability of seats that weren't counted yet.
    pub fn unknown() -> Self {
        Self { level: AvailabilityLevel::Unknown.as_str(), age: None }
    }
}
