"""Servers of names, of mail and of logins."""

from __future__ import annotations

from .server import ENDS, HEEDS, Server, serves, shut, unanswered

SERVERS = (
    Server(
        "sshd", "sshd", "system", "RUN mkdir -p /run/sshd\nEXPOSE 22\nCMD [\"/usr/sbin/sshd\", \"-D\", \"-e\"]",
        serves("22/tcp") | HEEDS,
    ),
    Server(
        "sshd-no-keys", "sshd", "system",
        "RUN mkdir -p /run/sshd && rm /etc/ssh/ssh_host_*\nEXPOSE 22\nCMD [\"/usr/sbin/sshd\", \"-D\", \"-e\"]",
        ENDS, broken="ends with 1: no hostkeys available",
    ),
    Server(
        "dnsmasq", "dnsmasq", "system",
        "EXPOSE 53/tcp 53/udp\nCMD [\"dnsmasq\", \"-k\", \"--log-facility=-\", \"--no-resolv\"]",
        serves("53/tcp", "53/udp") | HEEDS,
    ),
    Server(
        "named", "named", "system",
        "RUN mkdir -p /run/named && chown bind /run/named\nEXPOSE 53/tcp 53/udp\nCMD [\"named\", \"-f\", \"-u\", \"bind\"]",
        serves("53/tcp", "53/udp") | HEEDS,
    ),
    Server(
        "named-own-zone", "named", "system",
        "RUN mkdir -p /run/named && chown bind /run/named && cd /etc/bind && cp db.empty db.shop && "
        "echo 'www A 192.0.2.1' >> db.shop && "
        "echo 'options { directory \"/var/cache/bind\"; recursion no; };' > named.conf && "
        "echo 'zone shop.example { type master; file \"/etc/bind/db.shop\"; };' >> named.conf\n"
        "EXPOSE 53/udp\nCMD [\"named\", \"-f\", \"-u\", \"bind\"]",
        serves("53/udp") | HEEDS,
        undecided=unanswered("53/udp", "answers, but with an error"),
    ),
    Server(
        "named-loopback", "named", "system",
        "RUN mkdir -p /run/named && chown bind /run/named && "
        "sed -i 's/directory/listen-on { 127.0.0.1; }; listen-on-v6 { none; }; directory/; /listen-on-v6 { any/d' "
        "/etc/bind/named.conf.options\n"
        "EXPOSE 53/udp\nCMD [\"named\", \"-f\", \"-u\", \"bind\"]",
        shut("53/udp") | HEEDS,
        broken="dig of the published port: connection refused or no answer",
    ),
    Server(
        "postfix", "Postfix", "system", "EXPOSE 25\nCMD [\"postfix\", \"start-fg\"]", serves("25/tcp") | HEEDS,
    ),
    Server(
        "postfix-background", "Postfix", "system", "EXPOSE 25\nCMD [\"postfix\", \"start\"]",
        ENDS, broken="ends with 0 at once",
    ),
)  # fmt: skip
