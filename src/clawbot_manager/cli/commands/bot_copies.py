"""`bot clone|export|import` and `bot backup create|list|restore|delete`."""

from pathlib import Path
from typing import Annotated

import typer

from clawbot_manager.cli.commands.bots import Hostname, TimeoutOption, WaitOption, app, finish, path_of
from clawbot_manager.cli.errors import CliError
from clawbot_manager.cli.output import when
from clawbot_manager.cli.session import Session, api_command, segment
from clawbot_manager.cli.waiting import RUNNING

backups = typer.Typer(help="A bot as it was: its settings and its own files.", no_args_is_help=True)
app.add_typer(backups, name="backup")

BackupId = Annotated[str, typer.Argument(metavar="BACKUP", help="The backup's id; see `bot backup list`.")]


@api_command(app, "clone")
def clone(
    session: Session,
    hostname: Hostname,
    new_hostname: Annotated[str, typer.Argument(metavar="NEW", help="The new bot's hostname.")],
    *,
    name: Annotated[str | None, typer.Option("--name", help="What people call the new one.")] = None,
    with_files: Annotated[bool, typer.Option("--with-files", help="Copy what it wrote, too.")] = False,
    no_start: Annotated[bool, typer.Option("--no-start", help="Do not start it now.")] = False,
    wait: WaitOption = None,
    timeout: TimeoutOption = 180,
) -> None:
    """Make another bot of the same settings."""
    body = {"hostname": new_hostname, "name": name, "with_files": with_files, "auto_start": not no_start}
    bot = session.client.slow_post(f"{path_of(hostname)}/clone", body)
    finish(session, new_hostname, bot, None if no_start else RUNNING, wait=wait, timeout=timeout)


@api_command(app, "export")
def export(
    session: Session,
    hostname: Hostname,
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write; HOSTNAME.tar.gz if left out.")
    ] = None,
) -> None:
    """Write a bot's settings and own files into an archive, without any secret."""
    target = output or Path(f"{hostname}.tar.gz")
    if target.exists():
        raise CliError(f"{target} exists", hint="Name another file with --output", exit_code=2)
    size = session.client.download(f"{path_of(hostname)}/export", target)
    written = {"file": str(target), "size_bytes": size}
    session.out.data(written, lambda: print(f"{target}: {size} bytes"))


@api_command(app, "import")
def import_(
    session: Session,
    archive: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="What an export wrote.")],
    *,
    hostname: Annotated[str | None, typer.Option("--hostname", help="Instead of the one in it.")] = None,
    wait: WaitOption = None,
    timeout: TimeoutOption = 180,
) -> None:
    """Make a bot from an archive; it draws from your own keys."""
    query = f"?hostname={segment(hostname)}" if hostname else ""
    bot = session.client.upload(f"/api/bot/import{query}", archive)
    finish(session, bot["hostname"], bot, RUNNING, wait=wait, timeout=timeout)


@api_command(backups, "create")
def create(session: Session, hostname: Hostname) -> None:
    """Keep a bot as it is now."""
    made = session.client.slow_post(f"{path_of(hostname)}/backup", None)
    session.out.data(made, lambda: print(f"{made['id']}: {made['size_bytes']} bytes"))


@api_command(backups, "list")
def list_backups(session: Session, hostname: Hostname) -> None:
    """List a bot's backups, newest first."""
    found = session.client.all(f"{path_of(hostname)}/backup")
    rows = [(one["id"], when(one["created_at"]), f"{one['size_bytes']}", one["reason"]) for one in found]
    headers = ("ID", "MADE", "BYTES", "WHY")
    session.out.data(found, lambda: session.out.table(headers, rows, empty="No backups."))


@api_command(backups, "restore")
def restore(session: Session, hostname: Hostname, backup: BackupId) -> None:
    """Put a stopped bot back to what a backup holds."""
    bot = session.client.slow_post(f"{path_of(hostname)}/backup/{segment(backup)}/restore", None)
    finish(session, hostname, bot, None, wait=False, timeout=0)


@api_command(backups, "delete")
def delete(session: Session, hostname: Hostname, backup: BackupId) -> None:
    """Forget a backup."""
    session.client.delete(f"{path_of(hostname)}/backup/{segment(backup)}")
    session.out.data({"deleted": backup}, lambda: print(f"{backup} is deleted."))
