"""Databases, caches and queues."""

from __future__ import annotations

from .server import CANNOT_TELL, DEAF, ENDS, HEALTHY, HEEDS, KILLED, PROVED, Server, serves, shut, unanswered
from .web import KEY

POSTGRES = (
    "RUN mkdir -p /run/postgresql && chown postgres /run/postgresql\nUSER postgres\nEXPOSE 5432\n"
    'CMD ["/usr/lib/postgresql/15/bin/postgres", "-D", "/var/lib/postgresql/15/main", '
    '"-c", "config_file=/etc/postgresql/15/main/postgresql.conf"{}]'
)
EVERYWHERE = ', "-c", "listen_addresses=*"'
LET_IN = "RUN echo 'host all all 0.0.0.0/0 scram-sha-256' >> /etc/postgresql/15/main/pg_hba.conf"
SHOP = "RUN printf \"CREATE USER shop@'%%' IDENTIFIED BY 'wordpass';\\n\" > /etc/mysql/init.sql"
MARIADB = (
    "RUN mkdir -p /run/mysqld && chown mysql /run/mysqld\nUSER mysql\nEXPOSE 3306\n"
    'CMD ["mariadbd", "--bind-address=0.0.0.0"]'
)

SERVERS = (
    Server(
        "redis", "redis", "web", "EXPOSE 6379\nCMD [\"redis-server\", \"--protected-mode\", \"no\"]",
        serves("6379/tcp") | HEEDS,
    ),
    Server(
        "redis-own-port", "redis", "web",
        "EXPOSE 7000\nCMD [\"redis-server\", \"--port\", \"7000\", \"--protected-mode\", \"no\"]",
        serves("7000/tcp") | HEEDS,
    ),
    Server(
        "redis-password", "redis", "web", "EXPOSE 6379\nCMD [\"redis-server\", \"--requirepass\", \"wordpass\"]",
        serves("6379/tcp") | HEEDS,
    ),
    Server(
        "redis-protected", "redis", "web", "EXPOSE 6379\nCMD [\"redis-server\"]",
        shut("6379/tcp", exposed=PROVED) | HEEDS,
        broken="redis-cli of the published port: DENIED Redis is running in protected mode", cheap=True,
    ),
    Server(
        "redis-loopback", "redis", "web",
        "EXPOSE 6379\nCMD [\"redis-server\", \"/etc/redis/redis.conf\", \"--daemonize\", \"no\"]",
        shut("6379/tcp") | HEEDS,
        broken="redis-cli of the published port: connection reset",
    ),
    Server(
        "redis-tls", "redis", "web",
        f"{KEY}\nWORKDIR /etc/nginx\nEXPOSE 6379\nCMD [\"redis-server\", \"--port\", \"0\", \"--tls-port\", \"6379\", "
        '"--tls-cert-file", "crt", "--tls-key-file", "key", "--tls-ca-cert-file", "crt", "--tls-auth-clients", "no", '
        '"--protected-mode", "no"]',
        serves("6379/tcp") | HEEDS, undecided=unanswered("6379/tcp", "TLS"),
    ),
    Server(
        "redis-unix", "redis", "web",
        "CMD [\"redis-server\", \"--port\", \"0\", \"--unixsocket\", \"/run/redis.sock\"]",
        {("container.stays", None): PROVED, ("sockets.listening", "all"): PROVED, **HEEDS},
    ),
    Server(
        "memcached", "memcached", "web",
        "EXPOSE 11211/tcp 11211/udp\nCMD [\"memcached\", \"-u\", \"nobody\", \"-U\", \"11211\", \"-l\", \"0.0.0.0\"]",
        serves("11211/tcp", "11211/udp") | HEEDS,
    ),
    Server(
        "memcached-no-udp", "memcached", "web",
        "EXPOSE 11211/tcp 11211/udp\nCMD [\"memcached\", \"-u\", \"nobody\", \"-l\", \"0.0.0.0\"]",
        serves("11211/tcp") | shut("11211/udp") | HEEDS,
        broken="nc -u of the published port: nothing; ss in the container: no socket of UDP",
    ),
    Server(
        "postgres", "PostgreSQL", "databases",
        f"{LET_IN}\nHEALTHCHECK --interval=5s --start-period=10s CMD pg_isready -h 127.0.0.1\n{POSTGRES.format(EVERYWHERE)}",
        serves("5432/tcp") | HEEDS | HEALTHY,
    ),
    Server(
        "postgres-loopback", "PostgreSQL", "databases", POSTGRES.format(""), shut("5432/tcp") | HEEDS,
        broken="psql of the published port: server closed the connection unexpectedly",
    ),
    Server(
        "postgres-nobody-let-in", "PostgreSQL", "databases", POSTGRES.format(EVERYWHERE),
        shut("5432/tcp", exposed=PROVED) | HEEDS,
        broken="psql of the published port: FATAL: no pg_hba.conf entry for host",
    ),
    Server(
        "postgres-tls-only", "PostgreSQL", "databases",
        f"{LET_IN.replace('host all', 'hostssl all')}\n{POSTGRES.format(EVERYWHERE)}",
        serves("5432/tcp") | HEEDS,
    ),
    Server(
        "postgres-no-run", "PostgreSQL", "databases", POSTGRES.format(EVERYWHERE).partition("\n")[2],
        ENDS, broken="ends with 1: could not create lock file",
    ),
    Server(
        "mariadb-safe", "MariaDB", "databases",
        f"{SHOP}\nEXPOSE 3306\nCMD [\"mysqld_safe\", \"--bind-address=0.0.0.0\", \"--init-file=/etc/mysql/init.sql\"]",
        serves("3306/tcp") | DEAF, broken=KILLED,
    ),
    Server(
        "needs-mariadb", "MariaDB", "databases",
        "CMD mariadb -h db -u shop -pwordpass -e 'select 1' && exec sleep infinity",
        {("container.stays", None): CANNOT_TELL},
        broken="ends with 1: Unknown server host 'db'; with a host db on its network it stays",
        undecided={("container.stays", None): "--network"},
    ),
    Server(
        "mariadb-unix", "MariaDB", "databases", MARIADB.replace("--bind-address=0.0.0.0", "--skip-networking"),
        shut("3306/tcp") | HEEDS, broken="mariadb of the published port: lost connection",
        undecided={
            ("ports.exposed", "3306/tcp"): "nothing listens on any port",
            **unanswered("3306/tcp", "nothing listens on it in the container"),
        },
    ),
    Server(
        "mariadb", "MariaDB", "databases",
        f"{SHOP}\n" + MARIADB.replace('"]', '", "--init-file=/etc/mysql/init.sql"]'),
        serves("3306/tcp") | HEEDS,
    ),
    Server(
        "mariadb-nobody-let-in", "MariaDB", "databases", MARIADB, shut("3306/tcp", exposed=PROVED) | HEEDS,
        broken="mariadb of the published port: ERROR 1130: Host '172.17.0.1' is not allowed to connect",
    ),
    Server(
        "nats", "NATS", "others", "EXPOSE 4222\nCMD [\"nats-server\"]", serves("4222/tcp") | HEEDS,
    ),
    Server(
        "mosquitto", "mosquitto", "others",
        "EXPOSE 1883\nRUN printf 'listener 1883\\nallow_anonymous true\\n' > /mqtt.conf\n"
        "CMD [\"mosquitto\", \"-c\", \"/mqtt.conf\"]",
        serves("1883/tcp") | HEEDS, undecided=unanswered("1883/tcp", "takes its own protocol"),
    ),
    Server(
        "mosquitto-loopback", "mosquitto", "others", "EXPOSE 1883\nCMD [\"mosquitto\"]", shut("1883/tcp") | HEEDS,
        broken="connecting to the published port: reset; its log: Starting in local only mode",
    ),
    Server(
        "rabbitmq", "RabbitMQ", "rabbit",
        "EXPOSE 5672\nUSER rabbitmq\nCMD [\"rabbitmq-server\"]",
        serves("5672/tcp") | DEAF, broken=KILLED,
    ),
)  # fmt: skip
