//! Conversion of the operations' errors to problems, one conversion for each error enum.

use std::fmt::Display;

use super::seat_problem::{SeatProblem, named_seats};
use super::seats::not_reserved;
use super::{Code, Members, Problem, RETRY_AFTER, one_of};
use crate::app::{
    BookError, BookingError, ExtendError, GetSeatsError, MAX_SEATS_WITHDRAWN, MapError, PreconditionError, PutError,
    ReservationError, ReserveBestError, ReserveError, STORABLE, SaleError, SelectError, ShowError, StoreError,
    TooManyRequests, WithdrawalError,
};
use crate::domain::best_available::Shortage;
use crate::domain::layout_version::LayoutVersion;
use crate::domain::local_time::Timezone;
use crate::domain::sale::{NotOnSale, NotOnSaleReason, OverBeforeOpening};
use crate::domain::time::EpochMillis;
use crate::domain::version::Version;

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::OutcomeUnknown(_) => Self::try_again(error),
            StoreError::Permanent(_) => Self::internal(error),
        }
    }
}

impl From<TooManyRequests> for Problem {
    fn from(TooManyRequests(standing): TooManyRequests) -> Self {
        let (name, most) = (standing.activity.as_str(), standing.limit.per_minute());
        let seconds = standing.retry_after.unwrap_or(RETRY_AFTER);
        let detail = format!("At most {most} {name} a minute. Nothing was done. Try again in {seconds} s.");
        let members = Members {
            retry_after: Some(seconds),
            limit: Some(u64::from(most)),
            activity: Some(name),
            ..Members::default()
        };
        Self::with(Code::TooManyRequests, detail, members)
    }
}

impl From<SelectError> for Problem {
    fn from(error: SelectError) -> Self {
        match error {
            SelectError::TooManyRequests(error) => error.into(),
            SelectError::NotOnSale { refusal, now, .. } => Self::not_on_sale(refusal, now),
            SelectError::TheaterNotFound => Self::theater_not_found(),
            SelectError::SeatNotFound(seats) => Self::seats_not_found(&seats),
            SelectError::TicketTypeNotFound(seats) => Self::ticket_types_not_found(seats),
            SelectError::Store(error) => error.into(),
        }
    }
}

impl From<GetSeatsError> for Problem {
    fn from(error: GetSeatsError) -> Self {
        match error {
            GetSeatsError::TheaterNotFound => Self::theater_not_found(),
            GetSeatsError::UnknownSection(names) => Self::malformed("section", one_of(&names)),
            GetSeatsError::TooManyRequests(error) => error.into(),
            GetSeatsError::Store(error) => error.into(),
        }
    }
}

impl From<MapError> for Problem {
    fn from(error: MapError) -> Self {
        match error {
            MapError::TheaterNotFound => Self::theater_not_found(),
            MapError::VersionNotFound { current } => {
                let detail = format!("The layout of the theater has the version {current}.");
                let members = Members { layout_version: Some(current.as_u64()), ..Members::default() };
                Self::with(Code::LayoutVersionNotFound, detail, members)
            }
            MapError::Store(error) => error.into(),
        }
    }
}

impl From<ReserveError> for Problem {
    fn from(error: ReserveError) -> Self {
        match error {
            ReserveError::Select(error) => error.into(),
            ReserveError::SeatUnavailable(conflicts) => Self::seats_unavailable(&conflicts),
            ReserveError::LimitReached { reserved, most } => Self::reservation_limit(reserved, most),
            ReserveError::Released(seats) => {
                let detail = "The reservation, or a seat of it, was released or booked before. Nothing was changed. Use a new \
                    reservation_id for a new reservation.";
                let members = Members { seats: named_seats(&seats), ..Members::default() };
                Self::with(Code::ReservationReleased, detail, members)
            }
            ReserveError::Expired(seats) => Self::reservation_expired(&seats),
            ReserveError::TypeFixed(seats) => Self::ticket_types_fixed(&seats),
            ReserveError::NotFound => Self::reservation_not_found("reservation_id"),
            ReserveError::Store(error) => error.into(),
        }
    }
}

impl From<ReserveBestError> for Problem {
    fn from(error: ReserveBestError) -> Self {
        match error {
            ReserveBestError::GetSeats(error) => error.into(),
            ReserveBestError::UnknownSection(names) => Self::malformed("section", one_of(&names)),
            ReserveBestError::UnknownCategory(names) => Self::malformed("category", one_of(&names)),
            ReserveBestError::NotEnough(shortage) => {
                let Shortage { available, largest_block } = shortage;
                let detail = format!(
                    "{available} such seats are available, at most {largest_block} of them together. Nothing was changed."
                );
                let members =
                    Members { available: Some(available), largest_block: Some(largest_block), ..Members::default() };
                Self::with(Code::NotEnoughSeats, detail, members)
            }
            ReserveBestError::IdReused => Self::new(
                Code::IdempotencyKeyReused,
                "This reservation_id or Idempotency-Key was used for another request. Nothing was changed. Use a new one \
                    for a new request.",
            ),
            ReserveBestError::Reserve(error) => error.into(),
        }
    }
}

impl From<BookError> for Problem {
    fn from(error: BookError) -> Self {
        match error {
            BookError::Select(error) => error.into(),
            BookError::SeatUnavailable(conflicts) => Self::seats_unavailable(&conflicts),
            BookError::Cancelled => Self::new(
                Code::BookingCancelled,
                "The booking under this booking_id or Idempotency-Key was cancelled. Nothing was changed. Use a new one for \
                    a new booking.",
            ),
            BookError::Reservation(ReservationError::NotFound) => Self::reservation_not_found("reservation_id"),
            BookError::Reservation(error) => error.into(),
            BookError::ReservationChanged(missing) => {
                let detail = not_reserved(missing.iter().map(|conflict| &conflict.seat));
                let seats = missing.iter().map(SeatProblem::of).collect();
                Self::with(Code::ReservationChanged, detail, Members { seats, ..Members::default() })
            }
            BookError::Unexpected(other) => Self::other_booking(*other),
            BookError::ReservationRequired => {
                Self::of_field(Code::ReservationRequired, "reservation_id", "the reservation of the seats")
            }
            BookError::IdNotAllowed => {
                Self::malformed("booking_id", "a UUID of another version than 8, which only the server's own ids have")
            }
            BookError::LimitReached { booked, most } => Self::with(
                Code::BookingLimit,
                format!(
                    "The caller has {booked} seats of this theater booked, of at most {most}. Nothing was changed."
                ),
                Members { booked: Some(booked), limit: u64::try_from(most).ok(), ..Members::default() },
            ),
            BookError::IdReused => Self::new(
                Code::IdempotencyKeyReused,
                "This booking_id or Idempotency-Key has booked other seats. Nothing was changed. Use a new one for a new \
                    booking.",
            ),
            BookError::Store(error) => error.into(),
        }
    }
}

impl From<ShowError> for Problem {
    fn from(error: ShowError) -> Self {
        match error {
            ShowError::TheaterNotFound => Self::of_field(Code::TheaterNotFound, "theater_id", "the id of a theater"),
            ShowError::CopyNotFound => Self::of_field(Code::ShowNotFound, "copy_of", "the id of a show"),
            ShowError::LayoutVersionNotFound(current) => {
                let detail = format!("layout_version: expected {current}, the current version, or one that a show has");
                let members = Members { layout_version: Some(current.as_u64()), ..Members::default() };
                Self::with(Code::LayoutVersionNotFound, detail, members)
            }
            ShowError::TheaterFixed(theater) => {
                let expected = format_args!("{theater}, because a show can't move to another theater");
                Self::of_field(Code::TheaterFixed, "theater_id", expected)
            }
            ShowError::CurrencyFixed(currency) => {
                let expected = format_args!("a layout with prices in {}, as the show has", currency.as_str());
                Self::malformed("layout_version", expected)
            }
            ShowError::InvalidPrices(error) => Self::malformed(error.field(), &error.expected),
            ShowError::UnknownTimezone(_) => Self::malformed("timezone", Timezone::EXPECTED),
            ShowError::OverBeforeOpening(error) => Self::over_before_opening("sale.", error),
            ShowError::Precondition(PreconditionError::Required(version)) => Self::show_if_match_required(version),
            ShowError::Precondition(PreconditionError::Failed(there)) => Self::show_changed("If-Match", there),
            ShowError::Withdrawal(error) => error.into(),
            error @ ShowError::Contended => Self::new(Code::ShowChanged, error.to_string()),
            ShowError::Store(error) => error.into(),
        }
    }
}

impl From<SaleError> for Problem {
    fn from(error: SaleError) -> Self {
        match error {
            SaleError::NotFound => Self::theater_not_found(),
            SaleError::OverBeforeOpening(error) => Self::over_before_opening("", error),
            SaleError::Contended => {
                let detail =
                    "Other callers keep changing this sale. Nothing was changed. Repeating the request is safe.";
                let members = Members { retry_after: Some(RETRY_AFTER), ..Members::default() };
                Self::with(Code::TryAgain, detail, members)
            }
            SaleError::Store(error) => error.into(),
        }
    }
}

impl From<WithdrawalError> for Problem {
    fn from(error: WithdrawalError) -> Self {
        match error {
            WithdrawalError::InUse(conflicts) => {
                let detail =
                    format!("{} of the seats that would be dropped are in use. Nothing was changed.", conflicts.len());
                let seats = conflicts.iter().map(SeatProblem::of).collect();
                let in_use = Some(conflicts.len());
                Self::with(Code::SeatsInUse, detail, Members { seats, in_use, ..Members::default() })
            }
            WithdrawalError::TooMany(dropped) => Self::malformed(
                "seats",
                format_args!("at most {MAX_SEATS_WITHDRAWN} seats to be dropped at once, got {dropped}"),
            ),
            WithdrawalError::Store(error) => error.into(),
        }
    }
}

impl From<PutError> for Problem {
    fn from(error: PutError) -> Self {
        match error {
            PutError::Invalid(error) => {
                let problem = error.to_string();
                Self::malformed("seats", problem.strip_prefix("expected ").unwrap_or(&problem))
            }
            PutError::CurrencyFixed(currency) => {
                let expected = format_args!("{}, in which the theater sells its seats", currency.as_str());
                Self::malformed("categories[0].currency", expected)
            }
            PutError::TooLarge => Self::malformed("sections", STORABLE),
            PutError::Precondition(PreconditionError::Required(version)) => Self::if_match_required(version),
            PutError::Precondition(PreconditionError::Failed(there)) => Self::layout_changed("If-Match", there),
            PutError::Withdrawal(error) => error.into(),
            PutError::HasShows(shows) => {
                let shows: Vec<_> = shows.iter().map(ToString::to_string).collect();
                let detail = format!("The theater has shows: {}. Nothing was changed.", shows.join(", "));
                Self::with(Code::TheaterHasShows, detail, Members { shows, ..Members::default() })
            }
            error @ PutError::Contended => Self::new(Code::LayoutChanged, error.to_string()),
            PutError::Store(error) => error.into(),
        }
    }
}

impl From<ReservationError> for Problem {
    fn from(error: ReservationError) -> Self {
        match error {
            ReservationError::TheaterNotFound => Self::theater_not_found(),
            ReservationError::NotFound => Self::reservation_not_found("reservationId"),
            ReservationError::Expired(seats) => Self::reservation_expired(&seats),
            ReservationError::Store(error) => error.into(),
        }
    }
}

impl From<ExtendError> for Problem {
    fn from(error: ExtendError) -> Self {
        match error {
            ExtendError::Reservation(error) => error.into(),
            ExtendError::LimitReached { reserved, most } => Self::reservation_limit(reserved, most),
            ExtendError::Missing(seats) => {
                let detail = not_reserved(seats.iter());
                let members = Members { seats: named_seats(&seats), ..Members::default() };
                Self::with(Code::ReservationChanged, detail, members)
            }
            ExtendError::ExtendedBefore => Self::new(
                Code::ReservationAlreadyExtended,
                "Each seat of it was extended before, and can be once. Nothing was changed.",
            ),
            ExtendError::EndsNoLater(end) => Self::with(
                Code::ReservationNotExtendable,
                format!("It would end no later than it does already, at {end}. Nothing was changed."),
                Members { expires_at: Some(end.to_string()), ..Members::default() },
            ),
        }
    }
}

impl From<BookingError> for Problem {
    fn from(error: BookingError) -> Self {
        match error {
            BookingError::NotFound => {
                Self::of_field(Code::BookingNotFound, "bookingId", "the id of a booking of the caller")
            }
            BookingError::Store(error) => error.into(),
        }
    }
}

impl Problem {
    /// Creates the problem of seats that aren't sold now.
    fn not_on_sale(refusal: NotOnSale, now: EpochMillis) -> Self {
        let NotOnSale { reason, opens_at } = refusal;
        let left = opens_at.map(|opens_at| opens_at.reached_in(now));
        let detail = match (reason, opens_at, left) {
            (NotOnSaleReason::NotYet, Some(opens_at), Some(left)) => {
                format!("The sale opens at {opens_at}, in {left} s. Nothing was changed.")
            }
            (NotOnSaleReason::NotYet, ..) => "The sale hasn't opened yet. Nothing was changed.".to_owned(),
            (NotOnSaleReason::Paused, ..) => "The sale is paused. Nothing was changed.".to_owned(),
            (NotOnSaleReason::Closed, ..) => "The sale is closed. Nothing was changed.".to_owned(),
        };
        let members = Members {
            sale_state: Some(reason.as_str()),
            opens_at: opens_at.map(|opens_at| opens_at.to_string()),
            retry_after: left,
            ..Members::default()
        };
        Self::with(Code::NotOnSale, detail, members)
    }

    /// Creates the problem of a sale that would be over when it opens. `path` leads to the sale in the body.
    fn over_before_opening(path: &str, error: OverBeforeOpening) -> Self {
        let OverBeforeOpening { field, opens_at } = error;
        let expected = format_args!("an instant after {opens_at}, the earliest instant at which the sale can open");
        Self::malformed(format_args!("{path}{field}"), expected)
    }

    fn try_again(cause: impl Display) -> Self {
        let detail = "It is not known whether the request was carried out. Repeating it with the same id is safe, and \
            answers what happened. Without an id, read the seats first.";
        let members = Members { retry_after: Some(RETRY_AFTER), ..Members::default() };
        Self { cause: Some(cause.to_string()), ..Self::with(Code::TryAgain, detail, members) }
    }

    fn reservation_limit(reserved: usize, limit: usize) -> Self {
        let detail = format!("{reserved} seats are reserved, of at most {limit} at once. Nothing was changed.");
        let members = Members { reserved: Some(reserved), limit: u64::try_from(limit).ok(), ..Members::default() };
        Self::with(Code::ReservationLimit, detail, members)
    }

    fn reservation_not_found(field: &str) -> Self {
        Self::of_field(Code::ReservationNotFound, field, "the id of a reservation of the caller")
    }

    /// Creates the problem of a condition that the present layout doesn't meet.
    pub(in crate::http) fn layout_changed(header: &str, there: Option<LayoutVersion>) -> Self {
        let expected = match there {
            Some(version) if header == "If-Match" => format!("\"{version}\", the version that is there"),
            Some(version) => format!("nothing there, but version \"{version}\" is"),
            None => "a theater that is there".to_owned(),
        };
        let mut problem = Self::of_field(Code::LayoutChanged, header, expected);
        problem.detail.push_str(". Nothing was changed. Read the layout again before you change it.");
        problem.members.layout_version = there.map(LayoutVersion::as_u64);
        problem
    }

    /// Creates the problem of a condition that the present show doesn't meet.
    pub(in crate::http) fn show_changed(header: &str, there: Option<Version>) -> Self {
        let expected = match there {
            Some(version) if header == "If-Match" => format!("\"{version}\", the version that is there"),
            Some(version) => format!("nothing there, but version \"{version}\" is"),
            None => "a show that is there".to_owned(),
        };
        let mut problem = Self::of_field(Code::ShowChanged, header, expected);
        problem.detail.push_str(". Nothing was changed. Read the show again before you change it.");
        problem.members.version = there.map(Version::as_u64);
        problem
    }

    /// Creates the problem of the replacement of a show without a condition.
    fn show_if_match_required(version: Version) -> Self {
        let expected = format_args!("the ETag of the show that is to be replaced, now \"{version}\"");
        let mut problem = Self::of_field(Code::IfMatchRequired, "If-Match", expected);
        problem.members.version = Some(version.as_u64());
        problem
    }

    /// Creates the problem of a replacement without a condition.
    fn if_match_required(version: LayoutVersion) -> Self {
        let expected = format_args!("the ETag of the layout that is to be replaced, now \"{version}\"");
        let mut problem = Self::of_field(Code::IfMatchRequired, "If-Match", expected);
        problem.members.layout_version = Some(version.as_u64());
        problem
    }
}
