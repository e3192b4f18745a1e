"""The installation's own secrets: made once in embedded mode, refused when empty, short or default."""

import base64
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from clawbot_manager.settings.load import SettingsError
from clawbot_manager.settings.models import Settings

SECRETS_FILE = "secrets.env"
MIN_SECRET_LENGTH = 32

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

    Embedded mode only: in production secrets are given, never invented.
    """
    path = settings.data_dir / SECRETS_FILE
    if settings.environment == "production" or path.exists():
        return False
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    lines = [f"BOT_MASTER_KEY=1:{base64.b64encode(secrets.token_bytes(32)).decode()}"]
    lines += [f"{name}={secrets.token_urlsafe(48)}" for name in _TEXT_SECRETS]
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    return True


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
        if len(value) < MIN_SECRET_LENGTH or len(set(value)) < 8:
            problems.append(
                f"{name}: give a random secret of at least {MIN_SECRET_LENGTH} characters. {_HOW}"
            )
        texts[attribute] = value
    if len(set(texts.values())) < len(texts) and not problems:
        problems.append("The session secret, token secret and proxy admin token must all differ.")
    given_key = security.master_key
    keys = _parse_master_keys(
        given_key.get_secret_value() if given_key is not None else stored.get("BOT_MASTER_KEY", ""), problems
    )
    if problems:
        raise SettingsError(problems)
    return InstallationSecrets(master_keys=keys, **texts)


_HOW = "Run scripts/init-env-secrets.sh to make one."


def _parse_master_keys(text: str, problems: list[str]) -> dict[int, bytes]:
    keys: dict[int, bytes] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        version, _, encoded = part.partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
            if len(key) != 32 or len(set(key)) < 8:
                raise ValueError
            keys[int(version)] = key
        except ValueError:
            problems.append(f"BOT_MASTER_KEY: use `<version>:<base64 of 32 random bytes>`. {_HOW}")
            return {}
    if not keys:
        problems.append(f"BOT_MASTER_KEY: it is not set. {_HOW}")
    return keys


def _read_file(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    pairs = (line.split("=", 1) for line in path.read_text().splitlines() if "=" in line and line[0] != "#")
    return {name.strip(): value.strip() for name, value in pairs}
