"""Tokens of known services, in the forms that gitleaks' rules (MIT) give them, and code that only looks alike."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from callgate.audit import patterns, personal
from callgate.audit.tokens import tokens

HEX = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"
MIXED = "aZ3kQ9xLm2VbT7cRw5Np8HdYs4GjF6uE" * 8
UPPER = MIXED.upper()
UUID = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
TOKENS = {
    "1password-key": ["A3-7KQ2XM-9PLW4ZT83NV-R6C1D-J5H8B-Y2G0S", "A3-7KQ2XM-9PLW4Z-T83NV-R6C1D-J5H8B-Y2G0S"],
    "1password-token": ["ops_eyJ" + MIXED], "adobe-secret": ["p8e-" + MIXED[:32]],
    "airtable-token": ["pat" + MIXED[:14] + "." + HEX], "alibaba-key": ["LTAI" + MIXED[:20]],
    "anthropic-key": ["sk-ant-api03-" + MIXED[:93] + "AA", "sk-ant-admin01-" + MIXED[:93] + "AA"],
    "artifactory-key": ["AKCp" + MIXED[:69], "cmVmd" + MIXED[:59]], "atlassian-token": ["ATATT3" + MIXED[:186]],
    "authress-key": ["sc_" + MIXED[:10] + ".ab12.acc-" + MIXED[:12] + "." + MIXED[:40]],
    "aws-key": ["AKIA" + "Q7X2" * 4, "ABIA" + "Q7X2" * 4, "ACCA" + "Q7X2" * 4, "ASIA" + "Q7X2" * 4],
    "azure-secret": ["aB~8Q~" + MIXED[:34]],
    "aws-bedrock-key": ["ABSK" + MIXED[:132], "bedrock-api-key-YmVkcm9jay5hbWF6b25hd3MuY29t"],
    "clickhouse-key": ["4b1d" + MIXED[:38]], "clojars-token": ["CLOJARS_" + HEX[:60]],
    "cloudflare-key": ["v1.0-" + HEX[:24] + "-" + (HEX * 3)[:146]], "databricks-token": ["dapi" + HEX[:32] + "-2"],
    "digitalocean-token": ["dop_v1_" + HEX, "doo_v1_" + HEX, "dor_v1_" + HEX],
    "docker-token": ["dckr_pat_" + MIXED[:27]], "doppler-token": ["dp.pt." + MIXED[:43]],
    "duffel-token": ["duffel_live_" + MIXED[:43]], "dynatrace-token": ["dt0c01." + UPPER[:24] + "." + UPPER[:64]],
    "easypost-key": ["EZAK" + MIXED[:54], "EZTK" + MIXED[:54]], "facebook-token": ["EAAM" + MIXED[:110]],
    "flutterwave-key": ["FLWSECK_TEST-" + HEX[:12], "FLWSECK_TEST-" + HEX[:32] + "-X"],
    "flyio-token": ["fo1_" + MIXED[:43], "fm2_" + MIXED[:120], "fm1r_" + MIXED[:120]],
    "frameio-token": ["fio-u-" + MIXED[:64]],
    "github-token": ["ghp_" + MIXED[:36], "gho_" + MIXED[:36], "ghs_" + MIXED[:36], "github_pat_" + MIXED[:82]],
    "gitlab-token": [
        "glpat-" + MIXED[:20], "glpat-" + MIXED[:27] + ".01" + "0a1b2c3", "glptt-" + HEX[:40], "glcbt-64_" + MIXED[:20],
        "gldt-" + MIXED[:20], "glffct-" + MIXED[:20], "glft-" + MIXED[:20], "glimt-" + MIXED[:25],
        "glagent-" + MIXED[:50], "gloas-" + MIXED[:64], "glrt-" + MIXED[:20], "glsoat-" + MIXED[:20],
        "GR1348941" + MIXED[:20],
    ],
    "google-key": ["AIza" + MIXED[:35]],
    "grafana-token": ["glsa_" + MIXED[:32] + "_" + HEX[:8], "glc_" + MIXED[:60], "eyJrIjoi" + MIXED[:80]],
    "harness-key": ["pat." + MIXED[:22] + "." + HEX[:24] + "." + MIXED[:20]], "heroku-key": ["HRKU-AA" + MIXED[:58]],
    "huggingface-token": ["hf_" + MIXED[:34], "api_org_" + MIXED[:34]], "infracost-token": ["ico-" + MIXED[:32]],
    "intra42-secret": ["s-s4t2ud-" + HEX],
    "jwt": ["eyJhbGciOiJIUzI1NiJ9." + MIXED[:40] + "." + MIXED[:43], "ZXlKaGJHY2lPaU" + MIXED[:80]],
    "linear-key": ["lin_api_" + MIXED[:40]], "maxmind-key": [MIXED[:6] + "_" + MIXED[:29] + "_mmk"],
    "newrelic-key": ["NRAK-" + UPPER[:27]], "notion-token": ["ntn_" + "1" * 11 + MIXED[:35]],
    "npm-token": ["npm_" + MIXED[:36]], "octopus-key": ["API-" + UPPER[:26]],
    "openai-key": ["sk-proj-" + MIXED[:74] + "T3BlbkFJ" + MIXED[:74], "sk-" + MIXED[:20] + "T3BlbkFJ" + MIXED[:20]],
    "openshift-token": ["sha256~" + MIXED[:43]], "perplexity-key": ["pplx-" + MIXED[:48]],
    "planetscale-token": ["pscale_tkn_" + MIXED[:43], "pscale_pw_" + MIXED[:32], "pscale_oauth_" + MIXED[:32]],
    "postman-key": ["PMAK-" + HEX[:24] + "-" + HEX[:34]], "prefect-token": ["pnu_" + MIXED[:36]],
    "private-key": ["AGE-SECRET-KEY-1" + UPPER[:58]], "pulumi-token": ["pul-" + HEX[:40]],
    "pypi-token": ["pypi-AgEIcHlwaS5vcmc" + MIXED[:60]], "readme-token": ["rdme_" + (HEX * 2)[:70]],
    "rubygems-key": ["rubygems_" + HEX[:48]], "scalingo-token": ["tk-us-" + MIXED[:48]],
    "sendgrid-key": ["SG." + MIXED[:22] + "." + MIXED[:43]], "sendinblue-key": ["xkeysib-" + HEX + "-" + MIXED[:16]],
    "sentry-token": ["sntryu_" + HEX, "sntrys_eyJpYXQiO" + MIXED[:60] + "_" + MIXED[:43]],
    "settlemint-token": ["sm_aat_" + MIXED[:16], "sm_pat_" + MIXED[:16], "sm_sat_" + MIXED[:16]],
    "shippo-token": ["shippo_live_" + HEX[:40]],
    "shopify-token": ["shpat_" + HEX[:32], "shpca_" + HEX[:32], "shpss_" + HEX[:32]],
    "slack-token": [
        "xoxb-123456789012-123456789012-" + MIXED[:24], "xoxp-1234567890-1234567890-1234567890-" + HEX[:32],
        "xapp-1-A0123456789-1234567890123-" + HEX,
    ],
    "sourcegraph-token": ["sgp_" + HEX[:40], "sgp_" + HEX[:16] + "_" + HEX[:40], "sgp_local_" + HEX[:40]],
    "square-token": ["sq0atp-" + MIXED[:22], "EAAA" + MIXED[:60]],
    "stripe-key": ["sk_live_" + MIXED[:24], "rk_prod_" + MIXED[:24], "sk_test_" + MIXED[:99]],
    "terraform-token": [MIXED[:14] + ".atlasv1." + MIXED[:67]], "twilio-key": ["SK" + HEX[:32]],
    "vault-token": ["hvs." + MIXED[:95], "hvb." + MIXED[:150]],
}  # fmt: skip
"""By kind, one token or more of each rule of gitleaks that goes by the token's form alone. Not taken over: 40 hex
digits alone (Sourcegraph; a Git commit) and `s.` with 24 letters (old Vault tokens; a method), which are ordinary code.
"""
EACH = [(kind, token) for kind, found in TOKENS.items() for token in found]
PLACES = {
    "gitlab-session": f"_gitlab_session={HEX[:32]}", "slack-webhook": f"https://hooks.slack.com/services/T0/B0/{MIXED[:40]}",
    "teams-webhook": f"https://x.webhook.office.com/webhookb2/{UUID}@{UUID}/IncomingWebhook/{HEX[:32]}/{UUID}",
}  # fmt: skip
"""Secrets within an address, of which the rest is left."""
CODE = [
    "def test_a_token_is_kept_for_as_long_as_the_session_lives(self) -> None:",
    "git checkout 0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c && make -j8",
    "from pscale_oauth_client_for_testing import connect_to_database",
    "https://github.com/anthropics/claude-code/blob/main/README.md#getting-started",
    "pulumi-kubernetes-operator-installation-guide, rubygems_mirror_configuration_path",
    "sha256:0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
    "id = 'e3b0c442-98fc-1c14-9afb-f4c8996fb924'; dapibus = lorem.ipsum.dolor_sit_amet_consectetur",
]


@pytest.mark.parametrize(("kind", "token"), EACH, ids=[token[:14] for _, token in EACH])
@pytest.mark.parametrize("around", ["{}", 'curl -H "X: {}" https://x', "key={};", "text before\n{}\ntext after"])
def test_a_token_is_found_whole_and_by_its_kind(kind: str, token: str, around: str) -> None:
    raw = around.format(token).encode()
    found = patterns.spans(raw)
    assert any(raw[start:stop].decode().startswith(token) for start, stop, _ in found), found
    if around == "{}":
        assert [name for _, _, name in found] == [kind]


@pytest.mark.parametrize("kind", PLACES)
def test_the_secret_in_an_address_is_found(kind: str) -> None:
    raw = PLACES[kind].encode()
    assert [name for _, _, name in patterns.spans(raw)] == [kind]


@pytest.mark.parametrize("line", CODE)
def test_ordinary_code_is_left_alone(line: str) -> None:
    assert patterns.spans(line.encode()) == []


def test_the_standard_library_holds_no_token() -> None:
    """Some 300 files of code that nobody wrote for us; its only tokens are those that it spells out as examples."""
    found = set()
    for path in sorted(Path(json.__file__).parent.parent.glob("*.py")) + sorted(
        Path(asyncio.__file__).parent.glob("*.py")
    ):
        raw = path.read_bytes()
        found |= {(path.name, name, raw[start:stop]) for start, stop, name in tokens(raw, 0, len(raw))}
    assert found == set()


def test_the_standard_library_holds_no_numbers_of_people() -> None:
    found = set()
    for path in sorted(Path(json.__file__).parent.parent.glob("*.py")):
        found |= {(path.name, name) for _, _, name in personal.found(path.read_bytes()) if name != "email"}
    assert found == set()
