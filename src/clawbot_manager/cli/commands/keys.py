"""`key list|health|add|check|models|delete|edit`: provider keys, whose secrets only ever go in."""

import os
from typing import Annotated, Any

import typer

from clawbot_manager.cli.commands.bots import more
from clawbot_manager.cli.errors import CliError
from clawbot_manager.cli.lookup import find_one
from clawbot_manager.cli.output import when
from clawbot_manager.cli.prompts import ask_secret, confirm_by_typing, secret_from_stdin
from clawbot_manager.cli.session import LimitOption, Session, api_command, segment

app = typer.Typer(help="Provider keys; a stored secret is never shown again.", no_args_is_help=True)

SECRET_VARIABLE = "CLAWBOT_KEY_SECRET"  # noqa: S105 - the name of a variable

KeyArgument = Annotated[str, typer.Argument(metavar="ID_OR_LABEL", help="The key's id or label.")]
SecretStdin = Annotated[
    bool,
    typer.Option(
        "--secret-stdin", help=f"Read the secret from standard input; else {SECRET_VARIABLE}, else asked for."
    ),
]
BaseUrlOption = Annotated[
    str | None, typer.Option("--base-url", help="Where the provider is, when not at its usual address.")
]
TagOption = Annotated[str | None, typer.Option("--tag", help="Bots with this tag draw this key first.")]
NotesOption = Annotated[str | None, typer.Option("--notes", help="Remarks for people.")]
ApiTypeOption = Annotated[
    str | None,
    typer.Option(
        "--api-type", help="For vendor custom: openai-chat, openai-responses or anthropic-messages."
    ),
]


@api_command(app, "list")
def list_keys(session: Session, limit: LimitOption = 50) -> None:
    """List the provider keys."""
    page = session.client.page("/api/provider-key", limit)
    rows = [
        (
            key["label"],
            key["vendor"] + (" (simulated)" if key["is_simulated"] else ""),
            key["tag"],
            _state(key),
            key["hint"],
            when(key["last_used_at"]),
            key["used_by"],
            key["id"],
        )
        for key in page["items"]
    ]
    headers = ("LABEL", "VENDOR", "TAG", "STATE", "HINT", "LAST USED", "USED BY", "ID")
    empty = "No provider keys yet. Add one with `clawbot-manager key add`."
    session.out.data(page, lambda: session.out.table(headers, rows, empty=empty))
    more(session, page)


@api_command(app, "health")
def health(session: Session) -> None:
    """Show the state of each key, the worst first, and when it is used or checked again."""
    found = session.client.get("/api/provider-key/health")
    rows = [
        (
            key["label"],
            key["vendor"],
            _state(key),
            key["state_detail"],
            when(key["next_check_at"]),
            when(key["last_checked_at"]),
            when(key["last_used_at"]),
        )
        for key in found["keys"]
    ]
    headers = ("LABEL", "VENDOR", "STATE", "WHY", "NEXT CHECK", "LAST CHECK", "LAST USED")
    empty = "No provider keys yet. Add one with `clawbot-manager key add`."
    session.out.data(found, lambda: session.out.table(headers, rows, empty=empty))


@api_command(app, "add")
def add(
    session: Session,
    *,
    vendor: Annotated[
        str | None, typer.Option("--vendor", help="The AI provider; see `vendor list`.")
    ] = None,
    label: Annotated[str | None, typer.Option("--label", help="Your name for the key.")] = None,
    base_url: BaseUrlOption = None,
    api_type: ApiTypeOption = None,
    tag: TagOption = None,
    notes: NotesOption = None,
    secret_stdin: SecretStdin = False,
    simulated: Annotated[
        bool,
        typer.Option(
            "--simulated", help="Add the built-in simulated provider: nothing to buy, nothing leaves."
        ),
    ] = False,
) -> None:
    """Add a provider key.

    The secret is asked for without echo, or read from standard input or CLAWBOT_KEY_SECRET; it is never an
    argument, because other users of the machine can see those.
    """
    if simulated:
        if vendor or base_url or api_type or secret_stdin:
            raise CliError(
                "--simulated brings its own vendor and address and has no secret",
                hint="Give only --label, --tag and --notes with it",
                exit_code=2,
            )
        body = _simulated(session, label or "simulated")
    else:
        if not vendor or not label:
            missing = "--vendor" if not vendor else "--label"
            raise CliError(f"{missing} is missing", hint="See `clawbot-manager key add --help`", exit_code=2)
        body = {"vendor": vendor, "label": label}
        secret = _new_secret(session, vendor, from_stdin=secret_stdin)
        if secret:
            body["secret"] = secret
    given = {"base_url": base_url, "api_type": api_type, "tag": tag, "notes": notes}
    body.update({name: value for name, value in given.items() if value is not None})
    _show(session, session.client.post("/api/provider-key", body))


@api_command(app, "verify")
@api_command(app, "check")
def check_key(session: Session, key: KeyArgument) -> None:
    """Ask the provider whether a key works; one that failed or was parked is then used again.

    The request costs nothing. Ends with exit code 1 when the key is not known to work. `key verify` is the
    same.
    """
    found = _find(session, key)
    check = session.client.post(f"{_path(found)}/verify")
    latency = f" ({check['latency_ms']} ms)" if check["latency_ms"] is not None else ""
    pairs = {"key": found["label"], "result": check["result"], "detail": f"{check['detail']}{latency}"}
    session.out.data(check, lambda: session.out.record(pairs))
    if check["result"] != "ok":
        raise typer.Exit(1)


@api_command(app, "models")
def models(session: Session, key: KeyArgument) -> None:
    """List the models that a key can use."""
    answer = session.client.get(f"{_path(_find(session, key))}/models")
    rows = [(model,) for model in answer["models"]]
    session.out.data(answer, lambda: session.out.table(("MODEL",), rows, empty="The provider lists none."))
    if answer["source"] == "catalogue" and not session.out.as_json:
        session.out.note("The provider did not list its models; these are from our catalogue.")


@api_command(app, "delete", with_json=False)
def delete(
    session: Session,
    key: KeyArgument,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a provider key.

    Says which bots use it and asks to type its label, unless --yes is given.
    """
    found = _find(session, key)
    if not yes:
        used = found["used_by"]
        users = f" Bots that use it: {', '.join(used)}." if used else " No bot uses it."
        confirm_by_typing(
            f"This deletes the key {found['label']} of {found['vendor']}.{users}", found["label"]
        )
    session.client.delete(_path(found))
    session.out.note(f"Key {found['label']} is deleted.")


@api_command(app, "edit")
def edit(
    session: Session,
    key: KeyArgument,
    *,
    label: Annotated[str | None, typer.Option("--label", help="A new name.")] = None,
    base_url: BaseUrlOption = None,
    api_type: ApiTypeOption = None,
    tag: TagOption = None,
    no_tag: Annotated[bool, typer.Option("--no-tag", help="Take the tag away.")] = False,
    notes: NotesOption = None,
    enabled: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Let bots use it or not.", show_default=False)
    ] = None,
    replace_secret: Annotated[
        bool, typer.Option("--replace-secret", help="Put a new secret in the old one's place; asked for.")
    ] = False,
    secret_stdin: SecretStdin = False,
) -> None:
    """Change a provider key in place."""
    if tag and no_tag:
        raise CliError("--tag and --no-tag exclude each other", hint="Give one", exit_code=2)
    given = {
        "label": label,
        "base_url": base_url,
        "api_type": api_type,
        "tag": tag,
        "notes": notes,
        "enabled": enabled,
    }
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if no_tag:
        changes["tag"] = None
    if not changes and not (replace_secret or secret_stdin):
        raise CliError("Nothing to change", hint="See `clawbot-manager key edit --help`", exit_code=2)
    found = _find(session, key)
    if replace_secret or secret_stdin:
        secret = _given_secret(from_stdin=secret_stdin)
        changes["secret"] = secret or _asked_secret(session, optional=False)
    _show(session, session.client.patch(_path(found), changes))


def _new_secret(session: Session, vendor: str, *, from_stdin: bool) -> str | None:
    secret = _given_secret(from_stdin=from_stdin)
    if secret:
        return secret
    vendors = session.client.all("/api/vendor")
    known = find_one(vendors, vendor, name="id", what="vendor")
    if known["key_required"]:
        return _asked_secret(session, optional=False)
    return _asked_secret(session, optional=True) if session.world.stdin_is_terminal() else None


def _given_secret(*, from_stdin: bool) -> str | None:
    return secret_from_stdin("--secret-stdin") if from_stdin else os.environ.get(SECRET_VARIABLE) or None


def _asked_secret(session: Session, *, optional: bool) -> str | None:
    if not session.world.stdin_is_terminal():
        raise CliError(
            "There is no terminal to ask for the secret",
            hint=f"Pipe it in with --secret-stdin, or set {SECRET_VARIABLE}",
            exit_code=2,
        )
    label = "Secret (empty: none)" if optional else "Secret"
    return ask_secret(label, optional=optional) or None


def _simulated(session: Session, label: str) -> dict[str, Any]:
    system = session.client.get("/api/system")
    if not system["simulator_enabled"]:
        raise CliError(
            "This server has no simulated provider",
            hint="It is off in production; elsewhere CLAWBOT_SIMULATOR__ENABLED=true turns it on",
        )
    return {
        "vendor": "custom",
        "label": label,
        "base_url": system["simulated_base_url"],
        "api_type": "openai-chat",
    }


def _find(session: Session, wanted: str) -> dict[str, Any]:
    keys = session.client.all("/api/provider-key")
    return find_one(keys, wanted, name="label", what="provider key")


def _state(key: dict[str, Any]) -> str:
    """The state, its reason, and when a rest is over."""
    reason = f" ({key['state_reason']})" if key["state_reason"] else ""
    until = f" until {when(key['cooled_until'])}" if key["cooled_until"] else ""
    return f"{key['state']}{until}{reason}"


def _path(key: dict[str, Any]) -> str:
    return f"/api/provider-key/{segment(key['id'])}"


def _show(session: Session, key: dict[str, Any]) -> None:
    pairs = {
        "label": key["label"],
        "id": key["id"],
        "vendor": key["vendor"],
        "tag": key["tag"],
        "base URL": key["base_url"],
        "API type": key["api_type"],
        "secret": key["hint"],
        "state": _state(key),
        "why": key["state_detail"],
        "next check": when(key["next_check_at"]),
        "simulated": key["is_simulated"],
        "notes": key["notes"],
        "used by": key["used_by"],
    }
    session.out.data(key, lambda: session.out.record(pairs))
