"""The one HTTP client, and what it may connect to."""

from clawbot_manager.infra.http.client import GuardedConnector, guarded_session, read_up_to
from clawbot_manager.infra.http.egress import ALLOW_SETTING, EgressDeniedError, EgressPolicy, check_base_url

__all__ = [
    "ALLOW_SETTING",
    "EgressDeniedError",
    "EgressPolicy",
    "GuardedConnector",
    "check_base_url",
    "guarded_session",
    "read_up_to",
]
