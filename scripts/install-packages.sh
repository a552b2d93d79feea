#!/bin/sh
# Installs the Debian 12 packages that Weir needs.
# usage: install-packages.sh SET...     sets: build test e2e bench geo
# Nothing is asked of the network when all of them are there.
set -eu
build="gcc libc6-dev make pkg-config libpcap-dev libndpi-dev libmaxminddb-dev libconfig-dev
       libssl-dev libxxhash-dev libmnl-dev libnetfilter-conntrack-dev libseccomp-dev libcap-ng-dev
       libical-dev libidn2-dev libsqlite3-dev libzstd-dev tzdata"
test="$build git libcmocka-dev clang clang-format clang-tidy cppcheck libclang-rt-14-dev
      shellcheck codespell mandoc python3-minimal python3 binutils libmaxmind-db-writer-perl
      curl xz-utils zstd openssl rsyslog rsyslog-openssl"
e2e="$build python3 iproute2 procps iptables nftables conntrack ethtool tcpdump curl openssl zstd
     nginx-light dnsmasq-base unbound bind9-dnsutils ngtcp2-client ngtcp2-server chromium"
bench="$build python3 libndpi-bin valgrind"
geo="tor-geoipdb"
want=
for s in "$@"; do
	case $s in
	build) want="$want $build" ;;
	test) want="$want $test" ;;
	e2e) want="$want $e2e" ;;
	bench) want="$want $bench" ;;
	geo) want="$want $geo" ;;
	*)
		echo "install-packages.sh: unknown set '$s' (build, test, e2e, bench, geo)" >&2
		exit 2
		;;
	esac
done
missing=
for p in $want; do
	dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null | grep -qx installed ||
		case " $missing " in *" $p "*) ;; *) missing="$missing $p" ;; esac
done
[ -n "$missing" ] || exit 0
command -v apt-get >/dev/null || {
	echo "install-packages.sh: this is no Debian system; install by hand:$missing" >&2
	exit 3
}
sudo=
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null || {
		echo "install-packages.sh: run as root, or install sudo, for:$missing" >&2
		exit 3
	}
	sudo=sudo
fi
echo "installing:$missing"
# Some packages of the end-to-end tests are servers.  Installing must not start them: unless
# the host has a policy of its own, ours forbids it for as long as the installation takes.
policy=/usr/sbin/policy-rc.d
ours=
undo() {
	[ -z "$ours" ] || $sudo rm -f "$policy"
	ours=
}
trap undo EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
if [ ! -e "$policy" ] && [ ! -L "$policy" ]; then
	ours=yes
	printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null
	$sudo chmod 0755 "$policy"
fi
$sudo apt-get update -q >/dev/null
# shellcheck disable=SC2086  # a list of words
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -q --no-install-recommends $missing >/dev/null
