"""Pure: tokens that are known by their form, as services state it and gitleaks' rules (MIT) publish it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

Span = tuple[int, int, str]
"""Where something starts and ends in the bytes, and what it is."""
WORD = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
RUN = 20
"""Each token holds so many characters in a row that are letters, digits, `_` or `-`."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of secret. Group 1 of the expression is the secret if there is such a group, else the whole match.

    A literal that begins with a letter or digit counts only where none stands before it.
    """

    name: str
    literals: tuple[bytes, ...]
    shape: re.Pattern[bytes]
    alone: bytes = b""
    """The literal only counts where no byte of these stands before it, either."""


def kind(name: str, literals: str, shape: bytes, alone: bytes = b"") -> Kind:
    """A kind whose literals are given as words."""
    return Kind(name, tuple(literals.encode().split()), re.compile(shape), alone)


_END = rb"(?![A-Za-z0-9])"
TOKENS = (
    kind("1password-key", "A3-", rb"A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}" + _END),
    kind("1password-token", "ops_eyJ", rb"ops_eyJ[A-Za-z0-9+/]{250,8000}={0,3}"),
    kind("adobe-secret", "p8e-", rb"p8e-[A-Za-z0-9]{32}" + _END),
    kind("airtable-token", "pat", rb"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}" + _END),
    kind("alibaba-key", "LTAI", rb"LTAI[A-Za-z0-9]{20}" + _END),
    kind("anthropic-key", "sk-ant-", rb"sk-ant-[A-Za-z0-9_-]{20,}"),
    kind("artifactory-key", "AKCp cmVmd", rb"(?:AKCp[A-Za-z0-9]{69}|cmVmd[A-Za-z0-9]{59})" + _END),
    kind("atlassian-token", "ATATT3", rb"ATATT3[A-Za-z0-9_=-]{160,220}"),
    kind("authress-key", "sc_ ext_ scauth_ authress_",
         rb"(?:sc|ext|scauth|authress)_[A-Za-z0-9]{5,30}\.[A-Za-z0-9]{4,6}\.acc[_-][A-Za-z0-9-]{10,32}"
         rb"\.[A-Za-z0-9+/_=-]{30,120}"),
    kind("aws-key", "AKIA ASIA ABIA ACCA A3T", rb"A(?:KI|SI|BI|CC|3T[A-Z0-9])[A-Z0-9]{16,17}" + _END),
    kind("aws-bedrock-key", "ABSK bedrock-api-key-",
         rb"ABSK[A-Za-z0-9+/]{100,280}={0,2}|bedrock-api-key-[A-Za-z0-9+/_-]{28,4000}={0,2}"),
    kind("clickhouse-key", "4b1d", rb"4b1d[A-Za-z0-9]{38}" + _END),
    kind("clojars-token", "CLOJARS_", rb"CLOJARS_[A-Za-z0-9]{60}"),
    kind("cloudflare-key", "v1.0-", rb"v1\.0-[a-f0-9]{24}-[a-f0-9]{146}"),
    kind("databricks-token", "dapi", rb"dapi[a-f0-9]{32}(?:-[0-9])?" + _END),
    kind("digitalocean-token", "dop_v1_ doo_v1_ dor_v1_", rb"do[opr]_v1_[a-f0-9]{64}"),
    kind("docker-token", "dckr_pat_", rb"dckr_pat_[A-Za-z0-9_-]{20,60}"),
    kind("doppler-token", "dp.pt.", rb"dp\.pt\.[A-Za-z0-9]{43}"),
    kind("duffel-token", "duffel_", rb"duffel_(?:test|live)_[A-Za-z0-9_=-]{43}"),
    kind("dynatrace-token", "dt0c01.", rb"dt0c01\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{64}"),
    kind("easypost-key", "EZAK EZTK", rb"EZ[AT]K[A-Za-z0-9]{54}" + _END),
    kind("facebook-token", "EAAM EAAC", rb"EAA[MC][A-Za-z0-9]{100,400}"),
    kind("flutterwave-key", "FLWSECK_TEST- FLWPUBK_TEST-", rb"FLW(?:SECK|PUBK)_TEST-[A-Za-z0-9]{12,32}(?:-X)?"),
    kind("flyio-token", "fo1_ fm1a_ fm1r_ fm2_", rb"fo1_[A-Za-z0-9_-]{43}|fm(?:1[ar]|2)_[A-Za-z0-9+/]{100,4000}={0,3}"),
    kind("frameio-token", "fio-u-", rb"fio-u-[A-Za-z0-9_=-]{64}"),
    kind("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", rb"gh[pousr]_[A-Za-z0-9]{30,}"),
    kind("github-token", "github_pat_", rb"github_pat_[A-Za-z0-9_]{40,}"),
    kind("gitlab-token", "glpat- glptt- glcbt- gldt- glffct- glft- glimt- glagent- gloas- glrt- glsoat-",
         rb"gl(?:pat|ptt|cbt|dt|ffct|ft|imt|agent|oas|rt|soat)-[A-Za-z0-9_-]{20,}(?:\.[0-9a-z]{9})?"),
    kind("gitlab-token", "GR1348941", rb"GR1348941[A-Za-z0-9_-]{20}"),
    kind("gitlab-session", "_gitlab_session=", rb"_gitlab_session=([0-9a-z]{32})"),
    kind("google-key", "AIza", rb"AIza[A-Za-z0-9_-]{35}"),
    kind("google-token", "ya29.", rb"ya29\.[A-Za-z0-9_-]{20,}"),
    kind("grafana-token", "glsa_ glc_ eyJrIjoi",
         rb"glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}|glc_[A-Za-z0-9+/]{32,400}={0,3}|eyJrIjoi[A-Za-z0-9]{70,400}={0,3}"),
    kind("harness-key", "pat. sat.", rb"[ps]at\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}"),
    kind("heroku-key", "HRKU-AA", rb"HRKU-AA[A-Za-z0-9_-]{58}"),
    kind("huggingface-token", "hf_ api_org_", rb"(?:hf|api_org)_[A-Za-z0-9]{30,}"),
    kind("infracost-token", "ico-", rb"ico-[A-Za-z0-9]{32}" + _END),
    kind("intra42-secret", "s-s4t2ud- s-s4t2af-", rb"s-s4t2(?:ud|af)-[A-Fa-f0-9]{64}"),
    kind("jwt", "eyJ eyA", rb"ey[JA][A-Za-z0-9_-]{17,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*", alone=b"_-"),
    kind("jwt", "ZXlK", rb"ZXlK[A-Za-z0-9/+_-]{60,8000}={0,2}", alone=b"_-/+"),
    kind("linear-key", "lin_api_", rb"lin_api_[A-Za-z0-9]{40}"),
    kind("newrelic-key", "NRAK-", rb"NRAK-[A-Za-z0-9]{27}"),
    kind("notion-token", "ntn_", rb"ntn_[0-9]{11}[A-Za-z0-9]{35}"),
    kind("npm-token", "npm_", rb"npm_[A-Za-z0-9]{36}"),
    kind("octopus-key", "API-", rb"API-[A-Z0-9]{26}" + _END),
    kind("openai-key", "sk-", rb"sk-(?!ant-)[A-Za-z0-9_-]{20,}"),
    kind("openshift-token", "sha256~", rb"sha256~[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])"),
    kind("perplexity-key", "pplx-", rb"pplx-[A-Za-z0-9]{48}"),
    kind("planetscale-token", "pscale_", rb"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_=.-]{32,64}"),
    kind("postman-key", "PMAK-", rb"PMAK-[A-Fa-f0-9]{24}-[A-Fa-f0-9]{34}"),
    kind("prefect-token", "pnu_", rb"pnu_[A-Za-z0-9]{36}" + _END),
    kind("private-key", "AGE-SECRET-KEY-1", rb"AGE-SECRET-KEY-1[A-Z0-9]{50,}"),
    kind("pulumi-token", "pul-", rb"pul-[a-f0-9]{40}" + _END),
    kind("pypi-token", "pypi-AgE", rb"pypi-AgE[A-Za-z0-9_-]{50,}"),
    kind("readme-token", "rdme_", rb"rdme_[a-z0-9]{70}"),
    kind("rubygems-key", "rubygems_", rb"rubygems_[a-f0-9]{48}"),
    kind("scalingo-token", "tk-us-", rb"tk-us-[A-Za-z0-9_-]{48}"),
    kind("sendgrid-key", "SG.", rb"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}"),
    kind("sendinblue-key", "xkeysib-", rb"xkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}"),
    kind("sentry-token", "sntryu_ sntrys_", rb"sntryu_[a-f0-9]{64}|sntrys_[A-Za-z0-9+/=_]{40,512}"),
    kind("settlemint-token", "sm_aat_ sm_pat_ sm_sat_", rb"sm_[aps]at_[A-Za-z0-9]{16}" + _END),
    kind("shippo-token", "shippo_", rb"shippo_(?:live|test)_[A-Fa-f0-9]{40}"),
    kind("shopify-token", "shpat_ shpca_ shppa_ shpss_", rb"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
    kind("slack-token", "xox xapp-", rb"(?:xox[a-z]|xapp)-[A-Za-z0-9-]{16,}"),
    kind("slack-webhook", "hooks.slack.com/", rb"hooks\.slack\.com/[a-z]{1,20}/([A-Za-z0-9/+]{20,})"),
    kind("sourcegraph-token", "sgp_", rb"sgp_(?:(?:[A-Fa-f0-9]{16}|local)_)?[A-Fa-f0-9]{40}" + _END),
    kind("square-token", "sq0atp- sq0csp- EAAA", rb"(?:sq0(?:atp|csp)-|EAAA)[A-Za-z0-9_-]{22,60}"),
    kind("stripe-key", "sk_live_ sk_test_ sk_prod_ rk_live_ rk_test_ rk_prod_ whsec_",
         rb"(?:[rs]k_[a-z]{4}|whsec)_[A-Za-z0-9]{12,}"),
    kind("teams-webhook", "webhook.office.com/webhookb2/",
         rb"webhook\.office\.com/webhookb2/([A-Za-z0-9@-]{70,80}/IncomingWebhook/[A-Za-z0-9/-]{32,70})"),
    kind("twilio-key", "SK", rb"SK[0-9a-fA-F]{32}" + _END),
    kind("vault-token", "hvs. hvb.", rb"hv[sb]\.[A-Za-z0-9_-]{90,300}"),
)  # fmt: skip
"""Tokens that begin with one of their literals."""
PRIVATE_KEY = kind(
    "private-key",
    "",
    rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----(?:[A-Za-z0-9+/=\s:,.\\]|-(?!-))*"
    rb"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----)?",
)
_INSIDE = (
    (b"Q~", 4, kind("azure-secret", "", rb"[A-Za-z0-9_.~]{3}[0-9]Q~[A-Za-z0-9_.~-]{31,34}" + _END)),
    (b"_mmk", 36, kind("maxmind-key", "", rb"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk" + _END)),
    (b".atlasv1.", 14, kind("terraform-token", "", rb"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70}")),
)
"""Tokens known by a literal in their middle: that, how many bytes stand before it, and the kind."""


def _trie(words: list[bytes]) -> bytes:
    """An expression for the longest of the words that stands there, which decides by one byte at a time."""
    if not words:
        return b""
    heads = sorted({word[:1] for word in words if word})
    parts = [re.escape(head) + _trie([word[1:] for word in words if word[:1] == head]) for head in heads]
    if not parts:
        return b""
    one = parts[0] if len(parts) == 1 else b"(?:" + b"|".join(parts) + b")"
    return b"(?:" + one + b")?" if b"" in words else one


_LITERALS = sorted({literal for one in TOKENS for literal in one.literals})
_BEGINS = re.compile(rb"(?:(?<![A-Za-z0-9])(?=[A-Za-z0-9_])|(?=-----B))(?:-----BEGIN |" + _trie(_LITERALS) + b")")
_OF = {
    literal: tuple(one for one in TOKENS if any(literal.startswith(each) for each in one.literals))
    for literal in _LITERALS
} | {b"-----BEGIN ": (PRIVATE_KEY,)}


def tokens(raw: bytes, start: int, stop: int) -> Iterator[Span]:
    """The tokens that begin between `start` and `stop`."""
    end = 0
    for begin in _BEGINS.finditer(raw, start, stop):
        at = begin.start()
        if at < end:
            continue
        for one in _OF[begin.group()]:
            if at and raw[at - 1] in one.alone:
                continue
            if match := one.shape.match(raw, at):
                first, end = match.span(match.re.groups)
                yield first, end, one.name
                break
    for literal, before, one in _INSIDE:
        at = raw.find(literal, start, stop)
        while at >= 0:
            free = at == before or (at > before and raw[at - before - 1] not in WORD)
            if free and (match := one.shape.match(raw, at - before)):
                yield match.start(), match.end(), one.name
            at = raw.find(literal, at + 1, stop)
