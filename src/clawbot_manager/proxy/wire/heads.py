"""Heads that were understood once: connections that send the same one share what it means."""

from clawbot_manager.proxy.pipeline import Pipeline
from clawbot_manager.proxy.route import Route
from clawbot_manager.proxy.wire.request import HeadMemo, ParsedRequest, parse_request, without_digits

_MOST_SHARED = 500
_MOST_SEEN = 4_000
_LONGEST_SHARED = 4 << 10  # 2 MiB of heads at most, and as much again for what they mean


class Heads:
    """Reads heads strictly, and finds their routes.

    A bot's head that comes a second time is kept, for as long as the tokens stand: its connections differ in
    nothing but the lengths of their bodies. One that names a trace of its own never comes again, and
    strangers get no room here. `largest`: of the bodies that are held.
    """

    def __init__(self, pipeline: Pipeline, largest: int) -> None:
        self._pipeline = pipeline
        self._largest = largest
        self._epoch = -1
        self._shared: dict[tuple[bytes, bytes], HeadMemo] = {}
        self._seen: set[int] = set()

    def understand(self, raw: bytes) -> tuple[ParsedRequest, Route, int, HeadMemo | None]:
        """The request of a head, blank line included, its route, its body's length (0 = none, or not told),
        and what to compare the next head with, unless this one is not plain enough.

        Raises:
            BadRequestError: it is not valid, or ambiguous in where its body ends.
        """
        pipeline = self._pipeline
        if self._epoch != pipeline.tokens.epoch:
            self._epoch = pipeline.tokens.epoch
            self._shared.clear()
        place = without_digits(raw)
        memo = self._shared.get(place)
        found = memo.match(raw) if memo is not None and self.stands(memo) else None
        if memo is not None and found is not None:
            return memo.request, memo.route, found[1], memo
        request = parse_request(raw)
        upgrades = request.upgrade and request.http11
        route = pipeline.socket(request.head) if upgrades else pipeline.route(request.head)
        memo = None
        # a length that is not where its digits can be told from the rest stays a matter of strict reading
        if request.is_plain and (request.length is None or place[1]):
            memo = HeadMemo(*place, request, route, epoch=self._epoch, largest=self._largest)
            if route.bot is not None and not route.trace_given and len(raw) <= _LONGEST_SHARED:
                self._keep(place, memo)
        return request, route, request.length or 0, memo

    def stands(self, memo: HeadMemo) -> bool:
        """Whether what a memo holds is still true: no token has changed or expired since."""
        if memo.epoch != self._pipeline.tokens.epoch:
            return False
        return not memo.expires or memo.route.is_live(self._pipeline.clock.now())

    def _keep(self, place: tuple[bytes, bytes], memo: HeadMemo) -> None:
        seen, mark = self._seen, hash(place)
        if mark not in seen:
            if len(seen) >= _MOST_SEEN:
                seen.clear()
            seen.add(mark)
            return
        if len(self._shared) >= _MOST_SHARED:
            self._shared.clear()
        self._shared[place] = memo
