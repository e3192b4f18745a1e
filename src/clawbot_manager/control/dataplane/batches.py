"""Usage on its way from a proxy that runs alone: many records in one value, cheap to store."""

from collections.abc import Sequence

import msgspec

from clawbot_manager.control.dataplane.store import StoredBatch
from clawbot_manager.proxy.ports import UsageRecord

_encode = msgspec.msgpack.Encoder(uuid_format="bytes").encode
_decode = msgspec.msgpack.Decoder(list[UsageRecord]).decode


class BadBatchError(Exception):
    """The bytes are no batch, or one that this version does not understand."""


def pack(first_id: str, records: Sequence[UsageRecord]) -> StoredBatch:
    """The records in one value; their rows have the ids from this one on, as the batch has.

    Raises:
        TypeError, ValueError, OverflowError: one of the records is not what it should be.
    """
    return StoredBatch(first_id, _encode(records))


def unpack(batch: StoredBatch) -> list[UsageRecord]:
    """The records, also of a version of the program whose records lack the last fields or have more.

    Raises:
        BadBatchError: see there.
    """
    try:
        return _decode(batch.body)
    except ValueError as error:  # msgspec's own
        raise BadBatchError(str(error)) from error
