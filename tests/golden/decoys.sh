#!/bin/sh
# Tricks that once made Weir say something false: tests/captures/decoys/README.md.
d=tests/captures/decoys
starts() {
	./weir replay -q -c tests/demo/demo.conf -r "$2" --events - "$d/$1.pcap" | grep '"phase":"start"'
}
expect() { # FILE RULES PATTERN
	if starts "$1" "$d/$2.rules" | grep -qE "$3"; then
		echo "ok - $1 says $3"
	else
		echo "not ok - $1 does not say $3"
		starts "$1" "$d/$2.rules" >&2
	fi
}
for f in rst_payload syn_badsum syn_md5 bad_ack; do
	expect $f decoys '"host":"www.evil.example".*"decoy_ignored".*"verdict":"deny"'
done
expect urgent decoys '"undecidable":"conflict"'
expect turned turned '"direction":"outbound".*"verdict":"deny"'
expect udp_rev decoys '"verdict":"deny"'
expect udp_zero decoys '"verdict":"deny"'
expect early decoys '"host":"a.allowed.example".*"verdict":"allow"'
expect query decoys '"url":"http://[^?"]*"'
for j in 2 3 4; do
	a=$(./weir replay -q -j 1 --events - $d/fragtimeout.pcap | sha256sum)
	b=$(./weir replay -q -j $j --events - $d/fragtimeout.pcap | sha256sum)
	if [ "$a" = "$b" ]; then echo "ok - fragtimeout with $j workers"; else echo "not ok - fragtimeout with $j workers"; fi
done
