"""What the health and system routes give."""

from typing import Literal

from pydantic import Field

from clawbot_manager.control.shared.schemas import Input, Schema


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


class DiagnoseIn(Input):
    """`prompt`: also ask the model, which costs a few tokens."""

    prompt: bool = True


class BotCheckOut(Schema):
    """One thing that a bot needs. `name` and `code` are stable; `params` say of what, `advice` what to do."""

    name: Literal["key", "model", "instance", "disk", "gateway", "network", "prompt"]
    code: str
    status: Literal["pass", "warning", "fail", "skipped"]
    detail: str
    advice: str | None = None
    latency_ms: int = 0
    params: dict[str, str] = Field(default_factory=dict)


class DiagnosisOut(Schema):
    """All that was looked at for one bot; healthy when nothing fails."""

    healthy: bool
    checks: list[BotCheckOut]


class GaugeOut(Schema):
    """How much of something this machine has in use; `used` and `total` are bytes, or tasks and cores."""

    name: Literal["cpu", "memory", "disk", "load"]
    percent: float | None
    used: float | None
    total: float | None
    level: Literal["ok", "warning", "danger"]


class ContainerUseOut(Schema):
    """What the instance of one bot uses now; null where the runtime cannot tell."""

    hostname: str
    owner: str | None
    state: str
    cpu_percent: float | None = None
    memory_bytes: int | None = None
    memory_limit_bytes: int | None = None
    processes: int | None = None
    received_bytes: int | None = None
    sent_bytes: int | None = None
    uptime_seconds: int | None = None


class RouteLatencyOut(Schema):
    """How long routes of one kind took lately in this process, and the share of answers of 5xx."""

    group: str
    requests: int
    error_rate: float
    p50_ms: float | None
    p95_ms: float | None


class DiagnosticsOut(Schema):
    """How this machine, its bots and its API are."""

    gauges: list[GaugeOut]
    containers: list[ContainerUseOut]
    latency: list[RouteLatencyOut]


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
