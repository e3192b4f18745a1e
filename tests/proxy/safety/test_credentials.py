"""Who is let in, and what of their credential goes on: nothing."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clawbot_manager.proxy import headers as fields
from tests.proxy.rig import SECRET, TOKEN, Rig, request
from tests.support.raw import status_of, value_of

OTHER = "some-other-credential-0123456789"
PLACES = ("authorization", "x-api-key", "api-key", "x-goog-api-key", "?key")
VENDORS = {"openai": b"authorization", "anthropic": b"x-api-key", "google": b"x-goog-api-key"}
LIGHT = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

SQL = [
    "' OR '1'='1",
    "'; DROP TABLE bot_tokens; --",
    '" OR ""="',
    "1) UNION SELECT token_hash FROM bot_tokens --",
    "admin'--",
    "%",
    "_" * 40,
    "\\",
    "${jndi:ldap://x}",
    "{{7*7}}",
    "../../../etc/passwd",
    "%00",
    "null",
    "None",
    "undefined",
    "true",
    "0",
    "-1",
    "[]",
    "{}",
    "*",
    "Bearer",
    "Bearer Bearer",
    "cbm_bot_",
    TOKEN[:-1],
    TOKEN + "x",
    TOKEN.upper(),
    TOKEN[::-1],
    "x" * 511,
    "x" * 512,
    "x" * 513,
    "x" * 60_000,
    "caf\xe9",
    "\xff\xfe",
    "\x80" * 100,
    "\t\t",
    "a\tb",
    TOKEN + " " + TOKEN,
    f"{TOKEN},{TOKEN}",
    f'"{TOKEN}"',
]


async def refused(rig: Rig, head: bytes) -> None:
    """A 401 in the dialect's shape, and nothing else has happened."""
    client = await rig.client()
    await client.send(head)
    answer, body = await client.answer()
    assert status_of(answer) == 401, answer
    assert value_of(answer, b"x-clawbot-error") in (b"token_invalid", b"token_missing")
    assert b'"authentication_error"' in body
    assert not rig.provider.heads
    assert not rig.usage.records
    assert rig.budgets.admitted == 0
    client.close()


def without_token(*lines: bytes, target: bytes = b"/v1/openai/v1/models") -> bytes:
    return b"\r\n".join([b"GET " + target + b" HTTP/1.1", b"host: h", *lines, b"", b""])


class TestNobody:
    @pytest.mark.parametrize("value", SQL)
    @pytest.mark.parametrize("place", PLACES)
    async def test_odd_values(self, rig: Rig, value: str, place: str) -> None:
        if place == "?key":
            await refused(rig, without_token(target=b"/v1/openai/v1/models?key=" + quote(value).encode()))
            return
        prefix = "Bearer " if place == "authorization" else ""
        await refused(rig, without_token(f"{place}: {prefix}{value}".encode("latin-1")))

    @pytest.mark.parametrize("scheme", [b"", b"Basic ", b"Token ", b"Bearer:", b"Bearer\t", b"Digest "])
    async def test_other_schemes(self, rig: Rig, scheme: bytes) -> None:
        await refused(rig, without_token(b"authorization: " + scheme + TOKEN.encode()))

    @LIGHT
    @given(
        value=st.binary(max_size=600).map(lambda raw: bytes(one for one in raw if one not in b"\r\n\0")),
        place=st.sampled_from(PLACES[:4]),
    )
    async def test_any_bytes(self, rig: Rig, value: bytes, place: str) -> None:
        """What HTTP allows in a value is refused as a credential; what it does not, as a request."""
        client = await rig.client()
        await client.send(without_token(f"{place}: ".encode() + value))
        head, _ = await client.answer()
        assert status_of(head) in (400, 401)
        assert not rig.provider.heads
        assert not rig.usage.records
        client.close()

    @pytest.mark.parametrize("value", [b"a\0b", b"\0", TOKEN.encode() + b"\0", b"a\x01", b"\x7f"])
    async def test_control_characters_are_no_request(self, rig: Rig, value: bytes) -> None:
        client = await rig.client()
        await client.send(without_token(b"authorization: Bearer " + value))
        head, _ = await client.answer()
        assert status_of(head) == 400
        assert not rig.provider.heads

    async def test_no_credential(self, rig: Rig) -> None:
        await refused(rig, without_token())

    async def test_nothing_huge_is_looked_up(self, rig: Rig) -> None:
        await refused(rig, without_token(b"authorization: Bearer " + b"x" * 60_000))
        assert all(len(asked) <= 512 for asked in rig.tokens.asked)

    async def test_the_refusal_says_nothing_back(self, rig: Rig) -> None:
        client = await rig.client()
        await client.send(without_token(b"authorization: Bearer a-guess-that-must-not-come-back"))
        head, body = await client.answer()
        assert b"a-guess" not in head + body


class TestTheBot:
    @pytest.mark.parametrize("place", PLACES)
    @pytest.mark.parametrize("vendor", VENDORS)
    async def test_every_place(self, rig: Rig, vendor: str, place: str) -> None:
        rig.add_key(vendor)
        target = f"/v1/{vendor}/v1beta/models" + (f"?a=1&key={TOKEN}&b=2" if place == "?key" else "?a=1&b=2")
        prefix = "Bearer " if place == "authorization" else ""
        line = [] if place == "?key" else [f"{place}: {prefix}{TOKEN}".encode()]
        client = await rig.client()
        await client.send(without_token(*line, target=target.encode()))
        head, _ = await client.answer()
        assert status_of(head) == 200
        call = rig.provider.heads[-1]
        assert TOKEN.encode() not in call.head
        assert call.head.count(SECRET.encode()) == 1
        assert SECRET.encode() in (call.header(VENDORS[vendor]) or b"")
        assert call.target.endswith(b"?a=1&b=2")

    @LIGHT
    @given(
        given_places=st.dictionaries(st.sampled_from(PLACES), st.sampled_from([TOKEN, OTHER]), min_size=1),
        vendor=st.sampled_from(sorted(VENDORS)),
        elsewhere=st.sampled_from(["", f"x-debug: {TOKEN}", f"user-agent: sdk ({TOKEN})", f"x-{TOKEN}: 1"]),
    )
    async def test_exactly_one_credential_goes_on(
        self, rig: Rig, given_places: dict[str, str], vendor: str, elsewhere: str
    ) -> None:
        if not [one for one in rig.keys.keys if one.vendor == vendor]:
            rig.add_key(vendor)
        query = f"?key={given_places['?key']}" if "?key" in given_places else ""
        lines = [
            f"{place}: {'Bearer ' if place == 'authorization' else ''}{value}".encode()
            for place, value in given_places.items()
            if place != "?key"
        ]
        if elsewhere:
            lines.append(elsewhere.encode())
        before = len(rig.provider.heads)
        client = await rig.client()
        await client.send(without_token(*lines, target=f"/v1/{vendor}/v1/models{query}".encode()))
        head, _ = await client.answer()
        client.close()
        if TOKEN not in given_places.values():
            assert status_of(head) == 401
            assert len(rig.provider.heads) == before
            return
        assert status_of(head) == 200
        call = rig.provider.heads[-1]
        assert TOKEN.encode() not in call.head
        assert OTHER.encode() not in call.head
        assert call.head.count(SECRET.encode()) == 1
        names = [name.lower() for name, _ in call.headers]
        assert sum(names.count(place.encode()) for place in PLACES[:4]) == 1

    @pytest.mark.parametrize(
        "name",
        ["cookie", "proxy-authorization", "x-clawbot-token", "openai-organization", "x-goog-user-project"],
    )
    async def test_what_speaks_for_somebody_else_stays_here(self, rig: Rig, name: str) -> None:
        client = await rig.client()
        await client.send(request("GET", "/v1/openai/v1/models", f"{name}: theirs"))
        await client.answer()
        assert rig.provider.heads[0].header(name.encode()) is None

    async def test_a_token_in_the_path_goes_nowhere(self, rig: Rig) -> None:
        for target in (
            f"/v1/openai/v1/files/{TOKEN}",
            f"/v1/openai/v1/x/{quote(TOKEN, safe='').replace('-', '%2D')}",
        ):
            client = await rig.client()
            await client.send(request("GET", target))
            head, _ = await client.answer()
            assert value_of(head, b"x-clawbot-error") == b"bad_path"
        assert not rig.provider.heads
        assert all(TOKEN not in record.endpoint for record in await rig.records(2))


def test_the_bounds_of_a_token() -> None:
    assert fields.LEAST_TOKEN <= 32  # every token of ours is longer, so every one is looked for
