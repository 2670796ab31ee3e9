"""Makes every API call with the generated client of openapi-python-client, against a running box office.

`mypy --strict` checks this file, so it also shows the types that a Python program gets from the document.
"""

import datetime
import sys
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from box_office_client import AuthenticatedClient, Client
from box_office_client.api.bookings import cancel_booking, cancel_show_booking, get_booking, get_show_booking
from box_office_client.api.errors import get_error_page
from box_office_client.api.reservations import (
    extend_reservation,
    extend_show_reservation,
    get_reservation,
    get_show_reservation,
    release_reservation,
    release_show_reservation,
)
from box_office_client.api.sales import put_show_sale, put_theater_sale
from box_office_client.api.seats import (
    book,
    book_in_show,
    get_map,
    get_seats,
    get_show_map,
    get_show_seats,
    reserve,
    reserve_in_show,
)
from box_office_client.api.shows import delete_show, get_show, list_shows, put_show
from box_office_client.api.theaters import delete_theater, get_theater, list_theaters, put_theater
from box_office_client.models import (
    Availability,
    Booking,
    BookingDetails,
    BookReservation,
    BookSeat,
    BookSeats,
    CopiedShow,
    Expectation,
    ExtendedReservation,
    ExtendReservation,
    ExtendSeats,
    GetSeatsView,
    GetShowSeatsView,
    HallMap,
    LayoutOfSeats,
    LayoutOfSections,
    NewShow,
    NumberedRow,
    PlacedSeat,
    PriceCategory,
    Problem,
    Reservation,
    ReservationDetails,
    ReserveBestAvailable,
    ReserveSeat,
    ReserveSeats,
    SaleRequest,
    SaleRequestState,
    SaleStatus,
    SeatOfType,
    SeatRow,
    SectionInput,
    ShowDetails,
    ShowPage,
    ShowPrices,
    TheaterLayout,
    TheaterPage,
    TheaterSaved,
    TicketPrices,
)
from box_office_client.types import Response

T = TypeVar("T")

THEATER = "client-python"
SHOW = "client-python-evening"
RESERVATION = uuid.uuid4()
BOOKING = uuid.uuid4()
SHOW_RESERVATION = uuid.uuid4()
SHOW_BOOKING = uuid.uuid4()


def expect(kind: type[T], value: object) -> T:
    """Returns the parsed body after a check of its type."""
    assert isinstance(value, kind), f"{kind.__name__} expected: {value}"
    return value


def expect_problem(response: Response[Any], status: int, code: str) -> Problem:
    problem = expect(Problem, response.parsed)
    assert (response.status_code, problem.code) == (status, code), problem
    return problem


class Calls:
    """The calls in their order. Each method checks one fact."""

    def __init__(self, url: str) -> None:
        self.public = Client(base_url=url)
        # Without an authorizer the token is ignored.
        self.client = AuthenticatedClient(base_url=url, token="none")

    def put_theater_creates_a_list_of_seats(self) -> None:
        body = LayoutOfSeats(name="Client", seats=["A1", "A2"])
        response = put_theater.sync_detailed(THEATER, client=self.client, body=body)
        saved = expect(TheaterSaved, response.parsed)
        assert (response.status_code, saved.message) == (201, "Theater created")
        self.version = saved.layout_version

    def put_theater_replaces_it_by_sections(self) -> None:
        rows: list[NumberedRow | SeatRow] = [
            NumberedRow(row="A", first=1, last=8, category="premium"),
            SeatRow(row="B", seats=["S-B-1", PlacedSeat(seat="S-B-2", x=60, y=95, accessible=True)]),
        ]
        prices = TicketPrices()
        prices["standard"], prices["child"] = 8500, 4500
        body = LayoutOfSections(
            name="Client",
            categories=[PriceCategory(category="premium", prices=prices, currency="EUR")],
            sections=[SectionInput(section="Stalls", prefix="S", rows=rows)],
        )
        response = put_theater.sync_detailed(THEATER, client=self.client, body=body, if_match=f'"{self.version}"')
        assert expect(TheaterSaved, response.parsed).seats == 10

    def put_theater_refuses_a_stale_if_match(self) -> None:
        body = LayoutOfSeats(name="Client", seats=["A1"])
        response = put_theater.sync_detailed(THEATER, client=self.client, body=body, if_match=f'"{self.version}"')
        expect_problem(response, 412, "layout_changed")

    def get_theater_shows_the_layout(self) -> None:
        response = get_theater.sync_detailed(THEATER, client=self.client)
        seat = expect(TheaterLayout, response.parsed).sections[0].rows[1].seats[1]
        assert (seat.seat, seat.accessible) == ("S-B-2", True)
        again = get_theater.sync_detailed(THEATER, client=self.client, if_none_match=response.headers["etag"])
        assert again.status_code == 304

    def list_theaters_shows_pages(self) -> None:
        page = expect(TheaterPage, list_theaters.sync(client=self.client, limit=1))
        assert isinstance(page.next_, str)
        rest = expect(TheaterPage, list_theaters.sync(client=self.client, limit=100, after=page.next_))
        assert THEATER in [theater.theater_id for theater in rest.theaters]

    def get_seats_shows_the_available_seats(self) -> None:
        response = get_seats.sync_detailed(THEATER, client=self.client, consistent=True, section="Stalls")
        availability = expect(Availability, response.parsed)
        assert isinstance(availability.seats, list) and len(availability.seats) == 10
        assert (availability.reserved, response.headers["x-cache"]) == (0, "bypass")

    def get_seats_shows_the_states(self) -> None:
        availability = expect(Availability, get_seats.sync(THEATER, client=self.client, view=GetSeatsView.STATES))
        assert (availability.states, availability.available) == ("a" * 10, 10)

    def get_map_shows_the_hall(self) -> None:
        hall = expect(HallMap, get_map.sync(THEATER, client=self.client))
        assert (hall.name, hall.limits.max_seats_per_call) == ("Client", 10)
        assert hall.rows[0].prefix + hall.rows[0].labels[7] == "S-A-8"

    def reserve_takes_one_seat(self) -> None:
        response = reserve.sync_detailed(THEATER, client=self.client, body=ReserveSeat(seat="S-A-1"))
        reservation = expect(Reservation, response.parsed)
        self.single = reservation.reservation_id
        assert (response.status_code, reservation.seats) == (201, ["S-A-1"])
        assert (reservation.ends[0].seat, reservation.ends[0].expires_at) == ("S-A-1", reservation.expires_at)

    def reserve_names_the_seats_in_the_way(self) -> None:
        response = reserve.sync_detailed(THEATER, client=self.client, body=ReserveSeats(seats=["S-A-1", "S-A-8"]))
        problem = expect_problem(response, 409, "seat_unavailable")
        assert isinstance(problem.seats, list)
        assert (problem.seats[0].seat, problem.seats[0].status) == ("S-A-1", "reserved")

    def reserve_can_be_repeated(self) -> None:
        body = ReserveSeats(seats=["S-A-2", "S-A-3"], expires_in=300, reservation_id=RESERVATION)
        first = reserve.sync_detailed(THEATER, client=self.client, body=body)
        second = reserve.sync_detailed(THEATER, client=self.client, body=body)
        assert (first.status_code, second.status_code) == (201, 200)
        assert second.headers["idempotent-replayed"] == "true"
        assert expect(Reservation, first.parsed).seats == expect(Reservation, second.parsed).seats

    def reserve_chooses_the_best_available(self) -> None:
        key, body = str(uuid.uuid4()), ReserveBestAvailable(quantity=2, category="premium")
        self.best = expect(Reservation, reserve.sync(THEATER, client=self.client, body=body, idempotency_key=key))
        again = expect(Reservation, reserve.sync(THEATER, client=self.client, body=body, idempotency_key=key))
        assert len(self.best.seats) == 2 and self.best.seats == again.seats

    def get_reservation_shows_the_seats(self) -> None:
        answer = get_reservation.sync(THEATER, RESERVATION, client=self.client, seats=["S-A-2", "S-A-3"])
        details = expect(ReservationDetails, answer)
        assert (details.seats, details.extended) == (["S-A-2", "S-A-3"], False)

    def extend_reservation_extends_once(self) -> None:
        body = ExtendReservation(expires_in=900)
        extended = extend_reservation.sync(THEATER, RESERVATION, client=self.client, body=body)
        assert expect(ExtendedReservation, extended).extended
        seats = ExtendSeats(seats=["S-A-2"], expires_in=1200)
        again = extend_reservation.sync_detailed(THEATER, RESERVATION, client=self.client, body=seats)
        expect_problem(again, 409, "reservation_already_extended")

    def release_reservation_can_be_repeated(self) -> None:
        for _ in range(2):
            response = release_reservation.sync_detailed(THEATER, self.best.reservation_id, client=self.client)
            assert response.status_code == 204

    def book_takes_a_seat_seats_and_a_reservation(self) -> None:
        one = BookSeat(seat="S-A-1", reservation_id=self.single)
        assert expect(Booking, book.sync(THEATER, client=self.client, body=one)).message == "Seat booked"
        two = BookSeats(seats=["S-A-7", "S-A-8"])
        several = book.sync(THEATER, client=self.client, body=two, idempotency_key=str(uuid.uuid4()))
        assert expect(Booking, several).seats == ["S-A-7", "S-A-8"]
        whole = BookReservation(reservation_id=RESERVATION, booking_id=BOOKING)
        first = book.sync_detailed(THEATER, client=self.client, body=whole)
        assert (first.status_code, expect(Booking, first.parsed).seats) == (201, ["S-A-2", "S-A-3"])
        assert book.sync_detailed(THEATER, client=self.client, body=whole).status_code == 200

    def get_booking_and_cancel_booking(self) -> None:
        before = get_booking.sync(THEATER, BOOKING, client=self.client)
        assert expect(BookingDetails, before).status == "booked"
        assert cancel_booking.sync_detailed(THEATER, BOOKING, client=self.client).status_code == 204
        after = expect(BookingDetails, get_booking.sync(THEATER, BOOKING, client=self.client))
        assert after.status == "cancelled" and after.cancelled_at
        body = BookReservation(reservation_id=RESERVATION, booking_id=BOOKING)
        expect_problem(book.sync_detailed(THEATER, client=self.client, body=body), 409, "booking_cancelled")

    def problems_name_the_fields(self) -> None:
        body = ReserveSeat(seat="S-A-4", expires_in=0)
        problem = expect_problem(reserve.sync_detailed(THEATER, client=self.client, body=body), 400, "malformed_request")
        assert isinstance(problem.errors, list) and problem.errors[0].field == "expires_in"
        expect_problem(get_seats.sync_detailed("no-such-theater", client=self.client), 404, "theater_not_found")

    def get_error_page_explains_a_code(self) -> None:
        assert "seat_unavailable" in expect(str, get_error_page.sync("seat_unavailable", client=self.public))

    def put_show_creates_a_show_with_prices(self) -> None:
        body = NewShow(
            theater_id=THEATER,
            title="Aida",
            starts_at=datetime.datetime.fromisoformat("2030-12-01T20:15:00+01:00"),
            timezone="Europe/Berlin",
            prices=ShowPrices.from_dict({"premium": {"standard": 9500, "child": 4500}}),
        )
        response = put_show.sync_detailed(SHOW, client=self.client, body=body, if_none_match="*")
        show = expect(ShowDetails, response.parsed)
        assert (response.status_code, show.local_time) == (201, "20:15")
        assert response.headers["etag"] == f'"{show.version}"'

    def put_show_copies_a_show(self) -> None:
        body = CopiedShow(copy_of=SHOW, starts_at=datetime.datetime.fromisoformat("2030-12-02T20:15:00+01:00"))
        copied = expect(ShowDetails, put_show.sync(f"{SHOW}-2", client=self.client, body=body))
        assert isinstance(copied.prices, ShowPrices) and copied.prices["premium"]["child"] == 4500
        assert copied.sale.state == "open"

    def list_shows_and_get_show_show_it(self) -> None:
        first, last = datetime.date(2030, 12, 1), datetime.date(2030, 12, 2)
        page = expect(ShowPage, list_shows.sync(client=self.client, from_=first, to=last, theater=THEATER, limit=1))
        assert page.shows[0].show_id == SHOW and isinstance(page.next_, str)
        rest = list_shows.sync(client=self.client, from_=first, to=last, theater=THEATER, limit=1, after=page.next_)
        assert expect(ShowPage, rest).shows[0].show_id == f"{SHOW}-2"
        show = expect(ShowDetails, get_show.sync(SHOW, client=self.client))
        assert show.availability and show.availability.available == 10

    def get_show_seats_and_get_show_map_show_its_hall(self) -> None:
        states = get_show_seats.sync(SHOW, client=self.client, view=GetShowSeatsView.STATES)
        assert expect(Availability, states).available == 10
        assert expect(HallMap, get_show_map.sync(SHOW, client=self.client)).show_id == SHOW

    def put_show_sale_pauses_and_opens_the_sale(self) -> None:
        for state, on_sale in [(SaleRequestState.PAUSED, False), (SaleRequestState.OPEN, True)]:
            answer = put_show_sale.sync(SHOW, client=self.client, body=SaleRequest(state=state))
            assert expect(SaleStatus, answer).on_sale is on_sale

    def put_theater_sale_opens_the_sale(self) -> None:
        answer = put_theater_sale.sync(THEATER, client=self.client, body=SaleRequest(state=SaleRequestState.OPEN))
        assert expect(SaleStatus, answer).state == "open"

    def reserve_in_show_answers_prices(self) -> None:
        seats: list[SeatOfType | str] = ["S-A-1", SeatOfType(seat="S-A-2", ticket_type="child")]
        body = ReserveSeats(seats=seats, reservation_id=SHOW_RESERVATION)
        reservation = expect(Reservation, reserve_in_show.sync(SHOW, client=self.client, body=body))
        assert (reservation.total, reservation.currency) == (14000, "EUR")
        assert isinstance(reservation.lines, list) and reservation.lines[1].ticket_type == "child"

    def get_show_reservation_and_extend_show_reservation(self) -> None:
        details = get_show_reservation.sync(SHOW, SHOW_RESERVATION, client=self.client)
        assert expect(ReservationDetails, details).total == 14000
        body = ExtendReservation(expires_in=900)
        extended = extend_show_reservation.sync(SHOW, SHOW_RESERVATION, client=self.client, body=body)
        assert expect(ExtendedReservation, extended).extended

    def book_in_show_books_at_the_expected_price(self) -> None:
        other = BookReservation(reservation_id=SHOW_RESERVATION, booking_id=SHOW_BOOKING, expect=Expectation(total=100))
        problem = expect_problem(book_in_show.sync_detailed(SHOW, client=self.client, body=other), 409, "reservation_changed")
        assert problem.actual and problem.actual.total == 14000
        same = BookReservation(
            reservation_id=SHOW_RESERVATION,
            booking_id=SHOW_BOOKING,
            expect=Expectation(total=14000, currency="EUR"),
            reference="order-4711",
        )
        assert expect(Booking, book_in_show.sync(SHOW, client=self.client, body=same)).reference == "order-4711"

    def get_show_booking_and_cancel_show_booking(self) -> None:
        booking = expect(BookingDetails, get_show_booking.sync(SHOW, SHOW_BOOKING, client=self.client))
        assert isinstance(booking.lines, list) and len(booking.lines) == 2
        assert cancel_show_booking.sync_detailed(SHOW, SHOW_BOOKING, client=self.client).status_code == 204

    def release_show_reservation_can_be_repeated(self) -> None:
        for _ in range(2):
            response = release_show_reservation.sync_detailed(SHOW, SHOW_RESERVATION, client=self.client)
            assert response.status_code == 204

    def delete_show_can_be_repeated(self) -> None:
        for show in [SHOW, f"{SHOW}-2", SHOW]:
            assert delete_show.sync_detailed(show, client=self.client).status_code == 204

    def delete_theater_names_the_seats_in_use(self) -> None:
        problem = expect_problem(delete_theater.sync_detailed(THEATER, client=self.client), 409, "seats_in_use")
        assert isinstance(problem.seats, list)
        assert [seat.seat for seat in problem.seats] == ["S-A-1", "S-A-7", "S-A-8"]

    def delete_theater_can_be_repeated(self) -> None:
        empty = f"{THEATER}-empty"
        put_theater.sync(empty, client=self.client, body=LayoutOfSeats(name="Empty", seats=["A1"]))
        for _ in range(2):
            assert delete_theater.sync_detailed(empty, client=self.client).status_code == 204


def main(url: str) -> int:
    calls = Calls(url)
    facts: list[tuple[str, Callable[[Calls], None]]] = [
        (name, fact) for name, fact in vars(Calls).items() if callable(fact) and not name.startswith("_")
    ]
    failed = 0
    for name, fact in facts:
        try:
            fact(calls)
        except Exception as error:  # noqa: BLE001
            failed += 1
            print(f"FAILED {name}: {type(error).__name__} {error}")
    print(f"{len(facts) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
