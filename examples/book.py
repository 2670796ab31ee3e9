#!/usr/bin/env python3
"""Buys the best available seats, and survives lost answers, a busy service, and its own end at any moment.

    book.py                                   two seats in the grand hall of `make run`
    book.py --theater 2 --quantity 3 --url http://127.0.0.1:8000/v1
    book.py --purchase purchase.json          the file of the purchase. Run it again to go on with a purchase
    book.py --pay 20                          takes 20 seconds for the payment between reserving and booking

It makes two random ids, and stores them in the file before it sends anything. A request with the same id takes effect
once, so it repeats each request until it has an answer. Needs only Python's standard library.
"""

import argparse
import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

# An API behind a load balancer answers 5xx for many reasons. A repeat with the same id is safe after all of them.
REPEATED = {429, 500, 502, 503, 504}
TIMEOUT = 10
ATTEMPTS = 8
LONGEST_PAUSE = 30


class Refused(Exception):
    """A final answer that isn't a success."""

    def __init__(self, status, problem):
        super().__init__(f"{status} {problem.get('code', '')}: {problem.get('title') or problem.get('message', '')}")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--url", default="http://127.0.0.1:8000/v1")
    options.add_argument("--theater", default="grand-hall")
    options.add_argument("--quantity", type=int, default=2)
    options.add_argument("--purchase", type=Path, default=Path("purchase.json"))
    options.add_argument("--pay", type=float, default=0, metavar="SECONDS")
    options = options.parse_args()
    try:
        buy(options)
    except (Refused, OSError, http.client.HTTPException) as error:
        sys.exit(f"book: {error}")


def buy(options):
    purchase = load(options.purchase) or start(options)
    theater = f"{options.url}/theaters/{purchase['theater']}"
    if "seats" not in purchase:
        order = {"quantity": purchase["quantity"], "reservation_id": purchase["reservation_id"]}
        purchase["seats"] = post(f"{theater}/reserve", order)["seats"]
        store(options.purchase, purchase)
    print(f"reserved {', '.join(purchase['seats'])}", flush=True)
    time.sleep(options.pay)
    booking = post(f"{theater}/book", {"reservation_id": purchase["reservation_id"], "booking_id": purchase["booking_id"]})
    print(f"booked {', '.join(booking['seats'])} as {booking['booking_id']}")


def start(options):
    purchase = {"theater": options.theater, "quantity": options.quantity,
                "reservation_id": str(uuid.uuid4()), "booking_id": str(uuid.uuid4())}
    store(options.purchase, purchase)
    return purchase


def load(path):
    return json.loads(path.read_text()) if path.exists() else None


def store(path, purchase):
    """Replaces the file at once, so that it is never half written. It is on the disk when this returns."""
    new = path.with_name(path.name + ".new")
    with open(new, "w") as file:
        json.dump(purchase, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)


def post(url, body):
    """Sends a request until it has a final answer, and returns the body of a success."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return send(url, body)
        except urllib.error.HTTPError as error:
            if error.code not in REPEATED or attempt == ATTEMPTS:
                raise Refused(error.code, problem_of(error)) from None
            why, pause = f"answer {error.code}", retry_after(error) or backoff(attempt)
        # The request may have arrived, although no answer came.
        except (OSError, http.client.HTTPException) as error:
            if attempt == ATTEMPTS:
                raise
            why, pause = f"no answer ({error})", backoff(attempt)
        print(f"{why}, repeating it in {pause:.1f} s", file=sys.stderr)
        time.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


def send(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        return json.load(answer)


def problem_of(error):
    try:
        return json.load(error)
    except ValueError:
        return {}


def retry_after(error):
    text = error.headers.get("Retry-After", "")
    return min(float(text), LONGEST_PAUSE) if text.isdigit() else None


def backoff(attempt):
    return min(0.2 * 2**attempt, LONGEST_PAUSE)


if __name__ == "__main__":
    main()
