"""Which server to talk to and as whom: options, then the environment, then the profile file of `login`."""

import contextlib
import json
import os
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from clawbot_manager.cli.errors import CliError

DEFAULT_URL = "http://127.0.0.1:7100"
URL_VARIABLE = "CLAWBOT_URL"
TOKEN_VARIABLE = "CLAWBOT_API_TOKEN"  # noqa: S105 - the name of a variable


@dataclass(frozen=True, slots=True)
class Profile:
    """What `login` keeps."""

    url: str
    token: str = field(repr=False)
    token_id: str
    email: str


@dataclass(frozen=True, slots=True)
class Target:
    """A server and the token to show it; `source` says where the token came from."""

    url: str
    token: str | None = field(repr=False)
    source: Literal["option", "environment", "profile", "none"]


def profile_path(environ: Mapping[str, str]) -> Path:
    """Where the profile file is, whether or not it exists."""
    base = environ.get("XDG_CONFIG_HOME") or ""
    root = Path(base) if Path(base).is_absolute() else Path.home() / ".config"
    return root / "clawbot-manager" / "profile.json"


def read_profile(path: Path) -> Profile | None:
    """The saved profile; None when nobody logged in.

    Raises:
        CliError: the file is there but is not a profile, or other users of the machine may read it.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise CliError(f"{path} cannot be read: {error}") from error
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise CliError(
            f"{path} holds a token and is open to other users of this machine",
            hint=f"Close it with `chmod 600 {path}`; if anyone may have read it, log in again",
        )
    try:
        values = json.loads(text)
        return Profile(
            url=check_url(str(values["url"])),
            token=str(values["token"]),
            token_id=str(values["token_id"]),
            email=str(values["email"]),
        )
    except (ValueError, KeyError, TypeError, CliError) as error:
        raise CliError(
            f"{path} is not a profile", hint="Delete it and run `clawbot-manager login`"
        ) from error


def save_profile(path: Path, profile: Profile) -> None:
    """Writes the profile so that only this user can read it, and never half of it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # mkstemp opens with mode 0600 whatever the umask is
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".profile-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(asdict(profile), file, indent=2)
                file.write("\n")
            Path(temporary).replace(path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                Path(temporary).unlink()
            raise
    except OSError as error:
        raise CliError(f"{path} cannot be written: {error}") from error


def forget_profile(path: Path) -> None:
    """Removes the profile; no error when there is none."""
    path.unlink(missing_ok=True)


def check_url(url: str) -> str:
    """The server's address without a trailing slash.

    Raises:
        CliError: it is not an http or https address, or it carries a user name.
    """
    parts = urlsplit(url.strip())
    try:
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.username is not None or parts.query or parts.fragment:
        raise CliError(
            f"{url!r} is not the address of a server", hint=f"Write it like {DEFAULT_URL}", exit_code=2
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix('/api')}"


def resolve_target(
    url: str | None, token: str | None, environ: Mapping[str, str], profile: Profile | None
) -> Target:
    """The server and token of this call. The profile's token goes to the profile's server alone."""
    named = url or environ.get(URL_VARIABLE) or (profile.url if profile else DEFAULT_URL)
    address = check_url(named)
    if token:
        return Target(address, token, "option")
    if environ.get(TOKEN_VARIABLE):
        return Target(address, environ[TOKEN_VARIABLE], "environment")
    if profile and profile.url == address:
        return Target(address, profile.token, "profile")
    return Target(address, None, "none")
