# imglint in a container: docker run --rm -v "$PWD:/work:ro" imglint Dockerfile
# Images are read from archives; for those of an engine, and for verify, mount its socket and join its group.
ARG BASE=python:3.13-slim-bookworm

FROM ${BASE} AS build
WORKDIR /build
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY core core
COPY analyzer analyzer
COPY runner runner
COPY rules rules
COPY reports reports
COPY src src
RUN python3 -m venv /opt/imglint \
    && /opt/imglint/bin/python -m pip install --no-cache-dir --no-compile . \
    && /opt/imglint/bin/python -m pip uninstall --yes pip

FROM ${BASE}
COPY --from=build /opt/imglint /opt/imglint
ENV PATH=/opt/imglint/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
WORKDIR /work
ENTRYPOINT ["imglint"]
CMD ["--help"]
