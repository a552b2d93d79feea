#!/bin/sh
# The shipped rule files: each parses, each fulfils its own expectations and fails when one of
# them is turned round; those for different machines fulfil theirs together.  TAP.
W=${WEIR:-./weir}
t=$(mktemp -d) || exit 3
trap 'rm -rf "$t"' EXIT
# shellcheck source=tests/tools/tap.sh
. tests/tools/tap.sh
for f in rules/*.rules; do
	[ "$f" != rules/contoso.rules ] || continue # its sources are those of the demo
	if "$W" check "$f" >"$t/out" 2>&1 && grep -q ', [1-9][0-9]* expectations' "$t/out"; then
		ok "$f: $(sed -n 's/.* rules, //p' "$t/out")"
	else
		cat "$t/out" >&2
		not_ok "$f"
	fi
	# Each expectation turned round must fail, or it says nothing.
	cp rules/*.rules "$t"
	n=0
	grep -n '^expect' "$f" | cut -d: -f1 >"$t/lines"
	while read -r line; do
		sed "${line}s/^expect allow /expect DENY /;${line}s/^expect deny  /expect allow /" "$f" |
			sed "${line}s/DENY/deny/;${line}s/ label .*//" >"$t/turned.rules"
		"$W" check "$t/turned.rules" >/dev/null 2>&1 && n=$((n + 1))
	done <"$t/lines"
	if [ $n = 0 ]; then ok "$f: each expectation can fail"; else not_ok "$f: $n cannot fail"; fi
done
check "the demo's rules" "$W" check -c tests/demo/demo.conf
"$W" check -c tests/demo/demo.conf -r tests/rules/ok/man-long.in >"$t/out" 2>&1
check "the long example of weir.rules(5), without a finding" \
	grep -q '^fine: .* 3 expectations' "$t/out"
if grep -E ': (error|warning)' "$t/out"; then not_ok "it has findings"; fi
check "presets together" "$W" check rules/geo.rules rules/off-hours.rules \
	rules/user-sites.rules rules/gateway-hosts.rules rules/desktop-flows.rules \
	rules/subnets.rules
exit $bad
