"""Every problem has a true status, a code of its own and a readable title."""

from __future__ import annotations

import re

import pytest

from clawbot_manager.kit import errors
from clawbot_manager.kit.errors import NotFoundError, ProblemError

KINDS = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, ProblemError)]


@pytest.mark.parametrize("kind", KINDS)
def test_status_code_and_title(kind: type[ProblemError]) -> None:
    assert 400 <= kind.status <= 599
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", kind.code)
    assert kind.title


def test_codes_and_statuses_are_distinct() -> None:
    assert len({kind.code for kind in KINDS}) == len({kind.status for kind in KINDS}) == len(KINDS)
    assert {401, 403, 404, 409, 422, 429, 503} <= {kind.status for kind in KINDS}


def test_an_error_carries_its_parts_and_shares_none() -> None:
    params, headers = {"label": "x"}, {"retry-after": "3"}
    error = NotFoundError("no such key", field="key.id", params=params, headers=headers)
    assert (str(error), error.detail, error.field) == ("no such key", "no such key", "key.id")
    assert (error.params, error.headers) == (params, headers)
    error.params["more"] = 1
    assert "more" not in params
    assert NotFoundError("x").params == {}
