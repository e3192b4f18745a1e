"""The settings of the data plane as plain values, which a process without our settings takes too."""

from clawbot_manager.app.proxy_plan import ProxyPlan
from clawbot_manager.control.dataplane.plane import DataPlaneConfig, StoreConfig
from clawbot_manager.infra.db.drivers import driver_arguments
from clawbot_manager.infra.http.egress import EgressPolicy
from clawbot_manager.proxy.messages import ProxyConfig
from clawbot_manager.settings import Settings, SettingsError
from clawbot_manager.settings.secrets import InstallationSecrets
from clawbot_manager.vendors.catalog import load_catalog


def redaction_patterns() -> list[str]:
    """What the vendors' keys look like."""
    return [one.pattern for one in load_catalog().redaction_patterns]


def data_plane_config(settings: Settings, *, alone: bool = False) -> DataPlaneConfig:
    """How the data plane reads and writes; `alone` = in a proxy that is a process of its own."""
    driver = driver_arguments(settings.database_url)
    proxy = settings.proxy
    return DataPlaneConfig(
        store=StoreConfig(driver.dialect, driver.positional, driver.named),
        packs_usage=alone,
        bot_parallel=proxy.bot_parallel_requests,
        bot_per_minute=proxy.bot_requests_per_minute,
        poll_seconds=proxy.poll_seconds,
        flush_seconds=proxy.usage_flush_seconds,
        patience_seconds=proxy.usage_patience_seconds,
        queue_size=proxy.usage_queue_size,
        spool_dir=str((settings.data_dir / "spool").resolve()),
        spool_max_bytes=proxy.spool_max_bytes,
        log_requests=settings.log.requests,
        redact=redaction_patterns(),
    )


def proxy_config(settings: Settings) -> ProxyConfig:
    """How the proxy behaves."""
    return ProxyConfig(
        connect_timeout=settings.proxy.connect_timeout_seconds,
        read_timeout=settings.proxy.read_timeout_seconds,
        max_buffered_body=settings.proxy.max_json_body_bytes,
        simulator_enabled=settings.simulator_enabled,
    )


def proxy_plan(settings: Settings, secrets: InstallationSecrets) -> ProxyPlan:
    """All that a proxy in a process of its own needs to know.

    Raises:
        SettingsError: an entry of the allow-list is wrong.
    """
    egress_policy(settings)
    return ProxyPlan(
        data_plane=data_plane_config(settings, alone=True),
        proxy=proxy_config(settings),
        egress_allow=settings.egress.allow,
        egress_allow_http=settings.egress.allow_http,
        master_keys={str(version): key for version, key in secrets.master_keys.items()},
        token_secret=secrets.token_secret,
        log_level=settings.log.level,
        log_format=settings.log.format,
        data_dir=str(settings.data_dir.resolve()),
        keeps_memory_private=not settings.security.core_dumps,
    )


def egress_policy(settings: Settings) -> EgressPolicy:
    """Where the program may connect to on a user's word.

    Raises:
        SettingsError: an entry of the allow-list is wrong.
    """
    try:
        return EgressPolicy.from_entries(settings.egress.allow, allow_http=settings.egress.allow_http)
    except ValueError as error:
        raise SettingsError([f"CLAWBOT_EGRESS__ALLOW: {error}"]) from error
