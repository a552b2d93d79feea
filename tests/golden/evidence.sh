#!/bin/sh
# weir evidence and docs/evidence-check.py: of the demo's ledger, and of one with three epochs that Weir did
# not write; 1,000 changes of a pack, by who knows how it is made and holds later keys.
set -u
cd "$(dirname "$0")/../.." || exit 3
W=${WEIR:-./weir}
t=$(mktemp -d) || exit 3
trap 'rm -rf "$t"' EXIT
. tests/tools/tap.sh
says() { check "$1: $2" grep -qF -- "$2" "$t/out" "$t/err"; }

exits 0 "the demo" "$W" replay -q -c tests/demo/demo.conf -o "$t/demo" tests/demo/demo.pcap
exits 0 "its denials" "$W" evidence --verdict deny --ledger "$t/demo" -o "$t/a.tar"
"$W" query --ledger "$t/demo" --verdict deny --json >"$t/want"
mkdir "$t/x" && tar -xf "$t/a.tar" -C "$t/x"
check "its lines are those of the query" cmp "$t/x/lines.jsonl" "$t/want"
check "sha256sum fits" sh -c "cd '$t/x' && sha256sum -c --quiet SHA256SUMS"
check "the rules are in it" sh -c "grep -l 'gate connectors' '$t'/x/generations/files/* >/dev/null"
generation=$(basename "$t"/x/generations/*.json .json)
exits 0 "Weir finds the generation to be what its name says" "$W" rules print --generation "$generation" --ledger "$t/x"
print=$(sed -n 's/^root key *//p' "$t/x/README.txt")
exits 0 "it is proven without Weir" python3 docs/evidence-check.py "$t/a.tar" --key "$print"
check "each line of it" [ "$(grep -c '^line [0-9]*: proven by seal' "$t/out")" -eq "$(wc -l <"$t/want")" ]
exits 0 "with the root's key" python3 docs/evidence-check.py "$t/a.tar" --key "$t/demo/ledger.pub"
exits 1 "not with another" python3 docs/evidence-check.py "$t/a.tar" --key 0000-0000-0000-0000-0000-0000-0000-0000
exits 0 "the same again" "$W" evidence --verdict deny --ledger "$t/demo" --index "$t/index" -o "$t/b.tar"
check "gives the same bytes" cmp "$t/a.tar" "$t/b.tar"
check "readable for its owner alone" [ "$(stat -c %a "$t/a.tar")" = 600 ]

root=$(python3 tests/tools/make_ledger.py "$t/made")
exits 0 "a ledger that Weir did not write is whole" "$W" verify "$t/made" --key "$root"
exits 0 "three epochs" "$W" evidence --seq 1..119 --verdict deny --with-packets --ledger "$t/made" -o "$t/c.tar"
exits 0 "are proven" python3 docs/evidence-check.py "$t/c.tar" --key "$root"
for epoch in 0 1 2; do
	says "three epochs" "of epoch $epoch under"
done
says "who put the rules in force" "context, line 54: proven"
exits 0 "changes are seen" python3 tests/tools/evidence_mutate.py "$t/c.tar" "$root" 1000
cat "$t/out"
exits 0 "a change" "$W" evidence --generation 00000000000000b2 --seq '<60' --ledger "$t/made" -o "$t/change.tar"
check "that was asked for is no context" [ "$(tar -xOf "$t/change.tar" context.jsonl | wc -l)" = 0 ]
exits 0 "a seal" "$W" evidence --type seal --ledger "$t/made" -o "$t/d.tar"
exits 0 "proves itself" python3 docs/evidence-check.py "$t/d.tar" --key "$root"
"$W" seal --ledger "$t/made" --json >"$t/anchor"
exits 0 "and fits its anchor" python3 docs/evidence-check.py "$t/d.tar" --key "$root" --anchors "$t/anchor"
sed -i 's/"time":"2026-11-22T02:01/"time":"2026-11-22T02:03/' "$t/anchor"
exits 1 "not another one" python3 docs/evidence-check.py "$t/d.tar" --key "$root" --anchors "$t/anchor"
exits 1 "what no seal covers" "$W" evidence --verdict deny --ledger "$t/made" -o "$t/e.tar"
says "what no seal covers" "not sealed   2 of the lines"
exits 1 "is not proven" python3 docs/evidence-check.py "$t/e.tar" --key "$root"
says "is not proven" "line 121: NOT PROVEN: no seal covers it"

# A line that was changed in the ledger, its sidecar too.
sed -i '5s/allow/alloW/' "$t/made/000001.jsonl" && rm -r "$t/made/index" "$t/made/000001.tags"
exits 1 "a changed ledger" "$W" evidence --seq 5..30 --ledger "$t/made" -o "$t/f.tar"
says "a changed ledger" "NOT WHOLE"
exits 1 "its pack" python3 docs/evidence-check.py "$t/f.tar" --key "$root"
says "its pack" "line 5: NOT PROVEN: the digests do not give the head of seal 14"
says "its pack" "line 17: proven by seal 44"

# Files of packets that the events name, proven by the hash in the line; payload is in a pack only when asked for.
printf 'gate rules\nalert service { dataverse, smtp } capture\nallow to any\n' >"$t/capture.rules"
exits 0 "with capture" "$W" replay -q -c tests/demo/demo.conf -r "$t/capture.rules" -o "$t/kept" tests/demo/demo.pcap
files=$(find "$t/kept/packets" -name '*.pcapng' | wc -l)
check "there are files" [ "$files" -ge 2 ]
named() { python3 docs/evidence-check.py "$1" --key "$t/kept/ledger.pub" | sed -n 's/packets.*pcapng: //p' | sed 's/line [0-9]*/line N/' | sort | uniq -c | sed 's/^ *//'; }
exits 0 "no packets" "$W" evidence --packets '*' --ledger "$t/kept" -o "$t/h.tar"
is "no packets: said of each" "$(named "$t/h.tar")" "$files not in the pack"
check "no packets: and in README" sh -c "tar -xOf '$t/h.tar' README.txt | grep -q '^packets     $files files, not in it: --with-packets'"
exits 0 "packets" "$W" evidence --packets '*' --with-packets --ledger "$t/kept" -o "$t/i.tar"
is "packets: each proven" "$(named "$t/i.tar")" "$files as line N says"
exits 0 "packets: the check" python3 docs/evidence-check.py "$t/i.tar" --key "$t/kept/ledger.pub"
check "packets: each in it" [ "$(tar -tf "$t/i.tar" | grep -c '^packets/')" -eq "$files" ]
one=$(find "$t/kept/packets" -name '*.pcapng' | sort | head -n 1)
check "packets: as they are" sh -c "tar -xOf '$t/i.tar' 'packets/$(basename "$one")' | cmp - '$one'"
printf 'x' >>"$one"
exits 1 "a changed file" "$W" evidence --packets '*' --with-packets --ledger "$t/kept" -o "$t/j.tar"
says "a changed file" "CHANGED      are 1 files of packets"
exits 1 "a changed file: the check" python3 docs/evidence-check.py "$t/j.tar" --key "$t/kept/ledger.pub"
says "a changed file: the check" "packets/$(basename "$one"): not the file that line"
rm "$one"
exits 0 "a removed file" "$W" evidence --packets '*' --with-packets --ledger "$t/kept" -o "$t/k.tar"
says "a removed file" "no packets   of 1 connections any more"
exits 0 "a removed file: the check" python3 docs/evidence-check.py "$t/k.tar" --key "$t/kept/ledger.pub"

exits 2 "a wrong field" "$W" evidence --veridct deny --ledger "$t/made" -o "$t/g.tar"
says "a wrong field" "weir evidence: there is no field 'veridct': did you mean 'verdict'?"
exits 1 "no event" "$W" evidence --host nowhere.example --ledger "$t/made" -o "$t/g.tar"
says "no event" "no event fits"
check "no event, no pack" [ ! -e "$t/g.tar" ]
exits 2 "no filter" "$W" evidence --ledger "$t/made" -o "$t/g.tar"
says "no filter" "write a filter"
exits 2 "no -o" "$W" evidence --verdict deny --ledger "$t/made"
says "no -o" "write -o FILE"
exits 2 "groups" "$W" evidence --verdict deny --group-by host --ledger "$t/made" -o "$t/g.tar"
exits 2 "a wrong field" "$W" evidence --verdit deny --ledger "$t/made" -o "$t/g.tar"
says "a wrong field" "did you mean 'verdict'"
exits 1 "another root" "$W" evidence --verdict deny --ledger "$t/made" --key 0000-0000-0000-0000-0000-0000-0000-0000 -o "$t/g.tar"
exits 3 "a full device" "$W" evidence --verdict deny --ledger "$t/demo" -o "$t/no/g.tar"
exit $bad
