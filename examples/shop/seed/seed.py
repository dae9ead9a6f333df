"""seed: puts the goods on the catalog's shelves, and ends."""

import json
import os
import urllib.request

GOODS = {
    "tea": ("Darjeeling, first flush", 490),
    "matcha": ("Matcha, ceremonial", 1890),
    "pot": ("Cast-iron pot", 4200),
    "cup": ("Stoneware cup", 1250),
}

for sku, (name, price) in GOODS.items():
    body = json.dumps({"name": name, "price": price}).encode()
    url = f"{os.environ['CATALOG_URL']}/items/{sku}"
    with urllib.request.urlopen(urllib.request.Request(url, data=body, method="PUT"), timeout=10):
        print(f"put {sku}: {name}")
print(f"{len(GOODS)} goods on the shelves")
