"""`usage list|show|summary`: what went through the proxy."""

from typing import Annotated, Any

import typer

from clawbot_manager.cli.commands.bots import more
from clawbot_manager.cli.errors import CliError
from clawbot_manager.cli.output import when
from clawbot_manager.cli.session import LimitOption, Session, api_command

_MOST = 200

app = typer.Typer(help="Requests and tokens that went through the proxy.", no_args_is_help=True)


@api_command(app, "list")
def list_usage(
    session: Session,
    *,
    bot: Annotated[str | None, typer.Option("--bot", help="Only of the bot with this hostname.")] = None,
    vendor: Annotated[str | None, typer.Option("--vendor", help="Only to this provider.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that failed.")] = False,
    limit: LimitOption = 50,
) -> None:
    """List the last requests.

    A dash is a count that is not known; 0 is known to be none. SOURCE says who counted: the provider, an
    estimate, or nobody.
    """
    only_failed = "true" if failed else None
    page = session.client.page("/api/usage", limit, hostname=bot, vendor=vendor, failed=only_failed)
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
            row["trace_id"],
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
        "TRACE",
    )
    session.out.data(page, lambda: session.out.table(headers, rows, empty="No requests yet."))
    more(session, page)


@api_command(app, "show")
def show(
    session: Session,
    trace: Annotated[
        str, typer.Argument(metavar="TRACE", help="The trace id, as in the header x-clawbot-trace-id.")
    ],
) -> None:
    """Show all that is known of a request.

    Several requests can share a trace: a bot's question and all that it asked its provider for it.
    """
    page = session.client.page("/api/usage", _MOST, trace_id=trace)
    if not page["items"]:
        raise CliError(f"There is no request with the trace id {trace}.")
    session.out.data(page, lambda: _print(session, page["items"]))


def _print(session: Session, rows: list[dict[str, Any]]) -> None:
    for number, row in enumerate(rows):
        if number:
            session.out.write("\n")
        session.out.record(_facts(row))


def _facts(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "at": when(row["at"]),
        "trace": row["trace_id"],
        "bot": row["hostname"],
        "vendor": row["vendor"] + (" (simulated)" if row["is_simulated"] else ""),
        "model asked for": row["model_asked"],
        "model that answered": row["model_answered"],
        "request": f"{row['method']} {row['endpoint']}" + (" (streamed)" if row["streamed"] else ""),
        "dialect": row["dialect"],
        "status": row["status"],
        "error": row["error_code"],
        "key": row["key_label"],
        "tokens in": row["input_tokens"],
        "  read from the cache": row["cache_read_tokens"],
        "  written to the cache": row["cache_write_tokens"],
        "tokens out": row["output_tokens"],
        "  reasoning": row["reasoning_tokens"],
        "counted by": _COUNTED_BY[row["usage_source"]],
        "details": "\n".join(f"{name} {value}" for name, value in sorted((row["details"] or {}).items())),
        "first byte after": _milliseconds(row["first_byte_ms"]),
        "took": _milliseconds(row["duration_ms"]),
        "attempts": "\n".join(_attempt(one) for one in row["attempts"]),
    }


_COUNTED_BY = {
    "provider": "the provider",
    "estimated": "an estimate, from the sizes of request and answer",
    "none": "nobody: nothing was used, or nothing can be said",
}


def _attempt(one: dict[str, Any]) -> str:
    key = one["key_label"] or one["key_id"] or "no key"
    said = [str(part) for part in (one["status"], one["reason"]) if part is not None]
    return f"{key}: {' '.join(said) or 'no answer'}"


def _milliseconds(value: int | None) -> str | None:
    return None if value is None else f"{value} ms"


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
