"""`bot edit|restart|upgrade|events|diagnose`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from clawbot_manager.cli.commands.bots import (
    Hostname,
    TimeoutOption,
    WaitOption,
    app,
    finish,
    more,
    path_of,
    read_text,
)
from clawbot_manager.cli.errors import CliError
from clawbot_manager.cli.output import when
from clawbot_manager.cli.session import LimitOption, Session, api_command
from clawbot_manager.cli.waiting import RUNNING


@api_command(app, "edit")
def edit(
    session: Session,
    hostname: Hostname,
    *,
    name: Annotated[str | None, typer.Option("--name", help="What people call it.")] = None,
    soul_file: Annotated[
        Path | None,
        typer.Option("--soul-file", exists=True, dir_okay=False, help="A Markdown file: who the bot is."),
    ] = None,
    tags: Annotated[
        list[str] | None, typer.Option("--tag", help="Draw keys with this tag first. Repeatable.")
    ] = None,
    memory_mb: Annotated[int | None, typer.Option("--memory-mb", min=32, help="Memory it may use.")] = None,
    cpus: Annotated[float | None, typer.Option("--cpus", min=0.05, help="Cores it may use.")] = None,
) -> None:
    """Change a bot's settings; limits take effect at its next restart."""
    body: dict[str, Any] = {}
    if name is not None:
        body["name"] = name
    if tags is not None:
        body["tags"] = tags
    bot = session.client.get(path_of(hostname))
    if soul_file is not None:
        body["persona"] = {**bot["persona"], "soul_markdown": read_text(soul_file)}
    limits = {"memory_mb": memory_mb, "cpus": cpus}
    if any(value is not None for value in limits.values()):
        given = {name: value for name, value in limits.items() if value is not None}
        body["limits"] = {**bot["limits"], **given}
    if not body:
        raise CliError("Nothing to change", hint="Give --name, --soul-file, --tag, …", exit_code=2)
    bot = session.client.patch(path_of(hostname), body)
    finish(session, hostname, bot, None, wait=False, timeout=0)
    if bot["is_pending_restart"]:
        session.out.note(f"Restart it for all changes: clawbot-manager bot restart {hostname}")


@api_command(app, "restart")
def restart(
    session: Session, hostname: Hostname, *, wait: WaitOption = None, timeout: TimeoutOption = 180
) -> None:
    """Make a bot's instance anew, with a new token and all its settings."""
    bot = session.client.post(f"{path_of(hostname)}/restart")
    finish(session, hostname, bot, RUNNING, wait=wait, timeout=timeout)


@api_command(app, "upgrade")
def upgrade(
    session: Session,
    hostname: Hostname,
    *,
    image: Annotated[
        str | None, typer.Option("--image", help="The image; the server's own when left out.")
    ] = None,
    wait: WaitOption = None,
    timeout: TimeoutOption = 600,
) -> None:
    """Make a bot from another image; it goes back by itself when it does not prove itself with it."""
    bot = session.client.post(f"{path_of(hostname)}/upgrade", {"image": image} if image else {})
    finish(session, hostname, bot, RUNNING, wait=wait, timeout=timeout)


@api_command(app, "events")
def events(session: Session, hostname: Hostname, limit: LimitOption = 50) -> None:
    """Show what happened to a bot, newest first."""
    page = session.client.page(f"{path_of(hostname)}/events", limit)
    rows = [(when(event["at"]), event["level"], event["code"], event["detail"]) for event in page["items"]]
    headers = ("WHEN", "LEVEL", "WHAT", "DETAIL")
    session.out.data(page, lambda: session.out.table(headers, rows, empty="Nothing yet."))
    more(session, page)


@api_command(app, "diagnose")
def diagnose(
    session: Session,
    hostname: Hostname,
    *,
    prompt: Annotated[
        bool, typer.Option("--prompt/--no-prompt", help="Also ask the model, which costs a few tokens.")
    ] = True,
) -> None:
    """Look at everything that a bot needs; the exit code is 1 when something is wrong."""
    with session.out.progress(f"{hostname}: looking"):
        found = session.client.slow_post(f"{path_of(hostname)}/diagnose", {"prompt": prompt})
    rows = [
        (
            check["status"],
            " ".join([check["name"], *check["params"].values()]),
            f"{check['latency_ms']} ms",
            " ".join(part for part in (check["detail"], check["advice"]) if part),
        )
        for check in found["checks"]
    ]
    headers = ("RESULT", "WHAT", "TOOK", "DETAIL")
    session.out.data(found, lambda: session.out.table(headers, rows, empty="Nothing to look at."))
    if not found["healthy"]:
        raise typer.Exit(1)
