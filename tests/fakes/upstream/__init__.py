"""A provider that speaks the dialects, on a real socket: in the test's process, or as one of its own.

    python -m tests.fakes.upstream --port 9000 --log seen.jsonl --key sk-real

It answers under any base path, cuts its streams at awkward places, refuses keys it does not know, and notes
every request. The model's name steers it: `break` cuts the connection in mid-stream, `stall` sends one
event and then nothing, `silent` sends nothing at all, `echo-stream-options` refuses `stream_options`.
"""

from tests.fakes.upstream.mock import MockUpstream
from tests.fakes.upstream.records import Canned, Seen
from tests.fakes.upstream.shapes import TEXT, chat_events, message_events
from tests.fakes.upstream.strict import RecordedUpstream

__all__ = ["TEXT", "Canned", "MockUpstream", "RecordedUpstream", "Seen", "chat_events", "message_events"]
