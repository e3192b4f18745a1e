"""Clones, exports, imports, backups, and what is kept of bots that are gone."""

from __future__ import annotations

import errno
import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from clawbot_manager.control.bots import archive
from clawbot_manager.control.bots.archive import ArchiveLimits
from clawbot_manager.control.bots.copies import BotCopies
from clawbot_manager.control.bots.errors import BadArchiveError
from clawbot_manager.runtimes.fake import FakeRuntime
from tests.control.test_bots import create
from tests.control.test_reconciler import bot_id, reaches
from tests.support.api import Api, until

LIMITS = ArchiveLimits(100_000)
PERSONA = {"name": "Fox", "soul_markdown": "You are a fox.", "emoji": "🦊"}


def own_files(api: Api, identity: UUID) -> Path:
    return api.installation.settings.data_dir / "bots" / str(identity) / "state" / "files"


async def with_memory(api: Api, *, auto_start: bool = False) -> UUID:
    """A bot that has written something."""
    await create(api, auto_start=auto_start, persona=PERSONA, tags=["team"])
    identity = await bot_id(api)
    own_files(api, identity).mkdir(parents=True)
    (own_files(api, identity) / "MEMORY.md").write_text("I remember")
    return identity


async def export(api: Api) -> bytes:
    answer = await api.get("/api/bot/scout/export")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/gzip"
    assert answer.headers["content-disposition"] == 'attachment; filename="scout.tar.gz"'
    content: bytes = answer.content
    return content


async def upload(api: Api, content: bytes, hostname: str = "other") -> Any:
    headers = {"content-type": "application/gzip"}
    path = f"/api/bot/import?hostname={hostname}"
    return await api.call("POST", path, data=content, headers=headers)


class TestClone:
    async def test_settings_are_copied_and_tokens_are_not(self, user: Api) -> None:
        await with_memory(user)
        answer = await user.post("/api/bot/scout/clone", {"hostname": "twin", "auto_start": False})
        assert (answer.status, answer.json["hostname"]) == (201, "twin")
        assert answer.json["persona"] == PERSONA
        assert answer.json["tags"] == ["team"]
        assert (await user.get("/api/bot/twin/token")).json == []
        assert not own_files(user, UUID(answer.json["id"])).exists()

    async def test_with_its_files(self, user: Api) -> None:
        await with_memory(user)
        given = {"hostname": "twin", "with_files": True, "auto_start": False}
        twin = (await user.post("/api/bot/scout/clone", given)).json
        assert (own_files(user, UUID(twin["id"])) / "MEMORY.md").read_text() == "I remember"

    async def test_a_taken_hostname_leaves_nothing(self, user: Api) -> None:
        await with_memory(user)
        given = {"hostname": "scout", "with_files": True}
        assert (await user.post("/api/bot/scout/clone", given)).json["code"] == "hostname_taken"
        _only_the_bots_of(user, [await bot_id(user)])

    async def test_nobody_elses(self, user: Api, admin: Api) -> None:
        await with_memory(user)
        for method, path in (
            ("POST", "/clone"),
            ("GET", "/export"),
            ("POST", "/backup"),
            ("GET", "/backup"),
            ("GET", "/logs/follow"),
        ):
            body = {"hostname": "twin"} if path == "/clone" else None
            answer = await admin.call(method, f"/api/bot/scout{path}", json=body)
            assert answer.status == 404, path


def _only_the_bots_of(api: Api, identities: list[UUID]) -> None:
    data = api.installation.settings.data_dir
    assert sorted(path.name for path in (data / "bots").iterdir()) == sorted(map(str, identities))
    drafts = data / "drafts"
    assert not drafts.exists() or list(drafts.iterdir()) == []


class TestExportAndImport:
    async def test_there_and_back(self, user: Api, admin: Api) -> None:
        identity = await with_memory(user)
        content = await export(user)
        made = await upload(admin, content)
        assert (made.status, made.json["hostname"], made.json["persona"]) == (201, "other", PERSONA)
        files = own_files(admin, UUID(made.json["id"]))
        assert (files / "MEMORY.md").read_text() == "I remember"
        _only_the_bots_of(user, [identity, UUID(made.json["id"])])

    async def test_it_holds_no_token_and_no_pinned_key(self, user: Api) -> None:
        key = {"vendor": "openai", "label": "main", "secret": "sk-test-0123456789abcdef0123"}
        key_id = (await user.post("/api/provider-key", key)).json["id"]
        await create(user, providers=[{"vendor": "openai", "models": ["gpt-5"], "key_id": key_id}])
        with tarfile.open(fileobj=io.BytesIO(await export(user)), mode="r:gz") as tar:
            packed = {member.name: tar.extractfile(member) for member in tar}
            assert list(packed) == ["bot.json"]
            source = packed["bot.json"]
            assert source is not None
            text = source.read().decode()
        assert key_id not in text
        assert "cbm_" not in text
        assert json.loads(text)["schema"] == 1

    @pytest.mark.parametrize(
        ("packed_settings", "told"),
        [
            ({"schema": 2, "bot": {}}, "another version"),
            ({"schema": 1, "bot": {"name": "x", "hostname": "x"}}, "providers"),
            ({"schema": 1, "bot": {"is_admin": True}}, "not valid"),
            ([], "cannot be read"),
        ],
    )
    async def test_settings_that_are_not_valid(self, user: Api, packed_settings: object, told: str) -> None:
        answer = await upload(user, packed({"bot.json": json.dumps(packed_settings).encode()}))
        assert (answer.status, answer.json["code"]) == (422, "bad_archive")
        assert told in answer.json["detail"]
        assert (await user.get("/api/bot")).json["items"] == []

    async def test_what_is_no_archive(self, user: Api) -> None:
        for content in (b"", b"PK\x03\x04", b"\x1f\x8b" + os.urandom(100), packed({"files/x": b"x"})):
            assert (await upload(user, content)).json["code"] == "bad_archive"


def packed(files: dict[str, bytes], *special: tarfile.TarInfo) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
        for entry in special:
            tar.addfile(entry)
    return target.getvalue()


def special(name: str, kind: bytes, target: str = "/etc/passwd") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry


class TestHostileArchives:
    @pytest.mark.parametrize(
        "content",
        [
            packed({"bot.json": b"{}", "/etc/cron.d/x": b"x"}),
            packed({"bot.json": b"{}", "../outside": b"x"}),
            packed({"bot.json": b"{}", "files/../../outside": b"x"}),
            packed({"bot.json": b"{}", "other/x": b"x"}),
            packed({"bot.json": b"{}", "files": b"x"}),
            packed({"bot.json": b"{}"}, special("files/link", tarfile.SYMTYPE)),
            packed({"bot.json": b"{}"}, special("files/link", tarfile.LNKTYPE)),
            packed({"bot.json": b"{}"}, special("files/pipe", tarfile.FIFOTYPE)),
            packed({"bot.json": b"{}"}, special("files/device", tarfile.CHRTYPE)),
            packed({"bot.json": b"{}", "files/x": b"1", "files/x/y": b"2"}),
            packed({"bot.json": b"{}", "files/zeros": bytes(100_001)}),
            packed({"bot.json": b"{}", **{f"files/{number}": b"" for number in range(10_001)}}),
        ],
        ids=[str(number) for number in range(12)],
    )
    def test_are_refused_and_write_nothing_outside(self, tmp_path: Path, content: bytes) -> None:
        path, target = tmp_path / "in.tar.gz", tmp_path / "deep" / "target"
        path.write_bytes(content)
        with pytest.raises(BadArchiveError):
            archive.unpack(path, target, LIMITS)
        assert sorted(entry.name for entry in tmp_path.iterdir()) == ["deep", "in.tar.gz"]
        assert [entry.name for entry in (tmp_path / "deep").iterdir()] == ["target"]

    def test_what_a_bot_plants_is_not_packed(self, tmp_path: Path) -> None:
        files = tmp_path / "files"
        (files / "sub").mkdir(parents=True)
        (files / "sub" / "note.md").write_text("mine")
        (files / "passwd").symlink_to("/etc/passwd")
        (files / "etc").symlink_to("/etc")
        os.mkfifo(files / "pipe")
        target = tmp_path / "out.tar.gz"
        archive.pack(target, b"{}", files, LIMITS)
        with tarfile.open(target) as tar:
            assert tar.getnames() == ["bot.json", "files/sub/note.md"]
        assert target.stat().st_mode & 0o777 == 0o600

    def test_too_much_is_refused_and_leaves_nothing(self, tmp_path: Path) -> None:
        files = tmp_path / "files"
        files.mkdir()
        (files / "large").write_bytes(bytes(100_001))
        with pytest.raises(BadArchiveError, match="larger"):
            archive.pack(tmp_path / "out.tar.gz", b"{}", files, LIMITS)
        assert [entry.name for entry in tmp_path.iterdir()] == ["files"]


async def is_restored(api: Api) -> None:
    async def done() -> bool:
        return not (await api.get("/api/bot/scout")).json["is_restoring"]

    await until(done)


def _full(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def _settings_in(archived: bytes) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(archived)) as tar:
        source = tar.extractfile("bot.json")
        assert source is not None
        return source.read()


class TestBackups:
    async def test_make_list_restore_delete(self, user: Api) -> None:
        identity = await with_memory(user)
        made = await user.post("/api/bot/scout/backup")
        assert (made.status, made.json["reason"]) == (201, "manual")
        assert made.json["size_bytes"] > 0
        (own_files(user, identity) / "MEMORY.md").write_text("forgotten")
        (own_files(user, identity) / "new.md").write_text("new")
        await user.patch("/api/bot/scout", {"persona": {"name": "Wolf"}, "tags": []})
        restored = await user.post(f"/api/bot/scout/backup/{made.json['id']}/restore")
        assert (restored.status, restored.json["persona"], restored.json["tags"]) == (202, PERSONA, ["team"])
        await is_restored(user)
        assert [path.name for path in own_files(user, identity).iterdir()] == ["MEMORY.md"]
        assert (own_files(user, identity) / "MEMORY.md").read_text() == "I remember"
        assert [one["id"] for one in (await user.get("/api/bot/scout/backup")).json] == [made.json["id"]]
        assert (await user.delete(f"/api/bot/scout/backup/{made.json['id']}")).status == 204
        assert (await user.get("/api/bot/scout/backup")).json == []
        _only_the_bots_of(user, [identity])

    async def test_a_pinned_key_is_pinned_again(self, user: Api) -> None:
        key = {"vendor": "openai", "label": "main", "secret": "sk-test-0123456789abcdef0123"}
        key_id = (await user.post("/api/provider-key", key)).json["id"]
        pinned = [{"vendor": "openai", "models": ["gpt-5"], "key_id": key_id}]
        await create(user, providers=pinned, auto_start=False)
        made = (await user.post("/api/bot/scout/backup")).json
        loose = [{"vendor": "openai", "models": ["gpt-5"]}]
        assert (await user.patch("/api/bot/scout", {"providers": loose})).json["providers"][0][
            "key_id"
        ] is None
        restored = (await user.post(f"/api/bot/scout/backup/{made['id']}/restore")).json
        assert restored["providers"][0]["key_id"] == key_id
        await is_restored(user)

    async def test_what_a_killed_restore_left_is_done(
        self, user: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        identity = await with_memory(user)
        made = (await user.post("/api/bot/scout/backup")).json["id"]
        (own_files(user, identity) / "MEMORY.md").write_text("forgotten")
        with monkeypatch.context() as broken:
            broken.setattr(BotCopies, "_place", _full)
            assert (await user.post(f"/api/bot/scout/backup/{made}/restore")).status == 202
            status = await reaches(user, "error")
            assert status["code"] == "workspace_failed"
            assert (await user.get("/api/bot/scout")).json["is_restoring"] is True
            for refused in (
                await user.post(f"/api/bot/scout/backup/{made}/restore"),
                await user.delete(f"/api/bot/scout/backup/{made}"),
                await user.post("/api/bot/scout/backup"),
            ):
                assert (refused.status, refused.json["code"]) == (409, "bot_restoring")
        await is_restored(user)
        assert (own_files(user, identity) / "MEMORY.md").read_text() == "I remember"
        await reaches(user, "stopped")

    async def test_a_damaged_archive_is_told(self, user: Api) -> None:
        identity = await with_memory(user)
        made = (await user.post("/api/bot/scout/backup")).json["id"]
        path = user.installation.settings.data_dir / "backups" / str(identity) / f"{made}.tar.gz"
        whole = path.read_bytes()
        path.write_bytes(b"nothing")
        answer = await user.post(f"/api/bot/scout/backup/{made}/restore")
        assert (answer.status, answer.json["code"]) == (422, "bad_archive")
        special_file = packed({"bot.json": _settings_in(whole)}, special("files/link", tarfile.SYMTYPE))
        path.write_bytes(special_file)
        assert (await user.post(f"/api/bot/scout/backup/{made}/restore")).status == 202
        await is_restored(user)
        events = (await user.get("/api/bot/scout/events")).json["items"]
        assert "restore_failed" in [event["code"] for event in events]
        assert (own_files(user, identity) / "MEMORY.md").read_text() == "I remember"

    async def test_a_bot_that_runs_is_not_restored(self, user: Api) -> None:
        await with_memory(user, auto_start=True)
        await reaches(user, "running")
        made = (await user.post("/api/bot/scout/backup")).json
        answer = await user.post(f"/api/bot/scout/backup/{made['id']}/restore")
        assert (answer.status, answer.json["code"]) == (409, "bot_running")

    async def test_only_the_newest_are_kept(self, user: Api) -> None:
        identity = await with_memory(user)
        made = [(await user.post("/api/bot/scout/backup")).json["id"] for _ in range(12)]
        kept = [one["id"] for one in (await user.get("/api/bot/scout/backup")).json]
        assert kept == made[:1:-1]
        folder = user.installation.settings.data_dir / "backups" / str(identity)
        assert sorted(path.name for path in folder.iterdir()) == sorted(f"{one}.tar.gz" for one in kept)

    async def test_anothers_backup_is_not_there(self, user: Api, admin: Api) -> None:
        await with_memory(user)
        made = (await user.post("/api/bot/scout/backup")).json
        await create(admin)
        for call in (
            admin.post(f"/api/bot/scout/backup/{made['id']}/restore"),
            admin.delete(f"/api/bot/scout/backup/{made['id']}"),
        ):
            assert (await call).status == 404


async def test_what_killed_processes_left_half_made_goes(user: Api) -> None:
    copies: BotCopies = user.installation.services[BotCopies]
    drafts = user.installation.settings.data_dir / "drafts"
    (drafts / "old-1.files" / "deep").mkdir(parents=True)
    (drafts / "import-2.tar.gz").write_bytes(b"x")
    (drafts / "import-3.tar.gz").write_bytes(b"x")
    for name in ("old-1.files", "import-2.tar.gz"):
        os.utime(drafts / name, (1_000_000, 1_000_000))
    copies.sweep()
    assert [path.name for path in drafts.iterdir()] == ["import-3.tar.gz"]


class TestOfTheGone:
    async def test_their_last_lines_are_kept_and_their_backups_go(
        self, user: Api, admin: Api, runtime: FakeRuntime
    ) -> None:
        identity = await with_memory(user, auto_start=True)
        await reaches(user, "running")
        await user.post("/api/bot/scout/backup")
        await runtime.world.write(identity, f"my key is sk-proj-{'0123456789' * 5}")
        await runtime.world.write(identity, "farewell")
        await user.delete("/api/bot/scout")

        async def gone() -> bool:
            return (await user.get("/api/bot/scout")).status == 404

        await until(gone)
        (removed,) = (await user.get("/api/bot/removed")).json["items"]
        assert (removed["id"], removed["hostname"], removed["has_logs"]) == (str(identity), "scout", True)
        lines = (await user.get(f"/api/bot/removed/{identity}/logs")).json["lines"]
        assert lines[-1] == "farewell"
        assert "sk-proj" not in "".join(lines)
        assert (await admin.get("/api/bot/removed")).json["items"] == []
        assert (await admin.get(f"/api/bot/removed/{identity}/logs")).status == 404
        assert not (user.installation.settings.data_dir / "backups" / str(identity)).exists()


class TestLiveLogs:
    async def test_lines_come_as_they_are_written_until_the_bot_is_gone(
        self, user: Api, runtime: FakeRuntime
    ) -> None:
        await create(user, auto_start=True)
        await reaches(user, "running")
        identity = await bot_id(user)
        await runtime.world.write(identity, "first")
        seen: list[str] = []
        ended = False
        async for event in user.stream("/api/bot/scout/logs/follow?tail=1"):
            told = json.loads(event)
            seen += told.get("lines", [])
            ended = ended or told.get("ended", False)
            if seen == ["first"]:
                await runtime.world.write(identity, "second")
            elif "second" in seen and not ended:
                await user.delete("/api/bot/scout")
        assert seen == ["first", "second"]
        assert ended
