"""Buyers: calls of the functions, and a list of all sales."""

import dataclasses
import json
import uuid

from facts import Problem


@dataclasses.dataclass
class Sold:
    """A booking as its buyer knows it."""

    name: str
    theater: str
    seats: list
    id: str
    subject: str | None
    body: dict
    key: str | None = None


class Buyers:
    """Calls the functions by their alias, as API Gateway does."""

    def __init__(self, stack):
        self.lambdas, self.functions = stack.client("lambda"), stack.functions()

    def call(self, function, method, route, parameters, body=None, subject=None, headers=()):
        """Returns status and JSON of the answer."""
        path = route.format(**parameters)
        event = {
            "version": "2.0", "routeKey": f"{method} {route}", "rawPath": f"/v1{path}", "rawQueryString": "",
            "headers": {"content-type": "application/json", "host": "api.example.com", **dict(headers)},
            "requestContext": {
                "accountId": "123456789012", "apiId": "a1b2c3d4e5", "domainName": "api.example.com", "stage": "v1",
                "routeKey": f"{method} {route}", "requestId": str(uuid.uuid4()), "timeEpoch": 0,
                "http": {"method": method, "path": f"/v1{path}", "protocol": "HTTP/1.1", "sourceIp": "203.0.113.24", "userAgent": "test"},
            },
            "pathParameters": parameters, "isBase64Encoded": False,
        }
        if body is not None:
            event["body"] = json.dumps(body)
        if subject:
            event["requestContext"]["authorizer"] = {"jwt": {"claims": {"sub": subject}, "scopes": None}}
        answer = self.lambdas.invoke(FunctionName=self.functions[function], Qualifier="live", Payload=json.dumps(event))
        answer = json.loads(answer["Payload"].read())
        if "statusCode" not in answer:
            return None, answer
        return answer["statusCode"], json.loads(answer["body"]) if answer.get("body") else {}

    def book(self, name, theater, seats, subject=None, reservation=None, whole=False, key=None):
        """Books, and returns the booking. The answer must be 201."""
        booking = None if key else str(uuid.uuid4())
        body = {} if whole else {"seats": seats}
        if booking:
            body["booking_id"] = booking
        if reservation:
            body["reservation_id"] = reservation
        status, answer = self.post_booking(theater, body, subject, key)
        if status != 201:
            raise Problem(f"{name}: expected 201 and got {status}: {answer}")
        return Sold(name, theater, answer["seats"], answer["booking_id"], subject, body, key)

    def post_booking(self, theater, body, subject=None, key=None):
        headers = [("idempotency-key", key)] if key else []
        return self.call("book", "POST", "/theaters/{theaterId}/book", {"theaterId": theater}, body, subject, headers)

    def repeat(self, sold):
        """Sends a booking's own request again, and returns status and id."""
        status, answer = self.post_booking(sold.theater, sold.body, sold.subject, sold.key)
        return status, answer.get("booking_id") or answer.get("code")

    def reserve(self, theater, seats):
        reservation = str(uuid.uuid4())
        body = {"seats": seats, "reservation_id": reservation, "expires_in": 900}
        status, answer = self.call("reserve", "POST", "/theaters/{theaterId}/reserve", {"theaterId": theater}, body)
        if status != 201:
            raise Problem(f"expected 201 and got {status}: {answer}")
        return reservation

    def cancel(self, sold):
        status, answer = self.call("bookings", "DELETE", "/theaters/{theaterId}/bookings/{bookingId}",
                                   {"theaterId": sold.theater, "bookingId": sold.id}, subject=sold.subject)
        if status != 204:
            raise Problem(f"{sold.name}: expected 204 and got {status}: {answer}")

    def get(self, sold, subject=None):
        """Returns the status of a booking, and its seats."""
        status, answer = self.call("bookings", "GET", "/theaters/{theaterId}/bookings/{bookingId}",
                                   {"theaterId": sold.theater, "bookingId": sold.id}, subject=subject or sold.subject)
        return status, sorted(answer.get("seats", []))

    def seats(self, theater):
        """Returns the status of reading a seat map, and the labels that are available."""
        status, answer = self.call("get-seats", "GET", "/theaters/{theaterId}/seats", {"theaterId": theater})
        return status, answer.get("seats", [])
