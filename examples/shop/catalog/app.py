"""catalog: knows the goods and their prices, kept in a file that outlives its runs."""

import json
import logging
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

# In a container the volume is mounted at /data; a plain process keeps its goods beside the code.
FOLDER = Path("/data") if os.path.exists("/.dockerenv") and os.path.isdir("/data") else Path(__file__).parent / ".data"
FILE = FOLDER / "items.json"
lock = threading.Lock()

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
log = logging.getLogger("catalog")


def items():
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def put(sku, item):
    with lock:
        goods = items() | {sku: {"sku": sku, "name": str(item["name"]), "price": int(item["price"])}}
        FOLDER.mkdir(parents=True, exist_ok=True)
        new = FILE.with_suffix(".new")
        new.write_text(json.dumps(goods))
        new.replace(FILE)


class Catalog(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        goods = items()
        if self.path == "/healthz":
            self.answer(200, {"status": "ok", "items": len(goods)})
        elif self.path == "/items":
            self.answer(200, sorted(goods.values(), key=lambda item: item["sku"]))
        elif self.path.removeprefix("/items/") in goods:
            self.answer(200, goods[self.path.removeprefix("/items/")])
        else:
            log.warning("nothing on the shelf at %s", self.path)
            self.answer(404, {"error": f"nothing at {self.path}"})

    def do_PUT(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        sku = self.path.removeprefix("/items/")
        put(sku, json.loads(body))
        log.info("on the shelf: %s", sku)
        self.answer(204, None)

    def answer(self, status, value):
        body = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        if body:
            self.send_header("content-type", "application/json")
        if status != 204:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, form, *args):
        pass


if __name__ == "__main__":
    address = (os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8000")))
    log.info("catalog is listening at port %s, goods in %s", address[1], FOLDER)
    ThreadingHTTPServer(address, Catalog).serve_forever()
