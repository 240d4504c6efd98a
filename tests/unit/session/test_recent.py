"""Did the model ask for exactly this call? What is remembered of what models said."""

from callgate.session.recent import SESSIONS_MAX, USES_MAX, Recent, Use


def test_the_same_arguments_to_a_tool_of_that_name_or_under_that_id_were_asked_for() -> None:
    recent = Recent()
    recent.spoke("s", [Use("t1", "mcp__files__read", "aa"), Use("t2", "tool_call", "cc")])
    assert recent.asked("s", ["files read"], [], "aa") == "yes"
    assert recent.asked("s", ["other"], ["t1"], "aa") == "yes"
    assert recent.asked("s", ["files read"], ["t1"], "bb") == "no"
    assert recent.asked("s", ["files write"], [], "aa") == "no"


def test_nothing_is_known_of_a_run_whose_model_was_not_heard_or_of_arguments_that_were_not_seen() -> None:
    recent = Recent()
    assert recent.asked("s", ["files read"], [], "aa") == "unknown"
    recent.spoke("s")
    assert recent.asked("s", ["files read"], [], "aa") == "no"
    assert recent.asked("s", ["files read"], [], "") == "unknown"
    assert recent.asked("other", ["files read"], [], "aa") == "unknown"


def test_what_is_remembered_is_bounded_and_the_last_is_kept() -> None:
    recent = Recent()
    for number in range(USES_MAX + 10):
        recent.spoke("s", [Use("", "a", str(number))])
    recent.spoke("s", [Use("", "a", str(USES_MAX + 9))])
    assert recent.asked("s", ["a"], [], "0") == "no"
    assert recent.asked("s", ["a"], [], str(USES_MAX + 9)) == "yes"
    assert recent.asked("s", ["a"], [], "10") == "yes"
    for number in range(SESSIONS_MAX):
        recent.spoke(f"s{number}")
    assert recent.asked("s", ["a"], [], "10") == "unknown"
