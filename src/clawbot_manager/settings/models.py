"""The settings themselves. Every name is `CLAWBOT_<GROUP>__<NAME>`, but for the well-known ones in `load`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

HttpUrlText = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/?#@\\]+(/[^\s?#]*)?$")]


SQLITE_FILE = "clawbot-manager.sqlite3"


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class ServerSettings(_Group):
    """Where the program listens and how it is reached."""

    host: str = "127.0.0.1"
    port: int = Field(default=7100, ge=1, le=65535)
    public_url: HttpUrlText | None = Field(
        default=None, description="How people reach it; from host and port when unset"
    )
    max_body_bytes: int = Field(
        default=1024 * 1024, ge=1024, description="Largest body of a control-plane request"
    )


class DatabaseSettings(_Group):
    """SQLite in the data directory unless `DATABASE_URL` says otherwise."""

    # not in a repr: a URL of a database holds its password
    url: str | None = Field(default=None, repr=False)
    read_url: str | None = Field(default=None, repr=False)
    pool_size: int = Field(default=10, ge=1, le=200)


class SecuritySettings(_Group):
    """Secrets and sign-in. All four secrets are made by `up` on its first start when they are not given."""

    master_key: SecretStr | None = Field(
        default=None,
        description="BOT_MASTER_KEY: `1:<base64 of 32 bytes>`, comma-separated versions; the highest seals",
    )
    session_secret: SecretStr | None = None
    token_secret: SecretStr | None = None
    proxy_admin_token: SecretStr | None = None
    core_dumps: bool = False
    sign_up: Literal["open", "closed"] = "open"
    access_token_seconds: int = Field(default=900, ge=60, le=3600)
    refresh_token_days: int = Field(default=30, ge=1, le=365)


class ProxySettings(_Group):
    """The data plane."""

    url_for_bots: HttpUrlText | None = Field(
        default=None, description="Base URL of the proxy as the bots reach it"
    )
    connect_timeout_seconds: float = Field(default=10, gt=0)
    read_timeout_seconds: float = Field(default=300, gt=0)
    max_json_body_bytes: int = Field(default=32 * 1024 * 1024, ge=1024)
    bot_parallel_requests: int = Field(default=0, ge=0)
    bot_requests_per_minute: int = Field(default=0, ge=0)
    egress_port: int = Field(
        default=7101,
        ge=1,
        le=65535,
        description="Where bots find the way to hosts they may reach",
    )
    workers: int = Field(default=1, ge=1, le=64)
    poll_seconds: float = Field(default=0.2, gt=0, le=60)
    usage_flush_seconds: float = Field(default=0.2, gt=0, le=10)
    usage_patience_seconds: float = Field(default=2, gt=0, le=60)
    usage_queue_size: int = Field(default=100_000, ge=100)
    spool_max_bytes: int = Field(default=256 * 1024 * 1024, ge=0)


class RuntimeSettings(_Group):
    """Where bots run."""

    kind: str = Field(default="auto", description="auto, docker, process, or a driver installed as a package")
    docker_url: str | None = None
    agent: Literal["auto", "builtin", "openclaw"] = Field(
        default="auto", description="What a bot is when nobody says: openclaw in containers, else builtin"
    )
    image: str = Field(default="clawbot-manager/builtin-bot:latest", description="Image of the built-in bot")
    openclaw_image: str = "clawbot-manager/openclaw:2026.9.6"
    firewall: bool = Field(default=True, description="Keep bots from this host's other ports (needs root)")
    first_port: int = Field(default=9200, ge=1024, le=65000)
    reconcile_seconds: float = Field(default=10, gt=0)
    ready_timeout_seconds: float | None = Field(
        default=None, gt=0, description="How long a bot may take to answer; the agent's own when unset"
    )
    stop_grace_seconds: float | None = Field(
        default=None, gt=0, description="How long a bot may take to end; the agent's own when unset"
    )
    proof: bool = Field(default=True, description="A new instance must get one prompt answered")
    proof_timeout_seconds: float = Field(default=90, gt=0)
    proof_again_hours: float | None = Field(
        default=None, gt=0, description="Ask each bot again after so long; never when unset"
    )
    archive_max_bytes: int = Field(
        default=256 * 1024 * 1024, ge=1024, description="Largest export, import or backup of a bot, unpacked"
    )
    backups_kept: int = Field(default=10, ge=1, le=1000, description="Backups of one bot")
    kept_logs_days: int = Field(default=30, ge=1, description="How long the logs of deleted bots are kept")
    max_parallel: int = Field(default=8, ge=1, le=64)
    max_starting: int = Field(default=4, ge=1, le=64, description="Bots that start at the same time")


class EgressSettings(_Group):
    """Outbound safety for base URLs that users give."""

    allow: list[str] = Field(
        default_factory=list, description="Private targets that are allowed: host, host:port or CIDR"
    )
    allow_http: bool = False


class SimulatorSettings(_Group):
    """The simulated provider for newcomers; never in production."""

    enabled: bool = True


class LogSettings(_Group):
    """Logs go to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "console", "json"] = "auto"
    requests: Literal["all", "failed", "none"] = "all"


class Settings(_Group):
    """Everything that can be set, in one value that is handed down; there is no global."""

    environment: Literal["embedded", "production"] = "embedded"
    data_dir: Path = Path("data")
    server: ServerSettings = ServerSettings()
    database: DatabaseSettings = DatabaseSettings()
    security: SecuritySettings = SecuritySettings()
    proxy: ProxySettings = ProxySettings()
    runtime: RuntimeSettings = RuntimeSettings()
    egress: EgressSettings = EgressSettings()
    simulator: SimulatorSettings = SimulatorSettings()
    log: LogSettings = LogSettings()

    @property
    def simulator_enabled(self) -> bool:
        """Whether simulated answers are served; production never does."""
        return self.simulator.enabled and self.environment != "production"

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL of the database, with the driver this program uses."""
        if self.database.url is None:
            return f"sqlite+aiosqlite:///{(self.data_dir / SQLITE_FILE).resolve()}"
        return normalise_database_url(self.database.url)

    @property
    def public_url(self) -> str:
        """How people reach the console, without a trailing slash."""
        if self.server.public_url:
            return self.server.public_url.rstrip("/")
        return f"http://{_url_host(self.server.host)}:{self.server.port}"

    @property
    def proxy_url_for_bots(self) -> str:
        """The base URL that goes into a bot's configuration, without a trailing slash."""
        if self.proxy.url_for_bots:
            return self.proxy.url_for_bots.rstrip("/")
        return f"http://{_url_host(self.server.host)}:{self.server.port}/api/v1"


def _url_host(host: str) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - read, not bound
    return f"[{host}]" if ":" in host else host


def normalise_database_url(url: str) -> str:
    """The URL with the async driver this program ships: aiosqlite or psycopg."""
    scheme, separator, rest = url.partition("://")
    driver = {
        "sqlite": "sqlite+aiosqlite",
        "postgres": "postgresql+psycopg",
        "postgresql": "postgresql+psycopg",
    }.get(scheme, scheme)
    return f"{driver}{separator}{rest}"
