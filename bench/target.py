"""What can be measured: a name, an address, and what a request to it carries."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.machine import Running


@dataclass(frozen=True, slots=True)
class Target:
    """A gateway (or the mock itself) that takes chat completions; `process` is what costs CPU time.

    A `slow` one is measured with fewer streams and connections, else its queue is all that one sees.
    """

    name: str
    port: int
    path: str
    process: Running
    token: str = "bench-token"
    headers: dict[str, str] = field(default_factory=dict)
    slow: bool = False

    @property
    def url(self) -> str:
        """Where chat completions go."""
        return f"http://127.0.0.1:{self.port}{self.path}"

    def all_headers(self, *, sdk: bool = False) -> dict[str, str]:
        """The headers of a request but Host and Content-Length: plain, or all that OpenAI's SDK sends."""
        return {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "Connection": "keep-alive",
            "User-Agent": "OpenAI/Python 3.54.0",
            **(_SDK_HEADERS if sdk else {}),
            **self.headers,
        }


# openai 3.54.0 on Linux, without the ones that are in every request
_SDK_HEADERS = {
    "X-Stainless-Lang": "python",
    "X-Stainless-Package-Version": "3.54.0",
    "X-Stainless-OS": "Linux",
    "X-Stainless-Arch": "x64",
    "X-Stainless-Runtime": "CPython",
    "X-Stainless-Runtime-Version": "3.11.7",
    "X-Stainless-Async": "async:asyncio",
    "X-Stainless-Retry-Count": "0",
    "X-Stainless-Read-Timeout": "600",
    "OpenAI-Organization": "org-bench",
}
