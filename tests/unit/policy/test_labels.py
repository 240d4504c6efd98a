"""Labels: what the registry says that a tool reads and does, in a closed set of words."""

from __future__ import annotations

import pytest
from callgate.model.call import Effect
from callgate.model.errors import RegistryError
from callgate.model.identity import ServerIdentity
from callgate.policy import labels
from callgate.policy.allowlist import Allowlist, Approval
from callgate.policy.labels import Known
from callgate.registry import bundle

MAIL = ServerIdentity("npm", "mail", "1.0.0")


def document(stated: object) -> dict[str, object]:
    approval = {"identities": ["npm:mail"], "effect": "allow", "labels": stated}
    return {"servers": [{"server": {"name": "x/mail"}, "_meta": {bundle.META: approval}}]}


def test_labels_come_from_the_document() -> None:
    rules = bundle.rules(document({"send": {"reads": ["private"], "does": ["send", "write"]}, "*": {}}), "test")
    assert rules.known(MAIL, "send") == Known("x/mail", frozenset({"reads:private", "does:send", "does:write"}))
    assert rules.known(MAIL, "list") == rules.known(MAIL) == Known("x/mail")
    assert bundle.rules(document(None), "test").known(MAIL, "send").labels == labels.NONE


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        ([], "object"),
        ({"t": ["private"]}, "'t'"),
        ({"t": {"writes": []}}, "reads"),
        ({"t": {"reads": "private"}}, "list"),
        ({"t": {"reads": ["secret"]}}, "secret"),
        ({"t": {"does": [None]}}, "None"),
        ({"t": {"does": [["send"]]}}, "send"),
    ],
)
def test_a_label_that_is_none_refuses_the_document(stated: object, told: str) -> None:
    with pytest.raises(RegistryError, match="x/mail") as refused:
        bundle.rules(document(stated), "test")
    assert told in str(refused.value)


def test_all_approvals_that_reach_a_server_add_their_labels() -> None:
    one = Approval("one", (MAIL,), Effect.ALLOW, labels={"send": frozenset({"does:send"})})
    other = Approval(
        "other", (ServerIdentity("npm", "mail"),), Effect.ALLOW, labels={"*": frozenset({"reads:private"})}
    )
    rules = Allowlist((one, other))
    assert rules.known(MAIL, "send") == Known("one", frozenset({"does:send", "reads:private"}))
    assert rules.known(ServerIdentity("npm", "mail", "2"), "send") == Known("other", frozenset({"reads:private"}))
    assert rules.known(ServerIdentity("npm", "else"), "send") == Known()


def test_labels_of_a_table_are_checked() -> None:
    assert (
        labels.parse("reads:private  does:send") == {"reads:private", "does:send"} and labels.parse("") == labels.NONE
    )
    for word in ("private", "reads:", "reads:secret", "does:private"):
        with pytest.raises(ValueError, match=word):
            labels.parse(word)
