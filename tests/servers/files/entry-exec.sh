#!/bin/sh
set -e
mkdir -p /run/app
exec "$@"
