#!/bin/sh
# The main job on the shipped capture: replay it with the shipped rules, show what was seen.
set -eu
cd "$(dirname "$0")/.."
rm -rf demo-ledger
./weir replay -c tests/demo/demo.conf -o demo-ledger tests/demo/demo.pcap
cat <<'TEXT'
next         less demo-ledger/000001.jsonl
             ./weir explain -c tests/demo/demo.conf --src 10.10.9.31 --dst 40.99.204.34 \
                 --host smtp.office365.com --port 465 --at 2026-11-22T02:11:16+01:00
             ./weir lookup contoso.crm4.dynamics.com 4.210.128.200
             ./weir check -c tests/demo/demo.conf
             ./weir replay -r rules/monitor.rules YOUR.pcap
TEXT
