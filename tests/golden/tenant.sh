#!/bin/sh
# A tenant from its export to its drift: the folder that scripts/export-tenant.ps1 writes is imported,
# checked, replayed with, compared with a changed export; its IP firewall is exported, and imported
# again.  The folder is made here, with the names and the nesting that the script gives.  TAP.
W=${WEIR:-./weir}
t=$(mktemp -d) || exit 3
trap 'rm -rf "$t"' EXIT
# shellcheck source=tests/tools/tap.sh
. tests/tools/tap.sh
prod=839eace6-59ab-4243-97ec-a5b8fcc104e4
policy=0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0
export_tenant() { # FOLDER CONNECTOR RANGES: as the script writes it; what it blocks, whom it lets in
	mkdir "$1"
	python3 - "$@" $prod $policy <<'EOP'
import json, os, sys
folder, blocked, ranges, prod, policy = sys.argv[1:]
def save(name, v):
    json.dump(v, open(os.path.join(folder, name), "w"), indent=2)
api = "/providers/Microsoft.PowerApps/apis/"
save("policies.json", {"value": [{
    "name": policy, "displayName": "Contoso corporate", "defaultConnectorsClassification": "General",
    "connectorGroups": [{"classification": "Blocked", "connectors": [
        {"id": api + blocked, "name": blocked, "type": "Microsoft.PowerApps/apis"}]}],
    "environmentType": "AllEnvironments", "environments": [], "lastModifiedTime": "2026-11-20T08:00:00Z"}]})
save(f"configurations-{policy}.json", {"connectorActionConfigurations": [], "endpointConfigurations": [
    {"connectorId": api + "shared_smtp", "endpointRules": [
        {"order": 1, "behavior": "Allow", "endPoint": "smtp.office365.com,587"},
        {"order": 2, "behavior": "Deny", "endPoint": "*"}]}]})
save(f"patterns-{policy}.json", {"rules": [{"order": 1, "customConnectorRuleClassification": "Ignore", "pattern": "*"}]})
save("environments.json", [{"EnvironmentName": prod, "DisplayName": "prod", "EnvironmentType": "Production",
    "InternalCds": None, "Internal": {"properties": {
    "tenantId": "6d1c5a3e-0f57-4a6b-9d36-3f1c2a7b9e10", "linkedEnvironmentMetadata": {
        "resourceId": "aaaaaaaa-0f57-4a6b-9d36-3f1c2a7b9e10", "instanceUrl": "https://contoso.crm4.dynamics.com/",
        "instanceApiUrl": "https://contoso.api.crm4.dynamics.com"}}}}])
save("isolation.json", {"properties": {"tenantId": "6d1c5a3e-0f57-4a6b-9d36-3f1c2a7b9e10", "isDisabled": False,
                                       "allowedTenants": []}})
save("ip-firewalls.json", [{"environmentid": prod, "enableipbasedfirewallrule": True,
    "allowediprangeforfirewall": ranges, "enableipbasedfirewallruleinauditmode": True,
    "allowedservicetagsforfirewall": None, "allowapplicationuseraccess": True, "allowmicrosofttrustedservicetags": True}])
EOP
}
export_tenant "$t/export" shared_sql 198.51.100.10/32
"$W" import --report "$t/report" -o "$t/tenant/" "$t/export" >"$t/say" 2>"$t/err"
check "the folder is imported" test $? -eq 0
check "no key of theirs is taken for misspelled" sh -c "! grep -q unknown-key '$t/err'"
check "its four documents" test "$(cd "$t/tenant" && echo ./*)" = "./dlp-$policy.rules ./environments.rules ./ip-firewall-$prod.rules ./isolation.rules"

# Beside the demo's own rules, whose gates go on behind it.
cat >"$t/all.rules" <<EOR
version 1
import "tenant/environments.rules"
import "tenant/isolation.rules"
import "tenant/ip-firewall-$prod.rules"
import "tenant/dlp-$policy.rules" for role { gateway, desktop, subnet }
gate default
deny   in-scope  label unlisted  report-only
expect deny   desktop 10.10.9.31 -> smtp.office365.com:465    at "Sun 02:11"
expect allow  desktop 10.10.9.31 -> smtp.office365.com:587    at "Sun 02:11"
EOR
sed "s|../../rules/contoso.rules|$t/all.rules|; s|\"holidays|\"$PWD/tests/demo/holidays|; s|\"../data|\"$PWD/tests/data|" \
	tests/demo/demo.conf >"$t/conf"
"$W" check -c "$t/conf" >"$t/say" 2>"$t/err"
check "it passes the check, with the tests of its rules" test $? -eq 0
"$W" replay -c "$t/conf" -q -o "$t/ledger" tests/demo/demo.pcap >"$t/say" 2>"$t/err"
check "the demo is replayed with it" test $? -eq 0
check "DLP denies the blocked connector, at the line of the export" python3 - "$t/ledger" "$policy" <<'EOP'
import glob, json, sys
starts = [json.loads(l) for f in glob.glob(sys.argv[1] + "/*.jsonl") for l in open(f)]
denied = [e for e in starts if e.get("verdict") == "deny" and "/dlp-" + sys.argv[2] in str(e.get("rule", ""))]
hosts = {e.get("host") for e in denied}
assert "contososql.database.windows.net" in hosts and "smtp.office365.com" in hosts, hosts
EOP

"$W" drift -c "$t/conf" "$t/export" >"$t/say" 2>"$t/err"
check "the same export: no drift" test $? -eq 0
export_tenant "$t/changed" shared_box 198.51.100.10/32,192.0.2.0/24
"$W" drift -c "$t/conf" "$t/changed" >"$t/say" 2>"$t/err"
check "a changed one: drift" test $? -eq 1
printf '%s\n' '  + connector shared_box: blocked' '  + range 192.0.2.0/24: allowed' '  - connector shared_sql: blocked' >"$t/want"
grep '^  [-+~]' "$t/say" | LC_ALL=C sort | cmp - "$t/want"
check "exactly what was changed" test $? -eq 0

"$W" export ip-firewall --environment prod --json -c "$t/conf" >"$t/patch.json" 2>"$t/err"
check "the firewall that the tenant should have" test $? -eq 0
check "is the egress of both sites" grep -qF '"allowediprangeforfirewall":"198.51.100.10/32,203.0.113.20/31"' "$t/patch.json"
"$W" import --environment $prod -o "$t/tenant/ip-firewall-$prod.rules" "$t/patch.json" >"$t/say" 2>"$t/err"
check "it is imported over the old one" grep -q '203.0.113.20/31' "$t/tenant/ip-firewall-$prod.rules"
"$W" check -c "$t/conf" >"$t/say" 2>"$t/err"
check "and passes the check" test $? -eq 0
"$W" drift -c "$t/conf" "$t/patch.json" >"$t/say" 2>"$t/err"
check "against itself it has no drift" test $? -eq 0
"$W" drift -c "$t/conf" "$t/export" >"$t/say" 2>"$t/err"
check "the tenant does not have it yet" grep -qx '  - range 203.0.113.20/31: allowed' "$t/say"

# What a person has named above the imports is the same thing, with what both say of it.
cat >"$t/named.rules" <<EOR
version 1
tenant contoso  6d1c5a3e-0f57-4a6b-9d36-3f1c2a7b9e10  own  host contoso.sharepoint.com
environment production  $prod  own  tenant contoso  host old.crm4.dynamics.com
import "tenant/environments.rules"
import "tenant/isolation.rules"
EOR
"$W" rules print "$t/named.rules" >"$t/say" 2>"$t/err"
check "tenant and environment are named by hand, too" test $? -eq 0
check "by the name that a person gave" grep -q "^environment production  $prod  own  tenant contoso  host { \"old.crm4.dynamics.com\"," "$t/say"
check "with the tenant's hosts" grep -q '"contoso.api.crm4.dynamics.com" }  org aaaaaaaa-' "$t/say"
check "once" test "$(grep -c "$prod\|^tenant" "$t/say")" = 2
sed -i 's/  own  tenant contoso/  partner/' "$t/named.rules"
"$W" check "$t/named.rules" >"$t/say" 2>"$t/err"
check "of whom both say something else it is an error" test $? -eq 1
check "which names both" grep -q "/tenant/environments.rules:[0-9]*:13: error: prod is own here, and not so at .*/named.rules:3\$" "$t/err"

# Our own tenant and one that is listed twice: the portal takes both.
cat >"$t/isolation.json" <<'JSON'
{ "properties": { "tenantId": "6d1c5a3e-0f57-4a6b-9d36-3f1c2a7b9e10", "isDisabled": false, "allowedTenants": [
  { "tenantId": "6D1C5A3E-0F57-4A6B-9D36-3F1C2A7B9E10", "direction": { "inbound": true, "outbound": true } },
  { "tenantId": "1d1c5a3e-0f57-4a6b-9d36-3f1c2a7b9e10", "direction": { "inbound": false, "outbound": true } },
  { "tenantId": "1d1c5a3e-0f57-4a6b-9d36-3f1c2a7b9e10", "direction": { "inbound": true, "outbound": true } } ] } }
JSON
"$W" import -o "$t/isolation.rules" "$t/isolation.json" >"$t/say" 2>"$t/err"
check "tenants are listed once" test "$(grep -c '^tenant ' "$t/isolation.rules")" = 2
"$W" check "$t/isolation.rules" >"$t/say" 2>"$t/err"
check "and load" test $? -eq 0
exit $bad
