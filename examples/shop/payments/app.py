"""payments: takes money, now and then slowly. Logs in JSON."""

import itertools
import json
import os
import time
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SLOW_EVERY = int(os.environ.get("SLOW_EVERY", "7"))
SLOW_SECONDS = int(os.environ.get("SLOW_MS", "350")) / 1000
LIMIT = 100_000

numbers = itertools.count(1)


def log(level, message, **fields):
    time_now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    print(json.dumps({"time": time_now, "level": level, "msg": message, **fields}))


class Payments(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/healthz":
            self.answer(200, {"status": "ok"})
        else:
            self.answer(404, {"error": f"nothing at {self.path}"})

    def do_POST(self):
        amount = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)))["amount"]
        number = next(numbers)
        if SLOW_EVERY and number % SLOW_EVERY == 0:
            log("warn", "the bank is slow today", payment=number, wait_ms=int(SLOW_SECONDS * 1000))
            time.sleep(SLOW_SECONDS)
        if amount > LIMIT:
            log("error", "refused: over the limit", payment=number, amount=amount, limit=LIMIT)
            self.answer(402, {"error": f"{amount} is over the limit of {LIMIT}"})
            return
        log("info", "paid", payment=number, amount=amount)
        self.answer(201, {"payment": number, "amount": amount})

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, form, *args):
        pass


if __name__ == "__main__":
    address = (os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8000")))
    log("info", "payments is listening", port=address[1])
    ThreadingHTTPServer(address, Payments).serve_forever()
