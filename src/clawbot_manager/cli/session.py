"""What every command that talks to the API has in common: its options, its client and its output."""

import functools
import inspect
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, ParamSpec
from urllib.parse import quote

import typer

from clawbot_manager.cli.errors import CliError
from clawbot_manager.cli.output import Output
from clawbot_manager.cli.profile import profile_path, read_profile, resolve_target

if TYPE_CHECKING:
    from clawbot_manager.cli.client import ApiClient

P = ParamSpec("P")

UrlOption = Annotated[
    str | None,
    typer.Option("--url", help="The server's address; else CLAWBOT_URL, else where you logged in."),
]
TokenOption = Annotated[
    str | None,
    typer.Option(
        "--token",
        help="An API token; better in CLAWBOT_API_TOKEN, because other users see a command's options.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print exactly what the API says, as JSON.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="Show at most this many.")]


@dataclass(frozen=True)
class World:
    """Time and terminal, so that tests can bring their own: `app(..., obj=World(...))`."""

    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    stdin_is_terminal: Callable[[], bool] = lambda: sys.stdin.isatty()  # noqa: PLW0108 - sys.stdin may change
    stdout_is_terminal: Callable[[], bool] = lambda: sys.stdout.isatty()  # noqa: PLW0108


@dataclass(frozen=True)
class Session:
    """One call of one command."""

    client: "ApiClient"
    out: Output
    world: World

    @property
    def can_ask(self) -> bool:
        """Whether a person is there to answer a question."""
        return self.world.stdin_is_terminal() and self.world.stdout_is_terminal()


def world_of(ctx: typer.Context) -> World:
    """The world that this program runs in."""
    return ctx.obj if isinstance(ctx.obj, World) else World()


def api_command(
    group: typer.Typer, name: str, *, needs_token: bool = True, with_json: bool = True
) -> Callable[[Callable[Concatenate[Session, P], None]], Callable[Concatenate[Session, P], None]]:
    """Registers a function as a command that talks to the API.

    The function takes a Session and its own options; `--url`, `--token` and `--json` are added here, so
    that every command has them under the same names.
    """

    def register(
        function: Callable[Concatenate[Session, P], None],
    ) -> Callable[Concatenate[Session, P], None]:
        @functools.wraps(function)
        def command(
            ctx: typer.Context,
            *,
            server_url: str | None = None,
            api_token: str | None = None,
            as_json: bool = False,
            **options: Any,
        ) -> None:
            world = world_of(ctx)
            session = _open(world, server_url, api_token, as_json=as_json, needs_token=needs_token)
            try:
                function(session, **options)  # type: ignore[call-arg]
            except KeyError as error:
                raise CliError(
                    f"The answer of {session.client.target.url} has no {error}",
                    hint="Server and command line are of different versions: compare `--version`",
                ) from error

        own = list(inspect.signature(function).parameters.values())[1:]
        keyword = inspect.Parameter.KEYWORD_ONLY
        added = [
            inspect.Parameter("server_url", keyword, default=None, annotation=UrlOption),
            inspect.Parameter("api_token", keyword, default=None, annotation=TokenOption),
        ]
        if with_json:
            added.append(inspect.Parameter("as_json", keyword, default=False, annotation=JsonOption))
        context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
        parameters = [context, *(parameter.replace(kind=keyword) for parameter in own), *added]
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        del command.__wrapped__
        group.command(name)(command)
        return function

    return register


def _open(world: World, url: str | None, token: str | None, *, as_json: bool, needs_token: bool) -> Session:
    from clawbot_manager.cli.client import ApiClient  # noqa: PLC0415 - urllib is slow to import

    profile = read_profile(profile_path(os.environ)) if not (url and token) else None
    target = resolve_target(url, token, os.environ, profile)
    if needs_token and target.token is None:
        raise CliError(
            f"Nobody is logged in at {target.url}",
            hint=f"Run `clawbot-manager login --url {target.url}` or set CLAWBOT_API_TOKEN",
        )
    return Session(ApiClient(target), Output(as_json=as_json, terminal=world.stdout_is_terminal()), world)


def segment(value: object) -> str:
    """One value as one segment of a path: it cannot reach another route."""
    text = quote(str(value), safe="")
    return text.replace(".", "%2E") if set(text) <= {"."} else text
