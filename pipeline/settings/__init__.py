"""Defines every setting: its type, default, bounds and purpose. Environment variables: `WHOSAID_<GROUP>__<NAME>`.

A variable ending in `_FILE` names a file that holds the value (for secrets). WHOSAID_CONFIG names a TOML file with the
same settings (pipeline.settings_file); a variable wins over it. Unknown names and bad values are refused at start with
the name. `whosaid settings` lists all of this.

Each module defines those of some parts (engines, stages, services, connectors, watching); `whole` brings them together,
`reading` reads them, `showing` tells them.
"""

from pipeline.settings.connectors import ConnectorSettings
from pipeline.settings.engines import ElasticsearchSettings, EmbeddedSettings, KafkaSettings
from pipeline.settings.reading import environment, load, origins
from pipeline.settings.services import AlertSettings, SearchSettings, ServerSettings
from pipeline.settings.showing import ADDRESSES, logins, secrets, shown, value_of
from pipeline.settings.stages import EnrichmentSettings, SinkSettings
from pipeline.settings.values import LocalPath, is_mail_address
from pipeline.settings.watching import MetricsSettings, TracingSettings
from pipeline.settings.whole import PREFIX, Settings, variables

__all__ = [
    "ADDRESSES",
    "PREFIX",
    "AlertSettings",
    "ConnectorSettings",
    "ElasticsearchSettings",
    "EmbeddedSettings",
    "EnrichmentSettings",
    "KafkaSettings",
    "LocalPath",
    "MetricsSettings",
    "SearchSettings",
    "ServerSettings",
    "Settings",
    "SinkSettings",
    "TracingSettings",
    "environment",
    "is_mail_address",
    "load",
    "logins",
    "origins",
    "secrets",
    "shown",
    "value_of",
    "variables",
]
