"""Asks vendors about keys, with requests that cost nothing."""

from time import perf_counter

import aiohttp
import structlog

from clawbot_manager.control.dataplane.snapshot import open_key
from clawbot_manager.control.vault.models import ProviderKey as KeyRow
from clawbot_manager.control.vault.schemas import KeyCheckOut, ModelsOut
from clawbot_manager.infra.crypto.secretbox import SecretBox, SecretBoxError
from clawbot_manager.infra.http import EgressDeniedError, EgressPolicy, guarded_session, read_up_to
from clawbot_manager.kit.clock import Clock
from clawbot_manager.kit.errors import UnavailableError
from clawbot_manager.vendors.addressing import NoBaseUrlError
from clawbot_manager.vendors.checks import (
    CheckRequest,
    Verdict,
    answer_locally,
    judge,
    judge_failure,
    key_check,
    models_list,
    parse_models,
)
from clawbot_manager.vendors.records import Catalog, Vendor

_log = structlog.get_logger(__name__)

_TIMEOUT = aiohttp.ClientTimeout(total=15, sock_connect=5)
_MAX_BODY = 4 * 1024 * 1024

_DETAILS = {
    "ok": "The vendor accepts the key.",
    "bad_key": "The vendor refuses the key. Check it, and that it belongs to this region or plan.",
    "unknown": "The vendor's answer says nothing about the key ({reason}). Its state stays as it was.",
}


class VendorProber:
    """The vault's `KeyProber`."""

    def __init__(self, catalog: Catalog, box: SecretBox, policy: EgressPolicy, clock: Clock) -> None:
        self._catalog = catalog
        self._box = box
        self._policy = policy
        self._clock = clock

    async def check(self, key: KeyRow) -> KeyCheckOut:
        """Whether the vendor takes the key; "unknown" when its answer does not tell."""
        vendor, secret = self._open(key)
        started = perf_counter()
        try:
            request = key_check(vendor, secret, base_url=key.base_url, api_type=key.api_type)
            status, body = await self._send(request)
            verdict = judge(vendor, status, body, api_type=key.api_type)
        except NoBaseUrlError:
            verdict = judge_failure("no base URL")
        except EgressDeniedError as error:
            verdict = judge_failure(error.detail)
        except (aiohttp.ClientError, TimeoutError) as error:
            verdict = judge_failure("time-out" if isinstance(error, TimeoutError) else "no connection")
        return self._result(verdict, perf_counter() - started)

    def _result(self, verdict: Verdict, seconds: float) -> KeyCheckOut:
        reason = " ".join(str(part) for part in (verdict.reason, verdict.status) if part is not None)
        return KeyCheckOut(
            result=verdict.outcome,
            detail=_DETAILS[verdict.outcome].format(reason=reason or "no reason"),
            latency_ms=round(seconds * 1000),
            checked_at=self._clock.now(),
        )

    async def models(self, key: KeyRow) -> ModelsOut:
        """The vendor's list for the key; the catalogue's when the vendor gives none."""
        vendor, secret = self._open(key)
        found: list[str] = []
        try:
            request = models_list(vendor, secret, base_url=key.base_url, api_type=key.api_type)
            status, body = await self._send(request)
            if status == 200:
                found = parse_models(vendor, body, api_type=key.api_type)
        except (NoBaseUrlError, EgressDeniedError, aiohttp.ClientError, TimeoutError) as error:
            _log.info("models.not_listed", vendor=vendor.id, error=type(error).__name__)
        if found:
            return ModelsOut(models=found, source="vendor")
        return ModelsOut(models=[*vendor.model_ids.flagship, *vendor.model_ids.cheap], source="catalogue")

    def _open(self, key: KeyRow) -> tuple[Vendor, str]:
        try:
            return self._catalog.vendors[key.vendor], open_key(key, self._box).secret
        except SecretBoxError as error:
            raise UnavailableError(
                "The stored key cannot be opened with BOT_MASTER_KEY. Restore that, or replace the secret."
            ) from error

    async def _send(self, request: CheckRequest) -> tuple[int, bytes]:
        if (answered := answer_locally(request)) is not None:
            return answered
        async with (
            guarded_session(self._policy, timeout=_TIMEOUT) as session,
            session.request(
                request.method, request.url, headers=dict(request.headers), allow_redirects=False
            ) as answer,
        ):
            return answer.status, await read_up_to(answer, _MAX_BODY)
