"""HEALTHCHECKs of a web server."""

from __future__ import annotations

from .server import CANNOT_TELL, DISPROVED, HEALTHY, HEEDS, PROVED, Server, serves
from .web import WEB

OFTEN = "HEALTHCHECK --interval=2s --timeout=3s --retries=2"

SERVERS = (
    Server(
        "health-good", "nginx", "web", f"{OFTEN} CMD curl -fsS http://127.0.0.1/\n{WEB}",
        serves("80/tcp") | HEEDS | HEALTHY, cheap=True,
    ),
    Server(
        "health-exec", "nginx", "web", f"{OFTEN} CMD [\"curl\", \"-fsS\", \"http://127.0.0.1/\"]\n{WEB}",
        serves("80/tcp") | HEEDS | HEALTHY,
    ),
    Server(
        "health-missing-tool", "nginx", "web", f"{OFTEN} CMD wget -qO- http://127.0.0.1/ || exit 1\n{WEB}",
        {
            **serves("80/tcp"), ("health.static", None): DISPROVED, ("health.by-hand", None): DISPROVED,
            ("health.engine", None): DISPROVED,
        },
        broken="unhealthy; its log: /bin/sh: 1: wget: not found", cheap=True,
    ),
    Server(
        "health-or-true", "nginx", "web", f"{OFTEN} CMD curl -fsS http://127.0.0.1/ || true\n{WEB}",
        {
            **serves("80/tcp"), ("health.by-hand", None): PROVED, ("health.notices", None): DISPROVED,
            ("health.engine", None): PROVED,
        },
        broken="healthy in a container that runs sleep in nginx's stead", cheap=True,
    ),
    Server(
        "health-exec-or", "nginx", "web",
        f"{OFTEN} CMD [\"curl\", \"-fsS\", \"http://127.0.0.1/\", \"||\", \"exit\", \"1\"]\n{WEB}",
        {**serves("80/tcp"), ("health.by-hand", None): DISPROVED, ("health.engine", None): DISPROVED},
        broken="unhealthy; its log: curl: (6) Could not resolve host: exit",
    ),
    Server(
        "health-pid-file", "nginx", "web", f"{OFTEN} CMD test -f /run/nginx.pid\n{WEB}",
        {**serves("80/tcp"), ("health.by-hand", None): PROVED, ("health.notices", None): DISPROVED,
         ("health.engine", None): PROVED},
        broken="still healthy after kill -STOP of every nginx",
    ),
    Server(
        "health-connect", "nginx", "web", f"{OFTEN} CMD socat -u OPEN:/dev/null TCP4:127.0.0.1:80\n{WEB}",
        {**serves("80/tcp"), ("health.by-hand", None): PROVED, ("health.notices", None): DISPROVED,
         ("health.engine", None): PROVED},
        broken="still healthy after kill -STOP of every nginx",
    ),
    Server(
        "health-python", "uvicorn", "languages",
        "COPY asgi.py /\nEXPOSE 8000\nCMD [\"python3\", \"-m\", \"uvicorn\", \"--host\", \"0.0.0.0\", \"asgi:app\"]\n"
        f"{OFTEN} CMD python3 -c \"import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/', timeout=2)\"",
        serves("8000/tcp") | HEEDS | HEALTHY, files=("asgi.py",),
    ),
    Server(
        "health-or-kill", "nginx", "web", f"{OFTEN} CMD curl -fsS --max-time 2 http://127.0.0.1/ || kill 1\n{WEB}",
        {**serves("80/tcp"), **HEEDS, ("health.by-hand", None): PROVED, ("health.engine", None): PROVED},
    ),
    Server(
        "health-heartbeat", "nginx", "web",
        f"{OFTEN} CMD test $(($(date +%s) - $(stat -c %Y /run/beat))) -lt 8\nEXPOSE 80\n"
        "CMD [\"bash\", \"-c\", \"while :; do touch /run/beat; sleep 2; done & exec nginx -g 'daemon off;'\"]",
        {**serves("80/tcp"), **HEEDS, **HEALTHY},
    ),
    Server(
        "health-status-code", "nginx", "web",
        f"{OFTEN} CMD test $(curl -s -o /dev/null -w '%{{http_code}}' http://127.0.0.1/) -eq 200\n{WEB}",
        {**serves("80/tcp"), **HEEDS, **HEALTHY},
    ),
    Server(
        "health-loop", "nginx", "web",
        f"{OFTEN} CMD for i in 1 2; do curl -fsS http://127.0.0.1/ && exit 0; sleep 1; done; exit 1\n{WEB}",
        {**serves("80/tcp"), **HEEDS, **HEALTHY},
    ),
    Server(
        "health-wrong-port", "nginx", "web", f"{OFTEN} CMD curl -fsS http://127.0.0.1:8080/\n{WEB}",
        {**serves("80/tcp"), ("health.static", None): PROVED, ("health.by-hand", None): DISPROVED,
         ("health.engine", None): DISPROVED},
        broken="unhealthy; its log: curl: (7) Failed to connect to 127.0.0.1 port 8080",
    ),
    Server(
        "health-start-period", "nginx", "web",
        "HEALTHCHECK --interval=5s --timeout=3s --retries=2 --start-period=30s CMD curl -fsS http://127.0.0.1/\n"
        "EXPOSE 80\nCMD sleep 20; exec nginx -g 'daemon off;'",
        serves("80/tcp") | HEEDS | HEALTHY,
    ),
    Server(
        "health-default-times", "nginx", "web",
        "HEALTHCHECK CMD curl -fsS http://127.0.0.1/\nEXPOSE 80\nCMD sleep 20; exec nginx -g 'daemon off;'",
        serves("80/tcp") | HEEDS | HEALTHY,
    ),
    Server(
        "health-other-host", "nginx", "web", f"{OFTEN} CMD curl -fsS http://cache:8080/ && curl -fsS http://127.0.0.1/\n{WEB}",
        {**serves("80/tcp"), ("health.by-hand", None): CANNOT_TELL, ("health.engine", None): CANNOT_TELL},
        broken="unhealthy: Could not resolve host: cache; with a host cache on its network it is healthy",
        undecided={("health.by-hand", None): "--network", ("health.engine", None): "--network"},
    ),
    Server(
        "health-no-patience", "nginx", "web",
        f"{OFTEN} CMD curl -fsS http://127.0.0.1/\nEXPOSE 80\nCMD sleep 20; exec nginx -g 'daemon off;'",
        {**serves("80/tcp"), **HEEDS, ("health.static", None): PROVED, ("health.engine", None): DISPROVED},
        broken="unhealthy from 6 s on, and healthy from 22 s on",
    ),
    Server(
        "health-redis", "redis", "web",
        f"{OFTEN} CMD redis-cli ping | grep -q PONG\nEXPOSE 6379\nCMD [\"redis-server\", \"--protected-mode\", \"no\"]",
        serves("6379/tcp") | HEEDS | HEALTHY,
    ),
    Server(
        "health-redis-blind", "redis", "web",
        f"{OFTEN} CMD redis-cli -h 127.0.0.1 -p 6380 ping; echo checked\nEXPOSE 6379\n"
        "CMD [\"redis-server\", \"--protected-mode\", \"no\"]",
        {**serves("6379/tcp"), ("health.notices", None): DISPROVED, ("health.engine", None): PROVED},
        broken="healthy in a container that runs sleep in its stead; its log: Could not connect to Redis",
    ),
    Server(
        "health-slow-probe", "nginx", "web",
        f"{OFTEN} CMD sleep 6 && curl -fsS http://127.0.0.1/\n{WEB}",
        {**serves("80/tcp"), ("health.by-hand", None): DISPROVED, ("health.engine", None): DISPROVED},
        broken="unhealthy; its log: Health check exceeded timeout (3s)",
    ),
)  # fmt: skip
