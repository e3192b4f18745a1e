"""Google's files: a resumable upload goes on at an address of the provider's own that the first answer names.

That address is its own credential, as Google's SDK sends none with the parts; a wrong one is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web

from tests.fakes.upstream.records import Seen

UPLOAD = re.compile(r"/upload/(?:v1|v1beta)/files")


@dataclass
class GoogleFiles:
    """Uploads that are under way, and files by their names."""

    uploads: dict[str, bytearray] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    def answer(self, seen: Seen, origin: str) -> web.Response:
        """Begin an upload, take a part of it, or give, list and delete files."""
        if UPLOAD.fullmatch(seen.path):
            upload_id = self.upload_id(seen)
            return self._begin(seen, origin) if upload_id is None else self._part(seen, upload_id)
        name = seen.path.partition("/files")[2].removeprefix("/").removesuffix(":download")
        if not name:
            return web.json_response({"files": [self._told(one) for one in self.files]})
        if name not in self.files:
            error = {"code": 404, "message": "File not found", "status": "NOT_FOUND"}
            return web.json_response({"error": error}, status=404)
        if seen.method == "DELETE":
            del self.files[name]
            return web.json_response({})
        if seen.path.endswith(":download"):
            return web.Response(body=self.files[name], content_type="application/octet-stream")
        return web.json_response(self._told(name))

    @staticmethod
    def upload_id(seen: Seen) -> str | None:
        """The upload that a part belongs to; None for a request that begins one."""
        return parse_qs(seen.query).get("upload_id", [None])[0]

    def _begin(self, seen: Seen, origin: str) -> web.Response:
        if seen.header("x-goog-upload-command") != "start":
            return web.json_response({"error": {"code": 400, "message": "no upload"}}, status=400)
        upload_id = f"up-{len(self.uploads) + 1}"
        self.uploads[upload_id] = bytearray()
        address = f"{origin}{seen.path}?upload_id={upload_id}&upload_protocol=resumable"
        headers = {"x-goog-upload-url": address, "x-goog-upload-control-url": address}
        return web.Response(headers={**headers, "x-goog-upload-status": "active"})

    def _part(self, seen: Seen, upload_id: str) -> web.Response:
        content = self.uploads[upload_id]
        assert seen.header("x-goog-upload-offset") == str(len(content))
        content += seen.body
        if "finalize" not in (seen.header("x-goog-upload-command") or ""):
            return web.Response(headers={"x-goog-upload-status": "active"})
        name = f"file-{len(self.files) + 1}"
        self.files[name] = bytes(content)
        return web.json_response({"file": self._told(name)}, headers={"x-goog-upload-status": "final"})

    def _told(self, name: str) -> dict[str, Any]:
        return {
            "name": f"files/{name}",
            "uri": f"https://generativelanguage.googleapis.com/v1beta/files/{name}",
            "mimeType": "text/plain",
            "sizeBytes": str(len(self.files[name])),
            "state": "ACTIVE",
        }
