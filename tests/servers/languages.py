"""Applications in Python, Node and Java behind the servers of these languages."""

from __future__ import annotations

from .server import DEAF, HEEDS, KILLED, Server, serves, shut, unanswered

SERVERS = (
    Server(
        "gunicorn", "gunicorn", "languages",
        "COPY wsgi.py /\nEXPOSE 8000\nCMD [\"gunicorn\", \"-b\", \"0.0.0.0:8000\", \"wsgi:app\"]",
        serves("8000/tcp") | HEEDS, files=("wsgi.py",),
    ),
    Server(
        "gunicorn-loopback", "gunicorn", "languages",
        "COPY wsgi.py /\nEXPOSE 8000\nCMD [\"gunicorn\", \"wsgi:app\"]",
        shut("8000/tcp") | HEEDS, files=("wsgi.py",), broken="curl of the published port: connection reset",
    ),
    Server(
        "uvicorn", "uvicorn", "languages",
        "COPY asgi.py /\nEXPOSE 8000\nCMD [\"python3\", \"-m\", \"uvicorn\", \"--host\", \"0.0.0.0\", \"asgi:app\"]",
        serves("8000/tcp") | HEEDS, files=("asgi.py",),
    ),
    Server(
        "node", "Node", "languages", "COPY server.js /\nEXPOSE 3000\nCMD [\"node\", \"/server.js\"]",
        serves("3000/tcp") | DEAF, files=("server.js",), broken=KILLED,
    ),
    Server(
        "node-heeds", "Node", "languages", "COPY heeds.js /\nEXPOSE 3000\nCMD [\"node\", \"/heeds.js\"]",
        serves("3000/tcp") | HEEDS, files=("heeds.js",),
    ),
    Server(
        "node-http2", "Node", "languages", "COPY http2.js /\nEXPOSE 3000\nCMD [\"node\", \"/http2.js\"]",
        serves("3000/tcp") | DEAF, files=("http2.js",), undecided=unanswered("3000/tcp", "takes its own protocol"),
        broken=KILLED,
    ),
    Server(
        "php-fpm", "PHP", "others",
        "RUN mkdir /run/php && sed -i 's/^listen = .*/listen = 9000/' /etc/php/8.2/fpm/pool.d/www.conf\n"
        "STOPSIGNAL SIGQUIT\nEXPOSE 9000\n"
        "CMD [\"php-fpm8.2\", \"-F\"]",
        serves("9000/tcp") | HEEDS, undecided=unanswered("9000/tcp", "takes its own protocol"),
    ),
    Server(
        "node-exporter", "Go", "others", "EXPOSE 9100\nUSER nobody\nCMD [\"prometheus-node-exporter\"]",
        serves("9100/tcp") | HEEDS,
    ),
    Server(
        "java-heap", "Java", "java",
        "COPY Server.java /\n"
        "RUN sed -i 's/throws Exception {/throws Exception { byte[] held = new byte[700 << 20];/' Server.java\n"
        "RUN javac Server.java\n"
        "EXPOSE 8080\nCMD [\"java\", \"Server\"]",
        # It takes a quarter of what it sees for its heap, so that what it has here is too little.
        serves("8080/tcp"), files=("Server.java",),
        undecided={
            ("container.stays", None): "Use --memory", ("ports.exposed", "8080/tcp"): "Use --memory",
            **unanswered("8080/tcp", "Use --memory"),
        },
    ),
    Server(
        "java", "Java", "java", "COPY Server.java /\nRUN javac Server.java\nEXPOSE 8080\nCMD [\"java\", \"Server\"]",
        serves("8080/tcp") | HEEDS, files=("Server.java",),
    ),
)  # fmt: skip
