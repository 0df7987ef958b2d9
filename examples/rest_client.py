"""A client of Weir over REST, with nothing but Python's standard library.

It places an order and sends it again, reads the store's orders page by page, shows what a refusal
says, and follows the live figures until the order is in them.

    export WEIR_KEY=...   # a key with orders:write, orders:read and dashboard:read
    python3 examples/rest_client.py

WEIR_URL names another Weir than http://127.0.0.1:8080. Python 3.9 or newer.
"""

import http.client
import json
import os
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

API = "/api/v1"
STORE = "berlin"
# A refusal with one of these may pass later. Nothing was stored, or the same key is safe to send.
MAY_PASS = {408, 429, 503}
NO_ANSWER = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError)


class Refused(Exception):
    """A refusal: `reason` is for programs, the text for people."""

    def __init__(self, problem, retry_after_s):
        super().__init__(problem.get("detail", ""))
        self.reason = problem.get("reason")
        self.status = problem.get("status")
        self.issues = problem.get("issues", [])
        self.retry_after_s = retry_after_s


class Weir:
    def __init__(self, url, key):
        self.url = url.rstrip("/") + API
        self.key = key

    def open(self, method, path, body=None, headers=None, timeout_s=35):
        """Sends one request. Returns the answer, or raises Refused or an error of the network."""
        request = urllib.request.Request(
            urllib.parse.urljoin(self.url + "/", path.lstrip("/")),
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"authorization": f"Bearer {self.key}", "content-type": "application/json"}
            | (headers or {}),
        )
        try:
            return urllib.request.urlopen(request, timeout=timeout_s)
        except urllib.error.HTTPError as refused:
            with refused:
                text = refused.read()
            is_problem = refused.headers.get("content-type") == "application/problem+json"
            problem = json.loads(text) if is_problem else {"status": refused.code}
            raise Refused(problem, float(refused.headers.get("retry-after", 1))) from None

    def place(self, store, order, key, deadline_s=60):
        """Places an order once, however often it has to be sent: each time under the same key."""
        ends_at = time.monotonic() + deadline_s
        while True:
            try:
                with self.open(
                    "POST", f"/stores/{store}/orders", order, {"idempotency-key": f'"{key}"'}
                ) as answer:
                    return answer.status, json.load(answer)
            except Refused as refused:
                if refused.status not in MAY_PASS or time.monotonic() > ends_at:
                    raise
                time.sleep(refused.retry_after_s)
            except NO_ANSWER:
                # The order may be stored. Only the same key tells.
                if time.monotonic() > ends_at:
                    raise
                time.sleep(1)

    def orders(self, store, limit=50):
        """Every order of a store, the newest first."""
        path = f"stores/{store}/orders?limit={limit}"
        while path:
            with self.open("GET", path) as answer:
                yield from json.load(answer)["orders"]
                link = re.match(r'<([^>]+)>; rel="next"', answer.headers.get("link", ""))
            path = f"stores/{store}/{link[1]}" if link else None

    def live(self, store):
        """The store's figures, now and after each change. A stream that is cut goes on."""
        last_id = ""
        while True:
            try:
                with self.open(
                    "GET", f"/stores/{store}/figures/live", headers={"last-event-id": last_id}
                ) as stream:
                    event = data = ""
                    for raw in stream:
                        name, _, value = raw.decode().rstrip("\n").partition(": ")
                        if name == "id":
                            last_id = value
                        elif name == "event":
                            event = value
                        elif name == "data":
                            data = value
                        elif name == "" and data:  # an empty line ends the event
                            if event == "problem":
                                raise Refused(json.loads(data), 1)
                            if event == "":
                                yield json.loads(data)
                            event = data = ""
            except NO_ANSWER:
                pass
            time.sleep(1)


def main():
    key = os.environ.get("WEIR_KEY")
    if not key:
        print("WEIR_KEY is missing: an API key", file=sys.stderr)
        return 2
    weir = Weir(os.environ.get("WEIR_URL", "http://127.0.0.1:8080"), key)

    cart = str(uuid.uuid4())
    order = {"currency": "EUR", "lines": [{"sku": "tea", "quantity": 2, "unitPriceMinor": 450}]}
    for _ in range(2):
        status, answer = weir.place(STORE, order, cart)
        print(f"{status} {answer['status']} replayed={answer['replayed']} {answer['totalMinor']}")

    try:
        weir.place(STORE, {**order, "currency": "eur"}, str(uuid.uuid4()))
    except Refused as refused:
        print(f"refused: {refused.reason}: {refused.issues[0]['path']}")

    placed = answer["orderId"]
    print("listed:", any(one["orderId"] == placed for one in weir.orders(STORE, limit=2)))

    for snapshot in weir.live(STORE):
        today = [figures["today"]["orders"] for figures in snapshot["currencies"]]
        if snapshot["asOf"] > answer["placedAt"] and sum(today) > 0:
            print("orders today:", sum(today))
            return 0


if __name__ == "__main__":
    sys.exit(main())
