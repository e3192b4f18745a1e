"""What the command line calls."""

import asyncio
import fcntl
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NoReturn

from pydantic import SecretStr

from clawbot_manager.app.api import create_api, openapi_document
from clawbot_manager.app.compose import Installation, compose, migrations_dir, open_database, seed
from clawbot_manager.app.doctor import examine
from clawbot_manager.app.plan import proxy_plan
from clawbot_manager.app.proxy_plan import PlanTooLargeError, become_proxy
from clawbot_manager.app.server import listen, listen_together, run_server, serve_reloading
from clawbot_manager.control.audit.service import AuditTrail, Verdict
from clawbot_manager.control.diagnostics.schemas import CheckOut
from clawbot_manager.infra.db.migrate import pending, upgrade
from clawbot_manager.infra.events.bus import EventBus
from clawbot_manager.infra.hardening import keep_memory_private
from clawbot_manager.settings import Settings, SettingsError
from clawbot_manager.settings.load import without_settings
from clawbot_manager.settings.secrets import InstallationSecrets, ensure_secrets, load_secrets

Role = Literal["all", "control", "proxy", "worker"]
Report = Callable[[str], None]


def up(settings: Settings, report: Report) -> None:
    """Make what is missing (secrets, schema, templates), then serve everything until asked to stop.

    Raises:
        SettingsError: a setting is wrong, the port is taken, or another process uses the data directory.
    """
    _harden(settings)
    with _data_dir(settings):
        listener = listen(settings.server.host, settings.server.port)
        prepare(settings, report)
        installation = compose(settings, load_secrets(settings))

        async def on_ready() -> None:
            for line in await _welcome(settings, installation):
                report(line)

        run_server(installation, "all", listener, on_ready)


def prepare(settings: Settings, report: Report) -> None:
    """Make what is missing before anything can serve: secrets, schema, templates.

    Raises:
        SettingsError: a secret is missing or too weak.
    """
    if ensure_secrets(settings):
        report(f"Secrets made in {settings.data_dir} (only you can read them). Keep a copy: keys need them.")
    load_secrets(settings)
    applied = upgrade_database(settings)
    report(f"Database ready ({len(applied)} migrations applied)." if applied else "Database ready.")


def welcome(settings: Settings) -> list[str]:
    """What to tell somebody who has just started it: the address, and how to sign in."""

    async def run() -> list[str]:
        installation = compose(settings, load_secrets(settings))
        try:
            return await _welcome(settings, installation)
        finally:
            await installation.close()

    return asyncio.run(run())


async def _welcome(settings: Settings, installation: Installation) -> list[str]:
    lines = ["", f"ClawBotManager is running at {settings.public_url}"]
    if await installation.accounts.needs_setup():
        link = f"{settings.public_url}/sign-up?setup={installation.accounts.setup_token()}"
        lines.append(f"Make the administrator's account with this one-time link: {link}")
    else:
        lines.append(f"Sign in at {settings.public_url}/sign-in")
    if not installation.runtime.isolation.isolated:
        lines.append(f"Note: {installation.runtime.isolation.warning}")
    return [*lines, "Stop with Ctrl-C; bots go on running."]


def serve(settings: Settings, role: Role, *, reload: bool = False) -> None:
    """Serve one role on a database that is up to date.

    Raises:
        SettingsError: a setting or secret is missing or wrong, or the schema is not that of this version.
    """
    if reload:
        serve_reloading(settings)
        return
    _harden(settings)
    _check_schema(settings)
    secrets = load_secrets(settings)
    listener = listen(settings.server.host, settings.server.port)
    if role == "proxy":
        _become_proxy(settings, secrets, listener)
    run_server(compose(settings, secrets), role, listener)


def _become_proxy(settings: Settings, secrets: InstallationSecrets, listener: socket.socket) -> NoReturn:
    """A proxy needs little of the program, so this process becomes one that has only that."""
    listeners = [listener]
    if settings.proxy.workers > 1:
        listener.close()
        listeners = listen_together(settings.server.host, settings.server.port, settings.proxy.workers)
    try:
        become_proxy(proxy_plan(settings, secrets), listeners, without_settings(os.environ))
    except PlanTooLargeError:
        raise SettingsError(["CLAWBOT_EGRESS__ALLOW: it is too long. Name networks instead."]) from None


async def _pending(settings: Settings) -> list[str]:
    database = open_database(settings, EventBus())
    try:
        return await pending(database, migrations_dir())
    finally:
        await database.close()


def upgrade_database(settings: Settings) -> list[str]:
    """Bring the schema and the templates to this version; the revisions applied."""

    async def run() -> list[str]:
        database = open_database(settings, EventBus())
        try:
            applied = await upgrade(database, migrations_dir())
            await seed(database)
            return applied
        finally:
            await database.close()

    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    return asyncio.run(run())


def create_admin(
    settings: Settings, email: str, password: SecretStr | str, nickname: str | None = None
) -> None:
    """Make an administrator's account.

    Raises:
        ProblemError: the address has an account.
        pydantic.ValidationError: the address or the password is not acceptable.
    """
    secret = SecretStr(password) if isinstance(password, str) else password

    async def run() -> None:
        installation = compose(settings, load_secrets(settings))
        try:
            await installation.accounts.create_admin(email, secret, nickname)
        finally:
            await installation.close()

    ensure_secrets(settings)
    upgrade_database(settings)
    asyncio.run(run())


def verify_audit(settings: Settings) -> Verdict:
    """Go through the audit trail of this installation's database.

    Raises:
        SettingsError: a secret is missing, or the schema is not that of this version.
    """

    async def run() -> Verdict:
        installation = compose(settings, load_secrets(settings))
        trail: AuditTrail = installation.services[AuditTrail]
        try:
            async with installation.database.reading() as tx:
                return await trail.verify(tx)
        finally:
            await installation.close()

    _check_schema(settings)
    return asyncio.run(run())


def _check_schema(settings: Settings) -> None:
    missing = asyncio.run(_pending(settings))
    if missing:
        raise SettingsError(
            [f"The database lacks {len(missing)} migrations. Run `clawbot-manager db upgrade`."]
        )


def doctor(settings: Settings) -> list[CheckOut]:
    """Check settings, secrets, database, runtime and port; each failed check says what to do."""
    return asyncio.run(examine(settings))


def openapi() -> dict[str, Any]:
    """The OpenAPI document of the control plane's API."""
    return openapi_document(create_api({}, secure_cookies=True))


def _harden(settings: Settings) -> None:
    if not settings.security.core_dumps:
        keep_memory_private()


@contextmanager
def _data_dir(settings: Settings) -> Iterator[None]:
    """The data directory, made if missing, for this process alone."""
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    path: Path = settings.data_dir / "in-use.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SettingsError(
                [f"CLAWBOT_DATA_DIR: another ClawBotManager uses {settings.data_dir}. Stop that one first."]
            ) from error
        yield
    finally:
        os.close(descriptor)
