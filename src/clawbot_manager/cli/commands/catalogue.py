"""`vendor list` and `persona list`: what there is to choose from."""

from typing import Annotated

import typer

from clawbot_manager.cli.session import Session, api_command

vendors = typer.Typer(help="The AI providers that are known.", no_args_is_help=True)
personas = typer.Typer(help="Templates for a bot's personality.", no_args_is_help=True)


@api_command(vendors, "list")
def list_vendors(session: Session) -> None:
    """List the AI providers."""
    found = session.client.all("/api/vendor")
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
        for vendor in found
    ]
    headers = ("ID", "NAME", "CATEGORY", "DIALECT", "NEEDS KEY", "NEEDS URL", "MODELS SUCH AS")
    session.out.data(found, lambda: session.out.table(headers, rows, empty="No vendors."))


@api_command(personas, "list")
def list_personas(
    session: Session,
    *,
    locale: Annotated[str | None, typer.Option("--locale", help="en or zh-CN; yours when left out.")] = None,
) -> None:
    """List the persona templates.

    `bot create --template SLUG` uses one.
    """
    chosen = locale or session.client.get("/api/user/me")["locale"]
    found = session.client.all("/api/persona-template", locale=chosen)
    rows = [
        (template["slug"], f"{template['emoji']} {template['name']}", template["tagline"])
        for template in found
    ]
    session.out.data(
        found, lambda: session.out.table(("SLUG", "NAME", "WHAT IT IS FOR"), rows, empty="No templates.")
    )
