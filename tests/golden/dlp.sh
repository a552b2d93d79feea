#!/bin/sh
# Policies of tenants at the boundary, by tests/tools/dlp.py, which reads export and catalogue
# by itself: people lose nothing, robots exactly the hosts of blocked connectors that the
# catalogue is sure of, the platform none; with a final deny on every list a robot keeps
# what the shipped <infrastructure> names.  TAP.
W=${WEIR:-./weir}
t=$(mktemp -d) || exit 3
trap 'rm -rf "$t"' EXIT
# shellcheck source=tests/tools/tap.sh
. tests/tools/tap.sh
# The published exports block no connector with a verified row; this one does.
cat >"$t/made.json" <<'JSON'
{ "value": [ { "displayName": "a", "defaultConnectorsClassification": "General", "connectorGroups": [
  { "classification": "Confidential", "connectors": [
    { "id": "/providers/Microsoft.PowerApps/apis/shared_sql" } ] },
  { "classification": "Blocked", "connectors": [
    { "id": "/providers/Microsoft.PowerApps/apis/shared_smtp" },
    { "id": "HttpRequestReceived" },
    { "id": "/providers/Microsoft.PowerApps/apis/shared_dropbox" } ] } ] },
 { "displayName": "b", "defaultConnectorsClassification": "General", "connectorGroups": [
  { "classification": "Blocked", "connectors": [
    { "id": "/providers/Microsoft.PowerApps/apis/SHARED_SQL" } ] } ] } ] }
JSON
for f in tests/data/dlp/*Dlp*.json tests/data/dlp/*dlp*.json tests/data/dlp/*legacy*.json \
	tests/data/dlp/*get_policy_*.json "$t/made.json"; do
	name=$(basename "$f")
	python3 tests/tools/dlp.py policy "$f" >"$t/dlp.rules" || not_ok "$name"
	counts=$(tail -n 1 "$t/dlp.rules")
	case $counts in "# 0 "*) not_ok "$name holds no policy" ;; esac
	check "$name ${counts#"# "}" "$W" check "$t/dlp.rules"
done
case $counts in *"denied 2") ok "denied hosts there are" ;; *) not_ok "$counts" ;; esac
cp rules/infrastructure.rules "$t"
python3 tests/tools/dlp.py lists >"$t/lists.rules"
check "every list denies all: $(tail -n 1 "$t/lists.rules") keep running" "$W" check "$t/lists.rules"
exit $bad
