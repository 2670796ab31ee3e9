import java.net.http.HttpClient;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.ApiResponse;
import org.openapitools.client.api.BookingsApi;
import org.openapitools.client.api.ErrorsApi;
import org.openapitools.client.api.ReservationsApi;
import org.openapitools.client.api.SalesApi;
import org.openapitools.client.api.SeatsApi;
import org.openapitools.client.api.ShowsApi;
import org.openapitools.client.api.TheatersApi;
import org.openapitools.client.model.*;

/** Makes every call of the API with the client that openapi-generator makes, against a running box office. */
public final class Calls {
  private static final String THEATER = "client-java";
  private static final String SHOW = "client-java-evening";

  private final ApiClient client;
  private final TheatersApi theaters;
  private final ShowsApi shows;
  private final SalesApi sales;
  private final SeatsApi seats;
  private final ReservationsApi reservations;
  private final BookingsApi bookings;
  private final ErrorsApi errors;

  private final UUID reservationId = UUID.randomUUID();
  private final UUID bookingId = UUID.randomUUID();
  private final UUID showReservationId = UUID.randomUUID();
  private final UUID showBookingId = UUID.randomUUID();
  private long version;
  private UUID single;
  private Reservation best;
  private int passed;
  private int failed;

  private Calls(String url) {
    // HTTP/1.1, because the local stack has no HTTP/2.
    client = new ApiClient();
    client.setHttpClientBuilder(HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1));
    client.updateBaseUri(url);
    theaters = new TheatersApi(client);
    shows = new ShowsApi(client);
    sales = new SalesApi(client);
    seats = new SeatsApi(client);
    reservations = new ReservationsApi(client);
    bookings = new BookingsApi(client);
    errors = new ErrorsApi(client);
  }

  public static void main(String[] arguments) {
    Calls calls = new Calls(arguments[0]);
    calls.run();
    System.out.printf("%d passed, %d failed%n", calls.passed, calls.failed);
    System.exit(calls.failed == 0 ? 0 : 1);
  }

  private void run() {
    call("putTheater creates a list of seats", this::createTheater);
    call("putTheater replaces it by sections", this::replaceTheater);
    call("putTheater rejects a stale If-Match", this::refuseStaleMatch);
    call("getTheater shows the layout", this::showLayout);
    call("listTheaters shows pages", this::listTheaters);
    call("getSeats shows the available seats", this::showSeats);
    call("getSeats shows the states", this::showStates);
    call("getMap shows the hall", this::showMap);
    call("reserve takes one seat", this::reserveSeat);
    call("reserve names the conflicting seats", this::reserveTakenSeat);
    call("reserve can be repeated", this::repeatReserve);
    call("reserve chooses the best available", this::reserveBest);
    call("getReservation shows the seats", this::showReservation);
    call("extendReservation extends once", this::extendReservation);
    call("releaseReservation can be repeated", this::releaseReservation);
    call("book takes a seat, seats and a reservation", this::book);
    call("getBooking and cancelBooking", this::cancelBooking);
    call("problems name the fields", this::nameFields);
    call("getErrorPage explains a code", this::explainCode);
    call("putShow creates a show with prices", this::createShow);
    call("putShow copies a show", this::copyShow);
    call("listShows and getShow show it", this::showShows);
    call("getShowSeats and getShowMap show its hall", this::showShowSeats);
    call("putShowSale pauses and opens the sale", this::pauseSale);
    call("putTheaterSale opens the sale", this::openTheaterSale);
    call("reserveInShow answers prices", this::reserveInShow);
    call("getShowReservation and extendShowReservation", this::extendShowReservation);
    call("bookInShow books at the expected price", this::bookInShow);
    call("getShowBooking and cancelShowBooking", this::cancelShowBooking);
    call("releaseShowReservation can be repeated", this::releaseShowReservation);
    call("deleteShow can be repeated", this::deleteShow);
    call("deleteTheater names the seats in use", this::refuseDeletion);
    call("deleteTheater can be repeated", this::deleteTheater);
  }

  private void createTheater() throws Exception {
    LayoutRequest body = new LayoutRequest(new LayoutOfSeats().name("Client").seats(List.of("A1", "A2")));
    ApiResponse<TheaterSaved> answer = theaters.putTheaterWithHttpInfo(THEATER, body, null, null);
    equal(answer.getStatusCode(), 201, "status");
    equal(answer.getData().getMessage(), "Theater created", "message");
    version = answer.getData().getLayoutVersion();
  }

  private void replaceTheater() throws Exception {
    NumberedRow numbered = new NumberedRow().row("A").first(1).last(8).category("premium");
    PlacedSeat placed = new PlacedSeat().seat("S-B-2").x(60).y(95).accessible(true);
    SeatRow explicit = new SeatRow().row("B").seats(List.of(new SeatInput("S-B-1"), new SeatInput(placed)));
    SectionInput section =
        new SectionInput().section("Stalls").prefix("S").rows(List.of(new RowInput(numbered), new RowInput(explicit)));
    Map<String, Integer> prices = Map.of("standard", 8500, "child", 4500);
    LayoutOfSections layout =
        new LayoutOfSections()
            .name("Client")
            .categories(List.of(new PriceCategory().category("premium").prices(prices).currency("EUR")))
            .sections(List.of(section));
    TheaterSaved saved = theaters.putTheater(THEATER, new LayoutRequest(layout), tag(version), null);
    equal(saved.getSeats(), 10, "seats");
  }

  private void refuseStaleMatch() throws Exception {
    LayoutRequest body = new LayoutRequest(new LayoutOfSeats().name("Client").seats(List.of("A1")));
    problem(412, "layout_changed", () -> theaters.putTheater(THEATER, body, tag(version), null));
  }

  private void showLayout() throws Exception {
    ApiResponse<TheaterLayout> answer = theaters.getTheaterWithHttpInfo(THEATER, null);
    LayoutSeat seat = answer.getData().getSections().get(0).getRows().get(1).getSeats().get(1);
    equal(seat.getSeat(), "S-B-2", "seat");
    equal(seat.getAccessible(), true, "accessible");
    String tag = header(answer.getHeaders(), "etag");
    equal(refused(() -> theaters.getTheater(THEATER, tag)).getCode(), 304, "status of the repeat");
  }

  private void listTheaters() throws Exception {
    String after = theaters.listTheaters(1, null).getNext();
    List<TheaterSummary> rest = theaters.listTheaters(100, after).getTheaters();
    equal(rest.stream().anyMatch(theater -> theater.getTheaterId().equals(THEATER)), true, "the theater is listed");
  }

  private void showSeats() throws Exception {
    ApiResponse<Availability> answer = seats.getSeatsWithHttpInfo(THEATER, true, null, "Stalls", null, null, null);
    equal(answer.getData().getSeats().size(), 10, "seats");
    equal(answer.getData().getReserved(), 0, "reserved");
    equal(header(answer.getHeaders(), "x-cache"), "bypass", "X-Cache");
  }

  private void showStates() throws Exception {
    Availability availability = seats.getSeats(THEATER, null, "states", null, null, null, null);
    equal(availability.getStates(), "a".repeat(10), "states");
    equal(availability.getAvailable(), 10, "available");
  }

  private void showMap() throws Exception {
    HallMap hall = seats.getMap(THEATER, null, null);
    equal(hall.getName(), "Client", "name");
    MapRow row = hall.getRows().get(0);
    equal(row.getPrefix() + row.getLabels().get(7), "S-A-8", "label");
    equal(hall.getLimits().getMaxSeatsPerCall(), 10, "limits");
  }

  private void reserveSeat() throws Exception {
    ReserveRequest body = new ReserveRequest(new ReserveSeat().seat(new WantedSeat("S-A-1")));
    ApiResponse<Reservation> answer = seats.reserveWithHttpInfo(THEATER, body, null, null);
    single = answer.getData().getReservationId();
    equal(answer.getStatusCode(), 201, "status");
    equal(answer.getData().getSeats(), List.of("S-A-1"), "seats");
    equal(answer.getData().getEnds().get(0).getExpiresAt(), answer.getData().getExpiresAt(), "ends");
  }

  private void reserveTakenSeat() throws Exception {
    ReserveRequest body = new ReserveRequest(new ReserveSeats().seats(wanted("S-A-1", "S-A-8")));
    ProblemSeat seat = problem(409, "seat_unavailable", () -> seats.reserve(THEATER, body, null, null)).getSeats().get(0);
    equal(seat.getSeat(), "S-A-1", "seat");
    equal(seat.getStatus(), "reserved", "status of the seat");
  }

  private void repeatReserve() throws Exception {
    ReserveSeats wish = new ReserveSeats().seats(wanted("S-A-2", "S-A-3")).expiresIn(300).reservationId(reservationId);
    ApiResponse<Reservation> first = seats.reserveWithHttpInfo(THEATER, new ReserveRequest(wish), null, null);
    ApiResponse<Reservation> second = seats.reserveWithHttpInfo(THEATER, new ReserveRequest(wish), null, null);
    equal(first.getStatusCode(), 201, "status");
    equal(second.getStatusCode(), 200, "status of the repeat");
    equal(header(second.getHeaders(), "idempotent-replayed"), "true", "Idempotent-Replayed");
    equal(second.getData().getSeats(), first.getData().getSeats(), "seats");
  }

  private void reserveBest() throws Exception {
    ReserveRequest body = new ReserveRequest(new ReserveBestAvailable().quantity(2).category("premium"));
    String key = UUID.randomUUID().toString();
    best = seats.reserve(THEATER, body, key, null);
    equal(best.getSeats().size(), 2, "seats");
    equal(seats.reserve(THEATER, body, key, null).getSeats(), best.getSeats(), "seats of the repeat");
  }

  private void showReservation() throws Exception {
    List<String> named = List.of("S-A-2", "S-A-3");
    ReservationDetails details = reservations.getReservation(THEATER, reservationId, null, named);
    equal(details.getSeats(), named, "seats");
    equal(details.getExtended(), false, "extended");
  }

  private void extendReservation() throws Exception {
    ExtendRequest body = new ExtendRequest(new ExtendReservation().expiresIn(900));
    ExtendRequest again = new ExtendRequest(new ExtendSeats().seats(List.of("S-A-2")).expiresIn(1200));
    equal(reservations.extendReservation(THEATER, reservationId, body, null, null).getExtended(), true, "extended");
    problem(
        409,
        "reservation_already_extended",
        () -> reservations.extendReservation(THEATER, reservationId, again, null, null));
  }

  private void releaseReservation() throws Exception {
    for (int times = 0; times < 2; times++) {
      equal(
          reservations.releaseReservationWithHttpInfo(THEATER, best.getReservationId(), null, null).getStatusCode(),
          204,
          "status");
    }
  }

  private void book() throws Exception {
    BookSeat one = new BookSeat().seat(new WantedSeat("S-A-1")).reservationId(single);
    equal(seats.book(THEATER, new BookRequest(one), null, null).getMessage(), "Seat booked", "message");
    BookRequest two = new BookRequest(new BookSeats().seats(wanted("S-A-7", "S-A-8")));
    equal(seats.book(THEATER, two, UUID.randomUUID().toString(), null).getSeats(), List.of("S-A-7", "S-A-8"), "seats");
    ApiResponse<Booking> whole = seats.bookWithHttpInfo(THEATER, bookReservation(), null, null);
    equal(whole.getStatusCode(), 201, "status");
    equal(whole.getData().getSeats(), List.of("S-A-2", "S-A-3"), "seats of the reservation");
    equal(seats.bookWithHttpInfo(THEATER, bookReservation(), null, null).getStatusCode(), 200, "status of the repeat");
  }

  private BookRequest bookReservation() {
    return new BookRequest(new BookReservation().reservationId(reservationId).bookingId(bookingId));
  }

  private void cancelBooking() throws Exception {
    equal(bookings.getBooking(THEATER, bookingId, null).getStatus(), "booked", "status");
    equal(bookings.cancelBookingWithHttpInfo(THEATER, bookingId, null).getStatusCode(), 204, "status of the cancellation");
    BookingDetails after = bookings.getBooking(THEATER, bookingId, null);
    equal(after.getStatus(), "cancelled", "status");
    equal(after.getCancelledAt() != null, true, "cancelled_at is there");
    problem(409, "booking_cancelled", () -> seats.book(THEATER, bookReservation(), null, null));
  }

  private void nameFields() throws Exception {
    ReserveRequest body = new ReserveRequest(new ReserveSeat().seat(new WantedSeat("S-A-4")).expiresIn(0));
    Problem problem = problem(400, "malformed_request", () -> seats.reserve(THEATER, body, null, null));
    equal(problem.getErrors().get(0).getField(), "expires_in", "field");
    problem(404, "theater_not_found", () -> seats.getSeats("no-such-theater", null, null, null, null, null, null));
  }

  private void explainCode() throws Exception {
    equal(errors.getErrorPage("seat_unavailable").contains("seat_unavailable"), true, "the page names its code");
  }

  private void createShow() throws Exception {
    NewShow show =
        new NewShow()
            .theaterId(THEATER)
            .title("Aida")
            .startsAt(OffsetDateTime.parse("2030-12-01T20:15:00+01:00"))
            .timezone("Europe/Berlin")
            .prices(Map.of("premium", Map.of("standard", 9500, "child", 4500)));
    ApiResponse<ShowDetails> answer = shows.putShowWithHttpInfo(SHOW, new ShowRequest(show), null, "*");
    equal(answer.getStatusCode(), 201, "status");
    equal(answer.getData().getLocalTime(), "20:15", "local_time");
    equal(header(answer.getHeaders(), "etag"), tag(answer.getData().getVersion()), "ETag");
  }

  private void copyShow() throws Exception {
    OffsetDateTime next = OffsetDateTime.parse("2030-12-02T20:15:00+01:00");
    CopiedShow copy = new CopiedShow().copyOf(SHOW).startsAt(next);
    ShowDetails copied = shows.putShow(SHOW + "-2", new ShowRequest(copy), null, null);
    equal(copied.getPrices().get("premium").get("child"), 4500, "price");
    equal(copied.getSale().getState(), "open", "state");
  }

  private void showShows() throws Exception {
    LocalDate first = LocalDate.parse("2030-12-01");
    ShowPage page = shows.listShows(first, first.plusDays(1), THEATER, 1, null);
    equal(page.getShows().get(0).getShowId(), SHOW, "show");
    ShowPage rest = shows.listShows(first, first.plusDays(1), THEATER, 1, page.getNext());
    equal(rest.getShows().get(0).getShowId(), SHOW + "-2", "show of the next page");
    equal(shows.getShow(SHOW).getAvailability().getAvailable(), 10, "available");
  }

  private void showShowSeats() throws Exception {
    equal(seats.getShowSeats(SHOW, null, "states", null, null, null, null).getAvailable(), 10, "available");
    equal(seats.getShowMap(SHOW, null, null).getShowId(), SHOW, "show_id");
  }

  private void pauseSale() throws Exception {
    SaleRequest paused = new SaleRequest().state(SaleRequest.StateEnum.PAUSED);
    equal(sales.putShowSale(SHOW, paused).getOnSale(), false, "on_sale");
    SaleRequest open = new SaleRequest().state(SaleRequest.StateEnum.OPEN);
    equal(sales.putShowSale(SHOW, open).getOnSale(), true, "on_sale");
  }

  private void openTheaterSale() throws Exception {
    SaleRequest open = new SaleRequest().state(SaleRequest.StateEnum.OPEN);
    equal(sales.putTheaterSale(THEATER, open).getState(), "open", "state");
  }

  private void reserveInShow() throws Exception {
    SeatOfType child = new SeatOfType().seat("S-A-2").ticketType("child");
    List<WantedSeat> both = List.of(new WantedSeat("S-A-1"), new WantedSeat(child));
    ReserveSeats wish = new ReserveSeats().seats(both).reservationId(showReservationId);
    Reservation reservation = seats.reserveInShow(SHOW, new ReserveRequest(wish), null, null);
    equal(reservation.getTotal(), 14000L, "total");
    equal(reservation.getCurrency(), "EUR", "currency");
    equal(reservation.getLines().get(1).getTicketType(), "child", "ticket type");
  }

  private void extendShowReservation() throws Exception {
    equal(reservations.getShowReservation(SHOW, showReservationId, null, null).getTotal(), 14000L, "total");
    ExtendRequest body = new ExtendRequest(new ExtendReservation().expiresIn(900));
    equal(reservations.extendShowReservation(SHOW, showReservationId, body, null, null).getExtended(), true, "extended");
  }

  private void bookInShow() throws Exception {
    BookRequest other = new BookRequest(bookShow().expect(new Expectation().total(100L)));
    Problem problem = problem(409, "reservation_changed", () -> seats.bookInShow(SHOW, other, null, null));
    equal(problem.getActual().getTotal(), 14000L, "actual total");
    Expectation expectation = new Expectation().total(14000L).currency("EUR");
    BookReservation body = bookShow().expect(expectation).reference("order-4711");
    Booking booking = seats.bookInShow(SHOW, new BookRequest(body), null, null);
    equal(booking.getReference(), "order-4711", "reference");
  }

  private BookReservation bookShow() {
    return new BookReservation().reservationId(showReservationId).bookingId(showBookingId);
  }

  private void cancelShowBooking() throws Exception {
    equal(bookings.getShowBooking(SHOW, showBookingId, null).getLines().size(), 2, "lines");
    equal(bookings.cancelShowBookingWithHttpInfo(SHOW, showBookingId, null).getStatusCode(), 204, "status");
  }

  private void releaseShowReservation() throws Exception {
    for (int times = 0; times < 2; times++) {
      equal(
          reservations.releaseShowReservationWithHttpInfo(SHOW, showReservationId, null, null).getStatusCode(), 204, "status");
    }
  }

  private void deleteShow() throws Exception {
    for (String show : List.of(SHOW, SHOW + "-2", SHOW)) {
      equal(shows.deleteShowWithHttpInfo(show, null, null).getStatusCode(), 204, "status");
    }
  }

  private void refuseDeletion() throws Exception {
    Problem problem = problem(409, "seats_in_use", () -> theaters.deleteTheater(THEATER, null, null));
    List<String> named = problem.getSeats().stream().map(ProblemSeat::getSeat).toList();
    equal(named, List.of("S-A-1", "S-A-7", "S-A-8"), "seats");
  }

  private void deleteTheater() throws Exception {
    String empty = THEATER + "-empty";
    theaters.putTheater(empty, new LayoutRequest(new LayoutOfSeats().name("Empty").seats(List.of("A1"))), null, null);
    for (int times = 0; times < 2; times++) {
      equal(theaters.deleteTheaterWithHttpInfo(empty, null, null).getStatusCode(), 204, "status");
    }
  }

  /** One call, or several that belong together. */
  private interface Step {
    void run() throws Exception;
  }

  private void call(String name, Step step) {
    try {
      step.run();
      passed++;
    } catch (Exception | AssertionError error) {
      failed++;
      System.out.printf("FAILED %s: %s%n", name, error);
    }
  }

  private static ApiException refused(Step step) throws Exception {
    try {
      step.run();
    } catch (ApiException refusal) {
      return refusal;
    }
    throw new AssertionError("expected an error response");
  }

  /** The typed problem of a refusal, after its status and code were compared. */
  private Problem problem(int status, String code, Step step) throws Exception {
    ApiException refusal = refused(step);
    equal(refusal.getCode(), status, "status");
    Problem problem = client.getObjectMapper().readValue(refusal.getResponseBody(), Problem.class);
    equal(problem.getCode(), code, "code");
    return problem;
  }

  private static void equal(Object actual, Object expected, String what) {
    if (!Objects.equals(actual, expected)) {
      throw new AssertionError(what + ": " + actual + " instead of " + expected);
    }
  }

  private static String header(Map<String, List<String>> headers, String name) {
    return headers.get(name).get(0);
  }

  private static List<WantedSeat> wanted(String... labels) {
    return Arrays.stream(labels).map(WantedSeat::new).toList();
  }

  private static String tag(long version) {
    return "\"" + version + "\"";
  }
}
