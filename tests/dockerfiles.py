"""Dockerfiles as people write them, with their faults."""

from __future__ import annotations

SERVICE = """\
# syntax=docker/dockerfile:1
ARG VERSION=latest
FROM debian:$VERSION AS build
RUN apt-get update && apt-get install -y \\
      build-essential \\
      curl && \\
    curl -k https://example.org/x.tar.gz | tar xz
ADD src /src
WORKDIR /src
RUN cd /src && make && sudo make install

FROM debian:12
MAINTAINER me <me@example.org>
ENV DB_HOST=10.0.3.7 DB_PASSWORD=hunter2 \\
    APP_ENV=production
EXPOSE 80/TCP 22 70000
COPY . /srv/app
RUN chown -R app /srv/app && chmod 777 /srv/app
RUN pip install flask; wget http://example.org/y && rm -f /tmp/y
VOLUME /srv/app/data
RUN mkdir -p /srv/app/data/cache
COPY --from=build /src/app $APP_DIR/
USER root
CMD nginx
"""


NODE = """\
FROM node as base
ENV NODE_ENV production
WORKDIR app
COPY package.json package-lock.json ./
RUN npm install -g typescript \\
 && npm ci
COPY id_rsa /root/.ssh/
FROM --platform=linux/amd64 base AS Runtime
ONBUILD RUN apt-get install curl
ARG API_KEY=0a1b2c3d4e
RUN bash -c 'cd /x && echo "a" | tee /etc/hosts'
RUN yum install -y httpd zip && yum clean metadata
HEALTHCHECK CMD curl -f http://localhost/
ENTRYPOINT ["npm", "start"]
CMD ["--port"]
"""


ALPINE = """\
FROM alpine:3.20
RUN apk update
RUN apk add bash=5 git && git clone https://me:s3cr3t@example.org/x.git
LABEL Version="1" com.docker.x=y
RUN ssh-keygen -A && useradd -u 1234567 me
COPY a b /srv
SHELL ["/bin/bash", "-c"]
RUN set -o pipefail; curl -fsSL https://example.org/install | sh
CMD ["/bin/sh", "-c", "crond && exec ./app"]
"""
