"""Asks vendors about keys, with requests that cost nothing."""

from collections.abc import Sequence
from time import perf_counter

import aiohttp
import structlog

from clawbot_manager.control.vault.models import ProviderKey as KeyRow
from clawbot_manager.control.vault.schemas import KeyCheckOut, ModelsOut
from clawbot_manager.infra.crypto.secretbox import SecretBox, SecretBoxError
from clawbot_manager.infra.http import EgressDeniedError, EgressPolicy, guarded_session, read_up_to
from clawbot_manager.kit.clock import Clock
from clawbot_manager.kit.errors import UnavailableError
from clawbot_manager.vendors.addressing import NoAddressError, NoBaseUrlError, other_places
from clawbot_manager.vendors.checks import (
    CheckRequest,
    Verdict,
    answer_locally,
    balance_check,
    judge,
    judge_balance,
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
    "empty": "The vendor accepts the key, but says that the account's money or quota is used up.",
    "bad_key": "The vendor refuses the key.{elsewhere}",
    "unknown": "The vendor's answer says nothing about the key ({reason}). Its state stays as it was.",
}

_ELSEWHERE = " If it belongs to another region or plan, set that one's base URL: {places}."


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
            verdict = await self._ask(vendor, secret, key)
        except NoBaseUrlError:
            verdict = judge_failure("no base URL")
        except NoAddressError:
            verdict = judge_failure("its plan has nothing that could be asked for free")
        except EgressDeniedError as error:
            verdict = judge_failure(error.detail)
        except (aiohttp.ClientError, TimeoutError) as error:
            verdict = judge_failure("time-out" if isinstance(error, TimeoutError) else "no connection")
        return self._result(verdict, perf_counter() - started, other_places(vendor, key.base_url))

    async def _ask(self, vendor: Vendor, secret: str, key: KeyRow) -> Verdict:
        """Is the key good, and where the vendor tells: is there money?"""
        request = key_check(vendor, secret, base_url=key.base_url, api_type=key.api_type)
        status, body = await self._send(request)
        verdict = judge(vendor, status, body, api_type=key.api_type)
        about_money = balance_check(vendor, secret, base_url=key.base_url, api_type=key.api_type)
        if verdict.outcome != "ok" or about_money is None:
            return verdict
        if about_money != request:
            try:
                status, body = await self._send(about_money)
            except (aiohttp.ClientError, TimeoutError):
                return verdict
        return judge_balance(vendor, verdict, status, body)

    def _result(self, verdict: Verdict, seconds: float, places: Sequence[str]) -> KeyCheckOut:
        reason = " ".join(str(part) for part in (verdict.reason, verdict.status) if part is not None)
        return KeyCheckOut(
            result=verdict.outcome,
            has_money=verdict.has_money,
            detail=_DETAILS[verdict.outcome].format(
                reason=reason or "no reason",
                elsewhere=_ELSEWHERE.format(places=", ".join(places)) if places else "",
            ),
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
        except (NoAddressError, EgressDeniedError, aiohttp.ClientError, TimeoutError) as error:
            _log.info("models.not_listed", vendor=vendor.id, error=type(error).__name__)
        if found:
            return ModelsOut(models=found, source="vendor")
        return ModelsOut(models=[*vendor.model_ids.flagship, *vendor.model_ids.cheap], source="catalogue")

    def _open(self, key: KeyRow) -> tuple[Vendor, str]:
        try:
            return self._catalog.vendors[key.vendor], _secret_of(key, self._box)
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


def _secret_of(key: KeyRow, box: SecretBox) -> str:
    """The key's secret in the clear; "" for a vendor that needs none."""
    return box.open(key.sealed_secret, context=key.seal_context) if key.sealed_secret else ""
