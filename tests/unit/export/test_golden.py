"""Each kind of event in each format: as in its golden file, and right by the format's own published definition."""

import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from callgate.audit.kinds.record import KINDS
from callgate.export.formats import ocsf
from callgate.export.formats.meaning import MEANINGS, severity
from exported import DETAILS, GOLDEN, ORIGIN, rendered, samples
from google.protobuf import json_format
from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

RENDERED = list(rendered())
EVENTS = Path(__file__).parents[3] / "docs" / "events.md"


@pytest.mark.parametrize(("path", "text"), RENDERED, ids=[f"{path.parent.name}-{path.stem}" for path, _ in RENDERED])
def test_an_event_is_written_as_in_its_golden_file(path: Path, text: str) -> None:
    assert text == path.read_text()


def test_there_is_no_golden_file_of_a_kind_that_is_gone() -> None:
    assert {path for path in GOLDEN.rglob("*.*") if path.is_file()} == {path for path, _ in RENDERED}


def test_every_kind_that_is_documented_or_has_a_meaning_has_golden_files() -> None:
    table = EVENTS.read_text().split("## Kinds", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    documented = {kind for row in rows for kind in re.findall(r"`([a-z]+\.[a-z]+)`", row.split("|")[1])}
    ours = {kind for kind in documented if kind in MEANINGS}
    assert ours | set(MEANINGS) <= set(DETAILS)


def test_every_kind_of_the_schema_has_a_meaning_and_golden_files() -> None:
    assert sorted(set(KINDS) - set(MEANINGS)) == [], "add it in export/formats/meaning.py"
    assert sorted(set(KINDS) - set(DETAILS)) == [], "add a sample in tests/fakes/exported.py, and run that"


def test_kinds_have_the_class_that_their_noun_says() -> None:
    api = {kind for kind in MEANINGS if kind.split(".")[0] in ("call", "hook", "prompt", "tools")}
    api |= {"model.asked", "model.answered"}
    assert {MEANINGS[kind].ocsf for kind in api} == {6003}
    assert {MEANINGS[f"server.{done}"].ocsf for done in ("launched", "started", "ended")} == {1007}
    assert {one.ocsf for kind, one in MEANINGS.items() if kind.startswith("finding.")} == {2004}


def test_a_finding_is_as_severe_as_it_says() -> None:
    found = {one.event.kind: severity(one.event) for one in samples() if "severity" in one.event.detail}
    assert found == {
        "finding.unasked": 4,
        "finding.missing": 2,
        "finding.changed": 4,
        "finding.bypassed": 3,
    }


@pytest.fixture(scope="module")
def schema() -> OcsfJsonSchemaEmbedded:
    """OCSF 1.8.0 as published, from a package that carries it."""
    return OcsfJsonSchemaEmbedded(get_ocsf_schema("1.8.0"))


@pytest.mark.parametrize("record", list(samples()), ids=lambda record: record.event.kind)
def test_an_event_is_valid_ocsf_1_8(record: Any, schema: OcsfJsonSchemaEmbedded) -> None:
    event = json.loads(ocsf.text(record, ORIGIN, old=True))
    name = schema.lookup_class_name_from_uid(event["class_uid"])
    wanted = schema.get_class_schema(name, event["metadata"]["profiles"])
    problems = [f"{list(one.absolute_path)}: {one.message}" for one in Draft202012Validator(wanted).iter_errors(event)]
    assert not problems
    assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]


def test_the_schema_would_find_a_mistake(schema: OcsfJsonSchemaEmbedded) -> None:
    event = json.loads(ocsf.text(next(samples()), ORIGIN, old=True))
    wanted = Draft202012Validator(schema.get_class_schema("api_activity", event["metadata"]["profiles"]))
    assert wanted.is_valid(event)
    assert not wanted.is_valid({**event, "surplus": 1})
    assert not wanted.is_valid({name: value for name, value in event.items() if name != "api"})
    assert not wanted.is_valid({**event, "severity_id": 17})


@pytest.mark.parametrize("record", list(samples()), ids=lambda record: record.event.kind)
def test_ocsf_1_9_adds_the_chain_and_the_agent_to_1_8_and_nothing_else(record: Any) -> None:
    old, new = (json.loads(ocsf.text(record, ORIGIN, old=old)) for old in (True, False))
    links = new.pop("attestation_list")
    new.pop("ai_agent", None)
    assert new["metadata"].pop("version") == "1.9.0" and old["metadata"].pop("version") == "1.8.0"
    new["metadata"]["profiles"].remove("record_integrity")
    assert new == old
    (link,) = links
    assert link["uid"] == record.row.hash and link["chain_uid"] == ORIGIN.uid
    if record.row.seq > 1:
        assert link["prev_event"]["fingerprint"]["value"] == record.previous
        assert link["prev_event"]["uid"] == f"{ORIGIN.uid}-{record.row.seq - 1}-{record.previous[:16]}"


def canonical(value: Any) -> str:
    """RFC 8785 for values without floats that need care, written apart from the code under test."""
    if isinstance(value, dict):
        items = sorted(value.items(), key=lambda item: item[0].encode("utf-16-be"))
        return "{" + ",".join(f"{canonical(key)}:{canonical(item)}" for key, item in items) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


@pytest.mark.parametrize("record", list(samples()), ids=lambda record: record.event.kind)
def test_the_fingerprint_is_that_of_the_whole_event_without_it(record: Any) -> None:
    event = json.loads(ocsf.text(record, ORIGIN))
    fingerprint = event["attestation_list"][0].pop("fingerprint")
    assert fingerprint["value"] == sha256(canonical(event).encode()).hexdigest()
    assert (fingerprint["algorithm_id"], fingerprint["serialization_id"]) == (3, 2)


def hex_ids(record: dict[str, Any]) -> dict[str, Any]:
    """OTLP writes ids in hex where protobuf's own JSON has base64: the one difference between the two."""
    import base64

    return {
        name: base64.b64encode(bytes.fromhex(value)).decode() if name in ("traceId", "spanId") else value
        for name, value in record.items()
    }


@pytest.mark.parametrize("path", sorted((GOLDEN / "otlp").glob("*.json")), ids=lambda path: path.stem)
def test_a_log_record_and_a_span_are_valid_by_the_protocol_of_opentelemetry(path: Path) -> None:
    log, *spans = map(json.loads, path.read_text().splitlines())
    logs = json_format.ParseDict(
        {"resourceLogs": [{"scopeLogs": [{"logRecords": [hex_ids(log)]}]}]}, ExportLogsServiceRequest()
    )
    (one,) = logs.resource_logs[0].scope_logs[0].log_records
    assert one.event_name == f"callgate.{path.stem}" and one.time_unix_nano > 0
    for span in spans:
        found = json_format.ParseDict(
            {"resourceSpans": [{"scopeSpans": [{"spans": [hex_ids(span)]}]}]}, ExportTraceServiceRequest()
        )
        (two,) = found.resource_spans[0].scope_spans[0].spans
        assert two.start_time_unix_nano <= two.end_time_unix_nano and len(two.trace_id) == 16 and len(two.span_id) == 8


@pytest.mark.parametrize("path", sorted((GOLDEN / "cef").glob("*.txt")), ids=lambda path: path.stem)
def test_a_cef_line_is_one_line_whose_parts_can_be_told_apart(path: Path) -> None:
    (line,) = path.read_text().splitlines()
    head = re.split(r"(?<!\\)\|", line, maxsplit=7)
    assert len(head) == 8 and head[0] == "CEF:0" and 0 <= int(head[6]) <= 10
    keys = re.findall(r"(?:^| )(\w+)=", head[7])
    assert len(keys) == len(set(keys)) and {"rt", "externalId", "msg"} <= set(keys)


@pytest.mark.parametrize("path", sorted((GOLDEN / "ecs").glob("*.json")), ids=lambda path: path.stem)
def test_an_ecs_document_uses_the_categories_and_types_that_the_schema_allows(path: Path) -> None:
    event = json.loads(path.read_text())["event"]
    categories = {"api", "configuration", "file", "host", "intrusion_detection", "package", "process", "session"}
    types = {"access", "change", "creation", "deletion", "denied", "end", "info", "installation", "start"}
    assert set(event["category"]) <= categories and set(event["type"]) <= types
    assert event["kind"] in ("event", "alert") and event["outcome"] in ("success", "failure", "unknown")
