"""Dockerfiles of one instruction each, right ones and wrong ones, by a grammar of what goes wrong.

Every instruction has pools of flags and values: half of them are as they should be, the others are faults of the
kinds that people make (a word misspelt, a value that is none, an argument too many, a quote that stays open).
Now and then the finished line is changed once more, character by character. A seed always gives the same files.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

BASE = "alpine:3"

# Defined in most files, so that variables lead to values of all kinds.
VARIABLES = "ENV one=1 none= port=8080 sig=SIGTERM word=abc path=/srv/app mode=0755 on=true\n"

_VARIABLES = (
    "$one", "$none", "$port", "$sig", "$word", "$path", "$mode", "$missing", "${one}", "${none}", "${missing}",
    "${port:-80}", "${none:-80}", "${none-80}", "${missing:-80}", "${missing:+80}", "${port:+81}",
    "${port:?no port}", "${none:?empty}", "${none?empty}", "${missing:?not given}", "${missing?}", "${path#/}",
    "${path##*/}", "${path%/*}", "${path%%/*}", "${path/srv/opt}", "${path//s/t}", "${path/srv}", "${path:0:2}",
    "${path^^}", "${path@Q}", "${", "${}", "${one", "${:-x}", "${{one}}", "${one:}", "${one:=2}", "${one=2}",
    "${a.b}", "${a-b}", "$", "$$", "$1", "$(one)", "`one`", "\\$one", "\"$one\"", "'$one'", "${path#\\x}",
    "${path/\\q/a}", "${path:#x}", "${missing:-${port}}", "${missing:-\"a b\"}", "${missing:-a}b}",
    "${path/${word}/x}", "${!one}", "${#one}", "${ one}",
)  # fmt: skip

_WORDS = (
    "a", "b/c", "/srv", "/srv/a b", "\"/a b\"", "'x'", "\"", "'", "a\"b", "\\", "a\\ b", "ä", "*", "a?[b]", "[",
    "]", "[]", "[\"a\"]", "{}", "a=b", "=", "-", "--", "--x", "-x", "#", "a#b", "<<EOF", "<", ".", "..", "~", ",",
    ";", "&&", "|", "@", ":", "a:b", "\t", "\"\"", "''", "0", "-1", "x" * 300,
)  # fmt: skip

_ARRAYS = (
    '["a"]', '["a", "b"]', "[]", '[""]', '["a",]', '["a" "b"]', "['a']", '["a", 1]', "[1]", "[null]",
    '["a", null]', '["a", ["b"]]', "[true]", '{"a": "b"}', '["a"', '"a"]', '["a"] b', '["a"];', '["a\\x"]',
    '["a\\u0041"]', '["a\\"b"]', '[ "a" , "b" ]', '["$one"]', '["${"]', '["a b", "c"]', '["a"]\t',
    "[\"\u201ca\u201d\"]", "[\u201ca\u201d]", "[a]", '["-x"]', "[ ]", "[[]]", '["a"]["b"]', '["a",, "b"]',
    '[,"a"]', "null",
)  # fmt: skip

_REFERENCES = (
    BASE, "scratch", "Scratch", "debian", "debian:12", "Debian:12", "debian:", ":12", "debian:12:1", "debian:12@",
    "debian@sha256:" + "a" * 64, "debian:12@sha256:" + "a" * 64, "debian@sha256:abc", "debian@sha256:" + "g" * 64,
    "debian@sha512:" + "a" * 128, "debian@md5:" + "a" * 32, "debian@" + "a" * 64, "localhost/a",
    "localhost:5000/a", "Localhost/a", "example.org/a/b:1", "Example.org/a:1", "example.org/A:1", "EXAMPLE/a",
    "example.org:x/a", "example.org:/a", "a//b:1", "/a", "a/", "a/b/", "-a", "a-", "a_b", "a__b", "a___b", "a.b",
    "a..b", "a--b", "a-_b", "a:.b", "a:-b", "a:_b", "a:" + "t" * 128, "a:" + "t" * 129, "http://example.org/a",
    "docker://a", "a b", "a:b c", "$word", "${word}:1", "$none", "$missing", "${none:-debian}",
    "${missing:-debian:12}", "${", "a:$missing", "a:${port:-1}", "'debian'", '"debian:12"', '"debian', "a" * 64,
    "f" * 64 + ":1", "a" * 256, "[::1]:5000/a", "[::1]/a", "127.0.0.1/a", "a@b", "a:1@b", "ä:1", "a:ä", "a%b",
    "a+b", "a:1+b", "user@host/a", "a\\b", "x/y/z/w:1", "0", "1:1", "index.docker.io/a", "docker.io/a",
    "library/a", "example.org", "example.org/", "a:latest ", "<none>", "a,b",
)  # fmt: skip

_PLATFORMS = (
    "linux/amd64", "linux/arm64", "linux/arm/v7", "linux", "amd64", "arm64", "x86_64", "aarch64", "windows/amd64",
    "darwin", "linux/abc", "abc", "abc/amd64", "linux/", "/amd64", "linux/amd64/", "linux/amd64/v2",
    "linux/amd64/v2/x", "Linux/AMD64", "linux amd64", "linux/amd_64", "linux/arm v7", "", "$BUILDPLATFORM",
    "$TARGETPLATFORM", "$missing", "${missing:-linux/amd64}", "linux-amd64", "linux,amd64", "linux/arm/7", "all",
    "local", "any", "linux/386", "i386", "linux/riscv64", "wasi/wasm", "windows(10.0.17763)/amd64",
    "linux/ppc64le", "armhf", "armel", "linux/s390x", "freebsd", "macos", "x86", "arm", "linux/é",
)  # fmt: skip

_STAGE_NAMES = (
    "b",
    "B",
    "b-1.x_y",
    "1b",
    "-b",
    "_b",
    "b/c",
    "b:c",
    "b c",
    "$word",
    "é",
    "b@",
    "scratch",
    "context",
    "''",
    '"b"',
)

_PORTS = (
    "80", "0", "65535", "65536", "99999", "-1", "abc", "80/tcp", "80/udp", "80/sctp", "80/TCP", "80/http", "80/",
    "/tcp", "/", "80-90", "90-80", "80-80", "80-", "-80", "80-90/udp", "80-abc", "80-70000", "80:80", "8080:80",
    ":80", "80:", "127.0.0.1:80:80", "127.0.0.1::80", "1.2.3:80:80", "[::1]:80:80", "::1:80:80", "[::1:80:80",
    "abc:80", "80-81:80-81", "80-82:80-81", "80-90:80", "80.5", "+80", "080", "0x50", "1e3", "80,81", "80;81",
    "80 tcp", "tcp/80", "8 0", "80/tcp/udp", "\"80\"", "'80'", "\"80 81\"", "80\\", "8０", "[80]", '["80"]',
    "$port", "$port/udp", "$port-8090", "8000-$port", "$word", "$none", "$one$one", "localhost:80:80", "http",
    "https://80", "#80", "80#",
)  # fmt: skip

_SIGNALS = (
    "SIGTERM", "TERM", "term", "sigterm", "SIGINT", "SIGQUIT", "SIGKILL", "SIGWINCH", "SIGRTMIN", "SIGRTMIN+3",
    "RTMAX-1", "SIGRTMIN+31", "SIGRTMAX-15", "9", "15", "0", "-1", "64", "65", "1000", "SIGFOO", "SIG",
    "SIGSIGTERM", "SIGTERM SIGINT", "\"SIGTERM\"", "'SIGTERM'", '["SIGTERM"]', "$sig", "${sig}", "$none", "$word",
    "$missing", "${missing:-SIGINT}", "SIGRTMIN-1", "SIG TERM", "SIGTERM#x", "1.5", "+9", "09", "0x9", "SIGCLD",
    "SIGPOLL", "SIGIOT", "SIGSTKFLT", "SIGUNUSED", "SIGEMT", "SIGUSR1", "sigusr2", "SIGSTOP", "SIGPWR", "SIGINFO",
    "SIGRT", "RTMIN+16", "99999999999999999999",
)  # fmt: skip

_DURATIONS = (
    "30s", "1m", "1m30s", "1h", "1.5s", ".5s", "5.s", "0", "0s", "-1s", "1", "30", "1x", "1d", "1S", "1 s", "",
    "s", "1ms", "1us", "0.5ms", "1ns", "1µs", "1μs", "+5s", "abc", "1s1", "1m,30s", "$one", "${one}s", "\"30s\"",
    "1e3s", "0x1s", "00s", "-0", "+", "1h1h", "99999999h", "3000000h", "1s ", "1sec",
)  # fmt: skip
_RETRIES = (
    "3",
    "0",
    "-1",
    "x",
    "",
    "1.5",
    "03",
    "+3",
    "2147483647",
    "2147483648",
    "$one",
    "3s",
    "1_000",
    "0x3",
    '"3"',
    "３",
)

_CHMODS = (
    "755", "0755", "644", "7777", "07777", "10000", "8", "999", "0999", "u+x", "u=rwx,g=rx", "a+rX", "+x", "go-w",
    "u+q", "x", "abc", "", "u", "u=", "-755", "0o755", "755 ", "rwxr-xr-x", "$mode", "$none", "$word",
    "${missing:-700}", "u+x,", "u+x,g", "+", "u+rw-x", "g=u", "u+x g+x", "1777", "u+t", "0x1ff", "7_5_5",
    "\"755\"", "99999999999", "u=rwX,go=rX", "o=", "z+x", "u*x", ",u+x", "u++x", "=", "a=r,", "ug+s",
)  # fmt: skip
_CHOWNS = (
    "1000", "1000:1000", "app", "app:app", ":app", "app:", ":", "a:b:c", "-1", "$word", "$missing", "$word:$word",
    "\"a b\"", "root", "0:0", "ä", "", "99999999999", "a b", "${",
)  # fmt: skip
_BOOLEANS = (
    "",
    "=true",
    "=false",
    "=TRUE",
    "=True",
    "=1",
    "=0",
    "=yes",
    "=no",
    "=maybe",
    "=",
    '="true"',
    "=$on",
    "=t",
    "=on",
)

_MOUNT_KEYS = {
    "type": (
        "bind", "cache", "tmpfs", "secret", "ssh", "BIND", "volume", "foo", "", "cach", "$word",
        "${missing:-cache}", "npipe",
    ),
    "target": ("/x", "x", "/", "", ".", "..", "$path", "$missing", "${", "/a b", "~"), "dst": ("/x",),
    "destination": ("/y",), "source": ("/a", "", "a", "$word"), "src": ("/a",),
    "from": ("b", "0", "1", "", BASE, "$word", "${BASE}", "a$", "Ubuntu:1", "a//b", "later"),
    "id": ("x", "", "$word"), "env": ("TOKEN", "", "a b"),
    "mode": ("0755", "755", "999", "u+x", "", "$mode", "-1", "0o755"),
    "uid": ("0", "1000", "abc", "", "-1", "$one", "1.5", "4294967296"), "gid": ("0", "abc", "", "$one"),
    "sharing": ("shared", "private", "locked", "bad", "", "LOCKED", "lock", "$word"),
    "required": ("true", "false", "maybe", "", "1", "yes", "TRUE", "T"), "ro": ("true", "false", "maybe", "", "0"),
    "rw": ("true", "false", "no"), "readonly": ("true", "x"), "readwrite": ("false", "x"),
    "size": ("1g", "100m", "100", "1x", "", "-1", "1.5GB", "1 GB", "$one", "10%", "1gib", "1e3", ".5m", "1G1"),
    "foo": ("bar",), "Target": ("/x",), "tagret": ("/x",), "sorce": ("a",), "shared": ("true",), "path": ("/x",),
    "$word": ("x",), "user": ("1",),
}  # fmt: skip
_MOUNT_WORDS = (
    "ro",
    "rw",
    "readonly",
    "readwrite",
    "required",
    "target",
    "cache",
    "foo",
    "",
    "RO",
    " ",
    "$word",
    "type",
    '"',
    '"a"',
    "relabel=shared",
    "z",
)
_MOUNTS = (
    "type=cache,target=/x", "type=bind,target=/x", "type=bind,source=a,target=/x", "type=tmpfs,target=/x",
    "type=secret,id=x", "type=ssh", "type=secret", "type=cache,id=x", "type=bind", "type=tmpfs", "", "type=cache",
    "target=/x", "/x", "type=secret,target=/x", "type=secret,id=x,env=TOKEN", "type=secret,src=x",
    "type=secret,src=x,id=y", "type=ssh,id=default,required",
    "type=cache,target=/x,sharing=locked,mode=0777,uid=0,gid=0", "type=bind,target=/x,mode=755",
    "type=tmpfs,target=/x,size=1g", "type=tmpfs,target=/x,size=x", "type=secret,id=x,required",
    "type=secret,id=x,from=b", "type=bind,from=b,target=/x", "type=bind,target=/x,sharing=locked",
    "type=cache,target=/x,from=b,source=/c", "type=bind,target=/x,rw",
)  # fmt: skip

_RUNS = (
    "true", "echo a", "echo \"a\"", "<<EOF\necho a\nEOF", "<< EOF\necho a\nEOF", "<<-EOF\n\techo a\n\tEOF",
    "<<EOF\necho a\n", "cat <<EOF > /a\nx\nEOF", "cat <<'E F' > /a\nx\nE F", "cat << 'EOF' > /a\nx y\nEOF",
    "<<EOF cat\nx\nEOF", "cat <<A <<B\na\nA\nb\nB", "cat <<A <<B\na\nA\nb\n", "cat <<< a", "<<\necho",
    "<<EOF\nFROM b\nEOF", "cat <<EOF\n\tx\n\tEOF", "cat <<-\tEOF\n\tx\n\tEOF", "cat <<\"EOF\"\n$x\nEOF",
    "cat 3<<EOF\nx\nEOF", "a \\\n  b", "a \\\n\n b", "a \\\n# c\n b", "a \\", "a # b", "echo $((1<<2))", "echo ${",
    "echo '", "echo <<E\"O\"F\nx\nEOF", "[ -f a ]", "[[ a ]]", "cat <<$x\na\n$x", "cat <<EOF | sh\nx\nEOF",
    "cat <<EOF; cat <<EOF\nx\nEOF\ny\nEOF", "cat <<\\EOF\nx\nEOF", "cat <<EOF\nx\nEOF \n",
    "cat <<EOF \\\n > a\nx\nEOF", "python3 <<EOF\nimport a\nEOF", "<<#EOF\nx\n#EOF", "echo \"<<EOF\"",
    "echo a<<EOF\nx\nEOF",
)  # fmt: skip

_COPIES = (
    "a /x", "a b /x/", ". .", "a", "a /", "/a /b", "a  /x", "<<EOF /x\nhello\nEOF", "<<EOF\nhello\nEOF",
    "a <<EOF\nhello\nEOF", "<<A <<B /x/\na\nA\nb\nB", "<<EOF /x\nhello\n", "<< EOF /x\nhello\nEOF",
    "<<'EOF' /x\n$a ${\nEOF", "<<EOF /x\n$a ${\nEOF", "<<EOF /x\n${a:-b} \\$c\nEOF",
    "<<EOF /x\n${missing:?no}\nEOF", "<<EOF a /x/\nhello\nEOF", "https://example.org/x /x",
    "http://example.org/x.tar.gz /x/", "https://github.com/a/b.git /x", "git@github.com:a/b.git /x",
    "git://example.org/a.git#main /x", "$word /x", "a $path", "a $none", "$none /x", "a ${", "\"a b\" /x",
    "a \"/x y\"", "'a /x", '["a", "/x"]', '["a b", "/x"]', '["a"]', "[]", '["a", "/x", 1]', '["a" "/x"]',
    '["a", "/x"] b', "\"\" /x", "a \"\"", "*.md /x/", "[a-z] /x/", "[ /x", "a*/../b /x", "../a /x", "C:\\a /x",
    "a \\\n /x", "git@ /x", "https:// /x", "ssh://git@example.org/a /x", "a.git /x",
)  # fmt: skip

_VOLUMES = ("/a /b", "", '" "', '[" "]', "$none", "/a $none")
_FROM = (
    "b", "0", "1", "2", "-1", "later", BASE, "$word", "${one}", "Ubuntu:1", "a//b", "", "B", "01", "a:", "scratch",
    "b\\x",
)  # fmt: skip
_CHECKSUMS = (
    "sha256:" + "a" * 64,
    "sha256:abc",
    "md5:" + "a" * 32,
    "abc",
    "",
    "sha512:" + "a" * 128,
    "$word",
    "sha256:" + "A" * 64,
    "a" * 40,
)
_TRIGGERS = (
    "ONBUILD RUN a", "FROM a", "MAINTAINER a", "XYZZY", "RUNN a", "ARG", "ENV a", "EXPOSE abc", "STOPSIGNAL FOO",
    "VOLUME []", "CMD", "RUN", "COPY a", "COPY --form=b a /b", "RUN --mount=type=foo a", "run a", "HEALTHCHECK x",
    "HEALTHCHECK NONE", "USER", "SHELL bash", "LABEL a", "RUN --network=bad a", "WORKDIR", "ADD a", "CMD [1]",
)  # fmt: skip
_PAIRS = (
    "a=b", "a=", "a", "=b", "a b", "a b c", "a=b c", "a=b c=d", "a = b", "a= b", "a =b", "a=\"b c\"", "a='b c'",
    "a=\"b", "a='b", "a=b\\ c", "\"a b\"=c", "\"\"=c", "''=c", "a==b", "1a=b", "a-b=c", "a.b=c", "$word=x",
    "$none=x", "$missing=x", "a=$one", "a=${", "a=${one:=b}", "a=${missing:?x}", "a=\"${\"", "a='${'", "a $one ${",
    "a=b=c", "a=b,c=d", "a:b", "a=b \\\n c=d", "a=b # c", "# a", "a=b;", "'a'=b", "a=\\", "a=b \\", "a=[\"b\"]",
    "a={\"b\":1}", "ä=ö", "a=\"b\"c", "a=\"b\"\"c\"", "a=\"\\\"\"", "$=b", "${=b", "$$a=b", "a=`b`", "a=$(b)",
)  # fmt: skip

_WORD_OF = {
    "RUN": ("RUNN", "RUM", "run", "Run", "RUN:"), "FROM": ("FORM", "FRON", "from"),
    "COPY": ("COPPY", "COPPY", "CPY", "copy"), "ADD": ("AD", "ADDD"), "ENV": ("EVN", "ENVS", "env"),
    "ARG": ("ARGS", "AGR"), "CMD": ("CMDS", "COMMAND"), "ENTRYPOINT": ("ENTRY_POINT", "ENTRYPOINTS", "ENTRYPIONT"),
    "LABEL": ("LABLE", "LABELS"), "EXPOSE": ("EXPORT", "EXPOSED"), "VOLUME": ("VOLUMES", "VOLUEM"),
    "USER": ("USERS", "USR"), "WORKDIR": ("WORDIR", "WORKDRI", "WORK_DIR"),
    "STOPSIGNAL": ("STOP_SIGNAL", "STOPSIGNALS"), "HEALTHCHECK": ("HEALTH", "HEALTCHECK"), "SHELL": ("SHEL",),
    "ONBUILD": ("ON_BUILD", "ONBULD"), "MAINTAINER": ("MAINTAINR", "AUTHOR"),
}  # fmt: skip
_NOISE = (
    '"',
    "'",
    "\\",
    "$",
    "{",
    "}",
    "[",
    "]",
    "=",
    " ",
    "\t",
    ",",
    ":",
    "/",
    "-",
    "#",
    "<",
    "\n",
    "`",
    "ä",
    "\u00a0",
    "\r",
)
_STRAY_FLAGS = (
    "--foo=1",
    "--foo",
    "--",
    "--=x",
    "--from=b",
    "--chwon=a",
    "--mout=type=bind",
    "--plattform=x",
    "--link",
    "---x",
    "--FROM=b",
    "-x",
    '--"from"=b',
    "--chmod",
    "--interval=1s",
)


class _Grammar:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def one(self, *pools: tuple[str, ...]) -> str:
        return self.random.choice(self.random.choice(pools))

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def flags(self, *makers: Callable[[], str]) -> str:
        """Some of an instruction's own flags, now and then one twice, and a stray one."""
        count = self.random.choice((0, 0, 1, 1, 1, 2, 3))
        found = [self.random.choice(makers)() for _ in range(count)] if makers else []
        if self.chance(0.07):
            found.insert(self.random.randrange(len(found) + 1), self.one(_STRAY_FLAGS))
        return "".join(f"{one} " for one in found)

    def value(self, pool: tuple[str, ...]) -> str:
        """A value of a pool; now and then a variable or any word in its place."""
        roll = self.random.random()
        if roll < 0.12:
            return self.one(_VARIABLES)
        if roll < 0.16:
            return self.one(_WORDS)
        return self.random.choice(pool)

    def words(self, pool: tuple[str, ...], most: int = 3) -> str:
        return " ".join(
            self.value(pool) for _ in range(self.random.choice((0, *range(1, most + 1), 1, 1, 1)))
        )

    def mount(self) -> str:
        if self.chance(0.35):
            return f"--mount={self.random.choice(_MOUNTS)}"
        fields = [self.random.choice(_MOUNTS)] if self.chance(0.6) else []
        for _ in range(self.random.choice((1, 1, 2))):
            if self.chance(0.15):
                fields.append(self.random.choice(_MOUNT_WORDS))
            else:
                key = self.random.choice(tuple(_MOUNT_KEYS))
                fields.append(f"{key}={self.random.choice(_MOUNT_KEYS[key])}")
        return "--mount=" + ",".join(fields)

    def flag(self, name: str, pool: tuple[str, ...]) -> Callable[[], str]:
        def make() -> str:
            roll = self.random.random()
            return f"--{name}" + (
                "" if roll < 0.03 else f"={self.value(pool) if roll < 0.4 else self.random.choice(pool)}"
            )

        return make

    def switch(self, name: str) -> Callable[[], str]:
        return lambda: f"--{name}{self.random.choice(_BOOLEANS)}"

    # Instructions

    def from_(self) -> str:
        name = (
            f" {self.random.choice(('AS', 'as', 'As', 'IS', ''))} {self.value(_STAGE_NAMES)}"
            if self.chance(0.3)
            else ""
        )
        return f"FROM {self.flags(self.flag('platform', _PLATFORMS))}{self.value(_REFERENCES)}{name}"

    def run(self) -> str:
        flags = self.flags(
            self.mount, self.mount, self.mount, self.mount,
            self.flag("network", ("default", "none", "host", "bad", "", "HOST", "bridge", "$word", "\"none\"")),
            self.flag("security", ("sandbox", "insecure", "bad", "", "SANDBOX")),
            self.flag("device", ("vendor.com/class=all", "a", "", "name=a,required", "a,foo=1")),
        )  # fmt: skip
        return f"RUN {flags}{self.one(_RUNS, _RUNS, _RUNS, _ARRAYS, ('', 'true'))}"

    def copy(self) -> str:
        flags = self.flags(
            self.flag("from", _FROM), self.flag("chmod", _CHMODS), self.flag("chmod", _CHMODS),
            self.flag("chown", _CHOWNS), self.switch("link"), self.switch("parents"),
            self.flag("exclude", ("*.md", "[", "", "!a", "**/x", "\\")),
        )  # fmt: skip
        return f"COPY {flags}{self.value(_COPIES)}"

    def add(self) -> str:
        flags = self.flags(
            self.flag("checksum", _CHECKSUMS), self.flag("chmod", _CHMODS), self.flag("chown", _CHOWNS), self.switch("link"),
            self.switch("keep-git-dir"), self.switch("unpack"), self.flag("exclude", ("*.md", "[")),
        )  # fmt: skip
        return f"ADD {flags}{self.value(_COPIES)}"

    def healthcheck(self) -> str:
        flags = self.flags(
            self.flag("interval", _DURATIONS), self.flag("timeout", _DURATIONS), self.flag("start-period", _DURATIONS),
            self.flag("start-interval", _DURATIONS), self.flag("retries", _RETRIES),
        )  # fmt: skip
        what = self.one(
            (
                "CMD a",
                "CMD a || exit 1",
                "cmd a",
                "NONE",
                "none",
                "NONE a",
                "CMD",
                "",
                "a",
                "CMD-SHELL a",
                '"CMD" a',
                "$word a",
            ),
            ("CMD",),
        )
        if what == "CMD":
            what += f" {self.value(_ARRAYS)}"
        return f"HEALTHCHECK {flags}{what}"

    def started(self) -> str:
        keyword = self.random.choice(("CMD", "ENTRYPOINT", "SHELL"))
        flags = self.flags() if self.chance(0.3) else ""
        return f"{keyword} {flags}{self.one(_ARRAYS, _ARRAYS, _RUNS, _VARIABLES, ('', 'a b'))}"

    def pairs(self) -> str:
        keyword = self.random.choice(("ENV", "LABEL", "ARG"))
        return f"{keyword} {self.flags() if self.chance(0.1) else ''}{self.words(_PAIRS, 2)}"

    def expose(self) -> str:
        return f"EXPOSE {self.flags() if self.chance(0.05) else ''}{self.words(_PORTS)}"

    def stopsignal(self) -> str:
        return f"STOPSIGNAL {self.flags() if self.chance(0.05) else ''}{self.value(_SIGNALS)}"

    def volume(self) -> str:
        return f"VOLUME {self.flags() if self.chance(0.05) else ''}{self.one(_ARRAYS, _WORDS, _VARIABLES, _VOLUMES)}"

    def place(self) -> str:
        keyword = self.random.choice(("USER", "WORKDIR", "MAINTAINER"))
        values = (
            "app",
            "1000:1000",
            "/srv",
            "srv/app",
            "",
            '""',
            "''",
            "a b",
            "$none",
            "~/x",
            "C:\\a",
            "1 2",
            "me <me@example.org>",
            '"a',
            "'a",
        )
        return f"{keyword} {self.flags() if self.chance(0.08) else ''}{self.one(values, _WORDS, _VARIABLES)}"

    def onbuild(self) -> str:
        flags = self.flags() if self.chance(0.05) else ""
        trigger = self.random.choice(_TRIGGERS) if self.chance(0.4) else self.instruction()
        return f"ONBUILD {flags}{trigger}"

    def instruction(self) -> str:
        makers = (
            self.from_, self.run, self.run, self.run, self.copy, self.copy, self.add, self.healthcheck, self.started,
            self.pairs, self.pairs, self.expose, self.expose, self.stopsignal, self.volume, self.place, self.onbuild,
        )  # fmt: skip
        return self.random.choice(makers)()

    def mutated(self, line: str) -> str:
        """A line with its keyword misspelt, or one or two characters changed."""
        keyword, blank, rest = line.partition(" ")
        if self.chance(0.05) and keyword in _WORD_OF:
            keyword = self.random.choice(_WORD_OF[keyword])
        line = keyword + blank + rest
        if self.chance(0.12) and len(rest) > 1:
            for _ in range(self.random.choice((1, 1, 2))):
                at = self.random.randrange(len(keyword), len(line))
                line = (
                    line[:at]
                    + self.random.choice(("", self.random.choice(_NOISE)))
                    + line[at + self.random.choice((0, 1)) :]
                )
        return line

    def file(self) -> str:
        line = self.mutated(self.instruction())
        head = self.random.choice(
            ("",) * 12
            + (
                "# escape=`\n",
                "# escape=\\\n",
                "# escape=x\n",
                "# check=skip=all\n",
                "# x=y\n# escape=`\n",
                "#\n# escape=`\n",
                "\ufeff",
            )
        )
        if line.upper().startswith("FROM"):
            before = self.random.choice(
                ("", "", "ARG word=abc\n", "ARG none=\n", "ARG x=${\n", "ARG port=${missing:?no}\n")
            )
            return f"{head}{before}{line}\n"
        base = self.random.choice(("scratch", "scratch", "scratch", BASE))
        if line.upper().startswith("ONBUILD"):  # the build of an image that is based on it reads the trigger
            return f"{head}FROM {base} AS parent\n{line}\nFROM parent\n"
        stage = f"FROM {BASE} AS b\n" if self.chance(0.3) or ("b" in line and "from=" in line) else ""
        after = "FROM scratch AS later\n" if "later" in line else ""
        variables = VARIABLES if self.chance(0.8) else ""
        return f"{head}{stage}FROM {base}\n{variables}{line}\n{after}"


def generate(seed: int, count: int) -> Iterator[str]:
    """Different Dockerfiles, `count` of them, each with one instruction that the grammar made."""
    grammar = _Grammar(seed)
    seen: set[str] = set()
    while len(seen) < count:
        text = grammar.file()
        if text not in seen:
            seen.add(text)
            yield text
