"""The provider's files: uploads as multipart forms, kept in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from aiohttp import web

from tests.fakes.upstream.records import Seen


@dataclass
class FileShelf:
    """Uploaded files by id: their name, their purpose and what is in them."""

    files: dict[str, tuple[str, str, bytes]] = field(default_factory=dict)
    parts: list[bytes] = field(default_factory=list)

    async def answer(self, seen: Seen, shape: str, *, anthropic: bool = False) -> web.Response:
        """Upload, list, tell, delete, or give the content."""
        if shape == "files" and seen.method == "POST":
            name, purpose, content = _form(seen)
            file_id = f"file-{len(self.files) + 1}"
            self.files[file_id] = (name, purpose, content)
            return web.json_response(self._told(file_id))
        if shape == "files":
            listed = [self._told(one) for one in self.files]
            return web.json_response(
                {"object": "list", "data": listed, "total": len(listed), "has_more": False}
            )
        file_id = seen.path.split("/files/")[1].partition("/")[0]
        if file_id not in self.files:
            return web.json_response({"error": {"message": "No such File object"}}, status=404)
        if shape == "content":
            return web.Response(body=self.files[file_id][2], content_type="application/octet-stream")
        if seen.method == "DELETE":
            del self.files[file_id]
            kind = "file_deleted" if anthropic else "file"
            return web.json_response({"id": file_id, "object": "file", "type": kind, "deleted": True})
        return web.json_response(self._told(file_id))

    def in_parts(self, seen: Seen) -> web.Response:
        """OpenAI's uploads: begin one, take a part of it, put the parts together in the order asked for."""
        if seen.path.endswith("/parts"):
            self.parts.append(_form(seen)[2])
            part_id = f"part_{len(self.parts) - 1}"
            return web.json_response(
                {"id": part_id, "object": "upload.part", "created_at": 1, "upload_id": "up-1"}
            )
        upload = {"id": "up-1", "object": "upload", "status": "pending", "created_at": 1, "expires_at": 2}
        if seen.path.endswith("/complete"):
            numbers = [int(one.removeprefix("part_")) for one in seen.json()["part_ids"]]
            content = b"".join(self.parts[number] for number in numbers)
            self.files["file-1"] = ("big.bin", "user_data", content)
            upload |= {"status": "completed", "file": self._told("file-1")}
        return web.json_response(upload)

    def _told(self, file_id: str) -> dict[str, Any]:
        name, purpose, content = self.files[file_id]
        return {
            "id": file_id,
            "object": "file",
            "type": "file",
            "bytes": len(content),
            "size_bytes": len(content),
            "created_at": 1,
            "filename": name,
            "purpose": purpose,
            "mime_type": "text/plain",
            "status": "processed",
            "sample_type": "pretrain",
            "source": "upload",
            "FileType": "jsonl",
            "LineCount": 1,
            "Processed": True,
        }


def _form(seen: Seen) -> tuple[str, str, bytes]:
    """The file of a multipart form; the stdlib's mail parser reads it as any MIME message."""
    head = f"content-type: {seen.header('content-type')}\r\n\r\n".encode()
    form = BytesParser(policy=HTTP).parsebytes(head + seen.body)
    name, purpose, content = "", "", b""
    for part in form.iter_parts():
        disposition = part["content-disposition"].params
        if disposition.get("name") in ("file", "data"):
            name = disposition.get("filename", "")
            content = _bytes(part)
        elif disposition.get("name") == "purpose":
            purpose = _bytes(part).decode().strip()
    return name, purpose, content


def _bytes(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content
