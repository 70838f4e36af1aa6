"""Credentials in text: where they stand, and the same text with them masked.

Two ways to tell: a value that has the shape of a known service's key, and a value given to a
name that says what it is. Shapes and names are facts; whether they are a fault is for rules.
"""

import functools
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

_SHAPES = (
    ("AWS access key", r"(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}\b"),
    ("GitHub token", r"gh[pousr]_[A-Za-z0-9]{36,}\b|github_pat_[A-Za-z0-9_]{40,}\b"),
    (
        "GitLab token",
        r"gl(?:pat|dt|rtr?|cbt|ptt|soat|oas|agent|imt|ft|ffct)-[\w-]{20,}(?:\.[0-9a-z]{2}\.?[0-9a-z]{7})?|GR1348941[\w-]{20}",
    ),
    ("Slack token", r"(?:xoxe\.)?xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-\d-[A-Za-z0-9-]{20,}"),
    ("Slack webhook", r"hooks\.slack\.com/(?:services|workflows)/\w+/\w+/(?!X{8})\w{16,}"),
    ("Discord webhook", r"discord(?:app)?\.com/api/webhooks/\d{17,20}/[\w-]{60,}"),
    ("Google OAuth secret", r"GOCSPX-[\w-]{28}"),
    ("Google OAuth token", r"ya29\.[\w-]{60,}"),
    ("Google API key", r"AIza[0-9A-Za-z_-]{35}\b"),
    ("Stripe key", r"[rs]k_live_[0-9A-Za-z]{20,}\b"),
    ("Stripe test key", r"[rs]k_test_[0-9A-Za-z]{20,}\b"),
    ("npm token", r"npm_[A-Za-z0-9]{36}\b"),
    ("PyPI token", r"pypi-AgE[\w-]{50,}"),
    ("Docker Hub token", r"dckr_(?:pat|oat)_[\w-]{20,}"),
    ("DigitalOcean token", r"do[opr]_v1_[0-9a-f]{64}\b"),
    ("Hugging Face token", r"hf_[A-Za-z0-9]{34,}\b"),
    ("SendGrid key", r"SG\.[\w-]{16,}\.[\w-]{16,}"),
    ("Anthropic key", r"sk-ant-[\w-]{20,}"),
    ("OpenRouter key", r"sk-or-v1-[0-9a-f]{64}"),
    ("Groq key", r"gsk_[A-Za-z0-9]{52}"),
    ("xAI key", r"xai-[A-Za-z0-9]{80}"),
    ("Perplexity key", r"pplx-[A-Za-z0-9]{48}"),
    ("Replicate token", r"r8_[A-Za-z0-9]{37}\b"),
    ("Azure storage key", r"AccountKey=[A-Za-z0-9+/]{86}=="),
    ("Azure shared access key", r"SharedAccessKey=[A-Za-z0-9+/]{43}="),
    ("Brevo key", r"xkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16}"),
    ("Postman key", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    ("Shopify token", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}\b"),
    ("Square token", r"sq0(?:atp|csp)-[\w-]{22,43}"),
    ("Vault token", r"hv[sbr]\.[\w-]{24,300}"),
    ("Terraform Cloud token", r"[A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,70}"),
    ("Databricks token", r"dapi[0-9a-f]{32}(?:-\d)?\b"),
    ("age key", r"AGE-SECRET-KEY-1[A-Z0-9]{58}"),
    ("Grafana token", r"glsa_[A-Za-z0-9]{32}_[0-9a-fA-F]{8}|glc_eyJ[A-Za-z0-9+/]{60,400}={0,2}"),
    ("New Relic key", r"NRAK-[A-Z0-9]{27}"),
    ("Dynatrace token", r"dt0[cs]\d\d\.[A-Z2-7]{24}\.[A-Z2-7]{64}"),
    ("Atlassian token", r"ATATT3xFfGF0[\w-]{60,240}=[0-9A-F]{8}"),
    ("Bitbucket token", r"ATBB[A-Za-z0-9]{24}[0-9A-F]{8}"),
    ("Sentry token", r"sntryu_[0-9a-f]{64}|sntrys_eyJ[\w+/=]{80,}"),
    ("RubyGems key", r"rubygems_[0-9a-f]{48}"),
    ("Pulumi token", r"pul-[0-9a-f]{40}\b"),
    ("Doppler token", r"dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44}"),
    ("PlanetScale token", r"pscale_(?:tkn|pw|oauth)_[\w.=-]{32,64}"),
    ("Linear key", r"lin_(?:api|oauth)_[A-Za-z0-9]{40,64}"),
    ("Notion token", r"ntn_[A-Za-z0-9]{43,50}"),
    ("Figma token", r"figd_[\w-]{40,60}"),
    ("Tailscale key", r"tskey-(?:auth|api|client)-[A-Za-z0-9]{12,30}-[A-Za-z0-9]{20,50}"),
    ("Fly.io token", r"fo1_[\w-]{43}|fm2_[\w+/=]{100,}"),
    ("Heroku key", r"HRKU-AA[\w-]{58}"),
    ("Supabase token", r"sbp_[0-9a-f]{40}\b"),
    ("Netlify token", r"nfp_[A-Za-z0-9]{36,40}"),
    ("Buildkite token", r"bkua_[0-9a-f]{40}"),
    ("CircleCI token", r"CCIPAT_[A-Za-z0-9]{22}_[0-9a-f]{40}"),
    ("SonarQube token", r"sq[upa]_[0-9a-f]{40}\b"),
    ("Alibaba access key ID", r"LTAI[A-Za-z0-9]{20}\b"),
    ("Artifactory key", r"AKCp[A-Za-z0-9]{69}"),
    ("OpenAI key", r"sk-(?:[a-z]{2,10}-)?[A-Za-z0-9]{32,}|sk-[\w-]{20,}T3BlbkFJ[\w-]{16,}"),
    (
        "private key",
        r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----|Private-Lines: \d{1,3}",
    ),  # the second is PuTTY's
    # The first part has an end: where each "eyJ" of a long word began one, looking at all of them would never end.
    ("JSON web token", r"eyJ[\w-]{10,1000}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
)
# Patterns are strings where few texts need them: re compiles them at their first use, and keeps them.
_SHAPE = "|".join(f"(?P<s{index}>{shape})" for index, (_, shape) in enumerate(_SHAPES))
# Those whose marks are parts of many words. They have a long word in them.
_WEAK_SHAPES = (
    ("Azure client secret", "Q~", r"[\w.~]{3}\dQ~[\w.~-]{31,34}"),
    ("Azure DevOps token", "AZDO", r"[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}\b"),
    ("Twilio key", "SK", r"SK[0-9a-f]{32}\b"),
    ("Mailgun key", "key-", r"key-[0-9a-f]{32}\b"),
    ("Mailchimp key", "-us", r"[0-9a-f]{32}-us\d{1,2}\b"),
    ("NuGet key", "oy2", r"oy2[a-z0-9]{43}\b"),
    ("crates.io token", "cio", r"cio[A-Za-z0-9]{32}\b"),
    ("Hugging Face token", "api_org_", r"api_org_[A-Za-z0-9]{34}\b"),
    ("Airtable token", "pat", r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}\b"),
    ("Telegram bot token", ":AA", r"\d{8,10}:AA[\w-]{33}(?![\w-])"),
    (
        "Discord bot token",
        "",
        r"[MNO][TDjz][AEIMQUYcgk][w-z0-5][A-Za-z0-9]{19,24}\.[\w-]{6}\.[\w-]{27,38}(?![\w-])",
    ),
)
_LONG_WORD = r"[\w-]{27}"
_FOR_TESTS = frozenset({"Stripe test key"})
_KINDS = tuple(kind for kind, _ in _SHAPES)
# What ends where a word may begin. The n of an escaped line end, as JSON, Python and GitHub's log write it, is no
# part of a word, nor is the F of a slash in a URL, nor the m of a terminal's colour.
_BORDER = (
    r"(?:\A|\W|\\[bfnrtv]|\\x[0-9a-f]{2}|\\u[0-9a-f]{4}|\\U[0-9a-f]{8}|%(?:25)*[0-9A-Fa-f]{2}"
    r"|\x1b\[[0-9;]*[mK])\Z"
)
# One of these stands in every text that has one of the shapes.
_SHAPE_MARKS = (
    "AKIA", "ASIA", "ABIA", "ACCA", "GR1348941", "k_test_", "GOCSPX-", "ya29.", "discord", "gsk_", "xai-", "pplx-", "r8_",
    "AccountKey=", "AccessKey=", "xkeysib-", "PMAK-", "shpat_", "shpca_", "shppa_", "shpss_", "sq0", "hvs.", "hvb.", "hvr.",
    ".atlasv1.", "dapi", "AGE-SECRET-KEY-", "glsa_", "glc_", "NRAK-", "dt0", "ATATT3", "ATBB", "sntry", "rubygems_", "pul-",
    "dp.", "pscale_", "lin_", "ntn_", "figd_", "tskey-", "fo1_", "fm2_", "HRKU-", "sbp_", "nfp_", "bkua_", "CCIPAT_", "squ_",
    "sqp_", "sqa_", "LTAI", "AKCp", "ghp_", "gho_",
    "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "gldt-", "glrt", "glcbt-", "glptt-",
    "glsoat-", "gloas-", "glagent-", "glimt-", "glft-", "glffct-", "xox", "xapp-", "hooks.slack.com",
    "AIza", "k_live_", "npm_", "pypi-AgE", "dckr_", "_v1_", "hf_", "SG.", "sk-", "PRIVATE KEY", "Private-Lines", "eyJ",
)  # fmt: skip
# user:password@ in a URL; a variable in its place is no credential. The scheme has an end: see JSON web tokens above.
_USERINFO = r"(?i)\b[a-z][a-z0-9+.-]{0,30}://[^\s/:@'\"$<{]*:(?P<value>[^\s/@'\"$<{]+)@"
# The same for masking, also where a colour stands before it, or a program has made one slash of two.
_MASKED_USERINFO = r"(?<=[A-Za-z0-9]):/{1,3}[^\s/:@'\"$<{]*:(?P<value>[^\s/@'\"$<{]+)@"
# … and where the whole URL is a part of another one.
_ENCODED_USERINFO = (
    r"(?i)%3A(?:%2F){1,3}(?:[^\s/:@'\"$<{%]|%(?!3A|40|2F))*%3A(?P<value>(?:[^\s/@'\"$<{%]|%(?!40|2F))+)%40"
)
# How credentials begin, for those that were cut: whether one was is told by what follows. The parts of a JSON web
# token are masked in any case: what is split at its dots shows them one by one.
_PIECE = (
    r"(?:(?:AKIA|ASIA|AIza|gh[pousr]_|github_pat_|gl(?:pat|dt|rtr?|cbt|ptt|soat|oas|agent|imt|ft|ffct)-|xox[abeoprs]-"
    r"|xapp-\d-|[rs]k_live_|npm_|pypi-AgE|dckr_(?:pat|oat)_|do[opr]_v1_|hf_|SG\.|sk-)(?=[\w-]{8})"
    r"|hooks\.slack\.com/(?:services|workflows)/(?=\w+/\w*)|(?P<json>eyJ(?=[\w-]{10})))[\w-]+(?:[./][\w-]+)*"
)
_PIECE_OF_USERINFO = r"(?<=[A-Za-z0-9]):/{1,3}[^\s/:@'\"$<{]*:(?P<value>[^\s/@'\"$<{…]+)"
_ELLIPSIS = r"…|\.\.\.|\\u2026"
# A name that something is assigned to, an option, or the older form of ENV; and the value behind it.
_NAMED = (
    r"(?<![\w$-])(?:--?)?(?P<name>[A-Za-z][\w.-]{0,100})(?:\\*[\"'])?[ ]?[=:][ ]?"
    r"|(?:(?<![\w-])--?|\bENV[ \t]+)(?P<spaced>[A-Za-z][\w.-]{0,100})[ \t]+(?![-=])"
)
_VALUE = r"(?s)\\+\"[^\"\\]+\\+\"|\"(?:[^\"\\]|\\.)+\"|'[^']+'|[\"']?[^\s'\"|&;,]+"

# Passwords that stand in command lines without a name that says so; an option and its value as words of an array.
_COMMANDS_WITH = (
    "curl",
    "mysql",
    "mariadb",
    "redis-cli",
    "sshpass",
    "login",
    "chpasswd",
    "uthorization",
    '", "',
    '","',
)
_BEFORE = r"[^\n|;&]{0,200}?[\s\"']"
_END_OF_WORD = r"[^\s\"'|;&,\]]+"
_IN_COMMANDS = (
    rf"\bcurl\b{_BEFORE}(?:-[A-Za-z]{{0,8}}u|--(?:proxy-)?user)(?:[ =]|\",\s*\")?[\"']?[^\s:\"'/]+:(?P<curl>{_END_OF_WORD})"
    rf"|\b(?:mysql|mariadb)[\w-]*\b{_BEFORE}-p(?P<mysql>[^\s\"'|;&,\]-]{_END_OF_WORD})"
    rf"|\bredis-cli\b{_BEFORE}-a(?:[ ]+|\",\s*\")[\"']?(?P<redis>{_END_OF_WORD})"
    rf"|\bsshpass\s+-p\s*[\"']?(?P<ssh>{_END_OF_WORD})"
    rf"|\blogin\b{_BEFORE}-p(?:[ =]|\",\s*\")[\"']?(?P<login>{_END_OF_WORD})"
    rf"|\b(?:echo|printf)\s+[\"']?[\w.-]+:(?P<account>{_END_OF_WORD})[\"']?[^\n;&]{{0,80}}\|\s*(?:sudo\s+)?chpasswd"
    rf"|\b[Aa]uthorization:[ ]?(?:[Bb]asic|[Bb]earer|[Tt]oken)[ ](?P<header>{_END_OF_WORD})"
    r"|\"--?(?P<option>[A-Za-z][\w-]{0,60})\",[ ]?\"(?P<word>[^\"\s]+)\""
)

# The lines of a key behind its first one, up to its last, however the line ends are written.
_KEY_END = r"(?:[\s\"',\\]|(?<=\\)[nr]|%0[AD]|&#1[03];)"
_KEY_REST = (
    rf"(?:{_KEY_END}*[A-Za-z-]{{3,40}}:[ ][\w,.@+/-]{{1,100}})*(?:{_KEY_END}*[A-Za-z0-9+/=]{{16,}})*"
    rf"(?:{_KEY_END}*[A-Za-z0-9+/]{{1,15}}={{0,2}})?(?:{_KEY_END}*-----END [A-Z ]{{1,60}}-----)?"
)
# Of a key whose lines stand apart, or that begins before the text: its end, and what its lines are made of.
_KEY_LAST = r"-----END (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----"
_KEY_LINE = r"[A-Za-z0-9+/]{40,}={0,2}"
_KEY_LAST_LINE = rf"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{{4,39}}={{0,2}}(?={_KEY_END}+\Z)"
_LONGEST_KEY = 16_384  # characters, with what stands between its lines

_SECRET_WORDS = frozenset(
    "password passwd passwort passphrase pass psw pwd pword secret secrets token tokens apikey credential"
    " credentials authtoken accesskey secretkey privatekey privkey".split()
)
# Words before KEY that make it a secret one.
_SECRET_KEYS = frozenset(
    "api access secret private auth encryption signing master account app license".split()
)
# Words that say that the value is about the secret, not the secret.
_HARMLESS = frozenset(
    "file path dir public pub version alias name tokenizer url uri host length size ttl expiry expires"
    " expiration timeout type enabled enable required policy less passwordless user username gpg release"
    " count limit endpoint issuer audience algorithm format prefix regex field header id stdin prompt label hint"
    " title fingerprint placeholder provider store manager backend engine driver mode".split()
)
_PLACEHOLDERS = (
    r"(?i)(?:true|false|yes|no|on|off|none|null|nil|undefined|\d{1,2}|x+|0+|[-_.*#?]+|<.*>|\*+\w+\*+)$"
    r"|.*\bchange[_-]?(?:me|this|it)\b|.*\b(?:placeholder|dummy|fake|not[_-]?(?:a[_-])?(?:real|used|needed|secret))\b"
    r"|your[_-]|.*example$|placeholder|dummy"
)
# What nobody takes for a credential in a URL: what documentation writes, and what names itself.
_NO_CREDENTIAL = (
    r"(?i)(?:my|your|the|user|some|db)?[-_.]?(?:pass|passwd|password|passphrase|pwd|secret|token|api[-_]?key)"
    r"[-_.]?(?:\d{1,3}|here)?$"
)
_OWN_MACHINE = r"(?i)(?:localhost|127\.0\.0\.1|\[::1\]|0\.0\.0\.0)(?:[:/?#\"'\s]|$)"


class Credential(NamedTuple):
    """A credential in a text: what it is, and the range of its value."""

    kind: str
    start: int
    end: int


# Rules whose names would give away what stands behind their colon in a report.
_RULES = (
    "credential-value", "login-password-set", "private-key-in-layer", "empty-password", "secret-in-variable",
)  # fmt: skip


def names_secret(name: str) -> bool:
    """Whether a variable's name says that its value is a secret: DB_PASSWORD, apiKey, not TOKENIZER."""
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]
    if name.upper() in ("PWD", "OLDPWD") or name in _RULES:
        return False
    if name.upper() in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        return True
    if _HARMLESS & set(words):
        return False
    if _SECRET_WORDS & set(words) or any(word.endswith(("password", "passwd")) for word in words):
        return True
    return any(word == "key" and before in _SECRET_KEYS for before, word in itertools.pairwise(words))


def is_placeholder(value: str) -> bool:
    """Whether a value stands for one: empty, true, 1, changeme, <password>."""
    return not value or bool(re.match(_PLACEHOLDERS, value))


def is_made_up(text: str, credential: Credential, *, for_build: bool = False) -> bool:
    """Whether a password in a URL only fills its place: it names itself, or repeats the user. Or a key is for tests.

    `for_build`: nothing of the text is shipped, so that a server on the same machine is there for the build alone.
    """
    value = text[credential.start : credential.end]
    if credential.kind != "password in a URL":
        return credential.kind in _FOR_TESTS
    user = re.search(r"://([^\s/:@]*):$", text[max(credential.start - 200, 0) : credential.start])
    return (
        is_placeholder(value)
        or re.match(_NO_CREDENTIAL, value) is not None
        or (user is not None and user[1].lower() == value.lower())
        or (for_build and re.match(_OWN_MACHINE, text[credential.end + 1 : credential.end + 80]) is not None)
    )


def find_credentials(text: str) -> list[Credential]:
    """The credentials whose values stand in a text, from the left, none inside another."""
    found: list[Credential] = []
    if any(mark in text for mark in _SHAPE_MARKS):
        found += _matches(_SHAPE, _KINDS, text)
    if re.search(_LONG_WORD, text):
        for kind, mark, pattern in _WEAK_SHAPES:
            if mark in text:
                found += _matches(pattern, (kind,), text)
    if "://" in text and "@" in text:
        matches = re.finditer(_USERINFO, text)
        found.extend(Credential("password in a URL", *match.span("value")) for match in matches)
    found.sort(key=lambda one: one.start)
    return [one for at, one in enumerate(found) if at == 0 or one.start >= found[at - 1].end]


def _matches(pattern: str, kinds: tuple[str, ...], text: str) -> Iterator[Credential]:
    for match in re.finditer(pattern, text):
        if re.search(_BORDER, text[max(match.start() - 12, 0) : match.start()]):
            yield Credential(kinds[int((match.lastgroup or "s0")[1:])], match.start(), match.end())


def mask(text: str) -> str:
    """The text with the values of credentials replaced by ****, also those that a name gives away."""
    return _without(text, _told(text))


@functools.lru_cache(maxsize=4)
def mask_lines(text: str) -> tuple[str, ...]:
    """The lines of a text (between \\n), masked as `mask` does it with the whole; each stays at its number.

    Alone, a line in the midst of a key does not show that it is one.
    """
    lines = _without(text, _told(text), keep_lines=True).split("\n")
    # A quote that is never closed can hide from the whole what a line alone shows.
    return tuple(map(mask, lines))


def mask_cut(text: str) -> str:
    """As `mask`, for a text of which the end may be cut off: what begins as a credential at its end is masked, too."""
    return mask(_without(text, _shaped(text, cut=True)))


def _told(text: str) -> list[tuple[int, int]]:
    """What to mask of a text by its shapes and by names."""
    ranges = _shaped(text)
    known = re.compile(_VALUE)
    for match in re.finditer(_NAMED, text):
        if ranges and ranges[-1][0] <= match.start() < ranges[-1][1]:
            continue
        if not names_secret(match["name"] or match["spaced"]) or not (
            found := known.match(text, match.end())
        ):
            continue
        value = found[0].strip("\\\"'")
        if not value.startswith("$") and not is_placeholder(value):
            ranges.append(found.span())
    return sorted([*ranges, *command_passwords(text)])


def command_passwords(text: str) -> list[tuple[int, int]]:
    """Where a password is given to a command that is known to take one there: `curl -u me:…`, `mysql -p…`."""
    return list(_in_commands(text)) if any(word in text for word in _COMMANDS_WITH) else []


def _in_commands(text: str) -> Iterator[tuple[int, int]]:
    """The passwords in command lines; of an option and its value as two words the value."""
    for match in re.finditer(_IN_COMMANDS, text):
        group = match.lastgroup or ""
        value = match[group]
        if group == "word" and not names_secret(match["option"]):
            continue
        if not value.startswith("$") and not is_placeholder(value):
            yield match.span(group)


def mask_shapes(text: str) -> str:
    """The text with the values masked that are credentials by their own shape.

    Leaves whole what a report says itself, where "secret.Dockerfile:120" would be taken for an assignment;
    and knows them also where JSON, XML, Python or GitHub's log escaped what stands before.
    """
    ranges = _shaped(text)
    return _without(text, ranges) if ranges else text


_hidden: set[str] = set()  # what `hide` was told, in all forms
_hidden_pattern: re.Pattern[str] | None = None
_SHORT = 6  # characters; what is shorter is a value only where it stands alone


def hide(values: Iterable[str]) -> None:
    """Mask these values from now on wherever a text leaves, however it is escaped there: the user gave them in trust."""
    global _hidden_pattern
    for value in values:
        _hidden.update(_forms(value))
        for line in value.splitlines():  # logs are told line by line; of a key each line is the secret
            if len(line) >= _SHORT:
                _hidden.update(_forms(line))
    if _hidden:
        longest_first = sorted(_hidden, key=lambda form: (-len(form), form))
        _hidden_pattern = re.compile("|".join(map(_hidden_form, longest_first)))
        mask_lines.cache_clear()


def _hidden_form(form: str) -> str:
    # A word is one only where it stands alone: "default" is not in "defaultConfiguration".
    if len(form) >= _SHORT and not re.fullmatch("[a-z]+", form):
        return re.escape(form)
    return rf"(?<![A-Za-z0-9]){re.escape(form)}(?![A-Za-z0-9])"


def _forms(value: str) -> set[str]:
    """A value as it is, and as JSON, Python, XML, URLs, Markdown and GitHub's log write it."""
    import html
    from urllib.parse import quote, quote_plus

    written = {value, " ".join(value.split())}
    written |= {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1]}
    written |= {
        html.escape(value),
        html.escape(value, quote=False),
        quote(value),
        quote(value, safe=""),
        quote_plus(value),
    }
    written.add(value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))
    written.add(re.sub(r"([\\`*_{}\[\]<>()#+.!|-])", r"\\\1", value))
    return {one for one in written if one.strip()}


def is_telling(name: str, value: str) -> bool:
    """Whether the value of a variable is to be masked: all but what is short, a number, true or false, or a path.

    Of a variable whose name says that it holds a secret it is masked in any case.
    """
    if names_secret(name):
        return len(value) > 2 or (len(value) == 2 and not value.isdigit())
    if len(value) < 4 or re.fullmatch(r"\d{1,5}|(?i:true|false|none|null)", value):
        return False
    return not re.fullmatch(r"(?:/[\w.@+-]+)+/?", value)


def _shaped(text: str, *, cut: bool = False) -> list[tuple[int, int]]:
    ranges = []
    if _hidden_pattern is not None:
        ranges += [match.span() for match in _hidden_pattern.finditer(text)]
    for credential in find_credentials(text):
        end = credential.end
        if credential.kind == "private key" and (rest := re.compile(_KEY_REST).match(text, end)):
            end = rest.end()  # what begins with that line is the key itself
        ranges.append((credential.start, end))
    if ":/" in text and "@" in text:
        ranges += [match.span("value") for match in re.finditer(_MASKED_USERINFO, text)]
    if "%40" in text:
        ranges += [match.span("value") for match in re.finditer(_ENCODED_USERINFO, text)]
    if "PRIVATE KEY" in text:
        ranges += _lines_of_keys(text)
    if cut or "eyJ" in text or re.search(_ELLIPSIS, text):
        ranges += _pieces(text, cut=cut)
    return sorted(ranges)


def _lines_of_keys(text: str) -> list[tuple[int, int]]:
    """The lines before the end of a key, whatever stands between them, as in `echo LINE >> FILE` for each."""
    ranges = []
    at = 0
    for last in re.finditer(_KEY_LAST, text):
        start = max(at, last.start() - _LONGEST_KEY)
        ranges += [match.span() for match in re.compile(_KEY_LINE).finditer(text, start, last.start())]
        near = max(start, last.start() - 60)
        if short := re.search(_KEY_LAST_LINE, text[near : last.start()]):
            ranges.append((near + short.start(), near + short.end()))
        at = last.end()
    return ranges


def _pieces(text: str, *, cut: bool) -> list[tuple[int, int]]:
    """The beginnings of credentials before an ellipsis and, of a text that was cut, at its end."""
    ellipsis = re.compile(_ELLIPSIS)
    ranges = []
    for match in re.finditer(_PIECE, text):
        ends = (cut and match.end() == len(text)) or ellipsis.match(text, match.end())
        if (ends or match["json"]) and re.search(_BORDER, text[max(match.start() - 12, 0) : match.start()]):
            ranges.append(match.span())
    for match in re.finditer(_PIECE_OF_USERINFO, text) if ":/" in text else ():
        ends = (cut and match.end() == len(text)) or ellipsis.match(text, match.end())
        if (ends or match["value"].endswith(("...", "\\u2026"))) and not match["value"].rstrip(".").isdigit():
            ranges.append(match.span("value"))
    return ranges


def _without(text: str, ranges: list[tuple[int, int]], *, keep_lines: bool = False) -> str:
    out = []
    at = 0
    for start, end in sorted(ranges):
        if start >= at:
            out.append(text[at:start] + "****")
        if keep_lines:
            out.append("\n****" * text.count("\n", max(start, at), end))
        at = max(at, end)
    return "".join(out) + text[at:]


def _masked_words(words: list[Any]) -> list[Any]:
    """Words of a command, masked by what stands before them, as in an array."""
    if not words or not all(isinstance(word, str) for word in words):
        return words
    together = json.dumps(words)
    hidden = mask(together)
    try:
        return words if hidden == together else list(json.loads(hidden))
    except ValueError:  # a quote went with it
        return words


def masked(value: Any) -> Any:
    """A value of JSON's own types with all its strings masked; `--password x` as two words, too."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {key: masked(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        out = _masked_words([masked(one) for one in value])
        for at, (before, one) in enumerate(itertools.pairwise(value), 1):
            option = isinstance(before, str) and isinstance(one, str) and before.startswith("-")
            if option and "=" not in before and names_secret(before) and not is_placeholder(one):
                out[at] = "****"
        return out
    return value
