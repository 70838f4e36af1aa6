"""Files with made-up credentials whose form is that which the services describe, for measuring what is found.

Every kind has values of its own form, with right checksums, put together from random characters. Two halves: the
patterns may be worked on with TUNED; HELD_OUT was written before the patterns, from the descriptions alone, puts the
same kinds into other files and forms, and is for measuring only. No value is in this file.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import io
import json
import random
import string
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from typing import NamedTuple

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
BASE64 = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
URL64 = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
LOWER = string.ascii_lowercase + string.digits
UPPER = string.ascii_uppercase + string.digits
HEX = "0123456789abcdef"
BASE32 = string.ascii_uppercase + "234567"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


class Seed(NamedTuple):
    """A file with one credential."""

    kind: str
    path: str
    content: bytes
    value: str  # which no output may hold


class Dice:
    """Random strings that come out the same each time."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def of(self, characters: str, count: int) -> str:
        return "".join(self._random.choice(characters) for _ in range(count))

    def bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)


def base62(number: int, width: int = 6) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = BASE62[rest] + digits
    return digits.rjust(width, "0")


def with_crc(prefix: str, dice: Dice) -> str:
    """GitHub's and npm's: 30 characters, and their CRC32 in base 62."""
    body = dice.of(BASE62, 30)
    return prefix + body + base62(zlib.crc32(body.encode()))


def aws_id(dice: Dice, prefix: str = "AKIA") -> str:
    """The account's number stands in the first bits behind the prefix."""
    account = int("1" + dice.of(string.digits, 11))
    rest = (1 << 47 | account << 7).to_bytes(6, "big") + dice.bytes(4)
    return prefix + base64.b32encode(rest).decode()


def age_key(dice: Dice) -> str:
    """Bech32, as its standard has it."""
    human = "age-secret-key-"
    bits = int.from_bytes(dice.bytes(32), "big") << 4
    data = [bits >> shift & 31 for shift in range(255, -1, -5)]
    values = [ord(one) >> 5 for one in human] + [0] + [ord(one) & 31 for one in human] + data + [0] * 6
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for at, factor in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= factor if top >> at & 1 else 0
    check ^= 1
    data += [check >> 5 * (5 - at) & 31 for at in range(6)]
    return (human + "1" + "".join(BECH32[one] for one in data)).upper()


def grafana(dice: Dice) -> str:
    token = "glsa_" + dice.of(BASE62, 32)
    return f"{token}_{zlib.crc32(token.encode()).to_bytes(4, 'little').hex()}"


def jwt(dice: Dice) -> str:
    def part(value: object) -> str:
        return (
            base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")
        )

    subject = {"iss": "https://id.acme.io", "sub": dice.of(LOWER, 12), "role": "service"}
    return ".".join((part({"alg": "HS256", "typ": "JWT"}), part(subject), dice.of(URL64, 43)))


def pem(label: str, dice: Dice, size: int = 1190, head: str = "") -> str:
    body = base64.b64encode(b"\x30\x82" + size.to_bytes(2, "big") + b"\2\1\0" + dice.bytes(size)).decode()
    lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    return f"-----BEGIN {label}-----\n{head}{lines}\n-----END {label}-----\n"


def openssh(dice: Dice, cipher: bytes = b"none") -> str:
    def text(value: bytes) -> bytes:
        return struct.pack(">I", len(value)) + value

    body = b"openssh-key-v1\0" + text(cipher) + text(b"none" if cipher == b"none" else b"bcrypt")
    body += text(b"" if cipher == b"none" else text(dice.bytes(16)) + struct.pack(">I", 16)) + struct.pack(
        ">I", 1
    )
    body += text(text(b"ssh-ed25519") + text(dice.bytes(32))) + text(dice.bytes(136))
    data = base64.b64encode(body).decode()
    lines = "\n".join(data[at : at + 70] for at in range(0, len(data), 70))
    return f"-----BEGIN OPENSSH PRIVATE KEY-----\n{lines}\n-----END OPENSSH PRIVATE KEY-----\n"


def putty(dice: Dice, encryption: str = "none") -> str:
    lines = "\n".join(base64.b64encode(dice.bytes(48)).decode() for _ in range(6))
    return (
        f"PuTTY-User-Key-File-3: ssh-rsa\nEncryption: {encryption}\nComment: me\nPublic-Lines: 6\n{lines}\n"
        f"Private-Lines: 6\n{lines[::-1]}\nPrivate-MAC: {dice.of(HEX, 64)}\n"
    )


def atlassian(dice: Dice) -> str:
    body = "ATATT3xFfGF0" + dice.of(URL64, 171)
    return f"{body}={binascii.crc32(body.encode()):08X}"


def uuid(dice: Dice) -> str:
    return "-".join(dice.of(HEX, size) for size in (8, 4, 4, 4, 12))


# Tokens that are told by their own form, by what they are.
TOKENS: dict[str, Callable[[Dice], str]] = {
    "AWS access key ID": aws_id,
    "AWS temporary key ID": lambda dice: aws_id(dice, "ASIA"),
    "GitHub token": lambda dice: with_crc("ghp_", dice),
    "GitHub OAuth token": lambda dice: with_crc("gho_", dice),
    "GitHub server token": lambda dice: with_crc("ghs_", dice),
    "GitHub fine-grained token": lambda dice: "github_pat_" + dice.of(BASE62, 22) + "_" + dice.of(BASE62, 59),
    "npm token": lambda dice: with_crc("npm_", dice),
    "GitLab token": lambda dice: "glpat-" + dice.of(URL64, 20),
    "GitLab runner token": lambda dice: "glrt-t1_" + dice.of(URL64, 20),
    "GitLab trigger token": lambda dice: "glptt-" + dice.of(HEX, 40),
    "Slack bot token": lambda dice: f"xoxb-{dice.of('123456789', 12)}-{dice.of('123456789', 13)}-{dice.of(BASE62, 24)}",
    "Slack user token": lambda dice: f"xoxp-{dice.of('123456789', 12)}-{dice.of('123456789', 12)}-{dice.of('123456789', 13)}-{dice.of(HEX, 32)}",
    "Slack app token": lambda dice: f"xapp-1-A{dice.of(UPPER, 10)}-{dice.of('123456789', 13)}-{dice.of(HEX, 64)}",
    "Slack webhook": lambda dice: f"https://hooks.slack.com/services/T{dice.of(UPPER, 10)}/B{dice.of(UPPER, 10)}/{dice.of(BASE62, 24)}",
    "Stripe live key": lambda dice: "sk_live_" + "51" + dice.of(BASE62, 97),
    "Stripe restricted key": lambda dice: "rk_live_" + dice.of(BASE62, 24),
    "Stripe test key": lambda dice: "sk_test_" + "51" + dice.of(BASE62, 97),
    "Google API key": lambda dice: "AIza" + "Sy" + dice.of(URL64, 33),
    "Google OAuth secret": lambda dice: "GOCSPX-" + dice.of(URL64, 28),
    "Azure client secret": lambda dice: f"{dice.of(BASE62, 3)}8Q~{dice.of(BASE62, 34)}",
    "Azure storage key": lambda dice: "DefaultEndpointsProtocol=https;AccountName=acmeprod;AccountKey="
    + base64.b64encode(dice.bytes(64)).decode() + ";EndpointSuffix=core.windows.net",
    "Azure DevOps token": lambda dice: f"{dice.of(BASE62, 76)}AZDO{dice.of(BASE62, 4)}",
    "DigitalOcean token": lambda dice: "dop_v1_" + dice.of(HEX, 64),
    "Docker Hub token": lambda dice: "dckr_pat_" + dice.of(URL64, 27),
    "PyPI token": lambda dice: "pypi-AgEIcHlwaS5vcmc" + dice.of(URL64, 150),
    "Twilio key": lambda dice: "SK" + dice.of(HEX, 32),
    "SendGrid key": lambda dice: f"SG.{dice.of(URL64, 22)}.{dice.of(URL64, 43)}",
    "Mailgun key": lambda dice: "key-" + dice.of(HEX, 32),
    "Mailchimp key": lambda dice: dice.of(HEX, 32) + "-us14",
    "Hugging Face token": lambda dice: "hf_" + dice.of(string.ascii_letters, 34),
    "OpenAI key": lambda dice: f"sk-proj-{dice.of(URL64, 74)}T3BlbkFJ{dice.of(URL64, 74)}",
    "Anthropic key": lambda dice: f"sk-ant-api03-{dice.of(URL64, 93)}AA",
    "Shopify token": lambda dice: "shpat_" + dice.of(HEX, 32),
    "Shopify secret": lambda dice: "shpss_" + dice.of(HEX, 32),
    "Vault service token": lambda dice: "hvs." + dice.of(URL64, 95),
    "Vault batch token": lambda dice: "hvb." + dice.of(URL64, 140),
    "Terraform Cloud token": lambda dice: f"{dice.of(BASE62, 14)}.atlasv1.{dice.of(BASE62, 67)}",
    "Databricks token": lambda dice: "dapi" + dice.of(HEX, 32),
    "age key": age_key,
    "Grafana token": grafana,
    "New Relic key": lambda dice: "NRAK-" + dice.of(UPPER, 27),
    "Atlassian token": atlassian,
    "Postman key": lambda dice: f"PMAK-{dice.of(HEX, 24)}-{dice.of(HEX, 34)}",
    "RubyGems key": lambda dice: "rubygems_" + dice.of(HEX, 48),
    "Pulumi token": lambda dice: "pul-" + dice.of(HEX, 40),
    "Doppler token": lambda dice: "dp.pt." + dice.of(BASE62, 43),
    "PlanetScale token": lambda dice: "pscale_tkn_" + dice.of(URL64, 43),
    "Linear key": lambda dice: "lin_api_" + dice.of(BASE62, 40),
    "Airtable token": lambda dice: f"pat{dice.of(BASE62, 14)}.{dice.of(HEX, 64)}",
    "Telegram bot token": lambda dice: f"{dice.of('123456789', 10)}:AA{dice.of(URL64, 33)}",
    "Discord bot token": lambda dice: ".".join((
        base64.b64encode(dice.of("123456789", 18).encode()).decode(), dice.of(URL64, 6), dice.of(URL64, 38),
    )),
    "Square token": lambda dice: "sq0atp-" + dice.of(URL64, 22),
    "Dynatrace token": lambda dice: f"dt0c01.{dice.of(BASE32, 24)}.{dice.of(BASE32, 64)}",
    "Brevo key": lambda dice: f"xkeysib-{dice.of(HEX, 64)}-{dice.of(BASE62, 16)}",
    "Groq key": lambda dice: "gsk_" + dice.of(BASE62, 52),
    "Tailscale key": lambda dice: f"tskey-auth-{dice.of(BASE62, 16)}CNTRL-{dice.of(BASE62, 32)}",
    "Sentry token": lambda dice: "sntryu_" + dice.of(HEX, 64),
    "NuGet key": lambda dice: "oy2" + dice.of(LOWER, 43),
    "Alibaba access key ID": lambda dice: "LTAI5t" + dice.of(BASE62, 18),
    "Replicate token": lambda dice: "r8_" + dice.of(BASE62, 37),
    "JSON web token": jwt,
    "password in a URL": lambda dice: f"postgresql://svc_shop:{dice.of(BASE62, 18)}@db-7.prod.acme.io:5432/shop",
}  # fmt: skip

# Keys, which are files of their own or stand in others.
KEYS: dict[str, Callable[[Dice], str]] = {
    "private key (RSA)": lambda dice: pem("RSA PRIVATE KEY", dice),
    "private key (EC)": lambda dice: pem("EC PRIVATE KEY", dice, 118),
    "private key (PKCS#8)": lambda dice: pem("PRIVATE KEY", dice),
    "private key (OpenSSH)": openssh,
    "private key (PuTTY)": putty,
    "private key (PGP)": lambda dice: pem("PGP PRIVATE KEY BLOCK", dice, 900, "\n"),
    "encrypted private key (PKCS#8)": lambda dice: pem("ENCRYPTED PRIVATE KEY", dice),
    "encrypted private key (RSA)": lambda dice: pem(
        "RSA PRIVATE KEY", dice, 1190, f"Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,{dice.of('0123456789ABCDEF', 32)}\n\n"
    ),
    "encrypted private key (OpenSSH)": lambda dice: openssh(dice, b"aes256-ctr"),
    "encrypted private key (PuTTY)": lambda dice: putty(dice, "aes256-cbc"),
}  # fmt: skip

# Files whose format says what of them is a credential: the path, and the text around a value.
FILES_TUNED: tuple[tuple[str, str, str], ...] = (
    (".netrc", "root/.netrc", "machine git.acme.io\nlogin ci\npassword {}\n"),
    (".pgpass", "var/lib/app/.pgpass", "db.acme.io:5432:shop:app:{}\n"),
    (".git-credentials", "root/.git-credentials", "https://ci:{}@git.acme.io\n"),
    (".git/config", "srv/app/.git/config", '[remote "origin"]\n\turl = https://ci:{}@git.acme.io/a/b.git\n'),
    ("docker config.json", "root/.docker/config.json", '{{"auths": {{"r.acme.io": {{"auth": "{}"}}}}}}'),
    ("kubeconfig", "root/.kube/config", "apiVersion: v1\nusers:\n- name: a\n  user:\n    token: {}\n"),
    ("AWS credentials", "root/.aws/credentials", "[default]\naws_secret_access_key = {}\n"),
    ("gcloud", "root/.config/gcloud/application_default_credentials.json",
     '{{"client_id": "a", "client_secret": "{}", "type": "authorized_user"}}'),
    ("azure", "root/.azure/accessTokens.json", '[{{"refreshToken": "{}", "tokenType": "Bearer"}}]'),
    (".npmrc", "root/.npmrc", "//npm.acme.io/:_authToken={}\n"),
    ("pip.conf", "etc/pip.conf", "[global]\nindex-url = https://ci:{}@pypi.acme.io/simple\n"),
    (".pypirc", "root/.pypirc", "[pypi]\nusername = ci\npassword = {}\n"),
    ("Maven settings", "root/.m2/settings.xml",
     "<settings><servers><server><id>a</id><username>ci</username><password>{}</password></server></servers></settings>"),
    ("Gradle properties", "root/.gradle/gradle.properties", "artifactoryUser=ci\nartifactoryPassword={}\n"),
    ("shell history", "root/.bash_history", "cd /srv\nexport DB_PASSWORD={}\n./run\n"),
    ("WordPress", "var/www/html/wp-config.php", "<?php\ndefine( 'DB_PASSWORD', '{}' );\n"),
    ("Rails master.key", "srv/shop/config/master.key", "{}\n"),
    (".env", "srv/.env", "PORT=80\nSESSION_SECRET={}\n"),
    ("Cargo", "root/.cargo/credentials.toml", '[registry]\ntoken = "{}"\n'),
    ("RubyGems", "root/.gem/credentials", "---\n:rubygems_api_key: {}\n"),
    ("Terraform CLI", "root/.terraform.d/credentials.tfrc.json", '{{"credentials": {{"app.terraform.io": {{"token": "{}"}}}}}}'),
    ("GitHub CLI", "root/.config/gh/hosts.yml", "github.com:\n    user: me\n    oauth_token: {}\n"),
    ("NuGet", "root/.nuget/NuGet/NuGet.Config",
     '<configuration><packageSourceCredentials><a><add key="Username" value="ci" /><add key="ClearTextPassword" value="{}" /></a>'
     "</packageSourceCredentials></configuration>"),
    ("Composer", "root/.composer/auth.json", '{{"http-basic": {{"repo.acme.io": {{"username": "ci", "password": "{}"}}}}}}'),
    (".s3cfg", "root/.s3cfg", "[default]\naccess_key = a\nsecret_key = {}\n"),
    ("rclone", "root/.config/rclone/rclone.conf", "[box]\ntype = sftp\npass = {}\n"),
    ("WireGuard", "etc/wireguard/wg0.conf", "[Interface]\nAddress = 10.0.0.2/32\nPrivateKey = {}=\n"),
    (".my.cnf", "root/.my.cnf", "[client]\nuser=app\npassword={}\n"),
)  # fmt: skip
FILES_HELD_OUT: tuple[tuple[str, str, str], ...] = (
    (".netrc", "home/ci/.netrc", "# CI\nmachine api.acme.io login ci password {} port 443\n"),
    (".pgpass", "home/app/.pgpass", "# host:port:db:user:pass\n*:*:*:postgres:{}\n"),
    (".git-credentials", "home/ci/.git-credentials", "http://me%40acme.io:{}@10.2.3.4:8080\n"),
    (".git/config", "app/.git/config",
     '[core]\n\tbare = false\n[remote "origin"]\n\turl = https://oauth2:{}@gitlab.acme.io/g/p.git\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n'),
    ("docker config.json", "home/ci/.docker/config.json",
     '{{\n\t"auths": {{\n\t\t"https://index.docker.io/v1/": {{\n\t\t\t"auth": "{}"\n\t\t}}\n\t}}\n}}'),
    ("kubeconfig", "home/ops/.kube/config",
     "kind: Config\nusers:\n  - name: admin\n    user:\n      client-certificate-data: LS0tLS1C\n      client-key-data: {}\n"),
    ("AWS credentials", "home/app/.aws/credentials", "[prod]\naws_session_token={}\n"),
    ("gcloud", "home/ops/.config/gcloud/legacy_credentials/me@acme.io/adc.json",
     '{{\n  "client_secret": "x-y",\n  "refresh_token": "{}",\n  "type": "authorized_user"\n}}'),
    ("azure", "home/ops/.azure/service_principal_entries.json",
     '[{{"client_id": "0b1c", "tenant": "t", "client_secret": "{}"}}]'),
    (".npmrc", "app/.npmrc", "registry=https://npm.acme.io/\nalways-auth=true\n_auth={}\n"),
    ("pip.conf", "root/.config/pip/pip.conf", "[install]\nextra-index-url =\n    https://deploy:{}@pkgs.acme.io/pypi/simple/\n"),
    (".pypirc", "home/ci/.pypirc", "[distutils]\nindex-servers =\n    acme\n[acme]\nrepository: https://pypi.acme.io\nusername: ci\npassword: {}\n"),
    ("Maven settings", "usr/share/maven/conf/settings.xml",
     "<settings>\n <servers>\n  <server>\n   <id>nexus</id>\n   <username>deploy</username>\n   <password>{}</password>\n  </server>\n </servers>\n</settings>\n"),
    ("Gradle properties", "home/gradle/.gradle/gradle.properties", "org.gradle.jvmargs=-Xmx2g\nsigning.password = {}\n"),
    ("shell history", "home/dev/.zsh_history", ": 1700000000:0;ls\n: 1700000009:0;mysql -u root --password={} shop\n"),
    ("WordPress", "srv/www/wp-config.php", "<?php\ndefine('DB_NAME', 'wp');\ndefine(\"DB_PASSWORD\", \"{}\");\n$table_prefix = 'wp_';\n"),
    ("Rails master.key", "app/config/credentials/production.key", "{}"),
    (".env", "app/.env.production", "# made by deploy\nNODE_ENV=production\nexport STRIPE_WEBHOOK_SECRET='{}'\n"),
    ("Cargo", "usr/local/cargo/credentials", "[registries.acme]\ntoken = \"{}\"\n"),
    ("RubyGems", "home/dev/.gem/credentials", "---\n:acme: {}\n:rubygems_api_key: {}\n"),
    ("Terraform CLI", "root/.terraformrc", 'credentials "app.terraform.io" {{\n  token = "{}"\n}}\n'),
    ("GitHub CLI", "home/dev/.config/hub", "github.com:\n- user: me\n  oauth_token: {}\n  protocol: https\n"),
    ("NuGet", "app/nuget.config",
     '<?xml version="1.0"?>\n<configuration>\n<packageSourceCredentials>\n<acme>\n<add key="ClearTextPassword" value="{}"/>\n</acme>\n</packageSourceCredentials>\n</configuration>\n'),
    ("Composer", "app/auth.json", '{{"github-oauth": {{"github.com": "{}"}}}}'),
    (".s3cfg", "root/.boto", "[Credentials]\ngs_access_key_id = GOOGX\ngs_secret_access_key = {}\n"),
    ("rclone", "home/me/.config/rclone/rclone.conf", "[s3]\ntype = s3\nsecret_access_key = {}\n"),
    ("WireGuard", "etc/wireguard/office.conf", "[Interface]\nPrivateKey={}=\nListenPort=51820\n"),
    (".my.cnf", "etc/mysql/debian.cnf", "[client]\nhost = localhost\nuser = debian-sys-maint\npassword = {}\n"),
)  # fmt: skip

# Where a token stands, in the half that patterns may be worked on with …
AROUND_TUNED: tuple[tuple[str, str], ...] = (
    ("srv/app/settings.py", 'DEBUG = False\nTOKEN = "{}"\n'),
    ("srv/app/config.yaml", "service:\n  name: shop\n  key: {}\n"),
)
# … and in the one that they may not.
AROUND_HELD_OUT: tuple[tuple[str, str], ...] = (
    ("opt/shop/appsettings.Production.json", '{{"Logging": {{"Level": "Info"}}, "Upstream": {{"Credential": "{}", "Retries": 3}}}}'),
    ("usr/local/bin/deploy.sh", "#!/bin/sh\nset -eu\ncurl -fsS -H \"Authorization: Bearer {}\" https://api.acme.io/v1/deploy\n"),
    ("home/node/app/dist/bundle.js", "!function(e){{var t={{}};e.exports={{region:'eu',auth:'{}'}}}}(this);"),
)  # fmt: skip


def _file_value(name: str, dice: Dice) -> str:
    if name == "docker config.json":
        return base64.b64encode(b"ci:" + dice.of(BASE62, 18).encode()).decode()
    if name in ("Rails master.key", "RubyGems"):
        return dice.of(HEX, 32)
    if name == "WireGuard":
        return dice.of(BASE64, 42) + "8"
    return dice.of(BASE62, 24)


def _packed(path: str, content: bytes, how: str) -> tuple[str, bytes]:
    """A file in an archive of one level."""
    out = io.BytesIO()
    name = path.rpartition("/")[2]
    if how in ("zip", "jar"):
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"BOOT-INF/classes/{name}" if how == "jar" else path, content)
    else:
        with tarfile.open(fileobj=out, mode="w") as tar:
            member = tarfile.TarInfo(path)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    data = out.getvalue()
    return f"srv/backup.{how}", gzip.compress(data, mtime=0) if how.endswith("gz") else data


def tuned() -> list[Seed]:
    """The half that patterns may be worked on with."""
    dice = Dice(1)
    seeds = []
    for kind, make in TOKENS.items():
        for path, around in AROUND_TUNED:
            value = make(dice)
            seeds.append(Seed(kind, path, around.format(value).encode(), value))
    for kind, make in KEYS.items():
        value = make(dice)
        seeds.append(Seed(kind, "srv/app/deploy.key", value.encode(), value))
    for name, path, text in FILES_TUNED:
        value = _file_value(name, dice)
        seeds.append(Seed(name, path, text.format(value).encode(), value))
    return seeds


def held_out() -> list[Seed]:
    """The half that is for measuring alone."""
    dice = Dice(2)
    seeds = []
    for at, (kind, make) in enumerate(TOKENS.items()):
        value = make(dice)
        path, around = AROUND_HELD_OUT[at % len(AROUND_HELD_OUT)]
        seeds.append(Seed(kind, path, around.format(value).encode(), value))
        value = make(dice)
        content = f"# {kind}\r\nfirst=1\r\nvalue={value}\r\n"
        match at % 4:
            case 0:
                seeds.append(Seed(kind, "srv/notes.txt", content.encode("utf-16"), value))
            case 1:
                seeds.append(Seed(kind, *_packed("conf/app.properties", content.encode(), "jar"), value))
            case 2:
                seeds.append(Seed(kind, *_packed("conf/app.properties", content.encode(), "tar.gz"), value))
            case _:
                binary = b"\x7fELF\2\1\1" + dice.bytes(900) + b"\0" + value.encode() + b"\0" + dice.bytes(900)
                seeds.append(Seed(kind, "usr/local/bin/agent", binary, value))
    for at, (kind, make) in enumerate(KEYS.items()):
        value = make(dice)
        if at % 2 and "PuTTY" not in kind:
            text = json.dumps({"type": "service_account", "private_key": value, "client_email": "a@acme.io"})
            seeds.append(Seed(kind, "srv/app/sa.json", text.encode(), value))
        else:
            seeds.append(Seed(kind, *_packed("keys/host", value.encode(), "zip"), value))
    for at, (name, path, form) in enumerate(FILES_HELD_OUT):
        value = _file_value(name, dice)
        data = form.replace("{}", "{0}").format(value).encode()
        if at % 5 == 0:
            seeds.append(Seed(name, *_packed(path, data, "tar"), value))
        else:
            seeds.append(Seed(name, path, data, value))
    return seeds


# What is no credential: placeholders, examples of documentation, test data, and what only looks so.
HARMLESS_TUNED: tuple[tuple[str, str], ...] = (
    ("srv/app/.env.example", "GITHUB_TOKEN=ghp_" + "x" * 36 + "\n"),
    ("srv/app/config.py", 'AWS_ACCESS_KEY_ID = "AKIA' + 'IOSFODNN7EXAMPLE"\n'),
    ("srv/app/README.md", "export OPENAI_API_KEY=sk-your-key-goes-here\nDATABASE_URL=postgres://user:password@host/db\n"),
    ("srv/app/.npmrc", "//registry.npmjs.org/:_authToken=${NPM_TOKEN}\n"),
    ("root/.docker/config.json", '{"auths": {"r.acme.io": {}}, "credsStore": "pass"}'),
    ("srv/app/wp-config.php", "<?php\ndefine( 'DB_PASSWORD', getenv_docker('WORDPRESS_DB_PASSWORD', 'example password') );\n"),
    ("srv/app/settings.xml", "<settings><server><password>${env.MAVEN_PASSWORD}</password></server></settings>"),
    ("srv/lock.json", '{"integrity": "sha512-' + "A1b2C3d4" * 11 + '==", "resolved": "https://registry.acme.io/a/-/a-1.0.0.tgz"}'),
)  # fmt: skip
HARMLESS_HELD_OUT: tuple[tuple[str, str], ...] = (
    ("srv/app/.env", "DB_PASSWORD=\nAPI_KEY=<your-api-key>\nSECRET_KEY=changeme\nTOKEN=$TOKEN\n"),
    ("srv/app/doc.rst", "Use ``sk_live_YOUR_KEY_HERE`` or glpat-XXXXXXXXXXXXXXXXXXXX.\n"),
    ("srv/app/client.py", 'PREFIXES = ("ghp_", "gho_", "dop_v1_", "hvs.")\nURL = "https://{user}:{password}@{host}/"\n'),
    ("root/.m2/settings.xml", "<settings><servers><server><username>u</username><password>${env.PW}</password></server></servers></settings>"),
    ("root/.pypirc", "[pypi]\nusername = __token__\npassword = %(PYPI_TOKEN)s\n"),
    ("root/.kube/config", "users:\n- name: a\n  user:\n    exec:\n      command: aws\n      args: [eks, get-token]\n"),
    ("root/.bash_history", "export DB_PASSWORD=$(cat /run/secrets/db)\nmysql -p\nvim .env\n"),
    ("srv/app/uuid.txt", "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0\nd41d8cd98f00b204e9800998ecf8427e\n"),
    ("root/.gradle/gradle.properties", "org.gradle.daemon=false\nsystemProp.http.proxyHost=proxy\nsigningPassword=\n"),
    ("srv/app/test/fixtures/key.pem", "-----BEGIN PRIVATE " + "KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC" * 20 + "\n"),
)  # fmt: skip
