"""`usage list|summary`: what went through the proxy."""

from typing import Annotated, Any

import typer

from clawbot_manager.cli.commands.bots import more
from clawbot_manager.cli.output import when
from clawbot_manager.cli.session import LimitOption, Session, api_command

app = typer.Typer(help="Requests and tokens that went through the proxy.", no_args_is_help=True)


@api_command(app, "list")
def list_usage(
    session: Session,
    *,
    bot: Annotated[str | None, typer.Option("--bot", help="Only of the bot with this hostname.")] = None,
    vendor: Annotated[str | None, typer.Option("--vendor", help="Only to this provider.")] = None,
    limit: LimitOption = 50,
) -> None:
    """List the last requests.

    A dash is a count that the provider did not say; 0 is one that it did.
    """
    page = session.client.page("/api/usage", limit, hostname=bot, vendor=vendor)
    rows = [
        (
            when(row["at"]),
            row["hostname"],
            row["vendor"] + (" (simulated)" if row["is_simulated"] else ""),
            row["model_answered"] or row["model_asked"],
            row["status"],
            row["error_code"],
            row["input_tokens"],
            row["output_tokens"],
            row["usage_source"],
            f"{row['duration_ms']} ms",
            row["key_label"],
            len(row["attempts"]),
        )
        for row in page["items"]
    ]
    headers = (
        "AT",
        "BOT",
        "VENDOR",
        "MODEL",
        "STATUS",
        "ERROR",
        "TOKENS IN",
        "OUT",
        "SOURCE",
        "TIME",
        "KEY",
        "TRIES",
    )
    session.out.data(page, lambda: session.out.table(headers, rows, empty="No requests yet."))
    more(session, page)


@api_command(app, "summary")
def summary(
    session: Session,
    *,
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="Of how many days.")] = 7,
) -> None:
    """Sum up the last days.

    In all, by vendor and by bot.
    """
    answer = session.client.get("/api/usage/summary", days=days)
    rows = [
        ("all", "", *_totals(answer["totals"])),
        *(("vendor", name, *_totals(totals)) for name, totals in sorted(answer["by_vendor"].items())),
        *(("bot", name, *_totals(totals)) for name, totals in sorted(answer["by_bot"].items())),
    ]
    headers = ("BY", "NAME", "REQUESTS", "ERRORS", "TOKENS IN", "TOKENS OUT")
    session.out.data(answer, lambda: session.out.table(headers, rows, empty=""))


def _totals(totals: dict[str, Any]) -> tuple[Any, ...]:
    return totals["requests"], totals["errors"], totals["input_tokens"], totals["output_tokens"]
