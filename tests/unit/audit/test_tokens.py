"""Tokens of known services, in the forms that gitleaks' rules (MIT) give them, and code that only looks alike."""

from __future__ import annotations

import pytest
from callgate.audit import patterns

HEX = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"
MIXED = "aZ3kQ9xLm2VbT7cRw5Np8HdYs4GjF6uE" * 8
TOKENS = {
    "ABIA" + "Q7X2" * 4: "aws-key", "ACCA" + "Q7X2" * 4: "aws-key", "dop_v1_" + HEX: "digitalocean-token",
    "shpat_" + HEX[:32]: "shopify-token", "shpss_" + HEX[:32]: "shopify-token", "lin_api_" + MIXED[:40]: "linear-key",
    "ntn_" + "1" * 11 + MIXED[:35]: "notion-token", "dapi" + HEX[:32]: "databricks-token",
    "PMAK-" + HEX[:24] + "-" + HEX[:34]: "postman-key", "dp.pt." + MIXED[:43]: "doppler-token",
    "pscale_tkn_" + MIXED[:43]: "planetscale-token", "pscale_pw_" + MIXED[:32]: "planetscale-token",
    "pul-" + HEX[:40]: "pulumi-token", "rubygems_" + HEX[:48]: "rubygems-key",
    "glsa_" + MIXED[:32] + "_" + HEX[:8]: "grafana-token", "pplx-" + MIXED[:48]: "perplexity-key",
    "sntryu_" + HEX: "sentry-token", "hvs." + MIXED[:95]: "vault-token", "ATATT3" + MIXED[:186]: "atlassian-token",
    "NRAK-" + MIXED[:27].upper(): "newrelic-key", "sq0atp-" + MIXED[:22]: "square-token",
    "dckr_pat_" + MIXED[:27]: "docker-token",
}  # fmt: skip
CODE = [
    "def test_a_token_is_kept_for_as_long_as_the_session_lives(self) -> None:",
    "git checkout 0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c && make -j8",
    "from pscale_oauth_client_for_testing import connect_to_database",
    "https://github.com/anthropics/claude-code/blob/main/README.md#getting-started",
    "pulumi-kubernetes-operator-installation-guide, rubygems_mirror_configuration_path",
    "sha256:0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
    "id = 'e3b0c442-98fc-1c14-9afb-f4c8996fb924'; dapibus = lorem.ipsum.dolor_sit_amet_consectetur",
]


@pytest.mark.parametrize("token", TOKENS, ids=lambda token: token[:10])
@pytest.mark.parametrize("around", ["{}", 'curl -H "X: {}" https://x', "key={};", "text before\n{}\ntext after"])
def test_a_token_is_found_whole_and_by_its_kind(token: str, around: str) -> None:
    raw = around.format(token).encode()
    found = patterns.spans(raw)
    assert any(raw[start:stop].decode().startswith(token) for start, stop, _ in found), found
    if around == "{}":
        assert [kind for _, _, kind in found] == [TOKENS[token]]


@pytest.mark.parametrize("line", CODE)
def test_ordinary_code_is_left_alone(line: str) -> None:
    assert patterns.spans(line.encode()) == []
