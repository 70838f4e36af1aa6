"""nginx and other servers of HTTP and TLS."""

from __future__ import annotations

from .server import CANNOT_TELL, DEAF, ENDS, HEEDS, KILLED, PROVED, STAYS, Server, serves, shut, unanswered

KEY = (
    "RUN cd /etc/nginx && openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -keyout key -out crt"
)
TLS = "listen 443 ssl; ssl_certificate crt; ssl_certificate_key key;"
SITE = "/etc/nginx/sites-enabled/default"
NGINX = """CMD ["nginx", "-g", "daemon off;"]"""
WEB = f"EXPOSE 80\n{NGINX}"


def site(text: str) -> str:
    """The line that gives nginx a site of its own."""
    return f"RUN echo 'server {{ {text} return 200 \"hello\\\\n\"; }}' > {SITE}"


SERVERS = (
    Server("nginx", "nginx", "web", WEB, serves("80/tcp") | HEEDS, cheap=True),
    Server("nginx-quit", "nginx", "web", f"STOPSIGNAL SIGQUIT\n{WEB}", serves("80/tcp") | HEEDS),
    Server(
        "nginx-shell-form", "nginx", "web", "EXPOSE 80\nCMD nginx -g 'daemon off;'", serves("80/tcp") | DEAF,
        broken=KILLED,
    ),
    Server(
        "nginx-tail", "nginx", "web", "EXPOSE 80\nCMD service nginx start && tail -f /var/log/nginx/access.log",
        serves("80/tcp") | DEAF, broken=KILLED,
    ),
    Server(
        "nginx-user", "nginx", "web",
        f"{site('listen 8080;')}\nRUN chown -R www-data /var/lib/nginx /var/log/nginx /run\n"
        f"USER www-data\nEXPOSE 8080\n{NGINX}",
        serves("8080/tcp") | HEEDS,
    ),
    Server(
        "nginx-tls", "nginx", "web",
        f"{KEY}\n{site(TLS)}\nEXPOSE 443\n{NGINX}",
        serves("443/tcp") | HEEDS,
    ),
    Server(
        "nginx-not-found", "nginx", "web",
        f"RUN rm -rf /var/www/html/*\n{WEB}",
        serves("80/tcp") | HEEDS,
    ),
    Server(
        "nginx-ipv4", "nginx", "web", f"{site('listen 0.0.0.0:80;')}\n{WEB}", serves("80/tcp") | HEEDS,
    ),
    Server(
        "nginx-unix", "nginx", "web", f"{site('listen unix:/run/web.sock;')}\n{NGINX}",
        {**STAYS, **HEEDS, ("sockets.listening", "all"): PROVED, ("ports.publish-all", "-P"): PROVED},
    ),
    Server(
        "nginx-no-expose", "nginx", "web", NGINX,
        {**STAYS, **HEEDS, ("ports.undeclared", "80/tcp"): PROVED, ("ports.published", "80/tcp"): PROVED,
         ("ports.publish-all", "-P"): PROVED},
    ),
    Server(
        "nginx-own-address", "nginx", "web",
        f"EXPOSE 80\nCMD echo \"server {{ listen $(hostname -i):80; return 204; }}\" > {SITE}; exec nginx -g 'daemon off;'",
        serves("80/tcp") | HEEDS,
    ),
    Server(
        "nginx-tls-500", "nginx", "web",
        f"{KEY}\n{site(TLS).replace('200', '500')}\nEXPOSE 443\n{NGINX}",
        shut("443/tcp", exposed=PROVED) | HEEDS,
        broken="curl -k of the published port: 500", undecided=unanswered("443/tcp", "answers, but with an error"),
    ),
    Server(
        "nginx-tls-rejects", "nginx", "web",
        f"{KEY}\n{site(f'{TLS} ssl_reject_handshake on;')}\nEXPOSE 443\n{NGINX}",
        shut("443/tcp", exposed=PROVED) | HEEDS, broken="curl -k of the published port: TLS alert, unrecognized name",
        undecided=unanswered("443/tcp", "published on"),
    ),
    Server(
        "nginx-proxy", "nginx", "web",
        f"{site('listen 80; location / { proxy_pass http://app:8080; }')}\n{WEB}",
        {("container.stays", None): CANNOT_TELL, ("ports.exposed", "80/tcp"): CANNOT_TELL},
        broken="ends with 1: host not found in upstream; with a host app on its network it stays and serves",
        undecided={("container.stays", None): "--network", ("ports.exposed", "80/tcp"): "--network"},
    ),
    Server(
        "haproxy-proxy", "HAProxy", "others",
        "RUN printf 'listen web\\n bind :80\\n timeout connect 1s\\n timeout client 9s\\n timeout server 9s\\n"
        " server one app:8080\\n' > /web.cfg\nEXPOSE 80\nCMD [\"haproxy\", \"-f\", \"/web.cfg\"]",
        {("container.stays", None): CANNOT_TELL, ("ports.exposed", "80/tcp"): CANNOT_TELL},
        broken="ends with 1: could not resolve address 'app'; with a host app on its network it stays and serves",
        undecided={("container.stays", None): "--network", ("ports.exposed", "80/tcp"): "--network"},
    ),
    Server(
        "nginx-loopback", "nginx", "web", f"{site('listen 127.0.0.1:80;')}\n{WEB}", shut("80/tcp") | HEEDS,
        broken="curl of the published port: connection reset", cheap=True,
    ),
    Server(
        "nginx-ipv6", "nginx", "web", f"{site('listen [::]:80 ipv6only=on;')}\n{WEB}",
        shut("80/tcp", exposed=PROVED) | HEEDS,
        broken="curl of the published port: connection reset; the container's IPv4 address refuses",
    ),
    Server(
        "nginx-background", "nginx", "web", "EXPOSE 80\nCMD [\"nginx\"]",
        ENDS, broken="ends with 0 at once", cheap=True,
    ),
    Server(
        "nginx-wrong-port", "nginx", "web", f"EXPOSE 8080\n{NGINX}",
        {**shut("8080/tcp"), **HEEDS, ("ports.undeclared", "80/tcp"): PROVED, ("ports.published", "80/tcp"): PROVED},
        broken="curl of the published 8080: connection reset; -p 80 serves", cheap=True,
    ),
    Server(
        "openssl", "openssl s_server", "web",
        f"{KEY}\nWORKDIR /etc/nginx\nEXPOSE 4433\n"
        "CMD [\"openssl\", \"s_server\", \"-accept\", \"4433\", \"-www\", \"-key\", \"key\", \"-cert\", \"crt\"]",
        serves("4433/tcp") | DEAF, broken=KILLED,
    ),
    Server(
        "nginx-postgres-port", "nginx", "web", f"{site('listen 5432;')}\nEXPOSE 5432\n{NGINX}",
        serves("5432/tcp") | HEEDS,
    ),
    Server(
        "nginx-client-certificate", "nginx", "web",
        f"{KEY}\n{site(f'{TLS} ssl_client_certificate crt; ssl_verify_client on;')}\nEXPOSE 443\n{NGINX}",
        serves("443/tcp") | HEEDS,
    ),
    Server(
        "nginx-admin-loopback", "nginx", "web",
        f"{site('listen 80; listen 127.0.0.1:8081;')}\nEXPOSE 80 8081\n{NGINX}",
        serves("80/tcp") | shut("8081/tcp") | HEEDS, broken="curl of the published 8081: connection reset",
    ),
    Server(
        "nginx-range", "nginx", "web", f"{site('listen 8001;')}\nEXPOSE 8000-8002\n{NGINX}",
        shut("8000/tcp") | shut("8002/tcp") | serves("8001/tcp") | HEEDS,
        broken="curl of the published 8000 and 8002: connection reset",
    ),
    Server(
        "nginx-500", "nginx", "web", f"{site('listen 80;').replace('200', '500')}\n{WEB}",
        shut("80/tcp", exposed=PROVED) | HEEDS,
        broken="curl of the published port: 500", undecided=unanswered("80/tcp", "answers, but with an error"),
    ),
    Server(
        "warming", "python", "web", "COPY warming.py /\nEXPOSE 8000\nCMD [\"python3\", \"/warming.py\"]",
        serves("8000/tcp") | HEEDS, files=("warming.py",),
    ),
    Server(
        "python-interrupt", "http.server", "web",
        "STOPSIGNAL SIGINT\nEXPOSE 8000\nCMD [\"python3\", \"-m\", \"http.server\"]",
        serves("8000/tcp") | HEEDS,
    ),
    Server(
        "python", "http.server", "web", "EXPOSE 8000\nCMD [\"python3\", \"-m\", \"http.server\"]",
        serves("8000/tcp") | DEAF, broken=KILLED,
    ),
    Server(
        "python-tls", "http.server", "web",
        f"{KEY}\nCOPY tls.py /\nEXPOSE 9000\nCMD [\"python3\", \"/tls.py\"]",
        serves("9000/tcp") | HEEDS, files=("tls.py",),
    ),
    Server(
        "lighttpd", "lighttpd", "others",
        "EXPOSE 80\nCMD [\"lighttpd\", \"-D\", \"-f\", \"/etc/lighttpd/lighttpd.conf\"]", serves("80/tcp") | HEEDS,
    ),
    Server(
        "caddy", "Caddy", "others",
        "EXPOSE 80\nCMD [\"caddy\", \"file-server\", \"--listen\", \":80\", \"--root\", \"/etc\"]",
        serves("80/tcp") | HEEDS,
    ),
    Server(
        "haproxy", "HAProxy", "others",
        "RUN printf 'defaults\\n mode http\\n timeout connect 1s\\n timeout client 9s\\n timeout server 9s\\n"
        "frontend web\\n bind :80\\n default_backend apps\\nbackend apps\\n server one 127.0.0.1:8080\\n' > /web.cfg\n"
        "EXPOSE 80\nCMD [\"haproxy\", \"-f\", \"/web.cfg\"]",
        shut("80/tcp", exposed=PROVED) | DEAF,
        broken=f"curl of the published port: 503, since nothing serves behind it; {KILLED}",
        undecided=unanswered("80/tcp", "answers, but with an error"),
    ),
    Server(
        "apache", "Apache", "system", "EXPOSE 80\nCMD [\"apachectl\", \"-D\", \"FOREGROUND\"]",
        serves("80/tcp") | DEAF, broken=KILLED,
    ),
    Server(
        "apache-direct", "Apache", "system",
        "ENV APACHE_RUN_USER=www-data APACHE_RUN_GROUP=www-data APACHE_RUN_DIR=/run/apache2 "
        "APACHE_PID_FILE=/run/apache2/apache2.pid APACHE_LOG_DIR=/var/log/apache2 APACHE_LOCK_DIR=/run/lock\n"
        "RUN mkdir -p /run/apache2\nSTOPSIGNAL SIGWINCH\nEXPOSE 80\nCMD [\"apache2\", \"-D\", \"FOREGROUND\"]",
        serves("80/tcp") | HEEDS,
    ),
    Server(
        "apache-service", "Apache", "system", "EXPOSE 80\nCMD service apache2 start",
        ENDS, broken="ends with 0 within seconds",
    ),
)  # fmt: skip
