"""Settings: small nested models, read from the environment; a bad value stops the start and is named."""

from clawbot_manager.settings.load import SettingsError, load_settings
from clawbot_manager.settings.models import (
    DatabaseSettings,
    EgressSettings,
    LogSettings,
    ProxySettings,
    RuntimeSettings,
    SecuritySettings,
    ServerSettings,
    Settings,
    SimulatorSettings,
)

__all__ = [
    "DatabaseSettings",
    "EgressSettings",
    "LogSettings",
    "ProxySettings",
    "RuntimeSettings",
    "SecuritySettings",
    "ServerSettings",
    "Settings",
    "SettingsError",
    "SimulatorSettings",
    "load_settings",
]
