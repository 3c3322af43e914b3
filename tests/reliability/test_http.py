"""Schemathesis asks the server whatever its OpenAPI description allows, and much that it forbids.

No request may fail inside (500), be answered by a status, a type or a body that the description does not name, or be
taken where it is forbidden. `MINENT_FUZZ=100000` is the long form: so many requests in all.
"""

from __future__ import annotations

import os

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

from minent.server import Limits, create_app

pytestmark = pytest.mark.slow

ROUTES = ["POST /predict", "POST /tokenize", "POST /explain", "GET /health", "GET /metrics"]
MODES = {mode.value: mode for mode in schemathesis.GenerationMode}
EXAMPLES = max(20, int(os.environ.get("MINENT_FUZZ", 0)) // len(ROUTES) // len(MODES))


@pytest.fixture(scope="module")
def operations(model_folder):
    app = create_app(model_folder, limits=Limits(seconds=20.0))
    found = [one.ok() for one in schemathesis.openapi.from_asgi("/openapi.json", app).get_all_operations()]
    return {one.label: one for one in found}


def test_every_route_is_asked(operations) -> None:
    assert sorted(operations) == sorted(ROUTES)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("route", ROUTES)
def test_the_server_answers_as_described(operations, route: str, mode: str) -> None:
    if mode == "negative" and route.startswith("GET"):
        pytest.skip("takes nothing, so nothing can be wrong")

    from schemathesis.specs.openapi.checks import positive_data_acceptance

    # The labels that /explain takes are those of the model, which may be replaced at any time, so none is described.
    left_out = [positive_data_acceptance] if route == "POST /explain" else []

    @given(operations[route].as_strategy(generation_mode=MODES[mode]))
    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    def ask(case) -> None:
        case.call_and_validate(excluded_checks=left_out)

    ask()
