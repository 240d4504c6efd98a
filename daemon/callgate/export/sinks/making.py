"""Which sink each type of receiver gets."""

from __future__ import annotations

from callgate.export.formats.record import Origin
from callgate.export.sinks.sink import Sink
from callgate.settings_export import SinkSettings, SinkType


def make(settings: SinkSettings, origin: Origin) -> Sink:
    """The sink of these settings; nothing is sent yet. A daemon loads the libraries of its own sinks only.

    Raises CallgateError where a library is missing.
    """
    match settings.type:
        case SinkType.FILE:
            from callgate.export.sinks.file import FileSink

            return FileSink(settings)
        case SinkType.SYSLOG:
            from callgate.export.sinks.syslog import SyslogSink

            return SyslogSink(settings, origin)
        case SinkType.OTLP:
            from callgate.export.sinks.otlp import OtlpSink

            return OtlpSink(settings, origin)
        case SinkType.HEC:
            from callgate.export.sinks.hec import HecSink

            return HecSink(settings, origin)
        case SinkType.ELASTIC:
            from callgate.export.sinks.elastic import ElasticSink

            return ElasticSink(settings)
        case SinkType.SENTINEL:
            from callgate.export.sinks.sentinel import SentinelSink

            return SentinelSink(settings)
        case SinkType.HTTPS:
            from callgate.export.sinks.https import HttpsSink

            return HttpsSink(settings)
        case SinkType.KAFKA:
            from callgate.export.sinks.kafka import KafkaSink

            return KafkaSink(settings)
