"""`examples/book.py` against a server that fails in the ways of a network and of a busy service."""

import contextlib
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

from checkout import ROOT

RESERVED = (201, {"seats": ["A1", "A2"]})
BUSY = (503, {"code": "try_again", "title": "Try again"})
LOST = (None, None)


def booked(status):
    return status, {"seats": ["A1", "A2"], "booking_id": "the id"}


class Server(http.server.BaseHTTPRequestHandler):
    """Gives the next of the planned answers to each request, and closes the connection in place of a lost one."""

    def do_POST(self):
        self.server.requests.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        status, body = self.server.answers.pop(0)
        if status is None:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if status == 503:
            self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def server(answers):
    with http.server.HTTPServer(("127.0.0.1", 0), Server) as running:
        running.answers, running.requests = list(answers), []
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield running
        finally:
            running.shutdown()
            thread.join()


class Book(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.purchase = Path(folder.name) / "purchase.json"

    def buy(self, answers):
        """Runs the example. Returns what it printed, and the requests that it sent."""
        with server(answers) as running:
            url = f"http://127.0.0.1:{running.server_port}/v1"
            command = [sys.executable, ROOT / "examples/book.py", "--url", url, "--purchase", self.purchase]
            done = subprocess.run(command, env={**os.environ, "NO_PROXY": "127.0.0.1"}, capture_output=True, text=True, check=False)
        self.assertEqual(running.answers, [], "every answer was needed")
        return done, running.requests

    def test_requests_are_repeated_with_the_same_ids(self):
        done, requests = self.buy([BUSY, LOST, RESERVED, LOST, booked(200)])
        self.assertEqual((done.returncode, done.stdout), (0, "reserved A1, A2\nbooked A1, A2 as the id\n"), done.stderr)
        self.assertEqual([path.rpartition("/")[2] for path, _ in requests], ["reserve"] * 3 + ["book"] * 2)
        self.assertEqual(len({json.dumps(request) for request in requests}), 2)
        stored = json.loads(self.purchase.read_text())
        self.assertEqual(requests[0][1], {"quantity": 2, "reservation_id": stored["reservation_id"]})
        self.assertEqual(requests[4][1], {key: stored[key] for key in ("reservation_id", "booking_id")})

    def test_ids_are_stored_before_the_first_request(self):
        refusal = (409, {"code": "not_enough_seats", "title": "Not enough seats"})
        done, [(_, order)] = self.buy([refusal])
        self.assertEqual((done.returncode, done.stderr), (1, "book: 409 not_enough_seats: Not enough seats\n"))
        self.assertEqual(json.loads(self.purchase.read_text())["reservation_id"], order["reservation_id"])

    def test_a_second_run_goes_on_with_the_purchase(self):
        _, first = self.buy([RESERVED, (409, {"code": "reservation_changed", "title": "Changed"})])
        done, second = self.buy([booked(201)])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(second, first[1:])
