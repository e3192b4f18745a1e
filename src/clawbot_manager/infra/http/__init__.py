"""The one HTTP client, and what it may connect to.

The client is loaded when it is first asked for: who only needs the policy (the proxy) does without aiohttp.
"""

from typing import TYPE_CHECKING, Any

from clawbot_manager.infra.http.egress import ALLOW_SETTING, EgressDeniedError, EgressPolicy, check_base_url

if TYPE_CHECKING:
    from clawbot_manager.infra.http.client import GuardedConnector, guarded_session, read_up_to

__all__ = [
    "ALLOW_SETTING",
    "EgressDeniedError",
    "EgressPolicy",
    "GuardedConnector",
    "check_base_url",
    "guarded_session",
    "read_up_to",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(name)
    from clawbot_manager.infra.http import client  # noqa: PLC0415

    return getattr(client, name)
