"""web: the shop window. Lists the goods and passes orders on."""

import html
import json
import os
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GREETING = "Welcome to the tea shop"
ORDERS = os.environ["ORDERS_URL"]
CATALOG = os.environ["CATALOG_URL"]
# Forwarding these headers is all a service does for its requests to join one trace.
FORWARDED = ("traceparent", "tracestate", "baggage")


def call(url, incoming, body=None):
    """Asks another service, with the trace headers of the request that is being answered."""
    headers = {name: incoming[name] for name in FORWARDED if name in incoming}
    if body is not None:
        headers["content-type"] = "application/json"
    request = urllib.request.Request(url, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except (urllib.error.URLError, TimeoutError) as error:
        return 502, json.dumps({"error": f"cannot reach {url}: {error}"}).encode()


class Window(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/healthz":
            self.answer(200, b"ok", "text/plain")
        elif self.path == "/":
            self.shop_window()
        elif self.path.startswith("/orders/"):
            self.answer(*call(ORDERS + self.path, self.headers))
        else:
            self.answer(404, json.dumps({"error": f"no page {self.path}"}).encode())

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path == "/orders":
            self.answer(*call(ORDERS + "/orders", self.headers, body))
        else:
            self.answer(404, json.dumps({"error": f"no page {self.path}"}).encode())

    def shop_window(self):
        status, body = call(CATALOG + "/items", self.headers)
        if status != 200:
            self.answer(status, body)
            return
        rows = "".join(
            f"<li><b>{html.escape(item['name'])}</b> {item['price'] / 100:.2f} €</li>" for item in json.loads(body)
        )
        page = f"<!doctype html><title>shop</title><h1>{GREETING}</h1><ul>{rows}</ul>"
        self.answer(200, page.encode(), "text/html; charset=utf-8")

    def answer(self, status, body, kind="application/json"):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, form, *args):
        if self.path != "/healthz":
            print(f"INFO  {self.command} {self.path} {args[1]}")


if __name__ == "__main__":
    address = (os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8000")))
    print(f"INFO  the shop window is open at port {address[1]}")
    ThreadingHTTPServer(address, Window).serve_forever()
