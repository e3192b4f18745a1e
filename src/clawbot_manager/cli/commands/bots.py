"""`bot list|get|create|start|stop|delete|logs`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from clawbot_manager.cli.errors import CliError
from clawbot_manager.cli.hostnames import suggest_hostname
from clawbot_manager.cli.lookup import find_one
from clawbot_manager.cli.output import clean, when
from clawbot_manager.cli.prompts import confirm_by_typing
from clawbot_manager.cli.session import LimitOption, Session, api_command, segment
from clawbot_manager.cli.waiting import GONE, RUNNING, STOPPED, Goal, wait_for

app = typer.Typer(help="Run and look after bots.", no_args_is_help=True)

Hostname = Annotated[str, typer.Argument(metavar="HOSTNAME", help="The bot's hostname.")]
WaitOption = Annotated[
    bool | None,
    typer.Option("--wait/--no-wait", help="Wait for the result.", show_default="wait in a terminal"),
]
TimeoutOption = Annotated[float, typer.Option("--timeout", min=1, help="Seconds to wait.")]


@api_command(app, "list")
def list_bots(session: Session, limit: LimitOption = 50) -> None:
    """List the bots, newest first."""
    page = session.client.page("/api/bot", limit)
    rows = [
        (
            bot["hostname"],
            f"{bot.get('emoji') or ''} {bot['name']}".strip(),
            bot["status"]["state"],
            bot["status"]["health"],
            bot["vendors"],
            bot["primary_model"] + (" (simulated)" if bot["is_simulated"] else ""),
            when(bot["created_at"]),
        )
        for bot in page["items"]
    ]
    headers = ("HOSTNAME", "NAME", "STATE", "HEALTH", "VENDORS", "MODEL", "CREATED")
    empty = "No bots yet. Make one with `clawbot-manager bot create`."
    session.out.data(page, lambda: session.out.table(headers, rows, empty=empty))
    more(session, page)


@api_command(app, "get")
def get(session: Session, hostname: Hostname) -> None:
    """Show one bot."""
    _show(session, session.client.get(path_of(hostname)))


@api_command(app, "create")
def create(
    session: Session,
    *,
    name: Annotated[str, typer.Option("--name", help="What people call it.")],
    vendor: Annotated[str, typer.Option("--vendor", help="The AI provider; see `vendor list`.")],
    models: Annotated[
        list[str],
        typer.Option("--model", help="A model it may use; the first is the primary one. Repeatable."),
    ],
    hostname: Annotated[
        str | None, typer.Option("--hostname", help="Its unique short name; suggested from --name.")
    ] = None,
    key: Annotated[
        str | None,
        typer.Option("--key", help="Pin one provider key, by id or label; else drawn from your pool."),
    ] = None,
    template: Annotated[
        str | None, typer.Option("--template", help="Slug of a persona template; see `persona list`.")
    ] = None,
    locale: Annotated[
        str | None, typer.Option("--locale", help="Language of the template; yours when left out.")
    ] = None,
    soul_file: Annotated[
        Path | None,
        typer.Option("--soul-file", exists=True, dir_okay=False, help="A Markdown file: who the bot is."),
    ] = None,
    emoji: Annotated[str | None, typer.Option("--emoji", help="Its sign, with --soul-file.")] = None,
    tags: Annotated[
        list[str] | None, typer.Option("--tag", help="Draw keys with this tag first. Repeatable.")
    ] = None,
    agent: Annotated[
        str | None, typer.Option("--agent", help="openclaw or builtin; the server's default when left out.")
    ] = None,
    memory_mb: Annotated[int | None, typer.Option("--memory-mb", min=32, help="Memory it may use.")] = None,
    cpus: Annotated[float | None, typer.Option("--cpus", min=0.05, help="Cores it may use.")] = None,
    egress: Annotated[
        list[str] | None, typer.Option("--egress", help="A host it may reach itself. Repeatable.")
    ] = None,
    no_start: Annotated[bool, typer.Option("--no-start", help="Do not start it now.")] = False,
    wait: WaitOption = None,
    timeout: TimeoutOption = 300,
) -> None:
    """Make a bot and start it."""
    if template and soul_file:
        raise CliError("--template and --soul-file exclude each other", hint="Give one", exit_code=2)
    if emoji and not soul_file:
        raise CliError("--emoji needs --soul-file", hint="A template brings its own", exit_code=2)
    if hostname is None:
        hostname = suggest_hostname(name)
        if session.can_ask:
            hostname = str(typer.prompt("Hostname", default=hostname, err=True)).strip()
    provider: dict[str, Any] = {"vendor": vendor, "models": models, "primary_model": models[0]}
    if key:
        keys = session.client.all("/api/provider-key")
        provider["key_id"] = find_one(keys, key, name="label", what="provider key")["id"]
    body: dict[str, Any] = {
        "name": name,
        "hostname": hostname,
        "providers": [provider],
        "tags": tags or [],
        "auto_start": not no_start,
    }
    if agent:
        body["agent"] = agent
    if egress:
        body["egress"] = egress
    limits = {"memory_mb": memory_mb, "cpus": cpus}
    if any(value is not None for value in limits.values()):
        body["limits"] = {name: value for name, value in limits.items() if value is not None}
    if template:
        body["persona_template_id"] = _template_id(session, template, locale)
    if soul_file:
        body["persona"] = {"name": name[:100], "soul_markdown": read_text(soul_file), "emoji": emoji}
    bot = session.client.post("/api/bot", body)
    session.out.note(f"{hostname}: made")
    finish(session, hostname, bot, None if no_start else RUNNING, wait=wait, timeout=timeout)


@api_command(app, "start")
def start(
    session: Session, hostname: Hostname, *, wait: WaitOption = None, timeout: TimeoutOption = 180
) -> None:
    """Start a bot."""
    bot = session.client.post(f"{path_of(hostname)}/start")
    finish(session, hostname, bot, RUNNING, wait=wait, timeout=timeout)


@api_command(app, "stop")
def stop(
    session: Session, hostname: Hostname, *, wait: WaitOption = None, timeout: TimeoutOption = 60
) -> None:
    """Stop a bot; its workspace stays."""
    bot = session.client.post(f"{path_of(hostname)}/stop")
    finish(session, hostname, bot, STOPPED, wait=wait, timeout=timeout)


@api_command(app, "delete")
def delete(
    session: Session,
    hostname: Hostname,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    wait: WaitOption = None,
    timeout: TimeoutOption = 60,
) -> None:
    """Delete a bot and its workspace.

    Asks to type the hostname, unless --yes is given.
    """
    if not yes:
        confirm_by_typing(f"This deletes {hostname} and everything in its workspace.", hostname)
    bot = session.client.delete(path_of(hostname))
    if _waits(session, wait):
        wait_for(session, hostname, bot, GONE, timeout)
        session.out.data(bot, lambda: print(f"{hostname} is deleted."))
    else:
        session.out.data(bot, lambda: print(f"{hostname} will be deleted."))


@api_command(app, "logs")
def logs(
    session: Session,
    hostname: Hostname,
    *,
    tail: Annotated[int, typer.Option("--tail", min=1, max=2000, help="How many of the last lines.")] = 100,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with each new line.")] = False,
) -> None:
    """Show what a bot wrote last."""
    if follow:
        for event in session.client.follow(f"{path_of(hostname)}/logs/follow?tail={tail}"):
            for line in json.loads(event).get("lines", []):
                print(clean(line), flush=True)
        return
    answer = session.client.get(f"{path_of(hostname)}/logs", tail=tail)

    def human() -> None:
        for line in answer["lines"]:
            print(clean(line))

    session.out.data(answer, human)


def more(session: Session, page: dict[str, Any]) -> None:
    """Says that a list goes on after `--limit`."""
    if page["next_cursor"] and not session.out.as_json:
        session.out.note(f"There are more than these {len(page['items'])}; raise --limit to see them.")


def path_of(hostname: str) -> str:
    """The bot's path in the API."""
    return f"/api/bot/{segment(hostname)}"


def _waits(session: Session, wait: bool | None) -> bool:
    return session.world.stdout_is_terminal() if wait is None else wait


def finish(
    session: Session,
    hostname: str,
    bot: dict[str, Any],
    goal: Goal | None,
    *,
    wait: bool | None,
    timeout: float,
) -> None:
    """Wait for the goal if there is one and that is wanted, then show the bot."""
    if goal is not None and _waits(session, wait):
        bot = wait_for(session, hostname, bot, goal, timeout) or bot
    _show(session, bot)


def _show(session: Session, bot: dict[str, Any]) -> None:
    status = bot["status"]
    pairs = {
        "hostname": bot["hostname"],
        "name": f"{bot.get('emoji') or ''} {bot['name']}".strip(),
        "id": bot["id"],
        "state": status["state"],
        "wanted": status["desired"],
        "health": status["health"],
        "detail": status["detail"],
        "providers": [
            f"{provider['vendor']} ({', '.join(provider['models'])})" for provider in bot["providers"]
        ],
        "primary model": bot["primary_model"],
        "simulated": bot["is_simulated"],
        "tags": bot["tags"],
        "agent": bot["agent"],
        "image": bot["image"],
        "runtime": bot["runtime"],
        "port": bot["port"],
        "created": when(bot["created_at"]),
        "started": when(bot["started_at"]),
    }
    session.out.data(bot, lambda: session.out.record(pairs))
    if bot.get("isolation_warning"):
        session.out.note(f"Warning: {bot['isolation_warning']}")


def _template_id(session: Session, slug: str, locale: str | None) -> str:
    chosen = locale or session.client.get("/api/user/me")["locale"]
    templates = session.client.all("/api/persona-template", locale=chosen)
    found = find_one(templates, slug, name="slug", what="persona template")
    return str(found["id"])


def read_text(path: Path) -> str:
    """A file of UTF-8 text.

    Raises:
        CliError: it is none.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CliError(f"{path} cannot be read as UTF-8 text: {error}") from error
