"""What the health and system routes give."""

from typing import Literal

from clawbot_manager.control.shared.schemas import Schema


class LiveOut(Schema):
    """The process answers."""

    status: Literal["ok"] = "ok"
    version: str


class CheckOut(Schema):
    """One thing that must work; `hint` says what to do when it does not."""

    name: str
    status: Literal["ok", "warning", "fail"]
    detail: str
    hint: str | None = None
    latency_ms: int | None = None


class ReadyOut(Schema):
    """Whether this process can serve, check by check."""

    status: Literal["ready", "not_ready"]
    checks: list[CheckOut]


class SystemOut(Schema):
    """What the console needs to know before anyone signs in."""

    version: str
    environment: Literal["embedded", "production"]
    needs_setup: bool
    sign_up_open: bool
    simulator_enabled: bool
    simulated_base_url: str
    runtime: str
    isolated: bool
    isolation_warning: str | None
