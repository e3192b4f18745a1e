"""The installation's own secrets: made once in embedded mode, refused when empty, short or default."""

import base64
import os
import re
import secrets
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from clawbot_manager.settings.load import SettingsError
from clawbot_manager.settings.models import SQLITE_FILE, Settings

SECRETS_FILE = "secrets.env"
MIN_SECRET_LENGTH = 32

# Six letters or more: a random secret holds one of them once in millions of years.
_PLACEHOLDERS = ("change", "default", "example", "insecure", "password", "placeholder", "replace", "secret")

_TEXT_SECRETS = {
    "CLAWBOT_SECURITY__SESSION_SECRET": "session_secret",
    "CLAWBOT_SECURITY__TOKEN_SECRET": "token_secret",
    "PROXY_ADMIN_TOKEN": "proxy_admin_token",
}


@dataclass(frozen=True, slots=True)
class InstallationSecrets:
    """`master_keys` maps a version to its 32 bytes; new ciphertexts use the highest version."""

    master_keys: dict[int, bytes] = field(repr=False)
    session_secret: str = field(repr=False)
    token_secret: str = field(repr=False)
    proxy_admin_token: str = field(repr=False)


def ensure_secrets(settings: Settings) -> bool:
    """Make the secrets file in the data directory (mode 0600) when it is missing; True when it was made.

    Embedded mode only: in production secrets are given, never invented. A file that is there is never
    replaced, also when two processes start at once: what was sealed with its keys would be lost.

    Raises:
        SettingsError: the file is gone while there is a database that was sealed with its keys.
    """
    path = settings.data_dir / SECRETS_FILE
    if settings.environment == "production" or os.path.lexists(path):
        return False
    if settings.database.url is None and (settings.data_dir / SQLITE_FILE).exists():
        raise SettingsError(
            [f"{path} is missing, but the database beside it needs it: restore it from your copy."]
        )
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    lines = [f"BOT_MASTER_KEY=1:{base64.b64encode(secrets.token_bytes(32)).decode()}"]
    lines += [f"{name}={secrets.token_urlsafe(48)}" for name in _TEXT_SECRETS]
    return _write_once(path, "\n".join(lines) + "\n")


def _write_once(path: Path, text: str) -> bool:
    """The whole text or nothing, and only when nothing is there; False when something is."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # unlike a rename it never replaces
        except FileExistsError:
            return False
        except OSError:  # a file system without hard links
            if os.path.lexists(path):
                return False
            draft.rename(path)
    finally:
        draft.unlink(missing_ok=True)
    with suppress(OSError):
        _sync_directory(path.parent)
    return True


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def load_secrets(settings: Settings) -> InstallationSecrets:
    """The secrets from the settings, else from the secrets file.

    Raises:
        SettingsError: one is missing, too short or not of its form; nothing starts without it.
    """
    stored = _read_file(settings.data_dir / SECRETS_FILE) if settings.environment == "embedded" else {}
    security = settings.security
    problems: list[str] = []
    texts: dict[str, str] = {}
    for name, attribute in _TEXT_SECRETS.items():
        given = getattr(security, attribute)
        value = given.get_secret_value() if given is not None else stored.get(name, "")
        if not _is_strong(value):
            problems.append(
                f"{name}: give a random secret of {MIN_SECRET_LENGTH} or more ASCII characters. {_HOW}"
            )
        texts[attribute] = value
    if len(set(texts.values())) < len(texts) and not problems:
        problems.append("The session secret, token secret and proxy admin token must all differ.")
    given_key = security.master_key
    keys = _parse_master_keys(
        given_key.get_secret_value() if given_key is not None else stored.get("BOT_MASTER_KEY", ""), problems
    )
    if any(base64.b64encode(key).decode() in texts.values() for key in keys.values()):
        problems.append("BOT_MASTER_KEY: it must differ from the other secrets.")
    if problems:
        raise SettingsError(problems)
    return InstallationSecrets(master_keys=keys, **texts)


_HOW = "Run scripts/init-env-secrets.sh to make one."
_VERSION = re.compile(r"[1-9][0-9]{0,8}")


def _is_strong(text: str) -> bool:
    lower = text.lower()
    return (
        len(text) >= MIN_SECRET_LENGTH
        and all("!" <= character <= "~" for character in text)
        and not any(word in lower for word in _PLACEHOLDERS)
        and not _is_patterned(text.encode())
    )


def _is_patterned(data: Sequence[int]) -> bool:
    """Few values, one piece again and again, or counting up or down: nothing that chance would make."""
    repeats = any(data[size:] == data[:-size] for size in range(1, len(data) // 2 + 1))
    steps = sum(abs(one - other) <= 1 for one, other in pairwise(data))
    return len(set(data)) < 8 or repeats or steps * 4 > len(data) * 3


def _parse_master_keys(text: str, problems: list[str]) -> dict[int, bytes]:
    keys: dict[int, bytes] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        version, _, encoded = part.partition(":")
        key = _master_key(encoded)
        if key is None or not _VERSION.fullmatch(version) or int(version) in keys:
            problems.append(
                "BOT_MASTER_KEY: use `<version>:<base64 of 32 random bytes>`, versions from 1 up, each once, "
                f"with commas between. {_HOW}"
            )
            return {}
        keys[int(version)] = key
    if not keys:
        problems.append(f"BOT_MASTER_KEY: it is not set. {_HOW}")
    return keys


def _master_key(encoded: str) -> bytes | None:
    try:
        key = base64.b64decode(encoded, validate=True)
    except ValueError:
        return None
    return key if len(key) == 32 and not _is_patterned(key) else None


def _read_file(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise SettingsError([f"{path}: it is not a text file. Restore it from a copy."]) from None
    pairs = (line.split("=", 1) for line in lines if "=" in line and line[0] != "#")
    return {name.strip(): value.strip() for name, value in pairs}
