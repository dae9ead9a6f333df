"""orders: takes an order, asks the catalog for the price and payments for the money. Logs in logfmt."""

import itertools
import json
import os
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAYMENTS = os.environ["PAYMENTS_URL"]
CATALOG = os.environ["CATALOG_URL"]
FORWARDED = ("traceparent", "tracestate", "baggage")

numbers = itertools.count(1)
orders = {}


def log(level, message, **fields):
    print(f'level={level} msg="{message}" ' + " ".join(f"{name}={value}" for name, value in fields.items()))


def call(url, incoming, body=None):
    headers = {name: incoming[name] for name in FORWARDED if name in incoming}
    data = None if body is None else json.dumps(body).encode()
    if data is not None:
        headers["content-type"] = "application/json"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=data, headers=headers), timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"{}")


def place(order, incoming):
    """One order: price, payment, number. Returns a status and what to answer."""
    sku, quantity = str(order.get("sku", "")), int(order.get("quantity", 1))
    status, item = call(f"{CATALOG}/items/{sku}", incoming)
    if status != 200:
        log("warn", "no such goods", sku=sku)
        return 404, {"error": f"no such goods: {sku}"}
    total = item["price"] * quantity
    status, payment = call(f"{PAYMENTS}/payments", incoming, {"amount": total})
    if status != 201:
        log("warn", "payment refused", sku=sku, total=total, status=status)
        return 402, {"error": payment.get("error", "payment refused")}
    number = next(numbers)
    orders[number] = {"id": number, "sku": sku, "quantity": quantity, "total": total, "state": "paid"}
    log("info", "order placed", id=number, sku=sku, quantity=quantity, total=total)
    return 201, orders[number]


class Orders(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/healthz":
            self.answer(200, {"status": "ok"})
        elif self.path.startswith("/orders/") and self.path[8:].isdigit() and int(self.path[8:]) in orders:
            self.answer(200, orders[int(self.path[8:])])
        else:
            self.answer(404, {"error": f"no order at {self.path}"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            self.answer(*place(json.loads(body), self.headers))
        except (ValueError, AttributeError) as error:
            self.answer(400, {"error": f"not an order: {error}"})
        except OSError as error:
            log("error", "a service that is needed does not answer", reason=repr(str(error)))
            self.answer(502, {"error": str(error)})

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
    log("info", "orders is listening", port=address[1])
    ThreadingHTTPServer(address, Orders).serve_forever()
