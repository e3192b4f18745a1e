"""Commands that run the program here instead of calling a server: `up serve db admin doctor openapi`.

The composition root is imported inside the commands, so that `--help` and the API commands stay fast.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from clawbot_manager.cli.errors import CliError
from clawbot_manager.cli.output import Output, json_text
from clawbot_manager.cli.prompts import password
from clawbot_manager.cli.session import JsonOption, world_of

if TYPE_CHECKING:
    from clawbot_manager.settings import Settings

Role = Literal["all", "control", "proxy", "worker"]

database = typer.Typer(help="The database of this installation.", no_args_is_help=True)
admin = typer.Typer(help="Administrators of this installation.", no_args_is_help=True)

HostOption = Annotated[
    str | None,
    typer.Option("--host", help="Listen on this address.", show_default="CLAWBOT_SERVER__HOST or 127.0.0.1"),
]
PortOption = Annotated[
    int | None,
    typer.Option(
        "--port", min=1, max=65535, help="Listen on this port.", show_default="CLAWBOT_SERVER__PORT or 7100"
    ),
]
DataDirOption = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        file_okay=False,
        help="Where secrets, database and workspaces are.",
        show_default="CLAWBOT_DATA_DIR or ./data",
    ),
]


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    app.command("up")(up)
    app.command("serve")(serve)
    app.command("doctor")(doctor)
    app.command("openapi")(openapi)
    database.command("upgrade")(upgrade)
    admin.command("create")(create_admin)
    app.add_typer(database, name="db")
    app.add_typer(admin, name="admin")


def up(*, port: PortOption = None, host: HostOption = None, data_dir: DataDirOption = None) -> None:
    """Start everything here, in one process.

    Makes secrets on the first start, prepares the database, serves the console, the API and the proxy, and
    says how to sign in.
    """
    from clawbot_manager import app  # noqa: PLC0415

    with readable():
        app.up(settings_of(host=host, port=port, data_dir=data_dir), _report)


def serve(
    *,
    role: Annotated[Role, typer.Option("--role", help="Which part of the program to run.")] = "all",
    host: HostOption = None,
    port: PortOption = None,
    data_dir: DataDirOption = None,
    reload: Annotated[
        bool, typer.Option("--reload", help="Restart when the source changes (developers).")
    ] = False,
) -> None:
    """Serve one role, as production does.

    Takes its settings and secrets from the environment, and leaves the database schema as it is.
    """
    from clawbot_manager import app  # noqa: PLC0415

    with readable():
        app.serve(settings_of(host=host, port=port, data_dir=data_dir), role, reload=reload)


def upgrade(*, data_dir: DataDirOption = None) -> None:
    """Bring the database to this version's schema."""
    from clawbot_manager import app  # noqa: PLC0415

    with readable():
        applied = app.upgrade_database(settings_of(data_dir=data_dir))
    for revision in applied:
        print(f"applied {revision}")
    if not applied:
        print("The database is up to date.")


def create_admin(
    ctx: typer.Context,
    *,
    email: Annotated[str, typer.Option("--email", help="The e-mail address to sign in with.")],
    nickname: Annotated[str | None, typer.Option("--nickname", help="The name that others see.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    data_dir: DataDirOption = None,
) -> None:
    """Make an administrator's account.

    Asks for the password without echo.
    """
    from clawbot_manager import app  # noqa: PLC0415

    with readable():
        settings = settings_of(data_dir=data_dir)
        secret = password(world_of(ctx), from_stdin=password_stdin, confirm=True)
        app.create_admin(settings, email, secret, nickname)
    print(f"{email} is an administrator.")


def doctor(ctx: typer.Context, *, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """Check everything that must work here.

    Ends with exit code 1 when something fails.
    """
    from clawbot_manager import app  # noqa: PLC0415

    out = Output(as_json=as_json, terminal=world_of(ctx).stdout_is_terminal())
    with readable():
        checks = [check.model_dump(mode="json") for check in app.doctor(settings_of(data_dir=data_dir))]
    rows = [(check["name"], check["status"], check["detail"], check["hint"]) for check in checks]
    headers = ("CHECK", "STATUS", "DETAIL", "WHAT TO DO")
    out.data(checks, lambda: out.table(headers, rows, empty="Nothing was checked."))
    if any(check["status"] == "fail" for check in checks):
        raise typer.Exit(1)


def openapi() -> None:
    """Print the API's OpenAPI document."""
    from clawbot_manager import app  # noqa: PLC0415

    with readable():
        document = app.openapi()
    print(json_text(document, sort_keys=True))


def _report(line: str) -> None:
    print(line, flush=True)


def settings_of(
    *, host: str | None = None, port: int | None = None, data_dir: Path | None = None
) -> "Settings":
    """Settings from the environment, with the options that were given on top."""
    from clawbot_manager.settings import load_settings  # noqa: PLC0415

    server = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    overrides: dict[str, Any] = {}
    if server:
        overrides["server"] = server
    if data_dir is not None:
        overrides["data_dir"] = data_dir
    return load_settings(**overrides)


@contextmanager
def readable() -> Iterator[None]:
    """Turns the errors that wrong input or a wrong environment causes into one line."""
    from pydantic import ValidationError  # noqa: PLC0415

    from clawbot_manager.kit.errors import ProblemError  # noqa: PLC0415
    from clawbot_manager.settings import SettingsError  # noqa: PLC0415

    try:
        yield
    except SettingsError as error:
        raise CliError(" ".join(error.problems)) from None
    except ValidationError as error:
        # never the input itself: it may be a password
        found = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]
        raise CliError("; ".join(found)) from None
    except ProblemError as error:
        message = f"{error.field}: {error.detail}" if error.field else error.detail
        raise CliError(message) from error
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CliError(f"The operating system refused: {error}") from error
