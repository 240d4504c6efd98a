"""Which sink each type of receiver gets."""

from __future__ import annotations

from callgate.export.formats.record import Origin
from callgate.export.sinks.elastic import ElasticSink
from callgate.export.sinks.file import FileSink
from callgate.export.sinks.sink import Sink
from callgate.settings_export import SinkSettings, SinkType


def make(settings: SinkSettings, origin: Origin) -> Sink:
    """The sink of these settings; nothing is sent yet. Raises CallgateError where a library is missing."""
    from callgate.export.sinks.hec import HecSink
    from callgate.export.sinks.https import HttpsSink
    from callgate.export.sinks.otlp import OtlpSink
    from callgate.export.sinks.sentinel import SentinelSink
    from callgate.export.sinks.syslog import SyslogSink

    match settings.type:
        case SinkType.FILE:
            return FileSink(settings)
        case SinkType.SYSLOG:
            return SyslogSink(settings, origin)
        case SinkType.OTLP:
            return OtlpSink(settings, origin)
        case SinkType.HEC:
            return HecSink(settings, origin)
        case SinkType.ELASTIC:
            return ElasticSink(settings)
        case SinkType.SENTINEL:
            return SentinelSink(settings)
        case SinkType.HTTPS:
            return HttpsSink(settings)
        case SinkType.KAFKA:
            from callgate.export.sinks.kafka import KafkaSink  # its library is an extra

            return KafkaSink(settings)
