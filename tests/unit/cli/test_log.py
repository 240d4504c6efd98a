"""`callgate log` and `callgate usage`: what is asked for is what is shown."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from callgate.audit.indexing import LAG
from callgate.audit.kinds.record import problems
from callgate.audit.store import Reader, Writer
from callgate.cli.log import point_in_time
from callgate.model.errors import CallgateError
from callgate.model.event import Event
from callgate.settings import Durability
from command import Cli, write_config
from installation import Installation
from until import until

SECOND = 10**9


def test_times_are_read_as_a_person_writes_them() -> None:
    now = time.time_ns()
    for said, seconds in (("30m", 1800), ("2d", 172_800), ("1w", 604_800)):
        assert abs(now - seconds * SECOND - point_in_time("since", said)) < 60 * SECOND
    assert point_in_time("since", "2026-11-21T10:00Z") == 1_795_255_200 * SECOND
    assert point_in_time("since", "2026-11-21T12:00+02:00") == 1_795_255_200 * SECOND
    local = datetime(2026, 11, 21).timestamp()
    assert point_in_time("since", "2026-11-21") == int(local) * SECOND
    assert point_in_time("since", "0001-01-01T00:00Z") == 0


@pytest.mark.parametrize("said", ["", "yesterday", "12", "5y", "2026-13-01", "9" * 40 + "d", "\ud800"])
def test_what_is_no_time_is_refused(said: str) -> None:
    with pytest.raises(CallgateError, match="is not a time"):
        point_in_time("since", said)


def rows(cli: Cli, *words: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in cli.good("log", "--json", *words).out.splitlines()]


def test_filters_combine_and_more_rows_than_one_answer_holds_are_paged(running: Cli) -> None:
    everything = rows(running, "-n", "100000")
    seqs = [row["seq"] for row in everything]
    assert seqs == sorted(set(seqs)) and len(seqs) > 3
    assert rows(running, "--kind", "entry.wrapped", "--agent", "no-such") == []
    assert {row["kind"] for row in rows(running, "--kind", "daemon.started", "--since", "1d")} == {"daemon.started"}
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="seconds")
    assert rows(running, "--since", tomorrow) == []
    assert rows(running, "--user", "nobody-at-all") == []
    assert rows(running, "--rule", "no.such.rule") == []


def test_usage_counts_nothing_where_nothing_was_called(running: Cli) -> None:
    assert running.good("usage").out.strip() == "no call was made in that time"
    assert json.loads(running.good("usage", "--by", "tool", "--json").out)["groups"] == []
    assert "cannot be counted by" in running("usage", "--by", "moon").line


def test_a_daemon_brings_the_index_up_to_date_and_counts_by_it(place: Installation) -> None:
    place.folders.make()
    writer = Writer.open(place.folders.audit, Durability.COMMIT)
    now = time.time_ns()
    for n in range(LAG + 100):
        uid, tool = f"c-{n // 2}", "rare" if n == 100 else "often"
        call = Event("call.asked", now, uid=uid, agent="a", server="npm:s@1", tool=tool, effect="deny", mode="enforce")
        answer = Event("call.answered", now, uid=uid, agent="a", server="npm:s@1", detail={"ms": 2.0, "bytes": 7})
        writer.append(answer if n % 2 else call)
    writer.close()
    cli = Cli(place)
    cli.good("up")
    until(lambda: Reader(place.folders.audit).reached() is not None, "the index to be made")
    assert [row["seq"] for row in rows(cli, "--tool", "rare")] == [101]
    groups = {group["tool"]: group for group in json.loads(cli.good("usage", "--by", "tool", "--json").out)["groups"]}
    half = (LAG + 100) // 2
    assert groups["rare"]["calls"] == groups["rare"]["answered"] == groups["rare"]["denied"] == 1
    assert (groups["often"]["calls"], groups["often"]["bytes_out"]) == (half - 1, 7 * (half - 1))
    assert "often" in cli.good("usage", "--by", "tool").out


def test_what_is_wrapped_while_no_daemon_runs_is_in_the_log_once_one_does(place: Installation) -> None:
    write_config(place.home)
    cli = Cli(place)
    assert "wrapped" in cli("wrap").out
    cli.good("up")
    wrapped = rows(cli, "--kind", "entry.wrapped")
    assert wrapped and all(row["detail"]["spooled"] for row in wrapped)  # type: ignore[index, call-overload]
    assert [one for row in rows(cli, "-n", "1000") for one in problems(row)] == []
