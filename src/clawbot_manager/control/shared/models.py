"""Tables that no domain owns alone."""

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from clawbot_manager.infra.db import Base


class DataPlaneVersion(Base):
    """One row: a number that grows in each transaction that changes what proxies look up.

    A proxy in another process asks for it a few times a second, and reads tokens and keys again when it grew.
    """

    __tablename__ = "data_plane_version"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(BigInteger)
