"""Assembles the command `clawbot-manager` (also `cbm`)."""

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from clawbot_manager import __version__
from clawbot_manager.cli.commands import (
    account,
    audit,
    bot_changes,
    bot_copies,
    bot_tokens,
    bots,
    catalogue,
    chat,
    keys,
    local,
    usage,
)
from clawbot_manager.cli.errors import CliError
from clawbot_manager.cli.output import clean


class ReadableErrors(TyperGroup):
    """Every error that a command raises on purpose ends as one line on standard error."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command."""
        try:
            return super().invoke(ctx)
        except CliError as error:
            print(f"Error: {clean(error.line())}", file=sys.stderr)
            raise typer.Exit(error.exit_code) from error


app = typer.Typer(
    name="clawbot-manager",
    cls=ReadableErrors,
    no_args_is_help=True,
    rich_markup_mode=None,  # drawing help with rich doubles its time
    pretty_exceptions_enable=False,  # a crash report must not show local variables: they hold secrets
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"clawbot-manager {__version__}")
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Run AI bots, hold their provider keys, and see what they use.

    `up` starts everything here. The other commands talk to a server: log in once with `login`.
    """


local.register(app)
account.register(app)
bots.app.add_typer(bot_tokens.app, name="token")
app.add_typer(bots.app, name="bot")
app.add_typer(keys.app, name="key")
app.add_typer(usage.app, name="usage")
app.add_typer(audit.app, name="audit")
app.add_typer(catalogue.vendors, name="vendor")
app.add_typer(catalogue.personas, name="persona")

__all__ = ["app", "bot_changes", "bot_copies", "chat", "main"]


def main() -> None:
    """The entry point of the command."""
    app()
