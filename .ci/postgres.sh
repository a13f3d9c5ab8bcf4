#!/usr/bin/env bash
# A PostgreSQL of our own for tests, reachable by a socket in its folder only.
#   .ci/postgres.sh start DIR   makes and starts it, prints the address for CRM_TEST_DATABASE_URL
#   .ci/postgres.sh stop DIR    stops it and removes the folder
set -euo pipefail

usage() { sed -n '2,4s/^# *//p' "$0" >&2; exit 2; }
[ $# -eq 2 ] || usage
action=$1
dir=$2
bin=$(dirname "$(compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -n 1 || command -v initdb)")

as_owner() {
  # PostgreSQL refuses to run as root. The folder of the caller may be closed to that user.
  if [ "$(id -u)" -eq 0 ]; then (cd / && runuser -u postgres -- "$@"); else "$@"; fi
}

start() {
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd)
  if [ "$(id -u)" -eq 0 ]; then chown postgres "$dir"; fi
  as_owner "$bin/initdb" -D "$dir/data" --username=crm --auth=trust --encoding=UTF8 --locale=C.UTF-8 >"$dir/initdb.log" 2>&1 ||
    { cat "$dir/initdb.log" >&2; exit 1; }
  # Test data may be lost in a power cut, so nothing waits for the disk.
  as_owner "$bin/pg_ctl" -D "$dir/data" -l "$dir/data/server.log" -w -o "-c listen_addresses= \
    -c unix_socket_directories=$dir -c max_connections=200 -c shared_buffers=256MB \
    -c fsync=off -c synchronous_commit=off -c full_page_writes=off" start >/dev/null ||
    { tail -n 20 "$dir/data/server.log" >&2; exit 1; }
  "$bin/createdb" --host="$dir" --username=crm crm_test
  echo "postgresql+psycopg://crm@/crm_test?host=$dir"
}

stop() {
  [ -d "$dir/data" ] || { echo "no PostgreSQL in $dir" >&2; exit 1; }
  as_owner "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null
  rm -rf "$dir"
}

case $action in
  start) start ;;
  stop) stop ;;
  *) usage ;;
esac
