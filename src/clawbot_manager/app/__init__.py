"""The composition root: the only package that knows every part. What the command line calls stands here.

It is loaded when it is first asked for: a proxy that runs alone (`proxy_role`) does without nearly all of it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clawbot_manager.app.program import (
        create_admin,
        doctor,
        openapi,
        prepare,
        serve,
        up,
        upgrade_database,
        verify_audit,
        welcome,
    )

__all__ = ["create_admin", "doctor", "openapi", "prepare", "serve", "up", "upgrade_database"]
__all__ += ["verify_audit", "welcome"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(name)
    from clawbot_manager.app import program  # noqa: PLC0415

    return getattr(program, name)
