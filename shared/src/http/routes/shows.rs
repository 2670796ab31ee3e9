//! `GET /shows` and `GET /shows/{showId}`

use serde::Serialize;

use crate::app::{CurrentShow, ListShows, ShowList};
use crate::domain::ids::{ShowId, TheaterId};
use crate::domain::local_time::{DayRange, InvalidRange, LocalDate, MAX_DAYS};
use crate::domain::prices::Currency;
use crate::domain::show::ListPlace;
use crate::http::input::{self, Input};
use crate::http::links::Links;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::http::routed_request::RoutedRequest;
use crate::http::show_json::{AvailabilityBody, ListedAvailability, ListedShow, ShowBody};

/// The default and the maximum number of shows in one page of the list.
const DEFAULT_LIMIT: u64 = 50;
const MAX_LIMIT: u64 = 100;
/// The form of a place in the list, for messages.
const PLACE: &str = "the next of the page before";

/// A page of the list of shows.
#[derive(Serialize)]
struct ShowsBody<'a> {
    shows: Vec<ListedShow<'a>>,
    /// The value of `after` for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'a str>,
}

/// A request for a page of the list, with the query of the next page.
pub(super) struct PageRequest {
    ask: ListShows,
    /// The query parameters that every page has.
    query: String,
}

pub(super) fn read_page(routed: &RoutedRequest<'_>) -> Result<PageRequest, Problem> {
    let input = routed.input();
    let limit = input.integer_query("limit", 1..=MAX_LIMIT).unwrap_or(DEFAULT_LIMIT);
    let theater = input.parsed_query("theater", TheaterId::EXPECTED, |text| TheaterId::parse(text).ok());
    let after = input.parsed_query("after", PLACE, ListPlace::parse);
    let days = read_days(routed, &input);
    if days.zip(after.as_ref()).is_some_and(|(days, after)| !days.contains(after.date)) {
        input.fault::<()>("after", "a place within the days from from to to");
    }
    let request = input.finish(|| {
        let days = days?;
        let mut query = format!("from={}&to={}&limit={limit}", days.from(), days.to());
        if let Some(theater) = &theater {
            query = format!("{query}&theater={theater}");
        }
        let limit = usize::try_from(limit).expect("a limit is at most MAX_LIMIT");
        Some(PageRequest { ask: ListShows { days: days.days().collect(), theater, after, limit }, query })
    })?;
    // Each further day is another Query.
    let days = u32::try_from(request.ask.days.len()).expect("a list has at most MAX_DAYS days");
    routed.charge(routed.route.weight.base + days.saturating_sub(1));
    Ok(request)
}

/// Reads the days to list. Without any it is today in UTC.
fn read_days(routed: &RoutedRequest<'_>, input: &Input<'_>) -> Option<DayRange> {
    let day = |name: &str| input.parsed_query(name, LocalDate::EXPECTED, LocalDate::parse);
    let (from, to) = (day("from"), day("to"));
    if (input.query("from").is_some() && from.is_none()) || (input.query("to").is_some() && to.is_none()) {
        return None;
    }
    let from = from.unwrap_or_else(|| LocalDate::in_utc(routed.office.clock().now()));
    match DayRange::new(from, to.unwrap_or(from)) {
        Ok(days) => Some(days),
        Err(InvalidRange::Reversed) => input.fault("to", format_args!("{from} or a later day")),
        Err(InvalidRange::TooLong) => input.fault("to", format_args!("at most {MAX_DAYS} days, from {from}")),
    }
}

/// Answers 200 with a page of shows, by local day and start.
pub(super) async fn list(routed: &RoutedRequest<'_>, request: PageRequest) -> Result<Reply, Problem> {
    let PageRequest { ask, query } = request;
    let ShowList { shows, next } = routed.office.list_shows(routed.ctx, &ask).await?;
    let now = routed.office.clock().now();
    let listed = shows.iter().map(|(entry, summary)| {
        let availability = summary.as_ref().map_or_else(ListedAvailability::unknown, |summary| {
            ListedAvailability::of(&summary.counts, summary.counted_at, now)
        });
        ListedShow::of(entry, availability, now)
    });
    let next = next.map(|place| place.to_string());
    let reply = Reply::json(200, &ShowsBody { shows: listed.collect(), next: next.as_deref() })?;
    Ok(Links::shows(&routed.address, &query, next.as_deref()).put(reply))
}

pub(super) fn read(routed: &RoutedRequest<'_>) -> Result<ShowId, Problem> {
    let input = routed.input();
    let show = input.show_id();
    input.finish(|| show)
}

/// Answers 200 with the show, its sale, and the number of seats in each state.
pub(super) async fn get(routed: &RoutedRequest<'_>, id: ShowId) -> Result<Reply, Problem> {
    let (office, ctx) = (routed.office, routed.ctx);
    let CurrentShow { show, currency } = office.show(ctx, &id).await?.ok_or_else(Problem::show_not_found)?;
    let summary = office.count_seats(ctx, &id).await?.ok_or_else(Problem::show_not_found)?;
    let now = office.clock().now();
    let body = ShowBody::of(&show, currency.as_ref().map(Currency::as_str), now)
        .with_availability(AvailabilityBody::of(&summary.counts, summary.counted_at, now));
    let reply = Reply::json(200, &body)?.with_header("etag", input::etag(show.version));
    Ok(Links::of(&routed.address, &id.into()).with_seats().put(reply))
}
