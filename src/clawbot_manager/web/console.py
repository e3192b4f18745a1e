"""The console's files: hashed assets that may be kept for ever, and one page for every other address."""

from pathlib import Path

from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

CONSOLE_DIR = Path(__file__).parent / "console"

_FOR_EVER = "public, max-age=31536000, immutable"
_NOT_BUILT = "The console is not built. Run `make up`, or `make dev` to work on it.\n"


class Console:
    """An ASGI application over the directory of the built console."""

    def __init__(self, directory: Path = CONSOLE_DIR) -> None:
        self._directory = directory.resolve()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        await self._answer(scope)(scope, receive, send)

    def _answer(self, scope: Scope) -> Response:
        if scope.get("method") not in {"GET", "HEAD"}:
            return PlainTextResponse("Method not allowed\n", 405, headers={"allow": "GET, HEAD"})
        asked = self._file(scope["path"])
        if asked is not None:
            kept = asked.is_relative_to(self._directory / "assets")
            return FileResponse(asked, headers={"cache-control": _FOR_EVER if kept else "no-cache"})
        if scope["path"].startswith("/assets/"):
            return PlainTextResponse("Not found\n", 404)
        page = self._directory / "index.html"
        if not page.is_file():
            return PlainTextResponse(_NOT_BUILT, 503)
        return FileResponse(page, headers={"cache-control": "no-cache"})

    def _file(self, path: str) -> Path | None:
        """The file at this address, links and dots followed, unless that leads out of the directory."""
        try:
            asked = (self._directory / path.lstrip("/")).resolve()
            return asked if asked.is_relative_to(self._directory) and asked.is_file() else None
        except (OSError, ValueError, RuntimeError):  # too long, a NUL in it, links in a circle
            return None
