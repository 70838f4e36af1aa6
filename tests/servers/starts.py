"""How services are started and ended: slow ones, inits, shells in front of them."""

from __future__ import annotations

from .server import (
    CANNOT_TELL,
    DEAF,
    DISPROVED,
    ENDS,
    HEEDS,
    KILLED,
    PROVED,
    STAYS,
    Server,
    serves,
    shut,
    unanswered,
)
from .web import WEB

SERVERS = (
    Server(
        "slow-20", "nginx", "web", "EXPOSE 80\nCMD sleep 20; exec nginx -g 'daemon off;'",
        serves("80/tcp") | HEEDS,
    ),
    Server(
        "slow-40", "nginx", "web", "EXPOSE 80\nCMD sleep 40; exec nginx -g 'daemon off;'",
        serves("80/tcp") | HEEDS,
    ),
    Server(
        "tini", "tini", "web", f"ENTRYPOINT [\"tini\", \"--\"]\n{WEB}", serves("80/tcp") | HEEDS,
    ),
    Server("dumb-init", "dumb-init", "web", f"ENTRYPOINT [\"dumb-init\", \"--\"]\n{WEB}", serves("80/tcp") | HEEDS),
    Server(
        "init", "tini", "web", f"RUN cp /usr/bin/tini /init\nENTRYPOINT [\"/init\", \"--\"]\n{WEB}",
        serves("80/tcp") | HEEDS,
    ),
    Server(
        "tini-graceful", "tini", "web",
        "COPY graceful.py /\nEXPOSE 8000\nENTRYPOINT [\"tini\", \"--\"]\nCMD [\"python3\", \"/graceful.py\"]",
        serves("8000/tcp") | HEEDS, says={("stop.signal", None): "ended 3."}, files=("graceful.py",),
    ),
    Server(
        "tini-bash", "tini", "web",
        "EXPOSE 80\nENTRYPOINT [\"tini\", \"--\"]\nCMD [\"bash\", \"-c\", \"nginx -g 'daemon off;'; echo done\"]",
        serves("80/tcp") | HEEDS, says={("stop.signal", None): "does not hand it on"},
        broken="docker stop ends it at once with 143, and /run/nginx.pid is left, as by a kill",
    ),
    Server(
        "tini-group", "tini", "web",
        "EXPOSE 80\nENTRYPOINT [\"tini\", \"-g\", \"--\"]\nCMD [\"bash\", \"-c\", \"nginx -g 'daemon off;'; echo done\"]",
        serves("80/tcp") | HEEDS,
    ),
    Server(
        "dumb-init-shell", "dumb-init", "web",
        "EXPOSE 80\nENTRYPOINT [\"dumb-init\", \"--\"]\nCMD [\"bash\", \"-c\", \"nginx -g 'daemon off;'; echo done\"]",
        serves("80/tcp") | HEEDS,
    ),
    Server(
        "su", "redis", "web",
        "EXPOSE 6379\n"
        'CMD ["su", "-s", "/bin/sh", "nobody", "-c", "exec redis-server --protected-mode no --dir /tmp"]',
        serves("6379/tcp") | HEEDS,
    ),
    Server(
        "ends-late", "python", "web",
        "COPY graceful.py /\nRUN sed -i s/sleep.3/sleep\\(15/ /graceful.py\nEXPOSE 8000\n"
        'CMD ["python3", "/graceful.py"]',
        serves("8000/tcp") | DEAF, files=("graceful.py",), broken=KILLED,
    ),
    Server(
        "ends-in-time", "python", "web",
        "COPY graceful.py /\nRUN sed -i s/sleep.3/sleep\\(7/ /graceful.py\nEXPOSE 8000\nCMD [\"python3\", \"/graceful.py\"]",
        serves("8000/tcp") | HEEDS, files=("graceful.py",), says={("stop.signal", None): "ended 7."},
    ),
    Server(
        "needs-variable", "shell", "web",
        "ENTRYPOINT [\"sh\", \"-c\", \": ${PASSWORD:?has to be set}; exec nginx -g 'daemon off;'\"]\nEXPOSE 80",
        ENDS, broken="ends with 2: PASSWORD: has to be set",
    ),
    Server(
        "waits-for-database", "shell", "web",
        "EXPOSE 80\nCMD until curl -sS http://db:8080/; do sleep 1; done; exec nginx -g 'daemon off;'",
        {**STAYS, ("ports.exposed", "80/tcp"): CANNOT_TELL},
        broken="its log: Could not resolve host: db; with a host db on its network it serves",
        undecided={("container.stays", None): "Use --with", ("ports.exposed", "80/tcp"): "Use --with"},
    ),
    Server(
        "entry-exec", "shell", "web", f"COPY entry-exec.sh /\nENTRYPOINT [\"/entry-exec.sh\"]\n{WEB}",
        serves("80/tcp") | HEEDS, files=("entry-exec.sh",),
    ),
    Server(
        "entry-child", "shell", "web", f"COPY entry-child.sh /\nENTRYPOINT [\"/entry-child.sh\"]\n{WEB}",
        serves("80/tcp") | DEAF, files=("entry-child.sh",), broken=KILLED,
    ),
    Server(
        "entry-trap", "shell", "web",
        "EXPOSE 80\nCMD [\"sh\", \"-c\", \"trap 'kill $web' TERM; nginx -g 'daemon off;' & web=$!; wait; wait\"]",
        serves("80/tcp") | HEEDS,
    ),
    Server(
        "stop-realtime", "python", "web",
        "COPY realtime.py /\nSTOPSIGNAL SIGRTMIN+3\nEXPOSE 8000\nCMD [\"python3\", \"/realtime.py\"]",
        serves("8000/tcp") | HEEDS, files=("realtime.py",),
    ),
    Server(
        "stop-sigwait", "python", "web", "COPY sigwait.py /\nEXPOSE 8000\nCMD [\"python3\", \"/sigwait.py\"]",
        serves("8000/tcp") | HEEDS, files=("sigwait.py",),
    ),
    Server(
        "runit", "runit", "others",
        "RUN mkdir -p /srv/web && printf '#!/bin/sh\\nexec lighttpd -D -f /etc/lighttpd/lighttpd.conf\\n' > /srv/web/run && "
        "chmod 755 /srv/web/run\nEXPOSE 80\nCMD [\"runsvdir\", \"/srv\"]",
        serves("80/tcp") | HEEDS,
    ),
    Server(
        "sudo", "sudo", "others",
        "RUN useradd app && echo 'app ALL=NOPASSWD: ALL' > /etc/sudoers.d/app\nUSER app\nEXPOSE 80\n"
        "CMD exec sudo lighttpd -D -f /etc/lighttpd/lighttpd.conf",
        serves("80/tcp") | HEEDS, undecided={("container.stays", None): "no-new-privileges"},
    ),
    Server(
        "slow-answer", "python", "web", "COPY slow_answer.py /\nEXPOSE 8000\nCMD [\"python3\", \"/slow_answer.py\"]",
        serves("8000/tcp") | HEEDS, files=("slow_answer.py",),
    ),
    Server(
        "local-store", "python", "web",
        "COPY local_store.py /\nENV STORE=127.0.0.1\nEXPOSE 8000\n"
        "CMD redis-server --bind 127.0.0.1 & exec python3 /local_store.py",
        serves("8000/tcp") | HEEDS, files=("local_store.py",),
    ),
    Server(
        "ends-when-called", "python", "web",
        "COPY ends_when_called.py /\nEXPOSE 7000\nCMD [\"python3\", \"/ends_when_called.py\"]",
        shut("7000/tcp", exposed=PROVED), files=("ends_when_called.py",),
        broken="the published port: reset at the first connection, and the container has ended with 1",
        undecided=unanswered("7000/tcp", "ended with 1"),
    ),
    Server(
        "memory-3g", "python", "web",
        "COPY memory.py /\nRUN sed -i s/700/3000/ /memory.py\nEXPOSE 8000\nCMD [\"python3\", \"/memory.py\"]",
        serves("8000/tcp"), files=("memory.py",),
        undecided=dict.fromkeys(serves("8000/tcp"), "Use --memory"),
    ),
    Server(
        "threads-2000", "python", "web",
        "COPY threads.py /\nRUN sed -i s/400/2000/ /threads.py\nEXPOSE 8000\nCMD [\"python3\", \"/threads.py\"]",
        serves("8000/tcp"), files=("threads.py",),
        undecided=dict.fromkeys(serves("8000/tcp"), "Use --pids-limit"),
    ),
    Server(
        "ends-after-5", "shell", "web", "CMD [\"sh\", \"-c\", \"sleep 5; echo done\"]",
        ENDS, broken="ends with 0 after five seconds",
    ),
    Server("bash", "shell", "web", "CMD [\"bash\"]", ENDS, broken="ends with 0 at once"),
    Server(
        "ends-soon", "shell", "web", "CMD [\"sh\", \"-c\", \"sleep 1; echo done\"]",
        ENDS, broken="ends with 0 after one second",
    ),
    Server(
        "crashes-starting", "shell", "web", "EXPOSE 80\nCMD [\"sh\", \"-c\", \"sleep 8; echo no licence >&2; exit 3\"]",
        ENDS, broken="ends with 3 after eight seconds",
    ),
    Server(
        "crashes-serving", "nginx", "web", "EXPOSE 80\nCMD [\"sh\", \"-c\", \"nginx; sleep 10; exit 4\"]",
        ENDS, broken="serves, and ends with 4 after ten seconds", observe=15,
    ),
    Server(
        "silent", "python", "web", "COPY silent.py /\nEXPOSE 8000\nCMD [\"python3\", \"/silent.py\"]",
        {**shut("8000/tcp", exposed=PROVED), **HEEDS}, files=("silent.py",),
        broken="curl of the published port, and of the container's own address: nothing within ten seconds",
        undecided=unanswered("8000/tcp", "nothing came back"),
    ),
    Server(
        "memory", "python", "web", "COPY memory.py /\nEXPOSE 8000\nCMD [\"python3\", \"/memory.py\"]",
        serves("8000/tcp") | HEEDS, files=("memory.py",),
    ),
    Server(
        "threads", "python", "web", "COPY threads.py /\nEXPOSE 8000\nCMD [\"python3\", \"/threads.py\"]",
        serves("8000/tcp") | HEEDS, files=("threads.py",),
    ),
    Server(
        "zombies", "python", "web", "COPY zombies.py /\nEXPOSE 8000\nCMD [\"python3\", \"/zombies.py\"]",
        {**serves("8000/tcp"), **HEEDS, ("processes.zombies", None): DISPROVED}, files=("zombies.py",),
        broken="docker exec: five processes in state Z, of parent 1",
    ),
    Server(
        "late-writer", "python", "web", "COPY late_writer.py /\nEXPOSE 8000\nCMD [\"python3\", \"/late_writer.py\"]",
        {**serves("8000/tcp"), **HEEDS, ("writes.layer", None): PROVED}, files=("late_writer.py",), observe=20,
        says={("writes.layer", None): "1 file, 9 B written"},
        broken="docker diff after 16 s: A /srv/orders.db",
    ),
    Server(
        "request-writer", "python", "web",
        "COPY request_writer.py /\nEXPOSE 8000\nCMD [\"python3\", \"/request_writer.py\"]",
        {**serves("8000/tcp"), **HEEDS, ("writes.layer", None): PROVED}, files=("request_writer.py",), observe=8,
        says={("writes.layer", None): "1 file"},
        broken="docker diff after a request: A /srv/visits.txt",
    ),
    Server(
        "needs-database", "python", "web",
        "COPY needs_database.py /\nEXPOSE 8000\nCMD [\"python3\", \"/needs_database.py\"]",
        {("container.stays", None): CANNOT_TELL, ("ports.exposed", "8000/tcp"): CANNOT_TELL}, files=("needs_database.py",),
        broken="ends with 1: Name or service not known; with a host db on its network it stays and serves",
        undecided={("container.stays", None): "Use --with", ("ports.exposed", "8000/tcp"): "Use --with"},
    ),
    Server(
        "udp", "socat", "web", "EXPOSE 9999/udp\nCMD [\"socat\", \"UDP4-RECVFROM:9999,fork\", \"EXEC:cat\"]",
        serves("9999/udp") | HEEDS,
    ),
    Server(
        "udp-ipv6", "socat", "web", "EXPOSE 9999/udp\nCMD [\"socat\", \"UDP6-RECVFROM:9999,ipv6only,fork\", \"EXEC:cat\"]",
        shut("9999/udp", exposed=PROVED) | HEEDS, broken="a datagram to the published port: nothing comes back",
        undecided=unanswered("9999/udp", "nothing came back"),
    ),
    Server(
        "udp-silent", "socat", "web", "EXPOSE 8125/udp\nCMD [\"socat\", \"-u\", \"UDP4-RECV:8125\", \"STDOUT\"]",
        {**STAYS, **HEEDS, ("ports.exposed", "8125/udp"): PROVED, ("ports.published", "8125/udp"): PROVED},
        undecided={("ports.published", "8125/udp"): "takes its own protocol"},
    ),
    Server(
        "own-protocol", "python", "web", "COPY own_protocol.py /\nEXPOSE 7000\nCMD [\"python3\", \"/own_protocol.py\"]",
        serves("7000/tcp") | HEEDS, files=("own_protocol.py",),
        undecided=unanswered("7000/tcp", "takes its own protocol"),
    ),
    Server(
        "supervisord", "supervisord", "system",
        "COPY supervisord.conf /\nEXPOSE 80 6379\nCMD [\"supervisord\", \"-c\", \"/supervisord.conf\"]",
        {**serves("80/tcp", "6379/tcp"), **HEEDS, ("processes.tree", None): PROVED}, files=("supervisord.conf",),
        says={("processes.tree", None): "2 services: "},
    ),
    Server(
        "supervisord-failing", "supervisord", "system",
        "COPY supervisord-failing.conf /\nEXPOSE 80\nCMD [\"supervisord\", \"-c\", \"/supervisord-failing.conf\"]",
        {**shut("80/tcp"), **HEEDS}, files=("supervisord-failing.conf",),
        broken="stays; gave up: web entered FATAL state; curl of the published port: connection reset",
        undecided={
            ("ports.exposed", "80/tcp"): "nothing listens on any port",
            ("ports.published", "80/tcp"): "nothing listens on it in the container",
            ("ports.publish-all", "80/tcp"): "nothing listens on it in the container",
        },
    ),
    Server("cron", "cron", "system", "CMD [\"cron\", \"-f\"]", {**STAYS, **DEAF}, broken=KILLED),
)  # fmt: skip
