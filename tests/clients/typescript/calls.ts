// Makes every API call with the generated client of openapi-typescript, against a running box office.
//
// `tsc --strict` compiles this file, so it also shows the types that a TypeScript program gets from the document.

import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

type Problem = components["schemas"]["Problem"];

const theaterId = "client-typescript";
const path = { theaterId };
const showId = `${theaterId}-evening`;
const show = { showId };
const client = createClient<paths>({ baseUrl: process.argv[2]! });
let passed = 0;
let failed = 0;

function equal<T>(actual: T, expected: T, what: string): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: ${a} instead of ${b}`);
}

function must<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`${what} is missing`);
  return value;
}

/** The typed problem of an answer, after its status and code were compared. */
function problem(answer: { error?: unknown; response: Response }, status: number, code: string): Problem {
  equal(answer.response.status, status, "status");
  const error = answer.error as Problem;
  equal(error.code, code, "code");
  return error;
}

async function call(name: string, body: () => Promise<void>): Promise<void> {
  try {
    await body();
    passed += 1;
  } catch (error) {
    failed += 1;
    console.log(`FAILED ${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const reservationId = crypto.randomUUID();
const bookingId = crypto.randomUUID();
const showReservationId = crypto.randomUUID();
const showBookingId = crypto.randomUUID();
let version = 0;
let single = "";
let best: components["schemas"]["Reservation"] | undefined;

await call("putTheater creates a list of seats", async () => {
  const body = { name: "Client", seats: ["A1", "A2"] };
  const { data, response } = await client.PUT("/theaters/{theaterId}", { params: { path }, body });
  equal(response.status, 201, "status");
  equal(data?.message, "Theater created", "message");
  version = must(data, "data").layout_version;
});

await call("putTheater replaces it by sections", async () => {
  const { data, response } = await client.PUT("/theaters/{theaterId}", {
    params: { path, header: { "If-Match": `"${version}"` } },
    body: {
      name: "Client",
      categories: [{ category: "premium", prices: { standard: 8500, child: 4500 }, currency: "EUR" }],
      sections: [
        {
          section: "Stalls",
          prefix: "S",
          rows: [
            { row: "A", first: 1, last: 8, category: "premium" },
            { row: "B", seats: ["S-B-1", { seat: "S-B-2", x: 60, y: 95, accessible: true }] },
          ],
        },
      ],
    },
  });
  equal(response.status, 200, "status");
  equal(data?.seats, 10, "seats");
});

await call("putTheater rejects a stale If-Match", async () => {
  const answer = await client.PUT("/theaters/{theaterId}", {
    params: { path, header: { "If-Match": `"${version}"` } },
    body: { name: "Client", seats: ["A1"] },
  });
  problem(answer, 412, "layout_changed");
});

await call("getTheater shows the layout", async () => {
  const { data, response } = await client.GET("/theaters/{theaterId}", { params: { path } });
  const row = must(data, "data").sections[0]?.rows[1];
  equal(row?.seats[1]?.seat, "S-B-2", "seat");
  equal(row?.seats[1]?.accessible, true, "accessible");
  const tag = must(response.headers.get("etag") ?? undefined, "ETag");
  const again = await client.GET("/theaters/{theaterId}", { params: { path, header: { "If-None-Match": tag } } });
  equal(again.response.status, 304, "status of the repeat");
});

await call("listTheaters shows pages", async () => {
  const { data } = await client.GET("/theaters", { params: { query: { limit: 1 } } });
  const after = must(data?.next, "next");
  const next = await client.GET("/theaters", { params: { query: { limit: 100, after } } });
  equal(next.data?.theaters.some((theater) => theater.theater_id === theaterId), true, "the theater is listed");
});

await call("getSeats shows the available seats", async () => {
  const { data, response } = await client.GET("/theaters/{theaterId}/seats", {
    params: { path, query: { consistent: true, section: "Stalls" } },
  });
  equal(data?.seats?.length, 10, "seats");
  equal(data?.reserved, 0, "reserved");
  equal(response.headers.get("x-cache"), "bypass", "X-Cache");
});

await call("getSeats shows the states", async () => {
  const { data } = await client.GET("/theaters/{theaterId}/seats", { params: { path, query: { view: "states" } } });
  equal(data?.states, "a".repeat(10), "states");
  equal(data?.available, 10, "available");
});

await call("getMap shows the hall", async () => {
  const { data } = await client.GET("/theaters/{theaterId}/map", { params: { path } });
  equal(data?.name, "Client", "name");
  equal(data?.limits.max_seats_per_call, 10, "limits");
  const row = must(data?.rows[0], "row");
  equal(`${row.prefix}${row.labels[7]}`, "S-A-8", "label");
});

await call("reserve takes one seat", async () => {
  const { data, response } = await client.POST("/theaters/{theaterId}/reserve", { params: { path }, body: { seat: "S-A-1" } });
  equal(response.status, 201, "status");
  single = must(data, "data").reservation_id;
  equal(data?.seats, ["S-A-1"], "seats");
  equal(data?.ends[0]?.seat, "S-A-1", "ends");
});

await call("reserve names the conflicting seats", async () => {
  const answer = await client.POST("/theaters/{theaterId}/reserve", { params: { path }, body: { seats: ["S-A-1", "S-A-8"] } });
  const seat = problem(answer, 409, "seat_unavailable").seats?.[0];
  equal(seat?.seat, "S-A-1", "seat");
  equal(seat?.status, "reserved", "status of the seat");
});

await call("reserve can be repeated", async () => {
  const body = { seats: ["S-A-2", "S-A-3"], expires_in: 300, reservation_id: reservationId };
  const first = await client.POST("/theaters/{theaterId}/reserve", { params: { path }, body });
  equal(first.response.status, 201, "status");
  const second = await client.POST("/theaters/{theaterId}/reserve", { params: { path }, body });
  equal(second.response.status, 200, "status of the repeat");
  equal(second.response.headers.get("idempotent-replayed"), "true", "Idempotent-Replayed");
  equal(second.data?.seats, first.data?.seats, "seats");
});

await call("reserve chooses the best available", async () => {
  const params = { path, header: { "Idempotency-Key": crypto.randomUUID() } };
  const body = { quantity: 2, category: "premium" };
  const first = await client.POST("/theaters/{theaterId}/reserve", { params, body });
  best = must(first.data, "data");
  equal(best.seats.length, 2, "seats");
  const second = await client.POST("/theaters/{theaterId}/reserve", { params, body });
  equal(second.data?.seats, best.seats, "seats of the repeat");
});

await call("getReservation shows the seats", async () => {
  const { data } = await client.GET("/theaters/{theaterId}/reservations/{reservationId}", {
    params: { path: { theaterId, reservationId }, query: { seats: ["S-A-2", "S-A-3"] } },
  });
  equal(data?.seats, ["S-A-2", "S-A-3"], "seats");
  equal(data?.extended, false, "extended");
});

await call("extendReservation extends once", async () => {
  const params = { path: { theaterId, reservationId } };
  const first = await client.POST("/theaters/{theaterId}/reservations/{reservationId}/extend", { params, body: { expires_in: 900 } });
  equal(first.data?.extended, true, "extended");
  const second = await client.POST("/theaters/{theaterId}/reservations/{reservationId}/extend", {
    params,
    body: { seats: ["S-A-2"], expires_in: 1200 },
  });
  problem(second, 409, "reservation_already_extended");
});

await call("releaseReservation can be repeated", async () => {
  const params = { path: { theaterId, reservationId: must(best, "reservation").reservation_id } };
  for (let times = 0; times < 2; times += 1) {
    const { response } = await client.DELETE("/theaters/{theaterId}/reservations/{reservationId}", { params });
    equal(response.status, 204, "status");
  }
});

await call("book takes a seat, seats and a reservation", async () => {
  const seat = await client.POST("/theaters/{theaterId}/book", { params: { path }, body: { seat: "S-A-1", reservation_id: single } });
  equal(seat.data?.message, "Seat booked", "message");
  const header = { "Idempotency-Key": crypto.randomUUID() };
  const seats = await client.POST("/theaters/{theaterId}/book", { params: { path, header }, body: { seats: ["S-A-7", "S-A-8"] } });
  equal(seats.data?.seats, ["S-A-7", "S-A-8"], "seats");
  const body = { reservation_id: reservationId, booking_id: bookingId };
  const whole = await client.POST("/theaters/{theaterId}/book", { params: { path }, body });
  equal(whole.response.status, 201, "status");
  equal(whole.data?.seats, ["S-A-2", "S-A-3"], "seats of the reservation");
  const again = await client.POST("/theaters/{theaterId}/book", { params: { path }, body });
  equal(again.response.status, 200, "status of the repeat");
});

await call("getBooking and cancelBooking", async () => {
  const params = { path: { theaterId, bookingId } };
  const before = await client.GET("/theaters/{theaterId}/bookings/{bookingId}", { params });
  equal(before.data?.status, "booked", "status");
  const { response } = await client.DELETE("/theaters/{theaterId}/bookings/{bookingId}", { params });
  equal(response.status, 204, "status of the cancellation");
  const after = await client.GET("/theaters/{theaterId}/bookings/{bookingId}", { params });
  equal(after.data?.status, "cancelled", "status");
  equal(typeof after.data?.cancelled_at, "string", "cancelled_at");
  const body = { reservation_id: reservationId, booking_id: bookingId };
  problem(await client.POST("/theaters/{theaterId}/book", { params: { path }, body }), 409, "booking_cancelled");
});

await call("problems name the fields", async () => {
  const body = { seat: "S-A-4", expires_in: 0 };
  const answer = await client.POST("/theaters/{theaterId}/reserve", { params: { path }, body });
  equal(problem(answer, 400, "malformed_request").errors?.[0]?.field, "expires_in", "field");
  const unknown = { theaterId: "no-such-theater" };
  problem(await client.GET("/theaters/{theaterId}/seats", { params: { path: unknown } }), 404, "theater_not_found");
});

await call("getErrorPage explains a code", async () => {
  const { data } = await client.GET("/errors/{code}", { params: { path: { code: "seat_unavailable" } }, parseAs: "text" });
  equal(data?.includes("seat_unavailable"), true, "the page names its code");
});

await call("putShow creates a show with prices", async () => {
  const { data, response } = await client.PUT("/shows/{showId}", {
    params: { path: show, header: { "If-None-Match": "*" } },
    body: {
      theater_id: theaterId,
      title: "Aida",
      starts_at: "2030-12-01T20:15:00+01:00",
      timezone: "Europe/Berlin",
      prices: { premium: { standard: 9500, child: 4500 } },
    },
  });
  equal(response.status, 201, "status");
  equal(data?.local_time, "20:15", "local_time");
  equal(response.headers.get("etag"), `"${data?.version}"`, "ETag");
});

await call("putShow copies a show", async () => {
  const { data } = await client.PUT("/shows/{showId}", {
    params: { path: { showId: `${showId}-2` } },
    body: { copy_of: showId, starts_at: "2030-12-02T20:15:00+01:00" },
  });
  equal(data?.prices?.["premium"]?.["child"], 4500, "price");
  equal(data?.sale.state, "open", "state");
});

await call("listShows and getShow show it", async () => {
  const query = { from: "2030-12-01", to: "2030-12-02", theater: theaterId, limit: 1 };
  const page = await client.GET("/shows", { params: { query } });
  equal(page.data?.shows[0]?.show_id, showId, "show");
  const after = must(page.data?.next, "next");
  const rest = await client.GET("/shows", { params: { query: { ...query, after } } });
  equal(rest.data?.shows[0]?.show_id, `${showId}-2`, "show of the next page");
  const { data } = await client.GET("/shows/{showId}", { params: { path: show } });
  equal(data?.availability?.available, 10, "available");
});

await call("getShowSeats and getShowMap show its hall", async () => {
  const states = await client.GET("/shows/{showId}/seats", { params: { path: show, query: { view: "states" } } });
  equal(states.data?.available, 10, "available");
  const map = await client.GET("/shows/{showId}/map", { params: { path: show } });
  equal(map.data?.show_id, showId, "show_id");
});

await call("putShowSale pauses and opens the sale", async () => {
  const paused = await client.PUT("/shows/{showId}/sale", { params: { path: show }, body: { state: "paused" } });
  equal(paused.data?.on_sale, false, "on_sale");
  const open = await client.PUT("/shows/{showId}/sale", { params: { path: show }, body: { state: "open" } });
  equal(open.data?.on_sale, true, "on_sale");
});

await call("putTheaterSale opens the sale", async () => {
  const { data } = await client.PUT("/theaters/{theaterId}/sale", { params: { path }, body: { state: "open" } });
  equal(data?.state, "open", "state");
});

await call("reserveInShow answers prices", async () => {
  const body = { seats: ["S-A-1", { seat: "S-A-2", ticket_type: "child" }], reservation_id: showReservationId };
  const { data } = await client.POST("/shows/{showId}/reserve", { params: { path: show }, body });
  equal(data?.total, 14000, "total");
  equal(data?.currency, "EUR", "currency");
  equal(data?.lines?.[1]?.ticket_type, "child", "ticket type");
});

await call("getShowReservation and extendShowReservation", async () => {
  const params = { path: { showId, reservationId: showReservationId } };
  const { data } = await client.GET("/shows/{showId}/reservations/{reservationId}", { params });
  equal(data?.total, 14000, "total");
  const extended = await client.POST("/shows/{showId}/reservations/{reservationId}/extend", { params, body: { expires_in: 900 } });
  equal(extended.data?.extended, true, "extended");
});

await call("bookInShow books at the expected price", async () => {
  const ids = { reservation_id: showReservationId, booking_id: showBookingId };
  const other = await client.POST("/shows/{showId}/book", { params: { path: show }, body: { ...ids, expect: { total: 100 } } });
  equal(problem(other, 409, "reservation_changed").actual?.total, 14000, "actual total");
  const body = { ...ids, expect: { total: 14000, currency: "EUR" }, reference: "order-4711" };
  const { data } = await client.POST("/shows/{showId}/book", { params: { path: show }, body });
  equal(data?.reference, "order-4711", "reference");
});

await call("getShowBooking and cancelShowBooking", async () => {
  const params = { path: { showId, bookingId: showBookingId } };
  const { data } = await client.GET("/shows/{showId}/bookings/{bookingId}", { params });
  equal(data?.lines?.length, 2, "lines");
  const { response } = await client.DELETE("/shows/{showId}/bookings/{bookingId}", { params });
  equal(response.status, 204, "status");
});

await call("releaseShowReservation can be repeated", async () => {
  const params = { path: { showId, reservationId: showReservationId } };
  for (let times = 0; times < 2; times += 1) {
    const { response } = await client.DELETE("/shows/{showId}/reservations/{reservationId}", { params });
    equal(response.status, 204, "status");
  }
});

await call("deleteShow can be repeated", async () => {
  for (const id of [showId, `${showId}-2`, showId]) {
    const { response } = await client.DELETE("/shows/{showId}", { params: { path: { showId: id } } });
    equal(response.status, 204, "status");
  }
});

await call("deleteTheater names the seats in use", async () => {
  const answer = await client.DELETE("/theaters/{theaterId}", { params: { path } });
  const seats = problem(answer, 409, "seats_in_use").seats?.map((seat) => seat.seat);
  equal(seats, ["S-A-1", "S-A-7", "S-A-8"], "seats");
});

await call("deleteTheater can be repeated", async () => {
  const empty = { theaterId: `${theaterId}-empty` };
  await client.PUT("/theaters/{theaterId}", { params: { path: empty }, body: { name: "Empty", seats: ["A1"] } });
  for (let times = 0; times < 2; times += 1) {
    const { response } = await client.DELETE("/theaters/{theaterId}", { params: { path: empty } });
    equal(response.status, 204, "status");
  }
});

console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
