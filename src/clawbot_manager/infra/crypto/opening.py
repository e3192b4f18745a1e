"""Opening many sealed secrets: here, or in a short-lived process of its own.

A proxy that runs alone opens secrets when keys change, and never between. The library that does it takes 6
MiB of a process for good, so such a proxy lets `python -m clawbot_manager.infra.crypto.opening` do it.
"""

import base64
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import orjson

from clawbot_manager.infra.hardening import keep_memory_private

_TIMEOUT = 60.0


class Sealed(NamedTuple):
    """A sealed secret, and the context that it was sealed under."""

    text: str
    context: str


class Opener(Protocol):
    """Opens sealed secrets."""

    def __call__(self, sealed: Sequence[Sealed]) -> list[str | None]:
        """Each secret in the clear; None where no master key opens it under its context. Blocks.

        Raises:
            OpenerError: nothing can be said of any of them.
        """
        ...


class OpenerError(Exception):
    """The process that opens secrets failed."""


def open_here(master_keys: Mapping[int, bytes], sealed: Sequence[Sealed]) -> list[str | None]:
    """Open them in this process."""
    from clawbot_manager.infra.crypto.secretbox import SecretBox, SecretBoxError  # noqa: PLC0415

    box = SecretBox(master_keys)
    opened: list[str | None] = []
    for text, context in sealed:
        try:
            opened.append(box.open(text, context=context))
        except SecretBoxError:
            opened.append(None)
    return opened


class ProcessOpener:
    """Opens secrets in a process of its own; keys and secrets go through pipes, never by argument or file."""

    def __init__(self, master_keys: Mapping[int, bytes]) -> None:
        self._keys = {str(version): base64.b64encode(key).decode() for version, key in master_keys.items()}

    def __call__(self, sealed: Sequence[Sealed]) -> list[str | None]:
        """See `Opener`."""
        if not sealed:
            return []
        command = [sys.executable, "-P", "-m", "clawbot_manager.infra.crypto.opening"]
        asked = orjson.dumps({"keys": self._keys, "sealed": [tuple(one) for one in sealed]})
        try:
            ended = subprocess.run(  # noqa: S603 - the arguments are constants
                command, input=asked, capture_output=True, timeout=_TIMEOUT, check=True
            )
            opened = orjson.loads(ended.stdout)
        except (OSError, subprocess.SubprocessError, orjson.JSONDecodeError) as error:
            raise OpenerError(type(error).__name__) from None  # its own text might quote what it was given
        if not isinstance(opened, list) or len(opened) != len(sealed):
            raise OpenerError("answered something else")
        return opened


def _serve() -> None:
    keep_memory_private()
    asked = orjson.loads(sys.stdin.buffer.read())
    keys = {int(version): base64.b64decode(key) for version, key in asked["keys"].items()}
    opened = open_here(keys, [Sealed(*one) for one in asked["sealed"]])
    sys.stdout.buffer.write(orjson.dumps(opened))


if __name__ == "__main__":
    _serve()
