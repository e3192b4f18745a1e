"""`login`, `logout` and `whoami`."""

import contextlib
import os
import socket
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from clawbot_manager.cli.errors import ApiError, CliError
from clawbot_manager.cli.output import Output
from clawbot_manager.cli.profile import (
    Profile,
    Target,
    forget_profile,
    profile_path,
    read_profile,
    resolve_target,
    save_profile,
)
from clawbot_manager.cli.prompts import password
from clawbot_manager.cli.session import Session, UrlOption, api_command, segment, world_of

if TYPE_CHECKING:
    from clawbot_manager.cli.client import ApiClient


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    app.command("login")(login)
    app.command("logout")(logout)
    api_command(app, "whoami")(whoami)


def login(
    ctx: typer.Context,
    *,
    email: Annotated[
        str | None, typer.Option("--email", help="Your e-mail address; asked for when left out.")
    ] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    days: Annotated[
        int,
        typer.Option("--expires-days", min=1, max=3650, help="Days until this computer must log in again."),
    ] = 90,
    url: UrlOption = None,
) -> None:
    """Log in on this computer.

    Makes an API token and keeps it in your profile file; the password is not kept.
    """
    world = world_of(ctx)
    out = Output(as_json=False, terminal=world.stdout_is_terminal())
    path = profile_path(os.environ)
    before = read_profile(path)
    target = resolve_target(url, None, os.environ, before)
    if target.url.startswith("http://") and urlsplit(target.url).hostname not in {
        "localhost",
        "127.0.0.1",
        "::1",
    }:
        out.note(f"Warning: {target.url} is not https; anyone on the way can read your password and token.")
    if email is None:
        if password_stdin or not world.stdin_is_terminal():
            raise CliError("Nobody to ask for the e-mail address", hint="Give it with --email", exit_code=2)
        email = str(typer.prompt("E-mail", err=True))
    secret = password(world, from_stdin=password_stdin)
    anonymous = _client(Target(target.url, None, "none"))
    try:
        signed_in = anonymous.post("/api/auth/sign-in", {"email": email, "password": secret})
    except ApiError as error:
        if error.status == 401:
            error.hint = "Check the e-mail address and the password"
        raise
    client = _client(Target(target.url, signed_in["access_token"], "option"))
    made = client.post("/api/api-token", {"name": _token_name(), "expires_in_days": days})
    save_profile(path, Profile(target.url, made["token"], str(made["id"]), email))
    if before is not None and before.url == target.url:
        _revoke(client, before, out)
    with contextlib.suppress(CliError):  # the session was only there to make the token
        anonymous.post("/api/auth/sign-out")
    out.note(f"Logged in at {target.url} as {email}. The token is in {path}.")


def logout(ctx: typer.Context) -> None:
    """Log out on this computer.

    Revokes the token of your profile file and removes the file.
    """
    out = Output(as_json=False, terminal=world_of(ctx).stdout_is_terminal())
    path = profile_path(os.environ)
    profile = read_profile(path)
    if profile is None:
        out.note("Nobody was logged in.")
        return
    forget_profile(path)
    if not _revoke(_client(Target(profile.url, profile.token, "profile")), profile, out):
        raise typer.Exit(1)
    out.note(f"Logged out at {profile.url}.")


def whoami(session: Session) -> None:
    """Show who you are for the server."""
    user = session.client.get("/api/user/me")
    sources = {
        "option": "--token",
        "environment": "CLAWBOT_API_TOKEN",
        "profile": str(profile_path(os.environ)),
        "none": None,
    }
    session.out.data(
        user,
        lambda: session.out.record(
            {
                "server": session.client.target.url,
                "email": user["email"],
                "nickname": user["nickname"],
                "role": user["role"],
                "locale": user["locale"],
                "token from": sources[session.client.target.source],
            }
        ),
    )


def _client(target: Target) -> "ApiClient":
    from clawbot_manager.cli.client import ApiClient  # noqa: PLC0415 - urllib is slow to import

    return ApiClient(target)


def _revoke(client: "ApiClient", profile: Profile, out: Output) -> bool:
    """Revokes the profile's token; False and a remark when that could not be done."""
    try:
        client.delete(f"/api/api-token/{segment(profile.token_id)}")
    except CliError as error:
        if isinstance(error, ApiError) and error.status in {401, 404}:
            return True
        out.note(
            f"The token is forgotten here but could not be revoked at {profile.url}: {error.line()} "
            "Revoke it in the console, under API tokens."
        )
        return False
    return True


def _token_name() -> str:
    host = "".join(char for char in socket.gethostname() if char.isprintable())
    return f"cli@{host or 'unknown'}"[:100]
