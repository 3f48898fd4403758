import json

import pytest

from chatdaddy_pulumi.client.billing import _PRODUCTS


@pytest.mark.parametrize("name", ["products", "items"])
def test_products_are_read_by_either_name(name: str) -> None:
    answer = {name: [{"item": "messages", "stripePriceId": "price-1"}]}
    assert [product.item for product in _PRODUCTS(json.dumps(answer).encode()).products] == [
        "messages"
    ]
