"""The database: SQLite or PostgreSQL behind one small class."""

from clawbot_manager.infra.db.base import Base, Json, UtcDateTime
from clawbot_manager.infra.db.database import Database, Transaction
from clawbot_manager.infra.db.leader import Leadership

__all__ = ["Base", "Database", "Json", "Leadership", "Transaction", "UtcDateTime"]
