"""HTTP receivers that keep to the real protocols (OTLP, HEC, `_bulk`, Sentinel with Entra, a plain collector), and can
fail in the ways of real ones: before and after they have taken what was sent.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

TOKEN = "right-token"
HEC_ERRORS = {"auth": (403, {"text": "Invalid token", "code": 4}), "data": (400, {"text": "Invalid data", "code": 6})}
MEGABYTE = 1 << 20

Said = tuple[int, Any]


class Receiver:
    """All protocols on one port. `taken` holds the ids that it keeps, in order of arrival, repeats included.

    `faults` are used up one a request: "500" (nothing kept), "500 kept", "429", "garbage" (200 with a page of HTML,
    nothing kept), "cut" (kept, but the answer breaks off), "slow" (kept, but too late), "lose" (HEC: said to be taken,
    and gone), "" (all is well).
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.faults: list[str] = []
        self.taken: list[str] = []
        self.poison: set[str] = set()
        """Endings of ids, `-SEQ-`, that it will never take."""
        self.busy: set[str] = set()
        """Likewise, ids that `_bulk` puts off once."""
        self.spans = 0
        self.requests: list[str] = []
        self.patience = threading.Event()
        """What a slow answer waits for."""
        self.lock = threading.Lock()
        self.acks: dict[tuple[str, int], bool] = {}
        self._tls = tls
        self._port = 0
        self._server: ThreadingHTTPServer | None = None
        self.start()

    def __enter__(self) -> Receiver:
        return self

    def __exit__(self, *_: object) -> None:
        self.patience.set()
        self.stop()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://localhost:{self._port}"

    def start(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 30

            def do_POST(self) -> None:
                receiver.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *_: object) -> None:
                pass

        self._server = Server(("127.0.0.1", self._port), Handler)
        if self._tls:
            self._server.socket = self._tls.wrap_socket(self._server.socket, server_side=True)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Nobody listens any more; open connections end with their next answer."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def answer(self, to: BaseHTTPRequestHandler) -> None:
        body = to.rfile.read(int(to.headers.get("Content-Length", 0)))
        if to.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        with self.lock:
            self.requests.append(to.path)
            asks = to.path.endswith(("/ack", "/token"))
            fault = self.faults.pop(0) if self.faults and not asks else ""
            said: Said
            if self._server is None:
                to.close_connection = True
                return
            if fault in ("500", "429", "garbage"):
                said = (200, "<html>Please log in</html>") if fault == "garbage" else (int(fault), {"error": "not now"})
            else:
                said = self._route(to, body, fault)
        if fault == "slow":
            self.patience.wait(20)
        if fault == "500 kept":
            said = (500, {"error": "after all"})
        self._say(to, said, cut=fault == "cut")

    def _route(self, to: BaseHTTPRequestHandler, body: bytes, fault: str) -> Said:
        path = to.path.partition("?")[0]
        for end, serve in self._routes().items():
            if path.endswith(end) or path.startswith(end):
                return serve(to, body, fault)
        return 404, {"error": path}

    def _routes(self) -> dict[str, Callable[[BaseHTTPRequestHandler, bytes, str], Said]]:
        return {
            "/v1/logs": self._otlp_logs,
            "/v1/traces": self._otlp_traces,
            "/_bulk": self._bulk,
            "/services/collector/event": self._hec,
            "/services/collector/ack": self._hec_ack,
            "/oauth2/v2.0/token": self._entra,
            "/dataCollectionRules": self._sentinel,
            "/collect": self._collect,
        }

    def _say(self, to: BaseHTTPRequestHandler, said: Said, *, cut: bool) -> None:
        status, body = said
        data = body.encode() if isinstance(body, str) else b"" if body is None else json.dumps(body).encode()
        with contextlib.suppress(OSError):
            to.send_response(status)
            if status == 429:
                to.send_header("Retry-After", "1")
            to.send_header("Content-Type", "application/json")
            if status != 204:
                to.send_header("Content-Length", str(len(data) + 10 * cut))
            to.end_headers()
            to.wfile.write(data)
        if cut:
            to.close_connection = True

    def _is_poison(self, uid: str) -> bool:
        return any(one in uid for one in self.poison)

    def _take(self, uids: list[str]) -> bool:
        if any(map(self._is_poison, uids)):
            return False
        self.taken += uids
        return True

    def _collect(self, to: BaseHTTPRequestHandler, body: bytes, _: str) -> Said:
        if to.headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"error": "who are you"}
        events = [json.loads(line) for line in body.splitlines()]
        return (200, {}) if self._take([event["metadata"]["uid"] for event in events]) else (400, {"error": "poison"})

    def _otlp_logs(self, _to: BaseHTTPRequestHandler, body: bytes, _: str) -> Said:
        try:
            said = json_format.Parse(_base64_ids(body), ExportLogsServiceRequest())
        except json_format.ParseError as error:
            return 400, {"message": str(error)}
        uids = [
            next(pair.value.string_value for pair in record.attributes if pair.key == "log.record.uid")
            for resource in said.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]
        good = [uid for uid in uids if not self._is_poison(uid)]
        self.taken += good
        if len(good) == len(uids):
            return 200, {}
        return 200, {"partialSuccess": {"rejectedLogRecords": str(len(uids) - len(good)), "errorMessage": "poison"}}

    def _otlp_traces(self, _to: BaseHTTPRequestHandler, body: bytes, _: str) -> Said:
        said = json_format.Parse(_base64_ids(body), ExportTraceServiceRequest())
        self.spans += sum(len(scope.spans) for one in said.resource_spans for scope in one.scope_spans)
        return 200, {"partialSuccess": {}}

    def _bulk(self, to: BaseHTTPRequestHandler, body: bytes, _: str) -> Said:
        if to.headers.get("Authorization") != f"ApiKey {TOKEN}" or not body.endswith(b"\n"):
            return 401, {"error": "who are you"}
        lines = [json.loads(line) for line in body.splitlines()]
        items = []
        for action, document in zip(lines[::2], lines[1::2], strict=True):
            uid = action["create"]["_id"]
            status = 201
            if uid in self.taken:
                status = 409
            elif "@timestamp" not in document or self._is_poison(uid):
                status = 400
            elif any(one in uid for one in self.busy):
                status, self.busy = 429, {one for one in self.busy if one not in uid}
            else:
                self.taken.append(uid)
            items.append({"create": {"_id": uid, "status": status, **({"error": "no"} if status > 299 else {})}})
        return 200, {"took": 1, "errors": any(item["create"]["status"] > 299 for item in items), "items": items}

    def _hec(self, to: BaseHTTPRequestHandler, body: bytes, fault: str) -> Said:
        channel = to.headers.get("X-Splunk-Request-Channel", "")
        if to.headers.get("Authorization") != f"Splunk {TOKEN}":
            return HEC_ERRORS["auth"]
        if not channel:
            return 400, {"text": "Data channel is missing", "code": 10}
        decoder, at, uids, text = json.JSONDecoder(), 0, [], body.decode()
        while at < len(text):
            event, at = decoder.raw_decode(text, at)
            at += len(text[at:]) - len(text[at:].lstrip())
            uids.append(event["event"]["metadata"]["uid"])
        if any(map(self._is_poison, uids)):
            return HEC_ERRORS["data"]
        ack = sum(1 for known, _ in self.acks if known == channel)
        self.acks[channel, ack] = fault != "lose"
        if fault != "lose":
            self.taken += uids
        return 200, {"text": "Success", "code": 0, "ackId": ack}

    def _hec_ack(self, to: BaseHTTPRequestHandler, body: bytes, _: str) -> Said:
        channel = to.headers.get("X-Splunk-Request-Channel", "")
        return 200, {"acks": {str(one): self.acks.get((channel, one), False) for one in json.loads(body)["acks"]}}

    def _entra(self, _to: BaseHTTPRequestHandler, body: bytes, _: str) -> Said:
        if f"client_secret={TOKEN}".encode() not in body or b"grant_type=client_credentials" not in body:
            return 401, {"error": "invalid_client", "error_description": "AADSTS7000215"}
        return 200, {"token_type": "Bearer", "expires_in": 3599, "access_token": "entra-gave-this"}

    def _sentinel(self, to: BaseHTTPRequestHandler, body: bytes, _: str) -> Said:
        if to.headers.get("Authorization") != "Bearer entra-gave-this":
            return 401, {"error": {"code": "AuthenticationTokenProvidedIsInvalid"}}
        if len(body) > MEGABYTE:
            return 413, {"error": {"code": "ContentTooLarge"}}
        rows = json.loads(body)
        assert all({"TimeGenerated", "Id", "Kind", "Severity", "Event"} == set(row) for row in rows)
        good = self._take([row["Id"] for row in rows])
        return (204, None) if good else (400, {"error": {"code": "InvalidRequest"}})


def _base64_ids(body: bytes) -> str:
    """OTLP writes trace ids in hex where protobuf's own JSON has base64: the one difference between the two."""
    import base64

    def changed(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        return {
            name: base64.b64encode(bytes.fromhex(value)).decode() if name in ("traceId", "spanId") else value
            for name, value in pairs
        }

    return json.dumps(json.loads(body, object_pairs_hook=changed))
