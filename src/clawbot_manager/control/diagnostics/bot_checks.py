"""What is wrong with a bot: everything that it needs is looked at, side by side, each bounded in time."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from time import perf_counter
from urllib.parse import urlsplit

from clawbot_manager.control.bots.brief import agent_of, keys_for, providers_of
from clawbot_manager.control.bots.gateway import GatewayClient
from clawbot_manager.control.bots.making import Maker
from clawbot_manager.control.bots.models import Bot
from clawbot_manager.control.bots.proof import Prover
from clawbot_manager.control.bots.schemas import BotProvider
from clawbot_manager.control.bots.service import BotService
from clawbot_manager.control.diagnostics.schemas import BotCheckOut, DiagnosisOut
from clawbot_manager.control.shared.caller import Caller
from clawbot_manager.control.vault import repository as vault
from clawbot_manager.control.vault.models import ProviderKey
from clawbot_manager.control.vault.service import KeyProber
from clawbot_manager.infra.db import Database
from clawbot_manager.kit.clock import Clock
from clawbot_manager.kit.errors import ProblemError
from clawbot_manager.runtimes.base import (
    Instance,
    InstanceFailedError,
    InstanceNotFoundError,
    InstanceState,
    Runtime,
    RuntimeUnavailableError,
)

_CHECK_SECONDS = 30.0
_REACH_SECONDS = 10.0
_LOW_DISK_BYTES = 512 * 1024 * 1024
_OUTSIDE = ("1.1.1.1", 443)

Checks = Sequence[BotCheckOut]


class BotDiagnosis:
    """Looks at one bot for its owner."""

    def __init__(
        self,
        database: Database,
        bots: BotService,
        runtime: Runtime,
        maker: Maker,
        gateway: GatewayClient,
        prover: Prover,
        prober: KeyProber,
        clock: Clock,
        data_dir: Path,
        proxy_url: Callable[[], str | None],
    ) -> None:
        self._database = database
        self._bots = bots
        self._runtime = runtime
        self._maker = maker
        self._gateway = gateway
        self._prover = prover
        self._prober = prober
        self._clock = clock
        self._data_dir = data_dir
        self._proxy_url = proxy_url

    async def diagnose(self, caller: Caller, hostname: str, *, prompt: bool) -> DiagnosisOut:
        """Everything that this bot needs; one check that fails hides no other.

        Raises:
            BotNotFoundError.
        """
        async with self._database.reading() as tx:
            bot = await self._bots.get(tx, caller, hostname)
            keys = await vault.all_of(tx, caller)
        groups = [self._timed(self._provider(bot, one, keys)) for one in providers_of(bot)]
        groups += [self._timed(self._instance(bot, prompt=prompt)), self._timed(self._disk())]
        checks = [check for group in await asyncio.gather(*groups) for check in group]
        return DiagnosisOut(healthy=all(check.status != "fail" for check in checks), checks=checks)

    @staticmethod
    async def _timed(run: Awaitable[Checks]) -> Checks:
        began = perf_counter()
        checks = await run
        spent = round((perf_counter() - began) * 1000)
        for check in checks:
            check.latency_ms = check.latency_ms or spent
        return checks

    # ---- keys and models

    async def _provider(self, bot: Bot, provider: BotProvider, keys: Sequence[ProviderKey]) -> Checks:
        about = {"vendor": provider.vendor}
        usable = [key for key in keys_for(bot, provider, keys) if key.enabled]
        if not usable:
            advice = "Add a key for this vendor under Provider keys, or enable one."
            missing = f"There is no key that the bot may use for {provider.vendor}."
            return [_check("key", "no_key", "fail", missing, advice, about)]
        found: list[BotCheckOut] = []
        for key in usable[:3]:  # the free checks of a large pool would take long and say no more
            found.append(await self._key(key, {**about, "key": key.label}))
            if found[-1].status == "pass":
                return [found[-1], await self._models(provider, key)]
        return found

    async def _key(self, key: ProviderKey, about: dict[str, str]) -> BotCheckOut:
        state = key.state_at(self._clock.now())
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                verdict = await self._prober.check(key)
        except (ProblemError, TimeoutError) as error:
            detail = error.detail if isinstance(error, ProblemError) else "The vendor did not answer in time."
            return _check("key", "not_checked", "warning", detail, None, about)
        if verdict.result == "ok" and state in {"active", "cooling"}:
            return _check("key", "ok", "pass", verdict.detail, None, about)
        advice = {
            "bad_key": "Replace its secret, or delete it.",
            "empty": "Pay in at the vendor, or add another key.",
        }.get(verdict.result)
        status = "fail" if verdict.result in {"bad_key", "empty"} else "warning"
        return _check("key", verdict.result, status, verdict.detail, advice, about)

    async def _models(self, provider: BotProvider, key: ProviderKey) -> BotCheckOut:
        about = {"vendor": provider.vendor, "models": ", ".join(provider.models)}
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                offered = await self._prober.models(key)
        except (ProblemError, TimeoutError):
            return _check("model", "not_listed", "skipped", "The vendor gave no list of models.", None, about)
        if offered.source != "vendor":
            return _check("model", "no_list", "skipped", "This vendor has no list to look in.", None, about)
        known = {name.removeprefix("models/") for name in offered.models}
        missing = [model for model in provider.models if model not in known]
        if missing:
            detail = f"The key's list of models does not name: {', '.join(missing)}."
            advice = "Check the spelling, or whether the account has access to it."
            return _check("model", "not_in_list", "warning", detail, advice, about)
        return _check("model", "ok", "pass", "The vendor lists all of its models.", None, about)

    # ---- the instance and what can be asked of it

    async def _instance(self, bot: Bot, *, prompt: bool) -> Checks:
        try:
            instance = await self._runtime.inspect(bot.id)
        except RuntimeUnavailableError as error:
            advice = "Start the container engine, or look at System."
            return [_check("instance", "runtime_unavailable", "fail", f"{error}.", advice)]
        first = _seen(bot, instance)
        if instance is None or instance.state is not InstanceState.RUNNING or instance.endpoint is None:
            rest = [
                _check(name, "not_running", "skipped", "The bot does not run.")
                for name in ("gateway", "network", "prompt")
            ]
            return [first, *rest]
        endpoint = instance.endpoint
        gateway, network = await asyncio.gather(self._answers(bot, endpoint), self._network(bot))
        return [first, gateway, network, await self._prompt(bot, endpoint, wanted=prompt)]

    async def _answers(self, bot: Bot, endpoint: str) -> BotCheckOut:
        problem = await self._gateway.ready(endpoint, self._maker.operator_token(bot))
        if problem is None:
            return _check("gateway", "ok", "pass", "The bot's gateway answers and knows its token.")
        return _check("gateway", "not_ready", "fail", f"{problem}.", "Look at its logs, or restart it.")

    async def _network(self, bot: Bot) -> BotCheckOut:
        target = urlsplit(self._proxy_url() or "")
        if target.hostname is None:
            return _check("network", "unknown", "skipped", "Where bots reach the proxy is not known yet.")
        port = target.port or (443 if target.scheme == "https" else 80)
        try:
            inside, outside = await asyncio.gather(
                self._reaches(bot, target.hostname, port), self._reaches(bot, *_OUTSIDE)
            )
        except (InstanceFailedError, InstanceNotFoundError, RuntimeUnavailableError) as error:
            return _check("network", "not_looked", "skipped", f"{error}.")
        about = {"proxy": f"{target.hostname}:{port}"}
        if not inside:
            advice = "Look at the firewall of this machine, and restart the bot."
            return _check("network", "no_proxy", "fail", "The bot cannot reach the proxy.", advice, about)
        if outside:
            advice = "Remove the container from other networks: it is not isolated."
            return _check("network", "way_out", "fail", "The bot reaches the internet.", advice, about)
        return _check(
            "network", "ok", "pass", "The bot reaches the proxy, and not the internet.", None, about
        )

    async def _reaches(self, bot: Bot, host: str, port: int) -> bool:
        command = agent_of(bot).reach(host, port)
        return (await self._runtime.run(bot.id, command, seconds=_REACH_SECONDS)).exit_code == 0

    async def _prompt(self, bot: Bot, endpoint: str, *, wanted: bool) -> BotCheckOut:
        if not wanted:
            return _check("prompt", "not_wanted", "skipped", "No prompt was wanted.")
        proof = await self._prover.prove(bot, endpoint, self._maker.operator_token(bot))
        status = "pass" if proof.hop is None else "fail"
        check = _check("prompt", proof.hop or "ok", status, proof.detail)
        check.latency_ms = proof.latency_ms
        return check

    async def _disk(self) -> Checks:
        free = await asyncio.to_thread(lambda: shutil.disk_usage(self._data_dir).free)
        detail = f"{free // (1024 * 1024)} MiB are free where bots have their files."
        if free < _LOW_DISK_BYTES:
            return [
                _check("disk", "low", "warning", detail, "Make room: what bots write fails when it is full.")
            ]
        return [_check("disk", "ok", "pass", detail)]


def _seen(bot: Bot, instance: Instance | None) -> BotCheckOut:
    if bot.desired != "running":
        return _check("instance", "not_wanted", "skipped", "The bot is not meant to run.")
    if instance is None:
        return _check("instance", "missing", "fail", "The bot has no instance.", "It is made anew by itself.")
    about = {"instance": instance.instance_id[:12]}
    if instance.drift:
        detail = f"It was changed by other hands: {', '.join(instance.drift)}."
        return _check("instance", "drift", "warning", detail, "It is put right by itself.", about)
    if instance.state is not InstanceState.RUNNING:
        detail = f"Its instance is {instance.state}" + (f": {instance.detail}." if instance.detail else ".")
        return _check(
            "instance", instance.state, "fail", detail, "It is started by itself; see its logs.", about
        )
    if bot.failures > 1:
        detail = f"Its instance runs, after {bot.failures} tries."
        return _check("instance", "restarted", "warning", detail, "See its history.", about)
    return _check("instance", "ok", "pass", "Its instance runs as it was asked for.", None, about)


def _check(
    name: str,
    code: str,
    status: str,
    detail: str,
    advice: str | None = None,
    params: dict[str, str] | None = None,
) -> BotCheckOut:
    told = {"name": name, "code": code, "status": status, "detail": detail, "advice": advice}
    return BotCheckOut.model_validate({**told, "params": params or {}})
