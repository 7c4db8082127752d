"""The OpenAPI document held against the API: whatever it allows, and much that it does not, has a documented answer."""

from __future__ import annotations

import json
from collections.abc import Iterator

import jsonschema_rs
import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from schemathesis.config import SchemathesisConfig

from callflows import create_app
from callflows.api import door, openapi
from callflows.bearer import Scope

from ..house import Phone, platforms
from .conftest import TOKENS, House
from .conftest import settings as house_settings

# 422: what no schema can say (is there such a flow?). 404: there is no such call. 414 and 431 come from gunicorn.
CONFIG = SchemathesisConfig.from_dict(
    {
        "checks": {
            "positive_data_acceptance": {"expected-statuses": ["2xx", 401, 403, 404, 409, 422]},
            "negative_data_rejection": {
                "expected-statuses": [400, 401, 403, 404, 405, 406, 409, 413, 414, 415, 422, 431]
            },
        }
    }
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, str]]:
    """The app, and a call whose caller is on the line of a platform that nobody reaches us from."""
    folder = tmp_path_factory.mktemp("openapi")
    with platforms() as servers:
        values = house_settings(folder, servers)
        more = {"PUBLIC_URL": "https://flows.example.com", "KEEPER": "false", "TRANSFERS_PER_TOKEN": 0}
        app = create_app(values | more)
        call = Phone(servers["plivo"]).inbound("https://flows.example.com/flows/plivo/quiet/answer")
        yield app, call
        app.extensions["callflows"].close()


schema = schemathesis.openapi.from_dict(door.openapi.document(), config=CONFIG)


@pytest.mark.parametrize("scope", list(Scope), ids=str)
@schema.parametrize()
@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_whatever_is_asked_has_a_documented_answer(case: schemathesis.Case, house: House, scope: Scope) -> None:
    headers = {"Authorization": f"Bearer {TOKENS[scope]}"}
    case.call_and_validate(base_url=house.gunicorn.url, headers=headers, timeout=40)


def test_the_document_is_valid_and_small_enough_to_read() -> None:
    document = openapi.document("https://flows.example.com/voice")
    assert document["servers"] == [{"url": "/voice"}]
    assert len(json.dumps(document)) < 100_000
    operations = [each for path in document["paths"].values() for each in path.values()]
    assert len({each["operationId"] for each in operations}) == len(operations)
    for each in operations:
        assert each["summary"].endswith((".", "?")) or each["summary"]
        assert {"400", "401", "403", "500", "503"} <= set(each["responses"])
    for name, each in document["components"]["schemas"].items():
        jsonschema_rs.Draft202012Validator({**each, "components": document["components"]})
        assert name


def test_answers_are_what_the_document_says(served: tuple[Flask, str]) -> None:
    """With real data in them; the generated requests above mostly find nothing."""
    app, call = served
    document = openapi.document()
    client = app.test_client()
    headers = {"Authorization": f"Bearer {TOKENS[Scope.ADMIN]}"}
    body = {"call_uuid": call, "aleg": "quiet", "provider": "plivo", "dry_run": True}
    asked = [
        ("/transfers", "post", client.post("/api/v1/transfers", json=body, headers=headers)),
        ("/flows", "get", client.get("/api/v1/flows", headers=headers)),
        ("/live-calls", "get", client.get("/api/v1/live-calls?provider=plivo", headers=headers)),
    ]
    for path, method, reply in asked:
        assert reply.status_code == 200, reply.text
        responses = document["paths"][f"/api/v1{path}"][method]["responses"]
        found = responses["200"]["content"]["application/json"]["schema"]
        validator = jsonschema_rs.Draft202012Validator({**found, "components": document["components"]})
        validator.validate(reply.json)
