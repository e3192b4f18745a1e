"""`audit list|export|verify`: who did what; the last one looks at the database here, without a server."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from clawbot_manager.cli.commands.bots import more
from clawbot_manager.cli.commands.local import DataDirOption, readable, settings_of
from clawbot_manager.cli.errors import CliError
from clawbot_manager.cli.output import Output, when
from clawbot_manager.cli.session import JsonOption, LimitOption, Session, api_command, world_of

app = typer.Typer(help="Who did what, when and from where.", no_args_is_help=True)

ActionOption = Annotated[
    str | None,
    typer.Option("--action", help="CREATE, UPDATE, DELETE, LOGIN, LOGOUT, START, STOP, EXPORT or IMPORT."),
]
KindOption = Annotated[str | None, typer.Option("--kind", help="What it was done to: bot, provider_key, …")]
TargetOption = Annotated[str | None, typer.Option("--target", help="Part of its name.")]
RefusedOption = Annotated[bool, typer.Option("--refused", help="Only what was refused.")]
EverybodyOption = Annotated[bool, typer.Option("--everybody", help="Of all owners (administrators).")]


@api_command(app, "list")
def list_events(
    session: Session,
    *,
    action: ActionOption = None,
    kind: KindOption = None,
    target: TargetOption = None,
    refused: RefusedOption = False,
    everybody: EverybodyOption = False,
    limit: LimitOption = 50,
) -> None:
    """List the last acts, newest first."""
    page = session.client.page(
        "/api/audit",
        limit,
        action=action,
        kind=kind,
        target=target,
        refused="true" if refused else None,
        everybody="true" if everybody else None,
    )
    rows = [
        (
            row["seq"],
            when(row["at"]),
            row["actor"] or "—",
            row["action"],
            row["kind"],
            row["target"],
            " ".join(row["fields"]) or row["detail"],
            row["code"] or "done",
            row["ip"],
        )
        for row in page["items"]
    ]
    headers = ("NO", "AT", "WHO", "ACTION", "WHAT", "NAME", "DETAIL", "OUTCOME", "FROM")
    session.out.data(page, lambda: session.out.table(headers, rows, empty="Nothing yet."))
    more(session, page)


@api_command(app, "export")
def export(
    session: Session,
    target_file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write the CSV.")],
    *,
    everybody: EverybodyOption = False,
) -> None:
    """Write all acts to a CSV file."""
    if target_file.exists():
        raise CliError(f"{target_file} exists", hint="Name another file", exit_code=2)
    query = "?everybody=true" if everybody else ""
    size = session.client.download(f"/api/audit/export{query}", target_file)
    session.out.data(
        {"file": str(target_file), "bytes": size}, lambda: print(f"{target_file}: {size} bytes.")
    )


@app.command("verify")
def verify(ctx: typer.Context, *, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """Check that nobody has changed the audit trail of the installation here.

    Reads its database and its secret, and asks no server. Ends with exit code 1 when a row is not as it was
    written. Keep the last number and mark elsewhere: rows cut off at the end are only seen by them.
    """
    from clawbot_manager import app as program  # noqa: PLC0415

    out = Output(as_json=as_json, terminal=world_of(ctx).stdout_is_terminal())
    with readable():
        found = program.verify_audit(settings_of(data_dir=data_dir))
    told = {"rows": found.rows, "broken_at": found.broken_at, "last_mark": found.last_mark}

    def say() -> None:
        if found.broken_at is None:
            print(f"All {found.rows} rows are as they were written. Last mark: {found.last_mark}")
        else:
            print(f"Row {found.broken_at} is not as it was written.", file=sys.stderr)

    out.data(told, say)
    if found.broken_at is not None:
        raise typer.Exit(1)
