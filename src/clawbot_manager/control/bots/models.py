"""Tables of the bots domain."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from clawbot_manager.control.bots.schemas import AgentName, BotState, EventLevel, Health
from clawbot_manager.control.shared.owned import Owned
from clawbot_manager.infra.db import Base, Json
from clawbot_manager.kit.ids import uuid7

Desired = Literal["running", "stopped", "deleted"]

_LIVE = text("deleted_at IS NULL")


class Bot(Owned, Base):
    """A bot: what its owner wants (`desired`, `config`) beside what was last seen (`state` and on).

    `image` None is the installation's for this agent. `previous_image` is what an upgrade goes back to until
    the new one has proved itself. `applied` is a digest of the settings that its instance was made with, see
    `brief.made_with`. `proved_revision` is the instance revision with which a prompt came back last.
    `restoring` is the backup whose files are still to be put back.
    """

    __tablename__ = "bots"
    __table_args__ = (
        Index(
            "uq_bots_owner_hostname",
            "owner_id",
            "hostname",
            unique=True,
            sqlite_where=_LIVE,
            postgresql_where=_LIVE,
        ),
        Index("uq_bots_node_port", "node", "port", unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    name: Mapped[str] = mapped_column(String(255))
    hostname: Mapped[str] = mapped_column(String(64))
    config: Mapped[dict[str, Any]] = mapped_column(Json)
    desired: Mapped[Desired] = mapped_column(String(16))
    revision: Mapped[int]
    sealed_operator_token: Mapped[str] = mapped_column(Text)
    agent: Mapped[AgentName] = mapped_column(String(32))
    image: Mapped[str | None] = mapped_column(String(255))
    previous_image: Mapped[str | None] = mapped_column(String(255))
    node: Mapped[str] = mapped_column(String(64))
    port: Mapped[int | None]

    state: Mapped[BotState] = mapped_column(String(16))
    health: Mapped[Health] = mapped_column(String(16))
    code: Mapped[str | None] = mapped_column(String(64))
    detail: Mapped[str | None] = mapped_column(String(500))
    observed_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    failures: Mapped[int]
    retry_at: Mapped[datetime | None]
    applied: Mapped[str | None] = mapped_column(String(64))
    proved_revision: Mapped[int | None]
    proved_at: Mapped[datetime | None]
    restoring: Mapped[UUID | None]

    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]

    def __repr__(self) -> str:
        return f"Bot(id={self.id}, hostname={self.hostname!r}, state={self.state!r})"

    @property
    def seal_context(self) -> str:
        """What the sealed operator token is bound to."""
        return f"bots.sealed_operator_token:{self.id}:{self.owner_kind}:{self.owner_id}"


class BotToken(Base):
    """A proxy token, as a keyed hash: the instance's own, or a named one for the owner's clients."""

    __tablename__ = "bot_tokens"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    bot_id: Mapped[UUID] = mapped_column(ForeignKey("bots.id", ondelete="CASCADE"), index=True)
    kind: Mapped[Literal["instance", "client"]] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(100))
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    hint: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class BotBackup(Base):
    """What is known of a bot's archive on disk."""

    __tablename__ = "bot_backups"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    bot_id: Mapped[UUID] = mapped_column(ForeignKey("bots.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(String(32))


class BotEvent(Base):
    """Something that happened to a bot, for its owner to read; `code` is stable, `detail` explains."""

    __tablename__ = "bot_events"
    __table_args__ = (Index("ix_bot_events_bot_id_id", "bot_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    bot_id: Mapped[UUID] = mapped_column(ForeignKey("bots.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    level: Mapped[EventLevel] = mapped_column(String(16))
    code: Mapped[str] = mapped_column(String(64))
    detail: Mapped[str | None] = mapped_column(String(500))
