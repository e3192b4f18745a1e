"""A small synchronous client of the HTTP API, on the standard library so that commands start fast."""

import http.client
import json
import shutil
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from clawbot_manager import __version__
from clawbot_manager.cli.errors import ApiError, CliError
from clawbot_manager.cli.profile import TOKEN_VARIABLE, Target
from clawbot_manager.kit.paging import MAX_LIMIT

TIMEOUT_SECONDS = 30.0
STREAM_TIMEOUT_SECONDS = 300.0
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token to wherever it points."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class ApiClient:
    """Calls the API of one server as one user.

    Every method takes a path below the server's address and raises CliError when the server cannot be
    reached or does not speak our API, and ApiError when it refuses.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        handlers: list[urllib.request.BaseHandler] = [_NoRedirects(), urllib.request.HTTPCookieProcessor()]
        if urlsplit(target.url).hostname in _LOOPBACK:
            handlers.append(urllib.request.ProxyHandler({}))
        self._opener = urllib.request.build_opener(*handlers)

    def get(self, path: str, **query: str | int | None) -> Any:
        """The JSON at this path."""
        return self._call("GET", path, query=query)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The JSON answer to a POST; None when the answer is empty."""
        return self._call("POST", path, body=body)

    def slow_post(self, path: str, body: Mapping[str, Any] | None) -> Any:
        """The JSON answer to a POST that may take minutes."""
        return self._call("POST", path, body=body, timeout=STREAM_TIMEOUT_SECONDS)

    def download(self, path: str, target: Path) -> int:
        """Write what is at this path into a new file, whole or not at all; its size."""
        draft = target.with_name(f".{target.name}.part")
        try:
            request = self._request("GET", path, {}, None)
            with self._open(request, STREAM_TIMEOUT_SECONDS) as response, draft.open("wb") as file:
                shutil.copyfileobj(response, file)
            size = draft.stat().st_size
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
        return size

    def upload(self, path: str, source: Path) -> Any:
        """The JSON answer to a POST of this file."""
        with source.open("rb") as file:
            request = self._request("POST", path, {}, None)
            request.data = file
            request.add_header("Content-Type", "application/gzip")
            request.add_header("Content-Length", str(source.stat().st_size))
            return self._answer(request, STREAM_TIMEOUT_SECONDS)

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """The JSON answer to a PATCH."""
        return self._call("PATCH", path, body=body)

    def delete(self, path: str) -> Any:
        """The JSON answer to a DELETE; None when the answer is empty."""
        return self._call("DELETE", path)

    def page(self, path: str, limit: int, **query: str | int | None) -> dict[str, Any]:
        """Up to `limit` items of a paged list, in the API's own shape, following `next_cursor`."""
        items: list[Any] = []
        cursor: str | None = None
        while True:
            wanted = min(limit - len(items), MAX_LIMIT)
            answer = self.get(path, **query, limit=wanted, cursor=cursor)
            if not isinstance(answer, dict) or not isinstance(answer.get("items"), list):
                raise self._not_ours()
            items += answer["items"]
            cursor = answer.get("next_cursor")
            if not cursor or not answer["items"] or len(items) >= limit:
                return {"items": items, "next_cursor": cursor}

    def all(self, path: str, **query: str | int | None) -> list[dict[str, Any]]:
        """All items of a list, whether the API pages it or not."""
        answer = self.get(path, **query, limit=MAX_LIMIT)
        if isinstance(answer, list):
            return answer
        if not isinstance(answer, dict) or not isinstance(answer.get("items"), list):
            raise self._not_ours()
        items: list[dict[str, Any]] = answer["items"]
        while answer.get("next_cursor") and answer["items"]:
            answer = self.get(path, **query, limit=MAX_LIMIT, cursor=answer["next_cursor"])
            items = items + answer["items"]
        return items

    def stream(self, path: str, body: Mapping[str, Any]) -> Iterator[str]:
        """The `data` of each server-sent event of the answer to a POST, as it comes."""
        return self._events(self._request("POST", path, {}, body))

    def follow(self, path: str) -> Iterator[str]:
        """The `data` of each server-sent event at a path, as it comes."""
        return self._events(self._request("GET", path, {}, None))

    def _events(self, request: urllib.request.Request) -> Iterator[str]:
        request.add_header("Accept", "text/event-stream")
        with self._open(request, STREAM_TIMEOUT_SECONDS) as response:
            if response.headers.get_content_type() != "text/event-stream":
                raise self._not_ours()
            yield from events(response)

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int | None] | None = None,
        body: Mapping[str, Any] | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> Any:
        return self._answer(self._request(method, path, query or {}, body), timeout)

    def _answer(self, request: urllib.request.Request, timeout: float) -> Any:
        request.add_header("Accept", "application/json")
        with self._open(request, timeout) as response:
            raw = response.read()
        if not raw.strip():
            return None
        try:
            return json.loads(raw)
        except ValueError:
            raise self._not_ours() from None

    def _request(
        self, method: str, path: str, query: Mapping[str, str | int | None], body: Mapping[str, Any] | None
    ) -> urllib.request.Request:
        given = {name: value for name, value in query.items() if value is not None}
        url = self.target.url + path + (f"?{urlencode(given)}" if given else "")
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data=data, method=method)  # noqa: S310 - check_url allows http(s) only
        request.add_header("User-Agent", f"clawbot-manager-cli/{__version__}")
        if data is not None:
            request.add_header("Content-Type", "application/json")
        if self.target.token:
            # unredirected: never sent on, even if a redirect were followed
            request.add_unredirected_header("Authorization", f"Bearer {self.target.token}")
        return request

    @contextmanager
    def _open(self, request: urllib.request.Request, timeout: float) -> Iterator[http.client.HTTPResponse]:
        try:
            with self._opener.open(request, timeout=timeout) as response:
                yield response
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(error) from None
        except urllib.error.URLError as error:
            raise self._unreachable(error.reason) from None
        except BrokenPipeError:
            raise  # the reader of our own output went away
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from None

    def _refused(self, error: urllib.error.HTTPError) -> CliError:
        if 300 <= error.code < 400:
            return CliError(
                f"{self.target.url} redirects to {error.headers.get('Location', 'another address')}",
                hint="Give the final address with --url or CLAWBOT_URL",
            )
        try:
            problem = json.loads(error.read())
        except (ValueError, OSError, http.client.HTTPException):
            problem = None
        return ApiError(
            error.code,
            problem if isinstance(problem, dict) else {},
            reason=error.reason,
            hint=self._hint(error),
        )

    def _hint(self, error: urllib.error.HTTPError) -> str | None:
        if error.code == 401:
            return {
                "none": "Log in with `clawbot-manager login`",
                "profile": "The saved token is revoked or expired: log in again with `clawbot-manager login`",
                "environment": f"{TOKEN_VARIABLE} is not a valid token for {self.target.url}",
                "option": f"--token is not a valid token for {self.target.url}",
            }[self.target.source]
        if error.code in {429, 503} and (after := error.headers.get("Retry-After")):
            return f"Try again in {after} s" if after.isdigit() else f"Try again after {after}"
        return None

    def _unreachable(self, reason: object) -> CliError:
        url = self.target.url
        if isinstance(reason, ssl.SSLError):
            return CliError(f"{url} has no certificate that this machine trusts ({reason.reason or reason})")
        if isinstance(reason, TimeoutError):
            return CliError(f"{url} did not answer in time", hint="Look at the server's log, then try again")
        text = getattr(reason, "strerror", None) or str(reason)
        return CliError(
            f"Cannot reach {url} ({text})",
            hint="Start the server with `clawbot-manager up`, or give its address with --url or CLAWBOT_URL",
        )

    def _not_ours(self) -> CliError:
        return CliError(
            f"{self.target.url} does not answer like a ClawBotManager server",
            hint="Check the address given with --url, CLAWBOT_URL or `clawbot-manager login`",
        )


def events(lines: Iterator[bytes] | http.client.HTTPResponse) -> Iterator[str]:
    """The `data` of each server-sent event in these lines; comments and other fields are skipped."""
    data: list[str] = []
    for raw in lines:
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        if not line:
            if data:
                yield "\n".join(data)
            data = []
        elif line == "data" or line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
    if data:
        yield "\n".join(data)
