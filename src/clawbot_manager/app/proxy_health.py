"""What a proxy that runs alone answers besides the proxy's paths: its health."""

import os
from typing import Any

import orjson

from clawbot_manager import __version__
from clawbot_manager.control.dataplane.plane import DataPlane
from clawbot_manager.control.dataplane.usage_sink import usage_check
from clawbot_manager.proxy import refusals
from clawbot_manager.proxy.headers import new_trace
from clawbot_manager.proxy.messages import Answer
from clawbot_manager.vendors.dialects import dialect_named

_LOW_DISK_BYTES = 512 << 20


class Health:
    """Answers by path, in the form of the control plane's health routes (`diagnostics.schemas`).

    A proxy whose database is away is ready: it serves from its last snapshot, and keeps usage in the spool.
    """

    def __init__(self, plane: DataPlane, data_dir: str) -> None:
        self._plane = plane
        self._data_dir = data_dir

    def __call__(self, path: str) -> Answer:
        """The answer to a request for this path."""
        if path == "/health":
            return _json({"status": "ok", "version": __version__})
        if path == "/health/ready":
            checks = [
                self._database(),
                self._disk(),
                {"name": "usage", **usage_check(self._plane.usage.state)},
            ]
            return _json({"status": "ready", "checks": [{"hint": None, **check} for check in checks]})
        return refusals.render(refusals.NOT_SERVED, dialect_named(None), new_trace())

    def _database(self) -> dict[str, Any]:
        if self._plane.snapshots.is_stale or self._plane.usage.state.database_is_away:
            return {
                "name": "database",
                "status": "warning",
                "detail": "does not answer; what was read last is served",
                "hint": "Start the database, or correct DATABASE_URL.",
            }
        return {"name": "database", "status": "ok", "detail": "answers"}

    def _disk(self) -> dict[str, Any]:
        try:
            disk = os.statvfs(self._data_dir)
        except OSError as error:
            return {"name": "disk", "status": "warning", "detail": f"no data directory ({error.strerror})"}
        free = disk.f_bavail * disk.f_frsize
        detail = f"{free >> 20} MiB free in the data directory"
        return {"name": "disk", "status": "warning" if free < _LOW_DISK_BYTES else "ok", "detail": detail}


def _json(body: dict[str, Any]) -> Answer:
    data = orjson.dumps(body)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(data)).encode()),
        (b"cache-control", b"no-store"),
    ]
    return Answer(200, headers, data)
