"""`vendor list` and `persona list`: what there is to choose from."""

from typing import Annotated

import typer

from clawbot_manager.cli.commands.bots import more
from clawbot_manager.cli.session import LimitOption, Session, api_command

vendors = typer.Typer(help="The AI providers that are known.", no_args_is_help=True)
personas = typer.Typer(help="Templates for a bot's personality.", no_args_is_help=True)


@api_command(vendors, "list")
def list_vendors(session: Session, limit: LimitOption = 50) -> None:
    """List the AI providers."""
    page = session.client.page("/api/vendor", limit)
    rows = [
        (
            vendor["id"],
            vendor["name"],
            vendor["category"],
            vendor["default_dialect"],
            vendor["key_required"],
            vendor["needs_base_url"],
            vendor["suggested_models"][:3],
        )
        for vendor in page["items"]
    ]
    headers = ("ID", "NAME", "CATEGORY", "DIALECT", "NEEDS KEY", "NEEDS URL", "MODELS SUCH AS")
    session.out.data(page, lambda: session.out.table(headers, rows, empty="No vendors."))
    more(session, page)


@api_command(personas, "list")
def list_personas(
    session: Session,
    *,
    locale: Annotated[str | None, typer.Option("--locale", help="en or zh-CN; yours when left out.")] = None,
    limit: LimitOption = 50,
) -> None:
    """List the persona templates.

    `bot create --template SLUG` uses one.
    """
    chosen = locale or session.client.get("/api/user/me")["locale"]
    page = session.client.page("/api/persona-template", limit, locale=chosen)
    rows = [
        (template["slug"], f"{template['emoji']} {template['name']}", template["tagline"])
        for template in page["items"]
    ]
    session.out.data(
        page, lambda: session.out.table(("SLUG", "NAME", "WHAT IT IS FOR"), rows, empty="No templates.")
    )
    more(session, page)
