"""The provider's key never comes back to the bot, however the answer is cut, spelt or packed."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from itertools import pairwise
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawbot_manager.proxy.masking import KeyMask, PackedMask, Secret, mask_for, unpack_error

PLAIN = "sk-abcsk-abcd-0123456789"
ODD = 'id/ab+c=="q-0123456789'
PIECE = st.sampled_from([PLAIN, PLAIN[:5], PLAIN[3:], "s", "sk", "sk-", "abc", "\n", "{}"])
CUTS = st.lists(st.integers(0, 400), max_size=8)


def go_json(text: str) -> str:
    """As a writer spells it that escapes for HTML's sake too."""
    escaped = json.dumps(text)[1:-1]
    return escaped.replace("=", "\\u003d").replace("+", "\\u002B").replace("/", "\\/")


SPELLINGS = [
    ODD,
    json.dumps(ODD)[1:-1],
    json.dumps(ODD)[1:-1].replace("/", "\\/"),
    go_json(ODD),
    quote(ODD, safe=""),
    quote(ODD, safe="").lower().replace("id", "id"),
    quote(ODD),
]


def fed(mask: KeyMask | PackedMask, body: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    return [mask.feed(body[a:b]) for a, b in pairwise(places)]


class TestInStreams:
    @given(st.lists(PIECE, max_size=12).map("".join), CUTS)
    def test_any_split_gives_the_same(self, text: str, cuts: list[int]) -> None:
        mask, body = KeyMask(Secret(PLAIN)), text.encode()
        out = b"".join(fed(mask, body, cuts)) + mask.finish()
        assert PLAIN.encode() not in out
        assert out == body.replace(PLAIN.encode(), b"*" * len(PLAIN))

    @given(
        st.lists(st.sampled_from([*SPELLINGS, *(one[:9] for one in SPELLINGS), "x", "\\", "%"]), max_size=6),
        CUTS,
    )
    def test_every_spelling_in_any_split(self, parts: list[str], cuts: list[int]) -> None:
        body = "".join(parts).encode()
        whole, mask = KeyMask(Secret(ODD)), KeyMask(Secret(ODD))
        wanted = whole.feed(body) + whole.finish()
        out = b"".join(fed(mask, body, cuts)) + mask.finish()
        assert out == wanted
        assert len(out) == len(body)
        assert not [one for one in SPELLINGS if one.encode() in out]

    @given(st.binary(max_size=300), CUTS)
    def test_what_holds_no_key_is_untouched(self, body: bytes, cuts: list[int]) -> None:
        mask = KeyMask(Secret(ODD))
        assert b"".join(fed(mask, body, cuts)) + mask.finish() == body

    def test_little_is_held(self) -> None:
        mask = KeyMask(Secret(ODD))
        body = ODD[:-1].encode() * 1000
        assert len(mask.feed(body)) > len(body) - len(ODD)

    def test_an_event_is_never_held_for_its_end(self) -> None:
        mask = KeyMask(Secret(PLAIN))
        event = b'data: {"choices":[{"delta":{"content":"sk"}}]}\n\n'
        assert mask.feed(event) == event

    def test_short_secrets_are_words(self) -> None:
        assert KeyMask(Secret("ollama")).feed(b"ollama") == b"ollama"

    def test_no_secret_hides_nothing(self) -> None:
        none = Secret("")
        assert none.is_absent(b"x")
        assert none.is_outside(b"x\0no key\0")
        assert none.hidden(b"x\0no key\0") == b"x\0no key\0"

    @pytest.mark.parametrize("secret", ["////////", "a/b/c/d/e"])
    def test_keys_of_few_plain_characters(self, secret: str) -> None:
        said = json.dumps(secret)[1:-1].replace("/", "\\/").encode()
        assert Secret(secret).hidden(b"<" + said + b">") == b"<***>"


class TestErrors:
    @pytest.mark.parametrize("spelling", SPELLINGS)
    def test_usual_spellings(self, spelling: str) -> None:
        assert Secret(ODD).hidden_anyhow(f'{{"e":"{spelling}"}}'.encode()) == b'{"e":"***"}'

    @pytest.mark.parametrize("form", ["\\u00{:02x}", "\\u00{:02X}", "%{:02x}", "%{:02X}"])
    def test_every_character_escaped(self, form: str) -> None:
        body = "".join(form.format(byte) for byte in PLAIN.encode()).encode()
        assert Secret(PLAIN).hidden_anyhow(b"<" + body + b">") == b"<***>"

    @pytest.mark.parametrize("encoding", [b"gzip", b"X-GZIP", b"deflate"])
    def test_packed_ones_are_unpacked(self, encoding: bytes) -> None:
        packed = zlib.compress(b"text") if encoding == b"deflate" else gzip.compress(b"text")
        headers = [(b"Content-Encoding", encoding), (b"x", b"1")]
        assert unpack_error(packed, headers) == (b"text", [(b"x", b"1")])

    @pytest.mark.parametrize(("body", "encoding"), [(b"?", b"br"), (b"not packed", b"gzip"), (b"x", b"zstd")])
    def test_one_that_cannot_be_unpacked_is_left_out(self, body: bytes, encoding: bytes) -> None:
        assert unpack_error(body, [(b"content-encoding", encoding)]) == (b"", [])

    def test_a_plain_one_stays(self) -> None:
        headers = [(b"content-encoding", b"identity")]
        assert unpack_error(b"text", headers) == (b"text", headers)

    def test_a_bomb_is_cut(self) -> None:
        body, _ = unpack_error(gzip.compress(b"\0" * (64 << 20)), [(b"content-encoding", b"gzip")])
        assert len(body) == 1 << 20


class TestPacked:
    @given(st.binary(max_size=2000), CUTS, st.booleans())
    def test_what_holds_no_key_passes_as_it_is(self, body: bytes, cuts: list[int], gzipped: bool) -> None:
        packed = gzip.compress(body) if gzipped else zlib.compress(body)
        mask = PackedMask(Secret(PLAIN))
        assert b"".join(fed(mask, packed, cuts)) + mask.finish() == packed
        assert not mask.spoilt

    @given(CUTS, st.integers(0, 2000))
    def test_not_one_byte_lets_the_key_be_read(self, cuts: list[int], before: int) -> None:
        body = random.Random(before).randbytes(before) + PLAIN.encode() + b"behind" * 20
        packed = gzip.compress(body, 0)  # stored as it stands: the worst case
        mask = PackedMask(Secret(PLAIN))
        out = b"".join(fed(mask, packed, cuts)) + mask.finish()
        assert mask.spoilt
        assert PLAIN.encode()[:-1] not in zlib.decompressobj(47).decompress(out)
        assert mask.feed(b"more") == b""

    def test_members_behind_the_first(self) -> None:
        mask = PackedMask(Secret(PLAIN))
        mask.feed(gzip.compress(b"fine") + gzip.compress(PLAIN.encode()))
        assert mask.spoilt

    def test_no_bomb_is_unpacked(self) -> None:
        mask = PackedMask(Secret(PLAIN))
        mask.feed(gzip.compress(b"\0" * (64 << 20)))
        assert mask.spoilt
        assert mask._made < 8 << 20

    def test_what_cannot_be_looked_into_is_spoilt(self) -> None:
        mask = PackedMask(Secret(PLAIN))
        assert mask.feed(b"this is no gzip") == b""
        assert mask.spoilt

    def test_empty_blocks_are_not_held_for_ever(self) -> None:
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        begun = packer.compress(PLAIN[:9].encode()) + packer.flush(zlib.Z_SYNC_FLUSH)
        mask = PackedMask(Secret(PLAIN))
        mask.feed(begun)
        for _ in range(20_000):
            mask.feed(b"\0\0\0\xff\xff")
        assert len(mask._held) < 1 << 17
        assert mask.spoilt


@pytest.mark.parametrize(
    ("encoding", "kind"),
    [("", KeyMask), ("Identity", KeyMask), ("gzip", PackedMask), (" DEFLATE ", PackedMask)]
    + [(unknown, type(None)) for unknown in ("br", "zstd", "gzip, gzip", "aes128gcm")],
)
def test_the_mask_for_an_encoding(encoding: str, kind: type) -> None:
    assert type(mask_for(Secret(PLAIN), encoding)) is kind
