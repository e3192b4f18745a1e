"""What `clawbot-manager doctor` looks at; each finding says what to do."""

import socket

from sqlalchemy.exc import SQLAlchemyError

from clawbot_manager.app.compose import Installation, compose, migrations_dir
from clawbot_manager.control.diagnostics.schemas import CheckOut
from clawbot_manager.control.diagnostics.service import DiagnosticsService
from clawbot_manager.infra.db.migrate import SchemaTooNewError, pending
from clawbot_manager.settings import Settings, SettingsError
from clawbot_manager.settings.secrets import SECRETS_FILE, load_secrets
from clawbot_manager.web.console import CONSOLE_DIR


async def examine(settings: Settings) -> list[CheckOut]:
    """All checks, in the order in which to mend what fails."""
    checks = [CheckOut(name="settings", status="ok", detail=f"{settings.environment} mode")]
    try:
        installation = compose(settings, load_secrets(settings))
    except SettingsError as error:
        hint = "Run `clawbot-manager up` once, which makes them; in production set them in the environment."
        return [*checks, CheckOut(name="secrets", status="fail", detail="; ".join(error.problems), hint=hint)]
    checks.append(_secrets_file(settings))
    try:
        checks.append(await _schema(installation))
        diagnostics: DiagnosticsService = installation.services[DiagnosticsService]
        checks += (await diagnostics.ready()).checks
    finally:
        await installation.close()
    return [*checks, _port(settings), _console()]


def _secrets_file(settings: Settings) -> CheckOut:
    path = settings.data_dir / SECRETS_FILE
    if path.exists() and path.stat().st_mode & 0o077:
        hint = f"chmod 600 {path}"
        return CheckOut(name="secrets", status="fail", detail=f"others can read {path}", hint=hint)
    return CheckOut(name="secrets", status="ok", detail="present, and long enough")


async def _schema(installation: Installation) -> CheckOut:
    try:
        missing = await pending(installation.database, migrations_dir())
    except (SQLAlchemyError, OSError) as error:
        detail = f"the database does not answer ({type(error).__name__})"
        return CheckOut(
            name="schema", status="fail", detail=detail, hint="Start it, or correct DATABASE_URL."
        )
    except SchemaTooNewError as error:
        hint = "Install the version that wrote it, or restore a backup."
        return CheckOut(name="schema", status="fail", detail=error.detail, hint=hint)
    if missing:
        detail = f"{len(missing)} migrations are missing"
        return CheckOut(name="schema", status="fail", detail=detail, hint="clawbot-manager db upgrade")
    return CheckOut(name="schema", status="ok", detail="up to date")


def _port(settings: Settings) -> CheckOut:
    host, port = settings.server.host, settings.server.port
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            detail = f"{host}:{port} is in use"
            hint = "Fine when ClawBotManager runs; else stop what uses it, or set CLAWBOT_SERVER__PORT."
            return CheckOut(name="port", status="warning", detail=detail, hint=hint)
    return CheckOut(name="port", status="ok", detail=f"{host}:{port} is free")


def _console() -> CheckOut:
    if (CONSOLE_DIR / "index.html").is_file():
        return CheckOut(name="console", status="ok", detail="built")
    return CheckOut(name="console", status="warning", detail="not built", hint="Run `make up` or `make dev`.")
