//! The shows of a file: each entry is the show of one instant, or the shows of several days around today.

use std::collections::HashSet;

use boxoffice::domain::ids::{BookingId, SeatLabel, ShowId, TheaterId};
use boxoffice::domain::layout_version::LayoutVersion;
use boxoffice::domain::local_time::{LocalDate, LocalStart, LocalTime, Timezone};
use boxoffice::domain::new_show::PutShow;
use boxoffice::domain::prices::TicketType;
use boxoffice::domain::seat_request::{Reference, SeatRequest};
use boxoffice::domain::selection::MAX_CONFIGURABLE_SEATS_PER_CALL;
use boxoffice::domain::show::{StartsAt, Title};
use boxoffice::domain::time::EpochMillis;
use boxoffice::json::{Json, Node, Object};
use boxoffice::layout_json;

use crate::day::{days_after, time_of_day};
use crate::sale::SaleTemplate;

/// Fields of an entry: those of the body of `PUT /shows/{showId}`, and the loader's own.
const FIELDS: &[&str] = &[
    "show_id",
    "theater_id",
    "title",
    "starts_at",
    "days",
    "time",
    "timezone",
    "layout_version",
    "sale",
    "prices",
    "extra",
    "bookings",
];
/// Largest number of days of one entry.
const MAX_DAYS: usize = 62;
/// Largest number of bookings of one entry.
const MAX_BOOKINGS: usize = 1_000;
/// The version of UUIDs that callers may not choose.
const SERVER_MADE: usize = 8;
/// The part of an id that stands for the local day of the show.
const DATE: &str = "{date}";

/// A show that is ready to be put.
#[derive(Debug)]
pub(crate) struct NewShow {
    pub(crate) id: ShowId,
    pub(crate) theater: TheaterId,
    pub(crate) put: PutShow,
    pub(crate) bookings: Vec<NewBooking>,
    /// The index of its entry in the file.
    pub(crate) entry: usize,
}

/// Seats that are sold with the show.
#[derive(Clone, Debug)]
pub(crate) struct NewBooking {
    pub(crate) id: BookingId,
    pub(crate) seats: Vec<SeatRequest>,
    pub(crate) reference: Option<Reference>,
}

/// The start of one show of an entry.
struct Start {
    starts_at: StartsAt,
    /// The local day.
    day: LocalDate,
}

/// Reads an entry. Returns a show for each of its days.
pub(crate) fn read(
    node: Node<'_, '_>,
    entry: usize,
    now: EpochMillis,
    seen: &mut HashSet<ShowId>,
) -> Option<Vec<NewShow>> {
    node.object(FIELDS, |object| {
        let theater = object.required("theater_id", |node| node.parsed(TheaterId::EXPECTED, TheaterId::parse));
        let title = object.required("title", |node| node.parsed(Title::EXPECTED, |text| Title::parse(text).ok_or(())));
        let timezone = object.required("timezone", |node| node.parsed(Timezone::EXPECTED, Timezone::find));
        let layout_version = object.optional("layout_version", |node| node.whole(0..=i64::MAX));
        let prices = object.optional("prices", layout_json::price_overrides);
        let extra = object.optional("extra", layout_json::extra);
        let sale = object.optional("sale", SaleTemplate::read);
        let bookings = object.optional("bookings", bookings);
        let starts = starts(object, timezone.as_ref(), now);
        let ids = ids(object, starts.as_deref(), seen);
        let (theater, title, timezone) = (theater?, title?, timezone?);
        let mut shows = Vec::new();
        for (start, id) in starts?.into_iter().zip(ids?) {
            let sale = match &sale {
                Some(template) => Some(template.terms(object, &timezone, start.day)?),
                None => None,
            };
            let put = PutShow {
                copy_of: None,
                starts_at: start.starts_at,
                theater: Some(theater.clone()),
                title: Some(title.clone()),
                timezone: Some(timezone.clone()),
                layout_version: layout_version.map(|version| LayoutVersion::new(version.unsigned_abs())),
                sale,
                prices: prices.clone(),
                extra: extra.clone(),
            };
            let bookings = bookings.clone().unwrap_or_default();
            shows.push(NewShow { id, theater: theater.clone(), put, bookings, entry });
        }
        Some(shows)
    })
}

/// Reads `starts_at`, or else `days` and `time`. Today is the local day in the time zone of the show.
fn starts(object: &Object<'_, '_, '_>, timezone: Option<&Timezone>, now: EpochMillis) -> Option<Vec<Start>> {
    let relative = object.has("days") || object.has("time");
    if relative == object.has("starts_at") {
        return object.fault_on_object("either starts_at, or days and time");
    }
    if relative {
        let expected = format_args!("a list of 1 to {MAX_DAYS} days, such as [-1, 0, 1]");
        let days = object.required("days", |node| node.array(1..=MAX_DAYS, expected, days_after));
        let time = object.required("time", time_of_day);
        let (days, time, timezone) = (days?, time?, timezone?);
        let today = timezone.local_start(now.seconds()).ok()?.date;
        let starts: Option<Vec<_>> =
            days.iter().map(|days| start_on(timezone, today.plus_days(*days)?, time)).collect();
        return starts.or_else(|| object.fault("days", "days of the calendar"));
    }
    let starts_at =
        object.required("starts_at", |node| node.parsed(StartsAt::EXPECTED, |text| StartsAt::parse(text).ok_or(())))?;
    let day = timezone?.local_start(starts_at.instant()).ok()?.date;
    Some(vec![Start { starts_at, day }])
}

fn start_on(timezone: &Timezone, day: LocalDate, time: LocalTime) -> Option<Start> {
    let text = timezone.instant_at(LocalStart { date: day, time }).ok()?;
    StartsAt::parse(&text).map(|starts_at| Start { starts_at, day })
}

/// Reads the id of each show. Several days need `{date}` in it. So a show keeps its id from one day to the next.
fn ids(object: &Object<'_, '_, '_>, starts: Option<&[Start]>, seen: &mut HashSet<ShowId>) -> Option<Vec<ShowId>> {
    let text = object.required("show_id", |node| node.text(ShowId::EXPECTED))?;
    if object.has("days") && !object.has("starts_at") && !text.contains(DATE) {
        return object.fault("show_id", format_args!("an id with {DATE} for the day, because days is given"));
    }
    let mut ids = Vec::new();
    for start in starts? {
        let Ok(id) = ShowId::parse(&text.replace(DATE, &start.day.to_string())) else {
            return object.fault("show_id", format_args!("{}, apart from {DATE}", ShowId::EXPECTED));
        };
        if !seen.insert(id.clone()) {
            return object.fault("show_id", format_args!("each show once, {id} is there twice"));
        }
        ids.push(id);
    }
    Some(ids)
}

fn bookings(node: Node<'_, '_>) -> Option<Vec<NewBooking>> {
    let mut seen = HashSet::new();
    node.array(0..=MAX_BOOKINGS, format_args!("a list of at most {MAX_BOOKINGS} bookings"), |node| {
        node.object(&["booking_id", "seats", "reference"], |object| {
            let id = object.required("booking_id", |node| {
                let id = node.parsed("a UUID (not nil)", BookingId::parse)?;
                if id.as_uuid().get_version_num() == SERVER_MADE {
                    return node.fault("a UUID of another version than 8, which only the server makes");
                }
                if seen.insert(id) { Some(id) } else { node.fault("each booking once") }
            });
            let expected = format_args!("a list of 1 to {MAX_CONFIGURABLE_SEATS_PER_CALL} seats");
            let seats = object
                .required("seats", |node| node.array(1..=MAX_CONFIGURABLE_SEATS_PER_CALL, expected, seat_of_booking));
            let has_reference = object.has("reference");
            let reference = object.optional("reference", |node| node.parsed(Reference::EXPECTED, Reference::parse));
            if has_reference && reference.is_none() {
                return None;
            }
            Some(NewBooking { id: id?, seats: seats?, reference })
        })
    })
}

/// Reads a seat label, or an object of a seat and its ticket type.
fn seat_of_booking(node: Node<'_, '_>) -> Option<SeatRequest> {
    let label = |node: Node<'_, '_>| node.parsed(SeatLabel::EXPECTED, SeatLabel::parse);
    if !matches!(node.json(), Json::Object(_)) {
        return label(node).map(SeatRequest::of);
    }
    node.object(&["seat", "ticket_type"], |object| {
        let seat = object.required("seat", label);
        let ticket_type = object.required("ticket_type", |node| node.parsed(TicketType::EXPECTED, TicketType::parse));
        Some(SeatRequest { seat: seat?, ticket_type: Some(ticket_type?) })
    })
}
