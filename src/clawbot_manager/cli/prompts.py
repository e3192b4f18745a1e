"""Secrets and confirmations: never in an argument, never echoed."""

import sys

import typer

from clawbot_manager.cli.errors import CliError
from clawbot_manager.cli.session import World


def ask_secret(label: str, *, confirm: bool = False, optional: bool = False) -> str:
    """Asks for a secret without echo; with `optional` an empty answer is an answer."""
    return str(
        typer.prompt(
            label,
            hide_input=True,
            confirmation_prompt=confirm,
            default="" if optional else None,
            show_default=False,
            err=True,
        )
    )


def secret_from_stdin(option: str) -> str:
    """The first line of standard input.

    Raises:
        CliError: there is none.
    """
    secret = sys.stdin.readline().rstrip("\r\n")
    if not secret:
        raise CliError(f"{option} was given but standard input is empty", exit_code=2)
    return secret


def password(world: World, *, from_stdin: bool, confirm: bool = False) -> str:
    """A password from standard input or from the person at the terminal."""
    if from_stdin:
        return secret_from_stdin("--password-stdin")
    if not world.stdin_is_terminal():
        raise CliError(
            "There is no terminal to ask for the password",
            hint="Pipe it in with --password-stdin",
            exit_code=2,
        )
    return ask_secret("Password", confirm=confirm)


def confirm_by_typing(what: str, expected: str) -> None:
    """Asks to type `expected`; returns when it was typed.

    Raises:
        CliError: something else was typed, or there was nobody to ask.
    """
    try:
        typed = typer.prompt(f"{what} Type {expected} to go on", default="", show_default=False, err=True)
    except typer.Abort:
        typed = ""
    if str(typed).strip() != expected:
        raise CliError("Not confirmed: nothing was changed", hint="Use --yes where nobody can answer")
