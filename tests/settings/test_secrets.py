"""The installation's secrets: made once, kept private, refused when anybody could guess them."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from clawbot_manager.settings import Settings, SettingsError, load_settings
from clawbot_manager.settings import secrets as module
from clawbot_manager.settings.secrets import SECRETS_FILE, ensure_secrets, load_secrets

TEXTS = ("CLAWBOT_SECURITY__SESSION_SECRET", "CLAWBOT_SECURITY__TOKEN_SECRET", "PROXY_ADMIN_TOKEN")
KEY = base64.b64encode(hashlib.sha256(b"a key of the tests").digest()).decode()
OTHER_KEY = base64.b64encode(hashlib.sha256(b"another key of the tests").digest()).decode()
GOOD = {"BOT_MASTER_KEY": f"1:{KEY}"} | {name: secrets.token_urlsafe(48) for name in TEXTS}


def embedded(tmp_path: Path, **environ: str) -> Settings:
    return load_settings({"CLAWBOT_DATA_DIR": str(tmp_path / "data"), **environ})


def production(tmp_path: Path, environ: dict[str, str]) -> Settings:
    return embedded(tmp_path, CLAWBOT_ENVIRONMENT="production", **environ)


def problems_of(settings: Settings) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_secrets(settings)
    return caught.value.problems


class TestEnsure:
    def test_makes_a_private_file_of_good_secrets_once(self, tmp_path: Path) -> None:
        settings = embedded(tmp_path)
        assert ensure_secrets(settings)
        path = settings.data_dir / SECRETS_FILE
        before = path.read_bytes()
        assert path.stat().st_mode & 0o777 == 0o600
        assert settings.data_dir.stat().st_mode & 0o777 == 0o700
        assert [one.name for one in settings.data_dir.iterdir()] == [SECRETS_FILE]
        load_secrets(settings)
        assert not ensure_secrets(settings)
        assert path.read_bytes() == before

    def test_two_installations_share_no_secret(self, tmp_path: Path) -> None:
        one, other = embedded(tmp_path / "a"), embedded(tmp_path / "b")
        ensure_secrets(one)
        ensure_secrets(other)
        lines = [set((s.data_dir / SECRETS_FILE).read_text().split()) for s in (one, other)]
        assert not lines[0] & lines[1]

    def test_at_once_only_one_makes_it_and_all_see_the_same(self, tmp_path: Path) -> None:
        settings = embedded(tmp_path)

        def start(_number: int) -> tuple[bool, dict[int, bytes]]:
            made = ensure_secrets(settings)
            return made, load_secrets(settings).master_keys

        with ThreadPoolExecutor(8) as threads:
            results = list(threads.map(start, range(32)))
        assert sum(made for made, _ in results) == 1
        assert all(keys == results[0][1] for _, keys in results)

    @pytest.mark.parametrize("hard_links", [True, False])
    def test_one_that_appeared_meanwhile_is_not_replaced(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hard_links: bool
    ) -> None:
        path = tmp_path / SECRETS_FILE
        path.write_text("theirs")
        if not hard_links:
            monkeypatch.setattr(os, "link", _no_hard_links)
        assert not module._write_once(path, "ours")
        assert path.read_text() == "theirs"
        assert list(tmp_path.iterdir()) == [path]

    def test_a_file_system_without_hard_links_does(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "link", _no_hard_links)
        settings = embedded(tmp_path)
        assert ensure_secrets(settings)
        load_secrets(settings)

    def test_a_link_that_leads_nowhere_is_not_followed(self, tmp_path: Path) -> None:
        settings = embedded(tmp_path)
        settings.data_dir.mkdir()
        (settings.data_dir / SECRETS_FILE).symlink_to(tmp_path / "elsewhere")
        assert not ensure_secrets(settings)
        assert not (tmp_path / "elsewhere").exists()

    def test_a_failed_write_leaves_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(_descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        settings = embedded(tmp_path)
        with pytest.raises(OSError, match="No space"):
            ensure_secrets(settings)
        assert list(settings.data_dir.iterdir()) == []

    def test_production_invents_nothing(self, tmp_path: Path) -> None:
        settings = production(tmp_path, {})
        assert not ensure_secrets(settings)
        assert not settings.data_dir.exists()
        assert [line.split(":")[0] for line in problems_of(settings)] == [*TEXTS, "BOT_MASTER_KEY"]

    def test_production_does_not_read_the_file(self, tmp_path: Path) -> None:
        ensure_secrets(embedded(tmp_path))
        assert len(problems_of(production(tmp_path, {}))) == 4


def _no_hard_links(*_paths: object) -> None:
    raise PermissionError(1, "Operation not permitted")


class TestLoad:
    def test_the_environment_beats_the_file(self, tmp_path: Path) -> None:
        ensure_secrets(embedded(tmp_path))
        given = embedded(tmp_path, PROXY_ADMIN_TOKEN=GOOD["PROXY_ADMIN_TOKEN"])
        assert load_secrets(given).proxy_admin_token == GOOD["PROXY_ADMIN_TOKEN"]
        assert load_secrets(given).session_secret == load_secrets(embedded(tmp_path)).session_secret

    @pytest.mark.parametrize("name", TEXTS)
    @pytest.mark.parametrize(
        "bad",
        [
            "",
            "Zq4tV9xK2mLr8WpB6nYs3HdC7gJf5Ta",  # 31
            "a" * 64,
            "abcabcd" * 10,
            "Zq4tV9xK2mLr8WpB" * 4,
            "0123456789abcdefghijklmnopqrstuvwxyz",
            "changeme-changeme-changeme-changeme",
            "please-CHANGE-this-in-production-01",
            "my-super-secret-key-for-the-proxy-99",
            "Zq4tV9xK2mLr8WpB 6nYs3HdC7gJf5TaE0u",
            "Zq4tV9xK2mLr8WpB6nYs3HdC7gJf5TaE\n",
        ],
    )
    def test_a_guessable_secret_is_refused_by_name_and_not_shown(
        self, tmp_path: Path, name: str, bad: str
    ) -> None:
        (problem,) = problems_of(production(tmp_path, GOOD | {name: bad}))
        assert problem.startswith(f"{name}: ")
        assert not bad or bad not in problem

    def test_an_empty_one_does_not_fall_back_to_the_file(self, tmp_path: Path) -> None:
        ensure_secrets(embedded(tmp_path))
        for name in GOOD:
            (problem,) = problems_of(embedded(tmp_path, **{name: ""}))
            assert problem.startswith(f"{name}: ")

    def test_equal_secrets_are_refused(self, tmp_path: Path) -> None:
        same = GOOD | {TEXTS[1]: GOOD[TEXTS[0]]}
        assert "must all differ" in problems_of(production(tmp_path, same))[0]
        assert "must differ" in problems_of(production(tmp_path, GOOD | {TEXTS[0]: KEY}))[0]

    @pytest.mark.parametrize(
        "bad",
        [
            "",
            ",",
            KEY,
            f"one:{KEY}",
            f"0:{KEY}",
            f"-1:{KEY}",
            f"1_0:{KEY}",
            "1:",
            f"1:{KEY[:-4]}",
            f"1:{KEY}!",
            "1:" + base64.b64encode(base64.b64decode(KEY)[:16]).decode(),
            "1:" + base64.b64encode(bytes(32)).decode(),
            "1:" + base64.b64encode(bytes(range(32))).decode(),
            "1:" + base64.b64encode(b"0123456789abcdef" * 2).decode(),
            f"1:{KEY},1:{OTHER_KEY}",
            f"1:{KEY},2:short",
        ],
    )
    def test_a_bad_master_key_is_refused_and_not_shown(self, tmp_path: Path, bad: str) -> None:
        (problem,) = problems_of(production(tmp_path, GOOD | {"BOT_MASTER_KEY": bad}))
        assert problem.startswith("BOT_MASTER_KEY: ")
        assert KEY[:8] not in problem

    def test_master_keys_rotate_by_version(self, tmp_path: Path) -> None:
        newer = secrets.token_bytes(32)
        text = f"1:{KEY}, 2:{base64.b64encode(newer).decode()},"
        loaded = load_secrets(production(tmp_path, GOOD | {"BOT_MASTER_KEY": text}))
        assert loaded.master_keys == {1: base64.b64decode(KEY), 2: newer}

    def test_a_repr_hides_them(self, tmp_path: Path) -> None:
        loaded = load_secrets(production(tmp_path, GOOD))
        assert repr(loaded) == "InstallationSecrets()"

    def test_random_secrets_are_never_refused(self) -> None:
        assert all(module._is_strong(secrets.token_hex(16)) for _ in range(2000))
        assert not any(module._is_patterned(secrets.token_bytes(32)) for _ in range(2000))

    def test_a_file_of_garbage_is_told(self, tmp_path: Path) -> None:
        settings = embedded(tmp_path)
        settings.data_dir.mkdir()
        (settings.data_dir / SECRETS_FILE).write_bytes(b"\xff\xfe=\x00")
        assert "not a text file" in problems_of(settings)[0]
