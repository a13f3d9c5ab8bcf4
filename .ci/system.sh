#!/usr/bin/env bash
# Makes sure that the programs the tests drive are there: Chromium, LibreOffice, PostgreSQL, poppler and a Chinese font.
# As root on Debian or Ubuntu it installs what is missing; anywhere else it says what to install.
set -euo pipefail

missing=()
command -v chromium >/dev/null || missing+=(chromium)
command -v soffice >/dev/null || missing+=(libreoffice-calc)
command -v pdftoppm >/dev/null || missing+=(poppler-utils)
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || missing+=(postgresql)
# Without it screenshots and converted workbooks show boxes for Chinese.
{ command -v fc-list >/dev/null && fc-list :lang=zh-cn family | grep -q .; } || missing+=(fontconfig fonts-noto-cjk)
[ ${#missing[@]} -eq 0 ] && exit 0

if command -v apt-get >/dev/null && [ "$(id -u)" -eq 0 ]; then
  echo "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  if ! { apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "could not install ${missing[*]}; the tests need them" >&2
    exit 1
  fi
  exit 0
fi

echo "The tests drive programs that this machine lacks: ${missing[*]}" >&2
echo "On Debian or Ubuntu: sudo apt-get install ${missing[*]}" >&2
echo "Without them, \`make unit\` runs everything that needs no browser, office or PostgreSQL." >&2
exit 1
