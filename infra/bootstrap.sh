#!/bin/sh
# Installs what is missing for `npm start`, `npm run demo` and `npm test`; the second time it does nothing.
set -eu
cd "$(dirname "$0")/.."

node -e '
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 16)) {
    console.error(`sluice: Node 20.16 or newer is needed; this is ${process.versions.node}.`);
    process.exit(1);
  }'

stamp=node_modules/.sluice-lock
if ! cmp -s package-lock.json "$stamp"; then
  echo "sluice: installing npm packages" >&2
  npm ci --no-audit --no-fund --loglevel=error >&2
  cp package-lock.json "$stamp"
fi

if ! command -v redis-server >/dev/null 2>&1 && ! command -v valkey-server >/dev/null 2>&1; then
  echo "sluice: installing redis-server" >&2
  as_root=""
  if [ "$(id -u)" -ne 0 ]; then as_root="sudo"; fi
  if command -v apt-get >/dev/null 2>&1; then
    # The package would start a server of its own on 6379; the stack runs its own instead.
    export DEBIAN_FRONTEND=noninteractive
    $as_root apt-get update -qq >&2
    $as_root apt-get install -y -qq --no-install-recommends redis-server >&2
  elif command -v apk >/dev/null 2>&1; then $as_root apk add --quiet redis >&2
  elif command -v dnf >/dev/null 2>&1; then $as_root dnf install -y -q redis >&2
  elif command -v brew >/dev/null 2>&1; then brew install --quiet redis >&2
  else
    echo "sluice: redis-server is missing and no known package manager was found. Install Redis 7 (or Valkey) and try again." >&2
    exit 1
  fi
fi
