"""`bot chat`: one message, or a conversation."""

import json
import secrets
from typing import Annotated, Any

import typer

from clawbot_manager.cli.commands.bots import Hostname, app
from clawbot_manager.cli.errors import CliError
from clawbot_manager.cli.session import Session, api_command, segment


@api_command(app, "chat")
def chat(
    session: Session,
    hostname: Hostname,
    message: Annotated[
        str | None, typer.Argument(metavar="[MESSAGE]", help="What to say; a conversation when left out.")
    ] = None,
    *,
    conversation: Annotated[
        str | None, typer.Option("--conversation", help="Go on with this conversation (a name you choose).")
    ] = None,
) -> None:
    """Talk to a bot.

    The answer is printed as it comes; with --json the chunks as the API sends them, one a line.
    """
    if message is not None:
        _say(session, hostname, message, conversation)
        return
    if session.out.as_json:
        raise CliError("--json needs a MESSAGE", hint="Give the message as an argument", exit_code=2)
    _converse(session, hostname, conversation or _new_conversation())


def _converse(session: Session, hostname: str, conversation: str) -> None:
    session.out.note(f"Talking to {hostname}. /new begins afresh, /exit or Ctrl-D ends.")
    while True:
        try:
            text = str(
                typer.prompt("you", default="", show_default=False, prompt_suffix="> ", err=True)
            ).strip()
        except typer.Abort:
            session.out.note("")
            return
        if text == "/exit":
            return
        if text == "/new":
            conversation = _new_conversation()
            session.out.note("A new conversation.")
        elif text:
            try:
                _say(session, hostname, text, conversation)
            except CliError as error:
                session.out.note(f"Error: {error.line()}")
            except KeyboardInterrupt:
                session.out.note("\n(interrupted)")


def _say(session: Session, hostname: str, message: str, conversation: str | None) -> None:
    """Sends one message and prints the answer.

    Raises:
        CliError: refused, or the stream held an error or broke off before its end.
    """
    body = {"message": message, **({"conversation": conversation} if conversation else {})}
    column = ""
    finished = False
    try:
        for data in session.client.stream(f"/api/bot/{segment(hostname)}/chat", body):
            if data.strip() == "[DONE]":
                finished = True
                break
            chunk = _parse(data)
            if session.out.as_json:
                print(data, flush=True)
            if chunk.get("error"):
                raise CliError(_error_text(chunk["error"]))
            text, ends = _delta(chunk)
            finished = finished or ends
            if text and not session.out.as_json:
                session.out.write(text)
                column = text
    finally:
        if column and not column.endswith("\n"):
            session.out.write("\n")
    if not finished:
        raise CliError(
            "The answer broke off",
            hint=f"See `clawbot-manager bot logs {hostname}` and send the message again",
        )


def _parse(data: str) -> dict[str, Any]:
    try:
        chunk = json.loads(data)
    except ValueError:
        chunk = None
    if not isinstance(chunk, dict):
        raise CliError("The server sent something that is no chat chunk")
    return chunk


def _delta(chunk: dict[str, Any]) -> tuple[str, bool]:
    """The text in a chunk, and whether the model says that it is done."""
    choices = chunk.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else {}
    delta = first.get("delta") or {}
    return str(delta.get("content") or ""), bool(first.get("finish_reason"))


def _error_text(error: Any) -> str:
    if not isinstance(error, dict):
        return str(error)
    text = str(
        error.get("detail") or error.get("message") or error.get("title") or "The bot could not answer"
    )
    code = error.get("code")
    return f"{text.rstrip('.')} ({code})" if code else text


def _new_conversation() -> str:
    return f"cli-{secrets.token_hex(8)}"
