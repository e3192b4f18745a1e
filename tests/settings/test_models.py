"""What the settings say beyond their values."""

from __future__ import annotations

import pytest

from clawbot_manager.settings import Settings, load_settings


def test_production_never_has_the_simulator() -> None:
    on = {"CLAWBOT_SIMULATOR__ENABLED": "true"}
    assert load_settings(on).simulator_enabled
    assert not load_settings({"CLAWBOT_SIMULATOR__ENABLED": "false"}).simulator_enabled
    assert not load_settings(on | {"CLAWBOT_ENVIRONMENT": "production"}).simulator_enabled


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:7100"),
        ("0.0.0.0", "http://127.0.0.1:7100"),
        ("::", "http://[::1]:7100"),
        ("fd00::1", "http://[fd00::1]:7100"),
    ],
)
def test_urls_come_from_the_listening_address(host: str, url: str) -> None:
    settings = load_settings({"CLAWBOT_SERVER__HOST": host})
    assert settings.public_url == url
    assert settings.proxy_url_for_bots == f"{url}/api/v1"


def test_given_urls_lose_their_last_slash() -> None:
    settings = load_settings(
        {
            "CLAWBOT_SERVER__PUBLIC_URL": "https://b.example/x/",
            "CLAWBOT_PROXY__URL_FOR_BOTS": "http://p:1/api/v1/",
        }
    )
    assert settings.public_url == "https://b.example/x"
    assert settings.proxy_url_for_bots == "http://p:1/api/v1"


def test_a_repr_shows_no_secret() -> None:
    secret = "Zq4tV9xK2mLr8WpB6nYs3HdC7gJf5TaE"
    environ = {
        "BOT_MASTER_KEY": f"1:{secret}",
        "CLAWBOT_SECURITY__SESSION_SECRET": secret,
        "CLAWBOT_SECURITY__TOKEN_SECRET": secret,
        "PROXY_ADMIN_TOKEN": secret,
        "DATABASE_URL": f"postgresql://u:{secret}@h/d",
        "READ_DATABASE_URL": f"postgresql://u:{secret}@h/d",
    }
    assert secret not in repr(load_settings(environ)) + str(load_settings(environ))


def test_two_settings_share_nothing() -> None:
    Settings().egress.allow.append("10.0.0.1")
    assert Settings().egress.allow == []
