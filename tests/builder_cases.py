"""Instructions that a real builder refused, and others that it took, frozen as it answered.

Judged by the BuildKit of Docker 28.5.2 with buildx 0.29.1: `docker buildx bake --call=check`, and a build where
that reads nothing (`make oracle` asks again). Each stands behind `FROM alpine:3`, if it does not begin with FROM,
ARG or a directive.
"""

from __future__ import annotations

JUDGED_WITH = "Docker 28.5.2, buildx 0.29.1"
BASE = "alpine:3"

REFUSED = (
    # Names of images, stages, platforms
    "FROM Ubuntu:22.04", "FROM alpine:", "FROM alpine:3.20:1", "FROM a//b:1", "FROM debian@sha256:abc",
    "FROM http://x/y", "FROM a/", "FROM 'alpine:3", "FROM alpine:3 AS 1b", "FROM alpine:3 IS b",
    "FROM alpine:3 AS", "FROM alpine:3 b", "FROM --platform=abc alpine:3",
    "FROM --platform=linux/arm64/v8/x alpine:3", "FROM --platform=$NOTHING alpine:3",
    "FROM --platfrom=linux/amd64 alpine:3", "FROM scratch:1:2", "ARG V=${\nFROM alpine:3", "FROM ${NOTHING}",
    "FROM alpine:${V:=3}",
    # Words
    "RUNN a", "FORM b", "COPPY a /b", "XYZZY", "HEALTCHECK NONE", "WORK_DIR /x",
    # Ports and signals
    "EXPOSE abc", "EXPOSE 99999", "EXPOSE 80/http", "EXPOSE 90-80", "EXPOSE 80-", "EXPOSE -1", "EXPOSE 80.5",
    "EXPOSE /tcp", "EXPOSE 80,81", "EXPOSE x:80:80", "EXPOSE 80/tcp/udp", "EXPOSE '80", 'EXPOSE "80 81"',
    "ENV P=web\nEXPOSE $P", "STOPSIGNAL SIGFOO", "STOPSIGNAL 0", "STOPSIGNAL SIGRTMIN+31", "STOPSIGNAL TERM KILL",
    'STOPSIGNAL ["TERM"]', "ENV S=x\nSTOPSIGNAL $S",
    # Empty things
    "VOLUME []", 'VOLUME [""]', "SHELL []", "HEALTHCHECK CMD", "HEALTHCHECK CMD []", "USER", "WORKDIR", "LABEL",
    "ENV", "ARG", "EXPOSE", "VOLUME", "STOPSIGNAL", "MAINTAINER", "ENV a", "LABEL =b", "ARG =b", "ENV a=b c",
    "CMD [1]", 'RUN ["a", 1]', "SHELL bash -c", "HEALTHCHECK curl x", "HEALTHCHECK NONE x", "COPY a", "ADD a",
    "COPY <<EOF\nx\nEOF", "RUN <<EOF\nx", "RUN cat <<- EOF\n\ta\n\tEOF", "RUN <<\necho",
    "FROM scratch\nVOLUME /a $NOTHING", "RUN echo $((1 << 2))",
    # Flags
    "COPY --foo=1 a /b", "COPY --link=maybe a /b", "COPY --link= a /b", "COPY --link --link a /b",
    "COPY --from a /b", "COPY --chmod=999 a /b", "COPY --chmod=10000 a /b", "COPY --chmod=rwx a /b",
    "CMD --port 80", "RUN --network=bad x", "RUN --network= x", "RUN --security=bad x", "ADD --checksum=abc a /b",
    "ADD --unpack=yes a /b", "HEALTHCHECK --interval=1x CMD a", "HEALTHCHECK --interval=30 CMD a",
    "HEALTHCHECK --timeout=-1s CMD a", "HEALTHCHECK --timeout=1us CMD a", "HEALTHCHECK --retries=-1 CMD a",
    "HEALTHCHECK --retries=3s CMD a", "ENV N=3\nHEALTHCHECK --retries=$N CMD a",
    "HEALTHCHECK --interval=99999999h CMD a",
    # Mounts
    "RUN --mount=type=foo x", "RUN --mount=type=cache,target=/x,foo=bar x", "RUN --mount=type=cache,id=x x",
    "RUN --mount=type=secret x", "RUN --mount=type=secret,src=a,id=b x",
    "RUN --mount=type=secret,id=a,required=maybe x", "RUN --mount=type=ssh,uid=abc x",
    "RUN --mount=type=cache,target=/x,sharing=bad x", "RUN --mount=type=bind,target=/x,mode=755 x",
    "RUN --mount=type=tmpfs,target=/x,size=big x", "RUN --mount=type=bind,target=/x,required x",
    "RUN --mount=/x x", "RUN --mount= x", "RUN --mount=type=bind,from=$A,target=/x x",
    "RUN --mount=type=bind,from=a//b,target=/x x", "RUN --mount=target=. x", "RUN --device=a,foo=1 x",
    # Sources
    "COPY https://example.org/x /x", "COPY git@github.com:a/b.git /x", "COPY --from=7 /a /b",
    "COPY --from=-1 /a /b", "COPY --from=$A /a /b", "COPY --from=later /a /b\nFROM alpine:3 AS later",
    "COPY --from=Ubuntu:1 /a /b", "ADD --checksum=sha256:" + "a" * 64 + " a /b", "RUN []",
    # Quotes and substitutions
    "ENV a='b", "LABEL a=it's", 'WORKDIR "/x', "USER 'a", "ENV a=${b", "ENV a=${}", "ENV a=${b:=c}",
    "ENV a=${b^^}", "ENV a=${b/c}", "FROM scratch\nWORKDIR ${x:?needed}", "COPY ${ /x", "VOLUME ${a@Q}",
    "ENV a=${b#\\x}", "ADD <<EOF /x\n${a:=b}\nEOF",
    # Triggers
    "ONBUILD FROM b", "ONBUILD ONBUILD RUN a", "ONBUILD MAINTAINER a", "ONBUILD",
    # The file
    "# escape=x\nFROM alpine:3", "# escape=`\n# escape=`\nFROM alpine:3", "RUN a " + "b " * 33_000,
)  # fmt: skip

ACCEPTED = (
    # Names of images, stages, platforms
    "FROM scratch", "FROM alpine:3 AS b-1.x_y", "FROM alpine:3 as B", "FROM --platform=linux alpine:3",
    "FROM --platform=linux/arm/v7 alpine:3", "FROM --platform=$BUILDPLATFORM alpine:3", "ARG V=3\nFROM alpine:$V",
    "ARG V\nFROM alpine:${V:-3}", "FROM 'alpine:3'", "from alpine:3", "FROM alpine:3 AS context",
    # Bare and empty
    "CMD", "ENTRYPOINT", "CMD []", "ENTRYPOINT []", 'WORKDIR ""', 'USER ""', "ENV a=", "ENV ''=b", "LABEL a=",
    "ARG a=", "ARG a", "EXPOSE $NOTHING", "CMD ['x']", 'CMD ["a"];', 'VOLUME ["/a"] b', 'SHELL ["bash"]',
    "MAINTAINER a b", "HEALTHCHECK NONE", "HEALTHCHECK --interval=x NONE", "HEALTHCHECK cmd a",
    'HEALTHCHECK CMD ["a"]', "ARG --foo a", "STOPSIGNAL --foo TERM",
    # Ports and signals
    "EXPOSE 0", "EXPOSE 80", "EXPOSE 65535/udp", "EXPOSE 80/SCTP", "EXPOSE 80-90/tcp", "EXPOSE 80-80",
    "EXPOSE +80", "EXPOSE 080", "EXPOSE 80:80", "EXPOSE 127.0.0.1:80:80", "EXPOSE [::1]:80:80",
    "EXPOSE 8000-8001:80-81", "ENV P=80\nEXPOSE $P/udp", "ENV P='80 81'\nEXPOSE $P", "EXPOSE 80/",
    "STOPSIGNAL TERM", "STOPSIGNAL sigterm", "STOPSIGNAL 9", "STOPSIGNAL -1", "STOPSIGNAL 1000",
    "STOPSIGNAL RTMIN+15", "STOPSIGNAL 'INT'", "ENV S=KILL\nSTOPSIGNAL $S", "STOPSIGNAL SIGCLD",
    # Flags
    "COPY --link a /b", "COPY --link=TRUE a /b", "COPY --link=false a /b", "COPY --chmod=755 a /b",
    "COPY --chmod=7777 a /b", "COPY --chmod=u=rwX,go=rX a /b", "COPY --chmod=+x a /b", "COPY --chmod= a /b",
    "ENV M=644\nCOPY --chmod=$M a /b", "COPY --chown=a:b a /b", "COPY --exclude=*.md --exclude=x a /b",
    "COPY -- a /b", "ADD --keep-git-dir=false a /b", "ADD --unpack a /b", "RUN --network=none x",
    "RUN --network=host x",
    "HEALTHCHECK --interval=1m30s --timeout=.5s --start-period=0 --start-interval=2s --retries=0 CMD a",
    "HEALTHCHECK --interval= --retries= CMD a", "HEALTHCHECK --interval=1ms CMD a",
    "HEALTHCHECK --retries=+3 CMD a",
    # Mounts
    "RUN --mount=type=cache,target=/x x",
    "RUN --mount=type=cache,target=/x,sharing=LOCKED,mode=0755,uid=1,gid=1 x", "RUN --mount=type=secret,id=x x",
    "RUN --mount=type=secret,target=/x,required x", "RUN --mount=type=secret,id=x,env=T x",
    "RUN --mount=type=ssh x", "RUN --mount=type=tmpfs,target=/x,size=1.5g x", "RUN --mount=target=/x,ro=false x",
    "RUN --mount=TYPE=BIND,Target=/x,rw x", "WORKDIR /x\nRUN --mount=type=cache,id=x x",
    "ENV T=/x\nRUN --mount=target=$T x", "RUN --mount=type=${K:-cache},target=/x x",
    'RUN --mount=\\"type=cache\\",target=/x x', "RUN --mount=from=alpine:3,target=/x x",
    # Sources
    "ADD https://example.org/x /x", "ADD git@github.com:a/b.git /x", "ADD https://github.com/a/b.git#v1 /x",
    "COPY --from=alpine:3 /a /b", "COPY --from= a /b", "COPY a b /c/", 'COPY ["a b", "/c"]',
    "COPY <<EOF /x\n$a ${b} '\nEOF", "COPY <<'EOF' /x\n${a:=b}\nEOF", "COPY <<A <<B /x/\na\nA\nb\nB",
    "COPY $NOTHING /x", "ADD --checksum=sha256:" + "a" * 64 + " https://example.org/x /x",
    # Here-documents
    "RUN << EOF\necho a\nEOF", "RUN cat << 'END' > /x\nset it\nEND", "RUN cat <<'E F'\na\nE F", "RUN cat <<< a",
    "RUN cat 3<<EOF\na\nEOF", 'RUN echo "<<EOF"', "RUN <<-EOF\n\ta\n\tEOF",
    # Quotes and substitutions
    "ENV a=${b:-c} d=${e:+f} g=${h-i}", "ENV a=b\nENV c=${a:?no}",
    "ENV a=${b#x*} c=${d%%/*} e=${f//g/h} i=${j##\\*}", "ENV a=\"it's\" b='$' c=\\'", "ENV a=$ b=$$ c=$(d)",
    "ENV old the 'rest'", "LABEL \"a b\"='c'", "RUN echo ${a^^}", "CMD echo ${", "WORKDIR $a/b",
    "ENV a=${b:-${c:-d}}", "ENV a=${b:-'}'}", "ENV a=${0} b=${*}", "USER ${u:-1000}", "FROM --platform= alpine:3",
    # Triggers, continuations, the file
    "ONBUILD RUN a", "ONBUILD COPY a /b", "RUN a \\\n  b", "RUN a \\\n# c\n  b", "RUN a \\\n\n  b", "RUN a \\",
    "\ufeffFROM alpine:3", "# x=y\n# escape=x\nFROM alpine:3", "#\n# escape=x\nFROM alpine:3",
    "# escape=`\nFROM alpine:3\nRUN a `\n b", "FROM alpine:3\r\nRUN a \\\r\n b\r\n",
)  # fmt: skip


def file_of(case: str) -> str:
    """The Dockerfile that a case stands for."""
    whole = case.lstrip("\ufeff").upper().startswith(("FROM", "ARG V", "#", "FORM"))
    return f"{case}\n" if whole else f"FROM {BASE}\n{case}\n"
