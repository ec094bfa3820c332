#!/bin/sh
# Installs what is missing for `npm start` and `npm run demo`, and with `tests` for `npm test`, too; the second time it does nothing.
set -eu
cd "$(dirname "$0")/.."

fail() {
  echo "sluice: $1" >&2
  exit 1
}

command -v node >/dev/null 2>&1 || fail "Node is missing: install Node 20.16 or newer."
node -e '
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 16)) {
    console.error(`sluice: Node 20.16 or newer is needed; this is ${process.versions.node}.`);
    process.exit(1);
  }'

stamp=node_modules/.sluice-lock
if ! cmp -s package-lock.json "$stamp"; then
  echo "sluice: installing npm packages" >&2
  # `npm ci` refuses a lock that was written where other platforms' optional packages could not be looked up; `install` takes the
  # same versions from it.
  npm ci --no-audit --no-fund --loglevel=silent >/dev/null 2>&1 ||
    npm install --no-save --no-audit --no-fund --loglevel=error >&2
  cp package-lock.json "$stamp"
fi

has_redis() {
  command -v redis-server >/dev/null 2>&1 || command -v valkey-server >/dev/null 2>&1
}

# Rules and alerts are tested by Prometheus and Alertmanager themselves.
has_prometheus() {
  command -v promtool >/dev/null 2>&1 && command -v amtool >/dev/null 2>&1
}

wanted=""
# A Redis elsewhere will do; so will one that is here.
if [ -z "${REDIS_URL:-}" ] && ! has_redis; then wanted="redis"; fi
if [ "${1:-}" = tests ] && ! has_prometheus; then wanted="$wanted prometheus"; fi
if [ -z "$wanted" ]; then exit 0; fi

by_hand="Install Redis 7 or Valkey (and, for the tests, Prometheus and Alertmanager) and try again, or set REDIS_URL."
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@" >&2
  elif command -v sudo >/dev/null 2>&1; then
    sudo "$@" >&2
  else
    fail "something is missing ($wanted) and can't be installed without root. $by_hand"
  fi
}

install() {
  if command -v apt-get >/dev/null 2>&1; then
    # Where a package starts a server of its own, the stack and the tests take other ports.
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
  elif command -v apk >/dev/null 2>&1; then
    as_root apk add --quiet "$@"
  elif command -v dnf >/dev/null 2>&1; then
    as_root dnf install -y -q "$@"
  elif command -v brew >/dev/null 2>&1; then
    brew install --quiet "$@" >&2
  else
    fail "something is missing ($wanted) and no known package manager was found. $by_hand"
  fi
}

for each in $wanted; do
  echo "sluice: installing $each" >&2
  if [ "$each" = prometheus ]; then
    if command -v apt-get >/dev/null 2>&1; then
      install prometheus prometheus-alertmanager
    else
      install prometheus alertmanager
    fi
    has_prometheus || fail "Prometheus or Alertmanager is still missing. $by_hand"
  elif command -v apt-get >/dev/null 2>&1; then
    install redis-server
  else
    # Newer Fedora and RHEL ship Valkey in its place.
    install redis || install valkey
  fi
done
if [ -z "${REDIS_URL:-}" ]; then has_redis || fail "redis-server is still missing. $by_hand"; fi
