"""What the credentials of well-known services look like, as they describe them.

Every shape has marks, of which one stands in each credential of its kind, so that all of them are looked for at
once. Only there the rest is held against the pattern.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from . import checksums

PRIVATE_KEY = "private key"
ENCRYPTED_KEY = "encrypted private key"
URL = "password in a URL"
FILE_CREDENTIALS = "credentials"  # told by the format of a file that is made to hold some

_END = rb"(?![A-Za-z0-9_])"


class Shape(NamedTuple):
    """What credentials of a kind look like."""

    kind: str
    marks: tuple[bytes, ...]
    rest: bytes  # a pattern of what follows the mark
    before: bytes = b""  # a pattern of what stands before it, where it stands inside
    width: int = 0  # of that, in bytes, where it is always the same
    genuine: Callable[[bytes], bool] | None = None  # a checksum of the whole
    strict: bool = False  # what has another checksum is none; else it is told lower
    within_words: bool = False  # a letter may stand before it
    lower: str = ""  # why it weighs less than others, "" where it does not


def _shape(kind: str, marks: str, rest: bytes, **more: object) -> Shape:
    return Shape(kind, tuple(marks.encode().split()), rest, **more)  # type: ignore[arg-type]


# In their order: where two stand in one place, the first is told.
SHAPES = (
    _shape("AWS access key ID", "AKIA ASIA ABIA ACCA", rb"[A-Z2-7]{16}" + _END, genuine=checksums.aws_account),
    _shape(
        "AWS secret key", "ecret_access_key ECRET_ACCESS_KEY ecretAccessKey",
        rb"[\"']?\s{0,8}[:=]\s{0,8}[\"']?(?P<value>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])", within_words=True,
    ),
    _shape("GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", rb"[A-Za-z0-9]{36}" + _END, genuine=checksums.base62_crc),
    _shape("GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", rb"[A-Za-z0-9]{37,251}" + _END),
    _shape("GitHub token", "github_pat_", rb"[A-Za-z0-9]{22}_[A-Za-z0-9]{59}" + _END),
    _shape(
        "GitLab token", "glpat- gldt- glrt- glrtr- glcbt- glptt- glsoat- gloas- glagent- glimt- glft- glffct-",
        rb"[A-Za-z0-9_-]{20,300}(?:\.[0-9a-z]{2}\.?[0-9a-z]{7})?" + _END,
    ),
    _shape("GitLab token", "GR1348941", rb"[A-Za-z0-9_-]{20}" + _END),
    _shape("Slack token", "xoxa- xoxb- xoxo- xoxp- xoxr- xoxs-", rb"(?:\d-)?\d{8,14}-[A-Za-z0-9-]{16,100}" + _END),
    _shape("Slack token", "xoxe-1- xoxe.xoxb-1- xoxe.xoxp-1-", rb"[A-Za-z0-9]{140,200}" + _END),
    _shape("Slack token", "xapp-", rb"\d-[A-Z0-9]{8,16}-\d{8,16}-[a-z0-9]{32,128}" + _END),
    _shape(
        "Slack webhook", "hooks.slack.com/",
        rb"(?:services|workflows)/T[A-Z0-9]{7,20}/[AB][A-Z0-9]{7,20}/[A-Za-z0-9]{20,40}" + _END, within_words=True,
    ),
    _shape("Stripe key", "sk_live_ rk_live_", rb"[0-9A-Za-z]{24,247}" + _END),
    _shape("Stripe key", "sk_test_ rk_test_", rb"[0-9A-Za-z]{24,247}" + _END, lower="for tests"),
    _shape("Google API key", "AIza", rb"[0-9A-Za-z_-]{35}(?![0-9A-Za-z_-])"),
    _shape("Google OAuth secret", "GOCSPX-", rb"[A-Za-z0-9_-]{28}" + _END),
    _shape("Google OAuth token", "ya29.", rb"[A-Za-z0-9_-]{60,1000}" + _END),
    _shape("Azure client secret", "Q~", rb"[A-Za-z0-9_.~-]{31,34}(?![A-Za-z0-9_.~-])",
           before=rb"[A-Za-z0-9_.~]{3}\d", width=4),
    _shape(
        "Azure storage key", "AccountKey=", rb"(?P<value>[A-Za-z0-9+/]{86})==(?![A-Za-z0-9+/=])", within_words=True,
    ),
    _shape("Azure shared access key", "SharedAccessKey=", rb"(?P<value>[A-Za-z0-9+/]{43})=(?![A-Za-z0-9+/=])",
           within_words=True),
    _shape("Azure DevOps token", "AZDO", rb"[A-Za-z0-9]{4}" + _END, before=rb"[A-Za-z0-9]{76}", width=76),
    _shape("npm token", "npm_", rb"[A-Za-z0-9]{36}" + _END, genuine=checksums.base62_crc),
    # The first bytes say for which of the two indexes it is.
    _shape("PyPI token", "pypi-AgE", rb"(?:IcHlwaS5vcmc|NdGVzdC5weXBpLm9yZ)[\w-]{50,400}" + _END),
    _shape("Docker Hub token", "dckr_pat_ dckr_oat_", rb"[A-Za-z0-9_-]{27,40}" + _END),
    _shape("DigitalOcean token", "dop_v1_ doo_v1_ dor_v1_", rb"[0-9a-f]{64}" + _END),
    _shape("Hugging Face token", "hf_ api_org_", rb"[A-Za-z0-9]{34}" + _END),
    _shape("SendGrid key", "SG.", rb"[A-Za-z0-9_-]{22}\.[\w-]{43}(?![\w-])"),
    _shape("Anthropic key", "sk-ant-", rb"[a-z]{2,10}\d{2}-[\w-]{80,200}" + _END),
    _shape("OpenAI key", "T3BlbkFJ", rb"[A-Za-z0-9_-]{20,100}" + _END, before=rb"sk-[\w-]{20,110}\Z"),
    _shape("OpenRouter key", "sk-or-v1-", rb"[0-9a-f]{64}" + _END),
    _shape("Groq key", "gsk_", rb"[A-Za-z0-9]{52}" + _END),
    _shape("xAI key", "xai-", rb"[A-Za-z0-9]{80}" + _END),
    _shape("Perplexity key", "pplx-", rb"[A-Za-z0-9]{48}" + _END),
    _shape("Replicate token", "r8_", rb"[A-Za-z0-9]{37}" + _END),
    _shape("Twilio key", "SK", rb"[0-9a-f]{32}" + _END),
    _shape("Mailgun key", "key-", rb"[0-9a-f]{32}(?![A-Za-z0-9_-])"),
    _shape("Mailchimp key", "-us", rb"\d{1,2}" + _END, before=rb"[0-9a-f]{32}", width=32),
    _shape("Brevo key", "xkeysib-", rb"[0-9a-f]{64}-[A-Za-z0-9]{16}" + _END),
    _shape("Postman key", "PMAK-", rb"[0-9a-f]{24}-[0-9a-f]{34}" + _END),
    _shape("Shopify token", "shpat_ shpca_ shppa_ shpss_", rb"[0-9a-fA-F]{32}" + _END),
    _shape("Square token", "sq0atp- sq0csp-", rb"[A-Za-z0-9_-]{22,43}" + _END),
    _shape("Vault token", "hvs. hvb. hvr.", rb"[A-Za-z0-9_-]{24,300}" + _END),
    _shape("Terraform Cloud token", ".atlasv1.", rb"[A-Za-z0-9_-]{60,70}" + _END,
           before=rb"[A-Za-z0-9]{14}", width=14),
    _shape("Databricks token", "dapi", rb"[0-9a-f]{32}(?:-\d)?" + _END),
    _shape("age key", "AGE-SECRET-KEY-1", rb"[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}" + _END,
           genuine=checksums.bech32),
    _shape("Grafana token", "glsa_", rb"[A-Za-z0-9]{32}_[0-9a-fA-F]{8}" + _END, genuine=checksums.grafana_crc),
    _shape("Grafana token", "glc_eyJ", rb"[A-Za-z0-9+/]{60,400}={0,2}" + _END),
    _shape("New Relic key", "NRAK-", rb"[A-Z0-9]{27}" + _END),
    _shape("Dynatrace token", "dt0c01. dt0s01. dt0s16.", rb"[A-Z2-7]{24}\.[A-Z2-7]{64}" + _END),
    _shape("Atlassian token", "ATATT3xFfGF0", rb"[A-Za-z0-9_-]{60,240}=[0-9A-F]{8}" + _END,
           genuine=checksums.atlassian_crc),
    _shape("Bitbucket token", "ATBB", rb"[A-Za-z0-9]{24}[0-9A-F]{8}" + _END),
    _shape("Sentry token", "sntryu_", rb"[0-9a-f]{64}" + _END),
    _shape("Sentry token", "sntrys_eyJ", rb"[A-Za-z0-9+/=_]{80,400}"),
    _shape("RubyGems key", "rubygems_", rb"[0-9a-f]{48}" + _END),
    _shape("NuGet key", "oy2", rb"[a-z0-9]{43}" + _END),
    _shape("crates.io token", "cio", rb"[A-Za-z0-9]{32}" + _END),
    _shape("Pulumi token", "pul-", rb"[0-9a-f]{40}" + _END),
    _shape("Doppler token", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.",
           rb"(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44}" + _END),
    _shape("PlanetScale token", "pscale_tkn_ pscale_pw_ pscale_oauth_", rb"[A-Za-z0-9_.=-]{32,64}" + _END),
    _shape("Linear key", "lin_api_ lin_oauth_", rb"[A-Za-z0-9]{40,64}" + _END),
    _shape("Notion token", "ntn_", rb"[A-Za-z0-9]{43,50}" + _END),
    _shape("Figma token", "figd_", rb"[A-Za-z0-9_-]{40,60}" + _END),
    _shape("Airtable token", "pat", rb"[A-Za-z0-9]{14}\.[0-9a-f]{64}" + _END),
    _shape("Tailscale key", "tskey-auth- tskey-api- tskey-client-", rb"[A-Za-z0-9]{12,30}-[A-Za-z0-9]{20,50}" + _END),
    _shape("Fly.io token", "fo1_", rb"[A-Za-z0-9_-]{43}" + _END),
    _shape("Fly.io token", "fm2_", rb"[A-Za-z0-9+/=_]{100,1000}" + _END),
    _shape("Heroku key", "HRKU-AA", rb"[A-Za-z0-9_-]{58}" + _END),
    _shape("Supabase token", "sbp_", rb"[0-9a-f]{40}" + _END),
    _shape("Netlify token", "nfp_", rb"[A-Za-z0-9]{36,40}" + _END),
    _shape("Buildkite token", "bkua_", rb"[0-9a-f]{40}" + _END),
    _shape("CircleCI token", "CCIPAT_", rb"[A-Za-z0-9]{22}_[0-9a-f]{40}" + _END),
    _shape("SonarQube token", "squ_ sqp_ sqa_", rb"[0-9a-f]{40}" + _END),
    _shape("Alibaba access key ID", "LTAI", rb"[A-Za-z0-9]{20}" + _END),
    _shape("Artifactory key", "AKCp", rb"[A-Za-z0-9]{69}" + _END),
    _shape("Telegram bot token", ":AA", rb"[A-Za-z0-9_-]{33}(?![A-Za-z0-9_-])", before=rb"\d{8,10}\Z"),
    _shape("Discord bot token", "MT Mj Mz ND NT Nj Nz OD OT",
           rb"[AEIMQUYcgk][w-z0-5][A-Za-z0-9]{19,24}\.[\w-]{6}\.[\w-]{27,38}(?![\w-])",
           genuine=checksums.discord_id, strict=True),
    _shape("Discord webhook", "discord.com/api/webhooks/ discordapp.com/api/webhooks/", rb"\d{17,20}/[\w-]{60,80}" + _END,
           within_words=True),
    # Made to be passed on, and mostly with an end.
    _shape("JSON web token", "eyJ", rb"[A-Za-z0-9_-]{12,240}\.eyJ[\w-]{10,1060}\.[\w-]{20,700}(?![\w-])",
           genuine=checksums.json_web_token, strict=True, lower="may have expired"),
    # The first line alone stands in every program that reads keys. JSON writes line ends as \\n.
    _shape(
        PRIVATE_KEY, "PRIVATE",
        rb" KEY(?: BLOCK)?-----(?:\s|\\[rn]){1,8}"
        rb"(?P<head>(?:[\w-]{1,40}:[^\n\\]{0,200}(?:\n|\\r?\\?n)(?:\s|\\[rn]){0,8}){0,8})"
        rb"(?P<value>[A-Za-z0-9+/]{40})",
        before=rb"-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}\Z", within_words=True,
    ),
    _shape(
        PRIVATE_KEY, "PuTTY-User-Key-File-",
        rb"[123]: [\w@.-]{4,60}\s{1,4}Encryption: (?P<cipher>[\w-]{4,20})\s{1,4}Comment: [^\n]{0,200}\n"
        rb"Public-Lines: \d{1,3}\s{1,4}(?P<value>[A-Za-z0-9+/]{40})",
    ),
    _shape(
        URL, "://",
        rb"(?P<user>[\w.%+~-]{0,64}):(?P<value>[^\s/@:?#'\"`$<>{}()\[\]|\\,;\x00-\x20\x7f-\xff]{6,100})"
        rb"@(?P<host>[A-Za-z0-9_][\w.-]{0,250})", within_words=True,
    ),
)  # fmt: skip
