#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compiles the country ranges of Debian's tor-geoipdb into one MMDB file for geo.country.
# usage: geo/compile.sh [FILE]      (default: /var/lib/weir/geo/country.mmdb)
# FILE is replaced when the new one was read back; a running weir takes it by itself.
set -eu
to=${1:-/var/lib/weir/geo/country.mmdb}
here=$(cd "$(dirname "$0")" && pwd)
weir=${WEIR:-}
for w in "$here/../weir" "$here/../../../sbin/weir" "$(command -v weir || true)"; do
	[ -n "$weir" ] || [ ! -x "$w" ] || weir=$w
done
[ -n "$weir" ] || {
	echo "compile.sh: where is weir? Build it, or set WEIR" >&2
	exit 3
}
for f in /usr/share/tor/geoip /usr/share/tor/geoip6; do
	[ -r "$f" ] || {
		echo "compile.sh: $f is missing: apt-get install tor-geoipdb" >&2
		exit 3
	}
done
mkdir -p "$(dirname "$to")"
exec "$weir" geo -o "$to" /usr/share/tor/geoip /usr/share/tor/geoip6
