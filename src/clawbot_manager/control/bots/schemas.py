"""What the bot routes take and give."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from clawbot_manager.control.shared.schemas import FreeText, Input, Label, OwnerOut, Schema, Tag, Timestamp

BotState = Literal["draft", "created", "starting", "running", "stopping", "stopped", "error", "deleting"]
Health = Literal["healthy", "unhealthy", "unknown"]
Voice = Literal["alloy", "echo", "fable", "onyx", "nova", "shimmer"]
SessionScope = Literal["user", "channel", "global"]
AgentName = Literal["builtin", "openclaw"]
EventLevel = Literal["info", "warning", "error"]

Hostname = Annotated[
    str, StringConstraints(min_length=2, max_length=64, pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])$")
]
EgressHost = Annotated[
    str,
    StringConstraints(
        max_length=253, pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}(:[0-9]{1,5})?$"
    ),
]
Egress = Annotated[
    list[EgressHost],
    Field(
        max_length=50, description="Hosts (`name` or `name:port`, 443 by default) the bot may reach itself"
    ),
]
ImageRef = Annotated[
    str,
    StringConstraints(
        max_length=255,
        pattern=r"^[a-z0-9][a-z0-9._/:-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$",
    ),
]
ModelId = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x20\x7f]+$")]


class BotProvider(Input):
    """A vendor the bot may use. `key_id` pins one key; without it the bot draws from the owner's pool."""

    vendor: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    models: Annotated[list[ModelId], Field(min_length=1, max_length=50)]
    primary_model: ModelId | None = Field(
        default=None, description="One of `models`; the first when left out"
    )
    key_id: UUID | None = None

    @model_validator(mode="after")
    def _primary_is_listed(self) -> "BotProvider":
        if self.primary_model is None:
            self.primary_model = self.models[0]
        if self.primary_model not in self.models:
            raise ValueError("primary_model must be one of models")
        return self


class Persona(Input):
    """Who the bot is."""

    name: Annotated[FreeText, StringConstraints(min_length=1, max_length=100)]
    soul_markdown: Annotated[FreeText, StringConstraints(max_length=20_000)] = ""
    emoji: Annotated[FreeText, StringConstraints(max_length=16)] | None = None


class Features(Input):
    """What the bot can do besides talking."""

    commands: bool = True
    tts: bool = False
    voice: Voice = "alloy"
    sandbox: bool = False
    sandbox_timeout_seconds: int = Field(default=30, ge=5, le=300)
    session_scope: SessionScope = "user"


class BotLimits(Input):
    """What the bot's instance may use; what is left out is the agent's default."""

    memory_mb: int | None = Field(default=None, ge=32, le=1_048_576)
    cpus: float | None = Field(default=None, ge=0.05, le=1024)
    processes: int | None = Field(default=None, ge=8, le=100_000)


class BotIn(Input):
    """A new bot."""

    name: Annotated[FreeText, StringConstraints(min_length=1, max_length=255)]
    hostname: Hostname
    providers: Annotated[list[BotProvider], Field(min_length=1, max_length=25)]
    persona: Persona | None = None
    persona_template_id: UUID | None = None
    features: Features = Features()
    tags: Annotated[list[Tag], Field(max_length=20)] = Field(default_factory=list)
    agent: AgentName | None = Field(
        default=None, description="The program the bot is; the installation's default when left out"
    )
    limits: BotLimits = BotLimits()
    egress: Egress = Field(default_factory=list)
    auto_start: bool = True


class BotCloneIn(Input):
    """Another bot of the same settings; with the bot's own files if wanted, never with its tokens."""

    hostname: Hostname
    name: Annotated[FreeText, StringConstraints(min_length=1, max_length=255)] | None = None
    with_files: bool = False
    auto_start: bool = True


class BackupOut(Schema):
    """A bot as it was: its settings and its own files, no secret."""

    id: UUID
    created_at: Timestamp
    size_bytes: int
    reason: str


class RemovedBotOut(Schema):
    """A bot that was deleted; its last lines are kept for a while."""

    id: UUID
    hostname: str
    name: str
    deleted_at: Timestamp
    has_logs: bool


class BotPatch(Input):
    """What to change; what is left out stays. Limits and `egress` take effect at the next restart."""

    name: Annotated[FreeText, StringConstraints(min_length=1, max_length=255)] | None = None
    providers: Annotated[list[BotProvider], Field(min_length=1, max_length=25)] | None = None
    persona: Persona | None = None
    features: Features | None = None
    tags: Annotated[list[Tag], Field(max_length=20)] | None = None
    limits: BotLimits | None = None
    egress: Egress | None = None


class BotUpgradeIn(Input):
    """Another image for the bot; the installation's own for its agent when left out."""

    image: ImageRef | None = None


class BotStatus(Schema):
    """What is known about the bot now; `detail` says why when something is wrong."""

    state: BotState
    desired: Literal["running", "stopped", "deleted"]
    health: Health
    detail: str | None
    code: str | None = Field(description="A stable code for `detail`")
    observed_at: Timestamp | None


class BotSummary(Schema):
    """A bot in a list."""

    id: UUID
    owner: OwnerOut
    name: str
    hostname: str
    emoji: str | None
    status: BotStatus
    vendors: list[str]
    primary_model: str
    is_simulated: bool = Field(description="True when a provider of this bot is the simulated one")
    created_at: Timestamp


class BotOut(BotSummary):
    """A bot, whole."""

    providers: list[BotProvider]
    persona: Persona
    features: Features
    tags: list[str]
    agent: AgentName
    limits: BotLimits
    egress: list[str]
    image: str | None = Field(description="What its instance is made from, where the runtime has images")
    upgrade: str | None = Field(description="The installation's image for this agent, when it is another one")
    is_upgrading: bool
    is_restoring: bool = Field(description="True while the files of a backup are put back")
    is_pending_restart: bool = Field(description="True when changes wait for a restart")
    port: int | None
    runtime: str
    isolation_warning: str | None
    started_at: Timestamp | None
    proved_at: Timestamp | None = Field(description="When a prompt last came back through the proxy")
    updated_at: Timestamp


class BotCounts(Schema):
    """How many bots are in which state."""

    total: int
    by_state: dict[BotState, int]


class BotStatsOut(Schema):
    """What a bot uses now; null where the runtime cannot tell."""

    cpu_percent: float | None = None
    memory_bytes: int | None = None
    memory_limit_bytes: int | None = None
    processes: int | None = None
    received_bytes: int | None = None
    sent_bytes: int | None = None
    uptime_seconds: int | None = None


class BotEventOut(Schema):
    """Something that happened to a bot."""

    id: UUID
    at: Timestamp
    level: EventLevel
    code: str
    detail: str | None


class BotLogsOut(Schema):
    """The last lines that the bot wrote, oldest first."""

    lines: list[str]


class ChatIn(Input):
    """One message to the bot. `conversation` continues one; leave it out for a new one."""

    message: Annotated[FreeText, StringConstraints(min_length=1, max_length=32_000)]
    conversation: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = None


class BotTokenIn(Input):
    """A proxy token for the owner's own client of this bot's budget and keys."""

    name: Label
    expires_in_days: int | None = Field(default=None, ge=1, le=3650)


class BotTokenOut(Schema):
    """A proxy token, without the token."""

    id: UUID
    name: str
    kind: Literal["instance", "client"]
    hint: str
    created_at: Timestamp
    expires_at: Timestamp | None


class BotTokenCreated(BotTokenOut):
    """The answer to making one: the only time the token is shown, with the base URL to use it at."""

    token: str = Field(repr=False)
    base_urls: dict[str, str] = Field(description="Vendor -> base URL to give to that vendor's SDK")


class OrphanOut(Schema):
    """Something that belongs to no bot any more."""

    kind: Literal["instance", "workspace", "token", "network", "image"]
    id: str
    hostname: str | None
    detail: str
    created_at: Timestamp | None = None
    size_bytes: int | None = None


class CleanupIn(Input):
    """Dry run by default: says what would go."""

    dry_run: bool = True
    ids: list[Annotated[str, StringConstraints(max_length=200)]] | None = Field(
        default=None, max_length=1000, description="Only these; all when left out"
    )


class CleanupOut(Schema):
    """What was (or would be) removed."""

    dry_run: bool
    removed: list[OrphanOut]
    failed: list[dict[str, Any]] = Field(default_factory=list)
