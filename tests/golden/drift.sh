#!/bin/sh
# weir drift: what a tenant changed since its exports were imported.  Changed exports are made from
# the imported ones, each with one change.  TAP.
W=${WEIR:-./weir}
t=$(mktemp -d) || exit 3
trap 'rm -rf "$t"' EXIT
# shellcheck source=tests/tools/tap.sh
. tests/tools/tap.sh
I=tests/import/ok
guid=0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0
# run STATUS NAME ARGUMENTS...: standard output and error stay in $t/out and $t/err.
run() {
	want=$1 name=$2
	shift 2
	exits "$want" "$name" "$W" drift -c "$t/conf" "$@"
}
# shellcheck disable=SC2317  # called by check
says() { grep -qxF -- "$1" "$t/out"; }
mkdir "$t/export" "$t/rules"
python3 - $I/policy.json "$t/export/policy.json" $guid <<'EOP'
import json, sys
v = json.load(open(sys.argv[1]))
found = []
def walk(x):
    if isinstance(x, dict):
        if x.get("name") == sys.argv[3]:
            found.append(x)
        x = list(x.values())
    if isinstance(x, list):
        for y in x:
            walk(y)
walk(v)
json.dump(found[0], open(sys.argv[2], "w"), indent=1)
EOP
cp $I/configurations.json "$t/export/conf-$guid.json"
cp $I/patterns.json "$t/export/patterns-$guid.json"
cp $I/environments.json "$t/export/"
cp tests/data/dlp/tfprov__tenant_isolation_policy_response.json "$t/export/isolation.json"
sed 's/"allowedipr/"environmentid": "be0eb809-e58a-ec1b-8fce-ea40b0e53442", "allowedipr/' \
	tests/data/dlp/msdocs__ipfirewall_patch.json >"$t/export/firewall.json"
"$W" import --role desktop -o "$t/rules/" "$t/export" >"$t/say" 2>"$t/err"
check "a folder is imported" test $? -eq 0
printf 'version 1\n' >"$t/all.rules"
for f in environments isolation ip-firewall-be0eb809-e58a-ec1b-8fce-ea40b0e53442 dlp-$guid; do
	printf 'import "rules/%s.rules"\n' "$f" >>"$t/all.rules"
done
printf 'rules = [ "all.rules" ];\n' >"$t/conf"
run 0 "the same export" "$t/export"
check "has no difference" says "0 differences, 0 of 4 generated files edited by hand, 0 old"
check "four documents" test "$(grep -c ': as the tenant has it$' "$t/out")" = 4
check "each with its name" grep -q "dlp-$guid.rules: policy $guid \"Contoso corporate\": as the tenant has it" "$t/out"

# change NAME FILE PYTHON: a copy of the export with a change of `v`.
change() {
	rm -rf "$t/new"
	cp -r "$t/export" "$t/new"
	python3 -c '
import json, sys
v = json.load(open(sys.argv[1]))
exec(sys.argv[2])
json.dump(v, open(sys.argv[1], "w"))' "$t/new/$1" "$2"
}
# one NAME LINE: exactly this difference.
one() {
	run 1 "$1" "$t/new"
	check "$1" says "$2"
	check "$1: nothing else" test "$(grep -c '^  [-+~] ' "$t/out")" = "${3:-1}"
}
change policy.json 'v["connectorGroups"][0]["connectors"].append({"id": "/providers/Microsoft.PowerApps/apis/shared_box", "name": "Box", "type": "x"})'
one "a new connector" "  + connector shared_box: blocked"
change policy.json 'v["connectorGroups"][0]["connectors"].append({"id": "x/neverHeardOf", "name": "N", "type": "x"})'
one "a new one that no catalogue has" "  + connector neverHeardOf: blocked"
change policy.json 'c = v["connectorGroups"]; c.append({"classification": "Confidential", "connectors": [c[0]["connectors"].pop(0)]})'
one "a connector in another group" "  ~ connector shared_dropbox: blocked -> business"
change policy.json 'v["defaultConnectorsClassification"] = "Blocked"'
one "another default group" "  ~ other connectors group: general -> blocked"
change policy.json 'v["environmentType"] = "AllEnvironments"; v["environments"] = []'
run 1 "another scope" "$t/new"
check "is told" grep -q '^  ~ scope kind: ' "$t/out"
change "conf-$guid.json" 'next(c for c in v["endpointConfigurations"] if c["connectorId"].endswith("shared_sql"))["endpointRules"][1]["behavior"] = "Deny"'
one "an endpoint that is denied now" '  ~ endpoint shared_sql contososql.database.windows.net,*: allow -> deny'
change "conf-$guid.json" 'r = next(c for c in v["endpointConfigurations"] if c["connectorId"].endswith("shared_sql"))["endpointRules"]; r.sort(key=lambda x: x["order"]); r.insert(0, {"order": 0, "behavior": "Deny", "endpoint": "new,*"}); [x.update(order=i + 1) for i, x in enumerate(r)]'
one "an endpoint above the others" '  + endpoint shared_sql new,*: deny'
change "patterns-$guid.json" 'v["rules"].insert(0, {"order": 1, "customConnectorRuleClassification": "Blocked", "pattern": "https://x.example/*"}); [x.update(order=i + 1) for i, x in enumerate(v["rules"])]'
one "a URL pattern" '  + URL pattern https://x.example/*: blocked'
change "patterns-$guid.json" 'v["rules"].insert(0, {"order": 1, "customConnectorRuleClassification": "Blocked", "pattern": "https://x.example/*"}); [x.update(order=i + 1) for i, x in enumerate(v["rules"])]'
cp "$t/new/patterns-$guid.json" "$t/three.json"
mv "$t/export" "$t/kept"
cp -r "$t/kept" "$t/export"
cp "$t/three.json" "$t/export/patterns-$guid.json"
"$W" import --role desktop -o "$t/rules/" "$t/export" >/dev/null 2>&1
change "patterns-$guid.json" 'r = v["rules"]; r[0], r[1] = r[1], r[0]; [x.update(order=i + 1) for i, x in enumerate(r)]'

one "lines in another order" '  ~ URL pattern custom-connectors: its lines stand in another order'
rm -rf "$t/export"
mv "$t/kept" "$t/export"
"$W" import --role desktop -o "$t/rules/" "$t/export" >/dev/null 2>&1
change firewall.json 'v[0]["allowediprangeforfirewall"] = "18.205.0.0/24,9.9.9.0/24"'
one "ranges of the firewall" '  + range 9.9.9.0/24: allowed' 2
check "and the one that is gone" says '  - range 21.200.0.0/16: allowed'
change firewall.json 'v[0]["enableipbasedfirewallruleinauditmode"] = False'
one "the firewall enforces" '  ~ firewall state: on, audit only -> on'
change policy.json 'v["displayName"] = "Contoso \u201cnew\u201d"'
one "a new name" '  ~ policy name: Contoso corporate -> Contoso “new”'
change "conf-$guid.json" 'c = next(x for x in v["connectorActionConfigurations"] if x["actionRules"]); c["actionRules"][0]["behavior"] = "Allow"'
one "another behavior of an action" '  ~ action shared_sql DeleteItem_V2: block -> allow'
change "conf-$guid.json" 'c = next(x for x in v["connectorActionConfigurations"] if x["actionRules"]); c["actionRules"].append({"actionId": "GetTables \u001b[31m", "behavior": "Block"}); c["defaultConnectorActionRuleBehavior"] = "Block"'
one "a new action and the rest of them" '  + action shared_sql GetTables ?[31m: block' 2
check "the rest" grep -q '^  [+~] action shared_sql (all others): .*block$' "$t/out"
change "conf-$guid.json" 'v["connectorActionConfigurations"] = []'
run 1 "actions are gone" "$t/new"
check "which is told" says '  - action shared_sql DeleteItem_V2: block'
change policy.json 'v["environments"].append({"id": "/x/environments/11111111-2222-4333-8444-555555555555", "name": "11111111-2222-4333-8444-555555555555", "type": "Microsoft.BusinessAppPlatform/scopes/environments"})'
run 1 "an environment more in the scope" "$t/new"
check "is told as such" grep -q '^  + scope 11111111-2222-4333-8444-555555555555' "$t/out"
change environments.json 'v["value"].append({"name": "11111111-2222-4333-8444-555555555555", "properties": {"displayName": "New", "environmentSku": "Sandbox"}})'
one "an environment more" '  + environment 11111111-2222-4333-8444-555555555555: new  11111111-2222-4333-8444-555555555555  own  # New'
change isolation.json 'v["properties"]["isDisabled"] = not v["properties"]["isDisabled"]'
run 1 "isolation is switched" "$t/new"
check "which is told" grep -q '^  ~ isolation ' "$t/out"
change environments.json 'v["value"].pop(0) if isinstance(v, dict) else v.pop(0)'
run 1 "an environment is gone" "$t/new"
check "told by its GUID" grep -q '^  - environment [0-9a-f-]\{36\}: ' "$t/out"

change policy.json 'v["name"] = "11111111-2222-4333-8444-555555555555"; v["displayName"] = "new\nand \u001b[31mred"'
for f in conf patterns; do mv "$t/new/$f-$guid.json" "$t/new/$f-11111111-2222-4333-8444-555555555555.json"; done
run 1 "another policy" "$t/new"
check "is not loaded" grep -q '^dlp-11111111-.*: the tenant has it, no rule file imports it$' "$t/out"
check "the loaded one is gone" grep -q "$guid \"Contoso corporate\": it is not in the export\$" "$t/out"
check "two differences" says "2 differences, 0 of 4 generated files edited by hand, 0 old"
check "no control of a terminal" test -z "$(tr -d '\n -~' <"$t/out")"
run 0 "files without a folder are no whole tenant" "$t/export/firewall.json"
check "the rest is not compared" test "$(grep -c 'not compared: it is not in these files$' "$t/out")" = 3
sed 's/"environmentid".*"allowedipr/"allowedipr/' "$t/export/firewall.json" >"$t/nameless.json"
run 0 "a firewall that names no environment is the only one" "$t/nameless.json"
check "as the tenant has it" grep -q 'IP firewall be0eb809-e58a-ec1b-8fce-ea40b0e53442: as the tenant has it' "$t/out"

# JSON says the same.
change firewall.json 'v[0]["allowediprangeforfirewall"] = "18.205.0.0/24,9.9.9.0/24"'
run 1 "--json" --json "$t/new"
check "is one object with all of it" python3 - "$t/out" <<'EOP'
import json, sys
v = json.load(open(sys.argv[1]))
assert set(v) == {"documents", "files", "differences", "edited", "old"}, v
assert v["differences"] == 2 and v["edited"] == v["old"] == 0 and v["files"] == []
d = {x["kind"]: x for x in v["documents"]}
assert {k: x["state"] for k, x in d.items()} == {"policy": "same", "tenant isolation": "same",
    "IP firewall": "changed", "environments": "same"}
assert d["IP firewall"]["changes"] == [
    {"change": "removed", "what": "range", "name": "21.200.0.0/16", "before": "allowed"},
    {"change": "added", "what": "range", "name": "9.9.9.0/24", "after": "allowed"}], d["IP firewall"]
EOP

# Every real export that can be imported differs from itself in nothing.
cat >"$t/names.rules" <<'EOR'
version 1
environment prod 6ab1d2de-5f5c-4c0a-9a87-2f1e0d3c4b5a own
environment e1 00000000-0000-0000-0000-000000000000 own
environment e2 be0eb809-e58a-ec1b-8fce-ea40b0e53442 own
environment e3 02c201b0-db76-4a6a-b3e1-a69202b479e6 own
EOR
n=0
for f in tests/data/dlp/*; do
	rm -rf "$t/one"
	"$W" import --environment prod -o "$t/one/" "$f" >/dev/null 2>&1 || continue
	set -- -r "$t/names.rules"
	for r in "$t"/one/*; do set -- "$@" -r "$r"; done
	run 0 "$(basename "$f") and itself" "$@" "$f"
	n=$((n + 1))
done
check "those are 15 files" test $n -eq 15

# Age and hand edits.
touch -d '40 days ago' "$t/rules/isolation.rules"
run 0 "an old file is no difference" "$t/export"
check "it is told" grep -q 'isolation.rules: old: written 40 days ago$' "$t/out"
run 0 "--warn-age" --warn-age 50d "$t/export"
check "is the bound" says "0 differences, 0 of 4 generated files edited by hand, 0 old"
run 0 "--warn-age 0d" --warn-age 0d "$t/export"
check "is none" says "0 differences, 0 of 4 generated files edited by hand, 0 old"
sed -i '/21.200.0.0/d; s/^deny   label ip/allow  label ip/' "$t/rules/ip-firewall-be0eb809-e58a-ec1b-8fce-ea40b0e53442.rules"
run 1 "a hand edit" "$t/export"
check "is told" grep -q 'ip-firewall-be0eb809.*rules: edited by hand: import it again' "$t/out"
check "with what it took away" says '  + range 21.200.0.0/16: allowed'
check "and the loader's finding" grep -q 'hand-edited' "$t/err"
run 1 "a damaged export" $I/../fail/truncated.json
check "is an error" grep -q 'nothing was compared' "$t/err"
run 3 "a missing one" "$t/not-there"
run 2 "no operand"
run 2 "a wrong age" --warn-age 3 "$t/export"

# Without the configuration's files nothing is said of the tenant, least of all that it has more.
exits 1 "a configuration that is not there" "$W" drift -c "$t/absent" "$t/export"
check "nothing is compared" test ! -s "$t/out"
check "and that is said" grep -qx 'nothing was compared' "$t/err"
exit $bad
