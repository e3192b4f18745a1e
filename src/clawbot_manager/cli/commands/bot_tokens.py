"""`bot token list|create|revoke`: proxy tokens for the owner's own clients."""

from typing import Annotated

import typer

from clawbot_manager.cli.commands.bots import Hostname
from clawbot_manager.cli.lookup import find_one
from clawbot_manager.cli.output import when
from clawbot_manager.cli.session import Session, api_command, segment

app = typer.Typer(
    help="Proxy tokens: let your own programs use a bot's keys and budget.", no_args_is_help=True
)


@api_command(app, "list")
def list_tokens(session: Session, hostname: Hostname) -> None:
    """List a bot's proxy tokens."""
    found = session.client.all(_path(hostname))
    rows = [
        (
            token["id"],
            token["name"],
            token["kind"],
            token["hint"],
            when(token["created_at"]),
            when(token["expires_at"]),
        )
        for token in found
    ]
    headers = ("ID", "NAME", "KIND", "HINT", "CREATED", "EXPIRES")
    session.out.data(found, lambda: session.out.table(headers, rows, empty="No tokens."))


@api_command(app, "create")
def create(
    session: Session,
    hostname: Hostname,
    *,
    name: Annotated[str, typer.Option("--name", help="What the token is for.")],
    days: Annotated[
        int | None,
        typer.Option("--expires-days", min=1, max=3650, help="Days until it ends; never when left out."),
    ] = None,
) -> None:
    """Make a proxy token.

    It is shown this one time.
    """
    made = session.client.post(_path(hostname), {"name": name, "expires_in_days": days})

    def human() -> None:
        session.out.record(
            {
                "token": made["token"],
                "name": made["name"],
                "id": made["id"],
                "expires": when(made["expires_at"]),
                **{f"base URL for {vendor}": url for vendor, url in made["base_urls"].items()},
            }
        )
        session.out.note("Keep the token now: it is not shown again.")

    session.out.data(made, human)


@api_command(app, "revoke", with_json=False)
def revoke(
    session: Session,
    hostname: Hostname,
    token: Annotated[str, typer.Argument(metavar="ID_OR_NAME", help="The token's id or name.")],
) -> None:
    """End a proxy token at once."""
    tokens = session.client.all(_path(hostname))
    found = find_one(tokens, token, name="name", what="token")
    session.client.delete(f"{_path(hostname)}/{segment(found['id'])}")
    session.out.note(f"Token {found['name']} of {hostname} is revoked.")


def _path(hostname: str) -> str:
    return f"/api/bot/{segment(hostname)}/token"
