#!/bin/sh
# Tricks that once made Weir say something false: tests/captures/decoys/README.md.
d=tests/captures/decoys
t=$(mktemp -d) || exit 3
trap 'rm -rf "$t"' EXIT
# shellcheck source=tests/tools/tap.sh
. tests/tools/tap.sh
expect() { # FILE RULES PATTERN
	if ! ./weir replay -q -c tests/demo/demo.conf -r "$d/$2.rules" --events "$t/events" "$d/$1.pcap"; then
		not_ok "$1: replay ends badly"
	elif grep '"phase":"start"' "$t/events" | grep -qE "$3"; then
		echo "ok - $1 says $3"
	else
		not_ok "$1 does not say $3"
		grep '"phase":"start"' "$t/events" >&2
	fi
}
for f in rst_payload syn_badsum syn_md5 bad_ack; do
	expect $f decoys '"host":"www.evil.example".*"decoy_ignored".*"verdict":"deny"'
done
expect paws decoys '"host":"blocked.azure-apim.net".*"decoy_ignored"'
expect urgent decoys '"undecidable":"conflict"'
expect turned turned '"direction":"outbound".*"verdict":"deny"'
expect udp_rev decoys '"verdict":"deny"'
expect udp_zero decoys '"verdict":"deny"'
expect early decoys '"host":"a.allowed.example".*"verdict":"allow"'
expect starttls decoys '"protocol":"smtp".*"undecidable":"malformed_hello"'
expect query decoys '"url":"http://[^?"]*"'
says() { # FILE PATTERN: of what becomes of the connection in the end
	if ./weir replay -q -c tests/evasion/evasion.conf --events "$t/events" "$d/$1.pcap" &&
		grep '"phase":"end"' "$t/events" | grep -qE "$2"; then
		echo "ok - $1 says $2"
	else
		not_ok "$1 does not say $2"
		grep '"phase":"end"' "$t/events" >&2
	fi
}
both='"candidates":\["static.pinecdn.org","ledger.oakfield-data.net"\],"undecidable":"conflict"'
for f in bad_option fast_open fast_open_part fast_open_refused record_version; do
	says $f '"host":"ledger.oakfield-data.net"'
done
for f in authenticated extensions tunnel_http; do
	says $f "$both"
done
says expect '"undecidable":"http_desync"'
for f in data_first no_null; do
	says $f '"undecidable":"malformed_hello"'
done
says long_name '"undecidable":"malformed_name"'
says ech_spelling '"host":"cloudflare-ech.com".*"undecidable":"ech_used"'
for f in closed_window connect_refused quic_no_fixed_bit; do
	says $f '"host":"ledger.oakfield-data.net"'
done
for f in unseen cut; do
	says $f '"candidates":\["static.pinecdn.org"\],"undecidable":"incomplete"'
done
for f in retry_records quic_retry; do
	says $f '"candidates":\["static.pinecdn.org","ledger.oakfield-data.net"\],"undecidable":"malformed_hello"'
done
says fragments '"candidates":\["ledger.oakfield-data.net"\],"undecidable":"conflict"'
says ech_front '"host":"static.pinecdn.org".*"undecidable":"ech_used"'
says behind_close '"host":"ledger.oakfield-data.net".*"decoy_ignored"'
says lost_request '"undecidable":"http_desync"'
says mail_text '"protocol":"smtp".*"undecidable":"malformed_hello"'
says mail_first '"protocol":"smtp".*"host":"ledger.oakfield-data.net"'
says quic_no_parameters '"undecidable":"malformed_hello"'
says dns_questions '"protocol":"dns"'
for asked in '"static.pinecdn.org".*"unanswered"' '"ledger.oakfield-data.net".*"198.51.100.7"'; do
	if grep '"type":"dns"' "$t/events" | grep -q "$asked"; then
		echo "ok - dns_questions tells $asked"
	else
		not_ok "dns_questions does not tell $asked"
	fi
done
python3 tests/tools/make_decoys.py "$t/made"
for f in "$t"/made/*.pcap; do
	cmp "$f" "$d/$(basename "$f")" >&2 || not_ok "$(basename "$f") is not what make_decoys.py writes"
done
./weir replay -q -j 1 --events "$t/one" $d/fragtimeout.pcap || not_ok "fragtimeout with 1 worker ends badly"
for j in 2 3 4; do
	if ./weir replay -q -j $j --events "$t/more" $d/fragtimeout.pcap && cmp "$t/one" "$t/more" >&2; then
		echo "ok - fragtimeout with $j workers"
	else
		not_ok "fragtimeout with $j workers"
	fi
done
exit $bad
