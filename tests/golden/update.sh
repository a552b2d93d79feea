#!/bin/sh
# weir-update against a page and files on loopback: what it takes, what it refuses, and that
# each failure leaves the old tags in force and says so.  TAP.  WEIR=PROGRAM tests another build.
W=$(realpath "${WEIR:-./weir}")
root=$PWD
t=$(mktemp -d) || exit 3
mkfifo "$t/hold"
mkdir "$t/files" "$t/by-hand" "$t/feeds"
# shellcheck source=tests/tools/tap.sh
. tests/tools/tap.sh

python3 tests/tools/feed_server.py "$t" <"$t/hold" &
server=$!
exec 8>"$t/hold"
# shellcheck disable=SC2317  # called by trap
finish() {
	exec 8>&-
	wait "$server"
	rm -rf "$t"
}
trap finish EXIT
n=0
while [ ! -e "$t/port" ] && [ $n -lt 100 ]; do
	sleep 0.1
	n=$((n + 1))
done
port=$(cat "$t/port")

# feed DATE CHANGE CLOUD PREFIX...: a file of Microsoft's form, linked by the page.
feed() {
	date=$1 change=$2 cloud=$3
	shift 3
	list=$(printf '"%s",' "$@")
	printf '{"changeNumber":%s,"cloud":"%s","values":[{"name":"LogicApps","id":"LogicApps","properties":{"addressPrefixes":[%s]}}]}\n' \
		"$change" "$cloud" "${list%,}" >"$t/files/ServiceTags_Public_$date.json"
	printf '<html><a href="http://feeds.test/a/b/ServiceTags_Public_%s.json">download</a></html>\n' "$date" >"$t/files/page"
}
# The program, of which "check" and "ctl" may be made to fail, and "ctl" has no gateway here.
cat >"$t/weir" <<EOF
#!/bin/sh
case \$1 in
check) [ ! -e "$t/check-fails" ] || { echo "check: something is wrong"; exit 1; } ;;
ctl)
	echo "\$*" >>"$t/ctl"
	case \$* in *reload*) [ ! -e "$t/reload-fails" ] || { echo "reload: refused"; exit 1; } ;; esac
	exit 0
	;;
esac
exec "$W" "\$@"
EOF
chmod +x "$t/weir"
printf 'geo = { tags = "feeds/Public.tsv"; };\n' >"$t/weir.conf"
printf '# a comment\nWEIR=%s/weir\nWEIR_CONF=%s/weir.conf\nFEEDS=%s/feeds\nPROXY=http://127.0.0.1:%s\nPAGE_Public=http://feeds.test/page\n' \
	"$t" "$t" "$t" "$port" >"$t/settings"
printf 'prefix\ttag\tregion\n192.0.2.0/24\tOld\t-\n' >"$t/feeds/Public.tsv"

kept=$t/feeds/Public.tsv
# update STATUS WORDS NAME [ARGUMENT...]
update() {
	want=$1 words=$2 name=$3
	shift 3
	cp "$kept" "$t/before"
	: >"$t/ctl"
	WEIR_SHARE=$root scripts/weir-update --settings "$t/settings" "$@" >"$t/out" 2>&1
	rc=$?
	if [ $rc -eq "$want" ] && grep -qF "$words" "$t/out"; then
		ok "$name"
	else
		not_ok "$name: status $rc"
		sed 's/^/    /' "$t/out" >&2
	fi
}
# shellcheck disable=SC2317  # called by check
holds() { cmp -s "$kept" "$t/before"; }
refused() { # WORDS NAME [ARGUMENT...]
	words=$1 name=$2
	shift 2
	update 1 "$words" "$name" "$@"
	check "  the old tags stay in force" holds
	check "  it says so" grep -q "the old tags stay in force" "$t/out"
	check "  nothing is left behind" test -z "$(find "$t/feeds" -name '.incoming*' -o -name '*.new')"
}

feed 20260101 10 Public 192.0.2.0/26 192.0.2.64/26 198.51.100.0/25 203.0.113.0/25 2001:db8::/48
update 0 "Public: renewed and reloaded" "the newest file that the page links, through a proxy"
check "  by the proxy" grep -qx "http://feeds.test/a/b/ServiceTags_Public_20260101.json" "$t/log"
check "  it holds the prefixes" grep -q "^2001:db8::/48	LogicApps	-$" "$kept"
check "  and says where they come from" grep -qx "# source: ServiceTags_Public_20260101.json" "$kept"
check "  the digest is the file's" grep -qx "# sha256: $(sha256sum <"$t/files/ServiceTags_Public_20260101.json" | cut -d' ' -f1)" "$kept"
check "  the gateway was told" grep -q " reload$" "$t/ctl"
update 0 "Public: nothing new" "the same file again"
check "  the gateway is left alone" test ! -s "$t/ctl"

feed 20260108 11 Public 192.0.2.0/26 192.0.2.64/26 2001:db8::/48
refused "LogicApps loses 2 of 5 prefixes" "a tag that loses 40 %"
feed 20260109 9 Public 192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 2001:db8::/32
refused "the change number or the date goes back" "an older change"
feed 20260109 12 China 192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 2001:db8::/32
refused "the clouds differ" "another cloud"
printf '<html>Sign in</html>\n' >"$t/files/ServiceTags_Public_20260109.json"
refused "no value of JSON begins here" "a page in the place of the file"
printf '{"changeNumber":12,"cloud":"Public","values":[' >"$t/files/ServiceTags_Public_20260109.json"
refused "the file ends in the middle" "a file cut short"
rm "$t/files/ServiceTags_Public_20260109.json"
refused "cannot fetch http://feeds.test/a/b/ServiceTags_Public_20260109.json" "a file that is not there"
printf '<html>moved</html>\n' >"$t/files/page"
refused "links no ServiceTags_Public_DATE.json" "a page without a link"
rm "$t/files/page"
refused "cannot fetch http://feeds.test/page" "no page"

feed 20260110 13 Public 192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 2001:db8::/32
: >"$t/check-fails"
refused "the configuration does not hold" "a configuration that does not hold with it"
rm "$t/check-fails"
: >"$t/reload-fails"
refused "the gateway refused to reload" "a gateway that does not take it"
rm "$t/reload-fails"

refused "no ServiceTags_Public_" "a folder without a file" --from "$t/by-hand"
cp "$t/files/ServiceTags_Public_20260101.json" "$t/by-hand/ServiceTags_Public_20251231.json"
cp "$t/files/ServiceTags_Public_20260108.json" "$t/by-hand"
printf 'ACCEPT_REMOVAL=PowerBI LogicApps\n' >>"$t/settings"
update 0 "Public: renewed; not reloaded" "carried in by hand, the removal accepted" --from "$t/by-hand" --no-reload
check "  the newest of the folder" grep -qx "# change: 11" "$kept"
check "  no gateway was asked" test ! -s "$t/ctl"

# The first run: weir.conf names files that nobody has written yet, of two clouds.
cat >"$t/by-hand/ServiceTags_China_20261103.json" <<'END'
{"changeNumber":900,"cloud":"China","values":[{"name":"LogicApps","id":"LogicApps","properties":{"addressPrefixes":["192.0.2.0/24"]}}]}
END
cp "$t/files/ServiceTags_Public_20260110.json" "$t/by-hand/ServiceTags_Public_20261102.json"
sed -i 's/"changeNumber":13/"changeNumber":901/' "$t/by-hand/ServiceTags_Public_20261102.json"
cp "$t/weir.conf" "$t/one.conf"
printf 'geo = { tags = [ "feeds/Public.tsv", "feeds/China.tsv" ]; };\n' >"$t/weir.conf"
cp "$t/settings" "$t/settings.before"
printf 'REFUSE_LOSS=100%%\nCLOUDS=Public China\n' >>"$t/settings"
first() { # STATUS WORDS NAME [ARGUMENT...]: nothing is there before
	rm -f "$t/feeds/Public.tsv" "$t/feeds/China.tsv"
	words=$2 name=$3 want=$1
	shift 3
	: >"$t/ctl"
	WEIR_SHARE=$root scripts/weir-update --settings "$t/settings" "$@" >"$t/out" 2>&1
	rc=$?
	if [ $rc -eq "$want" ] && grep -qF "$words" "$t/out"; then ok "$name"; else
		not_ok "$name: status $rc"
		tail -n 5 "$t/out" >&2
	fi
}
first 0 "China: renewed and reloaded" "the first run" --from "$t/by-hand"
check "  both files are there" test -s "$t/feeds/Public.tsv" -a -s "$t/feeds/China.tsv"
check "  the gateway was told once" test "$(grep -c ' reload$' "$t/ctl")" -eq 1
check "  it says what was compared" grep -q "^note  *$t/feeds/Public.tsv is not there yet: compared with $root/geo/tags-public.tsv" "$t/out"
rm "$t/feeds/China.tsv"
WEIR_SHARE=$root scripts/weir-update --settings "$t/settings" --from "$t/by-hand" >"$t/out" 2>&1
check "a file that was lost comes back" grep -q "^weir-update: China: renewed and reloaded" "$t/out"
mkdir "$t/empty"
first 1 "Public: no ServiceTags_Public_*.json in $t/empty; there are none in $t/feeds" "nothing to begin with" --from "$t/empty"
: >"$t/check-fails"
first 1 "Public: the configuration does not hold with the new file; its first file stays" "a first file and a broken configuration" --from "$t/by-hand"
check "  stays" test -s "$t/feeds/Public.tsv"
rm "$t/check-fails"
cp "$t/settings.before" "$t/settings"
printf 'REFUSE_LOSS=20%%\n' >>"$t/settings"
first 1 "refused: Sql loses" "the guard holds a first file against the shipped one" --from "$t/by-hand" Public
check "  and nothing is written" test ! -e "$t/feeds/Public.tsv"
printf 'REFUSE_LOSS=100%%\nWEIR_CONF=%s/none.conf\n' "$t" >>"$t/settings"
first 0 "Public: renewed; there is no $t/none.conf that uses it" "without a weir.conf" --from "$t/by-hand" Public
check "  the file is there" test -s "$t/feeds/Public.tsv"
cp "$t/settings.before" "$t/settings"
cp "$t/before" "$kept"

printf 'CLOUDS=Public;id *\n' >>"$t/settings"
update 1 "'Public;id' is no name of a cloud" "clouds that are none"
printf 'PAGE_X;id=1\n' >"$t/settings"
update 3 "settings:1: no name of a cloud" "a page of no cloud"
printf '\nSHELL=x' >"$t/settings"
update 3 "settings:2: unknown setting 'SHELL'" "a setting that is none"
update 2 "usage" "an operand that is no cloud" ../x
exit $bad
