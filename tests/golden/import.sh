#!/bin/sh
# Exports of tenants: every real one is in tests/import/shapes.tsv with what it gives or why it
# is refused; what is written is held against the export by a script, parses, and prints as
# itself; messages; changes; spellings that Microsoft's tools give the same content.  TAP.
# UPDATE=1 rewrites the table and the messages.
W=${WEIR:-./weir}
t=$(mktemp -d) || exit 3
trap 'rm -rf "$t"' EXIT
# shellcheck source=tests/tools/tap.sh
. tests/tools/tap.sh
I=tests/import
check_export() { python3 tests/tools/import_check.py "$@"; }
# What rules name by itself: the environments of the exports.
{
	echo "version 1"
	echo "environment prod 6ab1d2de-5f5c-4c0a-9a87-2f1e0d3c4b5a own"
	n=0
	for g in 00000000-0000-0000-0000-000000000000 be0eb809-e58a-ec1b-8fce-ea40b0e53442 \
		02c201b0-db76-4a6a-b3e1-a69202b479e6; do
		n=$((n + 1))
		echo "environment e$n $g own"
	done
} >"$t/names.rules"
# Comments in it say where lines came from, and only from the first printing.
# shellcheck disable=SC2317  # called by parses
same_rules() {
	grep -v '^#' "$1" | grep . >"$t/left"
	grep -v '^#' "$2" | grep . >"$t/right"
	cmp "$t/left" "$t/right"
}
# shellcheck disable=SC2317  # called by check
parses() { # each file: printed, parsed and printed again gives the same
	for f; do
		set -- "$t/names.rules" "$f"
		grep -q '^environment' "$f" && set -- "$f"
		if ! "$W" rules print "$@" >"$t/printed.rules" 2>"$t/err" ||
			! "$W" rules print "$t/printed.rules" >"$t/again.rules" 2>>"$t/err" ||
			! same_rules "$t/printed.rules" "$t/again.rules"; then
			head -5 "$t/err" >&2
			return 1
		fi
	done
}

printf '%s\n' "# Each file of tests/data/dlp by tests/golden/import.sh: what it gives, or why it is refused." \
	"file	shape	policies	business	general	blocked	others	environments	lists	endpoints	patterns	ranges	tenants" >"$t/shapes.tsv"
for f in tests/data/dlp/*; do
	name=$(basename "$f")
	mkdir "$t/out"
	if "$W" import --environment prod -o "$t/out" "$f" >"$t/say" 2>"$t/err"; then
		check_export --row "$f" "$t"/out/* >>"$t/shapes.tsv"
		check "$name: the rules hold what the export does" check_export "$f" "$t"/out/*
		check "$name: import, print, parse" parses "$t"/out/*
	else
		printf '%s\trefused\t%s\n' "$name" "$(sed -n '1s/^.*: error: //p' "$t/err")" >>"$t/shapes.tsv"
		check "$name: a remedy" grep -q '= write: ' "$t/err"
		check "$name: nothing is written" rmdir "$t/out"
	fi
	rm -rf "$t/out"
done
[ -z "$UPDATE" ] || cp "$t/shapes.tsv" $I/shapes.tsv
check "the table of shapes" diff $I/shapes.tsv "$t/shapes.tsv"

for f in "$I"/fail/*; do
	name=$(basename "$f")
	[ "$name" = messages.txt ] && continue
	echo "== $name"
	"$W" import -o "$t/none" "$f" 2>&1 | cut -c1-160
done >"$t/messages.txt"
[ -z "$UPDATE" ] || cp "$t/messages.txt" $I/messages.txt
check "messages" diff $I/messages.txt "$t/messages.txt"
check "and no file" test ! -e "$t/none"

# The three of PowerShell, of which two do not say whose they are.
guid=0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0
three="$I/ok/policy.json $I/ok/configurations.json $I/ok/patterns.json"
# shellcheck disable=SC2086  # a list of words, here and below
"$W" import -o "$t/none" $three >"$t/say" 2>"$t/err"
check "lists of no policy are refused beside several" test $? -eq 1
check "with what to write" grep -q 'write: --policy GUID, or the policy' "$t/err"
# shellcheck disable=SC2086
"$W" import --policy $guid -o "$t/joined.rules" $three >"$t/say" 2>"$t/err"
check "with --policy they are joined" test $? -eq 0
check "into one file" grep -q '1 blocked, others general; 3 endpoint lists, 2 URL patterns$' "$t/say"
check "whose sources are all three" test "$(grep -c '^# source: ' "$t/joined.rules")" = 3
check "and its policy" grep -qxF "# policy: $guid \"Contoso corporate\"" "$t/joined.rules"
check "its date" grep -qxF '# date: 2026-05-04' "$t/joined.rules"
check "its environments" grep -q '^deny   label blocked  from not environment be0eb809-' "$t/joined.rules"
check "rules in their order" grep -qx ' 1 allow  "contososql.database.windows.net,\*"' "$t/joined.rules"
check "what no wire shows is said" grep -q 'warning \[not-enforced\].*DesktopFlow.UIAutomation' "$t/err"
check "beside its list" grep -q '^list DesktopFlow.UIAutomation  for role ' "$t/joined.rules"
for f in low high citizen; do
	"$W" import --environment prod -o "$t/desktop.rules" tests/data/dlp/msindustry__$f*.json >/dev/null 2>&1
	check "$f: desktop flows are lines" test "$(grep -c '^	DesktopFlow\.' "$t/desktop.rules")" -gt 20
done
check "it parses" parses "$t/joined.rules"
cp $I/ok/configurations.json "$t/conf-$guid.json"
cp $I/ok/patterns.json "$t/patterns-$guid.json"
"$W" import -o "$t/named/" $I/ok/policy.json "$t/conf-$guid.json" "$t/patterns-$guid.json" >"$t/say" 2>&1
grep -v '^# source\|^# weir import: sha' "$t/named/dlp-$guid.rules" >"$t/a"
grep -v '^# source\|^# weir import: sha' "$t/joined.rules" >"$t/b"
check "the GUID in a file's name does the same" cmp "$t/a" "$t/b"

# Whatever the catalogue has: a list of it is written so that it loads.
python3 - "$t" <<'EOF'
import json, sys
ids = sorted({l.split("\t")[1] for l in open("rules/catalog/connectors.tsv")
              if l[0] != "#" and not l.startswith("pattern\t")})
rules = [{"order": 1, "behavior": "Deny", "endPoint": "*"}]
for n in range(0, len(ids), 1000):
    lists = [{"connectorId": i, "endpointRules": rules} for i in ids[n:n + 1000]]
    json.dump({"endpointConfigurations": lists}, open(f"{sys.argv[1]}/lists-{n}.json", "w"))
EOF
lists=0
for f in "$t"/lists-*.json; do
	r=${f%.json}.rules
	"$W" import -o "$r" "$f" >/dev/null 2>&1
	check "$(basename "$f"): all lists load" parses "$r"
	lists=$((lists + $(grep -c '^list ' "$r")))
done
check "those that the language has: 12" test "$lists" = 12
check "HTTP with Entra ID of both kinds" test "$(cat "$t"/lists-*.rules | grep -c '^list shared_webcontents\(v2\)\?  for role ')" = 2

"$W" import -o "$t/env.rules" $I/ok/environments.json >"$t/say" 2>&1
check "environments" grep -qxF 'environment contoso-prod  be0eb809-e58a-ec1b-8fce-ea40b0e53442  own  host { "contoso.crm4.dynamics.com", "contoso.api.crm4.dynamics.com" }  org 6d1c5a3e-0f57-4a6b-9d36-3f1c2a7b9e10  # Contoso (prod)' "$t/env.rules"
check "two of one name differ" grep -q '^environment contoso-prod-02c201b0-db76-4a6a  02c201b0-' "$t/env.rules"
check "they parse" parses "$t/env.rules"
"$W" import -o "$t/tf.rules" $I/ok/terraform.json >"$t/say" 2>&1
check "terraform show -json, modules in modules" grep -q 'terraform show -json; 1 business, 0 general, 1 blocked, others blocked; 1 endpoint lists, 2 URL patterns' "$t/say"
check "it parses, too" parses "$t/tf.rules"
cat >"$t/settings.json" <<'JSON'
{ "format_version": "1.0", "values": { "root_module": { "resources": [
  { "type": "powerplatform_environment_settings", "values": { "environment_id": "839eace6-59ab-4243-97ec-a5b8fcc104e4",
    "product": { "security": { "enable_ip_based_firewall_rule": true, "enable_ip_based_firewall_rule_in_audit_mode": false,
      "allowed_ip_range_for_firewall": [ "203.0.113.0/24", "198.51.100.0/24" ], "allowed_service_tags_for_firewall": [ "AppService" ],
      "allow_application_user_access": true, "allow_microsoft_trusted_service_tags": false } } } },
  { "type": "powerplatform_environment_settings", "values": { "environment_id": "00000000-0000-0000-0000-000000000002",
    "product": { "security": { "enable_ip_based_firewall_rule": false, "allowed_ip_range_for_firewall": [] } } } },
  { "type": "powerplatform_environment_settings", "values": { "environment_id": "00000000-0000-0000-0000-000000000003",
    "product": { "security": null } } } ] } } }
JSON
"$W" import --enforce -o "$t/settings.rules" "$t/settings.json" >"$t/say" 2>"$t/err"
check "an IP firewall of terraform's, and none of settings without one" test $? -eq 0
check "with its environment" grep -q '^allow  label ip-firewall  to environment 839eace6-59ab-4243-97ec-a5b8fcc104e4  from egress' "$t/settings.rules"
check "in the order of the state" sh -c "sed -n '/203.0.113.0/{n;p;}' '$t/settings.rules' | grep -q '198.51.100.0/24'"
check "tags and switches" sh -c "grep -q '^# not enforced: service tags, .*: AppService$' '$t/settings.rules' && grep -q 'applications pass, trusted services of Microsoft.s are asked' '$t/settings.rules'"
mkdir "$t/folder"
cp $I/ok/environments.json tests/data/dlp/tfprov__tenant_isolation_policy_response.json tests/data/dlp/tfprov__resource* "$t/folder"
"$W" import -o "$t/one.rules" "$t/folder" >"$t/say" 2>"$t/err"
check "a folder of several documents needs a folder" test $? -eq 1
"$W" import -o "$t/several/" "$t/folder" >"$t/say" 2>"$t/err"
check "and gives one file each" test "$(cd "$t/several" && echo ./*)" = "./dlp-00000000-0000-0000-0000-000000000001.rules ./environments.rules ./isolation.rules"
"$W" import --policy 00000000-0000-0000-0000-000000000001 -o "$t/one.rules" "$t/folder" >"$t/say" 2>"$t/err"
check "--policy takes that one out of a folder" grep -q '^list shared_sql ' "$t/one.rules"

# --json says what the text does.
J=$t/json
mkdir "$J"
cp $I/ok/environments.json tests/data/dlp/tfprov__tenant_isolation_policy_response.json "$J"
sed 's/"allowedipr/"environmentid": "be0eb809-e58a-ec1b-8fce-ea40b0e53442", "allowedipr/' tests/data/dlp/msdocs__ipfirewall_patch.json >"$J/fw.json"
python3 -c '
import json, sys
v = json.load(open(sys.argv[1]))
v = v["value"] if isinstance(v, dict) else v
v = [p for p in v if p["name"] == sys.argv[3]]
for name in ("shared_invented", "DesktopFlow.Clipboard"):
    v[0]["connectorGroups"][0]["connectors"].append({"id": name, "name": name, "type": "x"})
json.dump(v, open(sys.argv[2], "w"))' $I/ok/policy.json "$J/policy.json" $guid
cp "$t/conf-$guid.json" "$t/patterns-$guid.json" "$J"
"$W" import --report "$t/report.txt" -o "$t/text/" "$J" >"$t/say" 2>"$t/err"
check "what --json is held against" test $? -eq 0
"$W" import --json --report "$t/report2.txt" -o "$t/jout/" "$J" >"$t/one.json" 2>"$t/err2"
check "--json: status 0" test $? -eq 0
check "nothing else is said" test ! -s "$t/err2"
check "the same files" diff -r "$t/text" "$t/jout"
check "the same report" cmp "$t/report.txt" "$t/report2.txt"
sed -i 's/"198\|"18.205.0.0/"9.9.9.0/' "$J/fw.json"
"$W" import --json -o "$t/jout/" "$J" >"$t/again.json" 2>&1
check "again with a change: status 0" test $? -eq 0
"$W" import -o "$t/text/" "$J" >"$t/say2" 2>/dev/null
check "--json: documents, counts, changes, rows, findings" python3 - "$t" $guid <<'EOP'
import json, re, sys
t, guid = sys.argv[1:]
one, again = json.load(open(t + "/one.json")), json.load(open(t + "/again.json"))
say, say2, err = (open(t + "/" + f).read() for f in ("say", "say2", "err"))
assert set(one) == {"documents", "findings", "written"}, one.keys()
docs = {d["file"]: d for d in one["documents"]}
assert re.findall(r"^import   ([^\s:]+)", say, re.M) == [d["file"] for d in one["documents"]]
assert sorted(d["kind"] for d in docs.values()) == ["IP firewall", "environments", "policy", "tenant isolation"]
p = docs[f"dlp-{guid}.rules"]
m = re.search(r": ([^:;]*); (\d+) business, (\d+) general, (\d+) blocked, others (\w+); (\d+) endpoint lists, (\d+) URL", say)
assert list(m.groups()) == [str(p[k]) for k in ("shape", "business", "general", "blocked", "others", "endpoint_lists", "url_patterns")]
assert p["policy"] == guid and p["action_rules"] == 1 and len(p["sources"]) == 3 and p["is_new"]
assert "changes" not in p
assert one["written"] == [f"{t}/jout/{d['file']}" for d in one["documents"]] + [t + "/report2.txt"]
assert len(one["findings"]) == len(re.findall(r": warning", err)) > 0
# Of whom the catalogue has a host, by its own rows.
with open("rules/catalog/connectors.tsv", encoding="utf-8") as f:
    catalogue = [l.split("\t") for l in f if l.strip() and not l.startswith("#")][1:]
ids = {c[1].lower() for c in catalogue}
hosted = {c[1].lower() for c in catalogue if c[0] != "-"}
shown = {r["connector"].rpartition("/")[2].lower(): r for r in p["enforceability"] if "has_hosts" in r}
for c, r in shown.items():
    assert (r["in_catalogue"], r["has_hosts"]) == (c in ids, c in hosted), r
    assert r["has_hosts"] or r["user"] == r["gateway"] == r["desktop"] == r["subnet"] == "no", r
assert {(r["in_catalogue"], r["has_hosts"]) for r in shown.values()} == {(True, True), (True, False), (False, False)}, shown
rows = []
for r in p["enforceability"]:
    place = "".join(f"{r[k]:8}" for k in ("user", "gateway", "desktop", "subnet"))
    if "order" in r:
        rows.append(place + f"  {r['order']} {r.get('behavior', r.get('data_group'))}  \"{r.get('endpoint', r.get('url_pattern'))}\"")
    else:
        rows.append(place + "  " + r["connector"] + ("" if r["has_hosts"] else
            "  (no host is known)" if r["in_catalogue"] else "  (not in the catalogue)"))
text = [l for l in open(t + "/report.txt").read().split("\n") if re.match("(no|host|exact) {3,}", l)]
text = [l for l in text if not l.lstrip().startswith("user ")]
assert rows == [l for l in text if l in rows] and len(rows) == len(text) > 5, (rows, text)
fw = next(d for d in again["documents"] if d["kind"] == "IP firewall")
assert fw["ranges"] == 2 and fw["on"] and fw["audit"] and not fw["is_new"]
assert {(c["change"], c["line"].strip()) for c in fw["changes"]} >= {("added", "9.9.9.0/24"), ("removed", "18.205.0.0/24")}
assert all(c["statement"].startswith("allow  label ip-firewall") for c in fw["changes"] if c["line"].startswith("\t"))
assert (fw["lines_removed"], fw["lines_added"]) == tuple(map(int, re.search(r"changes  (\d+) lines removed, (\d+)", say2).groups()))
assert sum(d.get("lines_added", 0) for d in again["documents"]) == fw["lines_added"]
EOP
"$W" import --json -o "$t/jbad" $I/fail/order_twice.json >"$t/bad.json" 2>/dev/null
check "--json of what is refused: status 1" test $? -eq 1
check "with the finding" python3 -c 'import json,sys; v=json.load(open(sys.argv[1])); assert v["documents"] == v["written"] == [] and v["findings"][0]["level"] == "error" and v["findings"][0]["line"] > 1' "$t/bad.json"
check "and no file" test ! -e "$t/jbad"
"$W" import --json "$J" >"$t/none.json" 2>/dev/null
check "without -o nothing is written" python3 -c 'import json,sys; v=json.load(open(sys.argv[1])); assert v["written"] == [] and len(v["documents"]) == 4 and all("path" not in d for d in v["documents"])' "$t/none.json"
"$W" import --json -o - "$J" >/dev/null 2>&1
check "two things for standard output" test $? -eq 2
"$W" import --json -o "$t/nowhere/x/y.rules" "$J/fw.json" >"$t/none.json" 2>/dev/null
check "what cannot be written: status 3" test $? -eq 3
check "and is not said to be" python3 -c 'import json,sys; assert json.load(open(sys.argv[1]))["written"] == []' "$t/none.json"

# From the export to verdicts.
sed 's/shared_dropbox/shared_smtp/' $I/ok/policy.json >"$t/smtp.json"
"$W" import --policy $guid -o "$t/verdicts.rules" "$t/smtp.json" $I/ok/configurations.json >/dev/null 2>&1
cat >"$t/mine.rules" <<'EOF'
version 1
environment excepted be0eb809-e58a-ec1b-8fce-ea40b0e53442 own
bind 10.10.8.0/24 to environment excepted
import "verdicts.rules"
expect deny  desktop 10.10.9.31 -> smtp.gmail.com:587 proto smtp gate connectors
expect allow user 10.10.16.41 -> smtp.gmail.com:587 proto smtp
expect deny  desktop 10.10.9.31 -> contososql2.database.windows.net:1433 proto tds gate endpoints
expect allow desktop 10.10.9.31 -> contososql.database.windows.net:1433 proto tds
expect deny  desktop 10.10.9.31 -> example.org:443 gate endpoints
expect allow user 10.10.16.41 -> example.org:443
EOF
"$W" check -c tests/demo/demo.conf "$t/mine.rules" >"$t/say" 2>&1
check "what it blocks is denied, and nothing else" grep -q ' 6 expectations fulfilled$' "$t/say"

# What the events say of it.
cat >"$t/lists.rules" <<'EOF'
version 1
gate connectors
deny  label blocked  connector shared_smtp
allow label business connector { shared_sql, shared_commondataserviceforapps }
list custom-connectors for role user
 1 group general "https://*"
 2 group ignore  "*"
gate endpoints
list shared_sql for role { gateway, desktop }
 1 allow "contososql.database.windows.net,*"
 2 deny  "*"
EOF
"$W" replay -c tests/demo/demo.conf -r "$t/lists.rules" --events - tests/demo/demo.pcap 2>/dev/null >"$t/events"
check "events fit the schema" python3 tests/tools/validate_events.py "$t/events"
grep '"dst_port":1433,' "$t/events" | grep '"phase":"start"' >"$t/sql"
check "endpoint and data group of SQL" test "$(grep -c '"endpoint":"contososql.database.windows.net,\*".*"data_group":"business"' "$t/sql")" = "$(grep -c . "$t/sql")"
check "there is some" test -s "$t/sql"
check "a pattern's group" grep -q '"endpoint":"https://[^"]*/\*".*"data_group":"general"' "$t/events"
grep '"phase":"end"' "$t/events" | grep -c '"endpoint"\|"data_group"' >"$t/n"
cat >"$t/default.json" <<'EOF'
{"displayName": "Default", "defaultConnectorsClassification": "General", "environmentType": "AllEnvironments",
 "environments": [], "connectorGroups": [{"classification": "Blocked", "connectors":
 [{"id": "/providers/Microsoft.PowerApps/apis/shared_box", "name": "Box", "type": "x"}]}]}
EOF
"$W" import -o "$t/default.rules" "$t/default.json" >/dev/null 2>&1
"$W" replay -c tests/demo/demo.conf -r "$t/default.rules" --events - tests/demo/demo.pcap 2>/dev/null >"$t/default"
grep '"dst_port":1433,' "$t/default" | grep '"phase":"start"' >"$t/sql"
check "the default group is one, too" test "$(grep -c '"data_group":"general"' "$t/sql")" = "$(grep -c . "$t/sql")"
"$W" explain -c tests/demo/demo.conf -r "$t/default.rules" --src 10.10.9.31 --dst 9.9.9.9 --host contososql.database.windows.net --json >"$t/e" 2>/dev/null
check "its line is that of the others" grep -q '"gate":"connectors","answer":"allow","decides":[a-z]*,"rule":"[^"]*default.rules:[0-9]*","rule_label":"default-group"' "$t/e"
check "neither at the end" test "$(cat "$t/n")" = 0

# One content in the spellings of Microsoft's tools.
python3 - tests/data/dlp/tfprov__resource*.json "$t" <<'EOF'
import json, sys
text = open(sys.argv[1]).read()
def other(v, f):
    if isinstance(v, dict):
        return {f(k): other(x, f) for k, x in v.items()}
    return [other(x, f) for x in v] if isinstance(v, list) else v
def single(v):
    if isinstance(v, dict):
        return {k: single(x) for k, x in v.items()}
    if isinstance(v, list):
        return single(v[0]) if len(v) == 1 and isinstance(v[0], dict) else [single(x) for x in v]
    return v
v = json.loads(text)
for name, data in (("bom", b"\xef\xbb\xbf" + text.encode()), ("utf16", b"\xff\xfe" + text.encode("utf-16-le")),
                   ("crlf", text.replace("\n", "\r\n").encode()),
                   ("upper", json.dumps(other(v, str.upper)).encode()),
                   ("lower", json.dumps(other(v, str.lower)).encode()),
                   ("single", json.dumps(single(v)).encode()),
                   ("count", json.dumps({"value": [v], "Count": 1}).encode())):
    open(f"{sys.argv[2]}/{name}.json", "wb").write(data)
EOF
"$W" import -o - tests/data/dlp/tfprov__resource*.json 2>/dev/null | grep -v '^# source\|^# weir import: sha' >"$t/want"
for s in bom utf16 crlf upper lower single count; do
	"$W" import -o - "$t/$s.json" 2>/dev/null | grep -v '^# source\|^# weir import: sha' >"$t/got"
	check "spelling $s gives the same" cmp "$t/want" "$t/got"
done

# Lists that are named for a policy which is not there.
other=00000000-0000-0000-0000-000000000007
cp $I/ok/configurations.json "$t/conf-$other.json"
"$W" import -o "$t/none" tests/data/dlp/tfprov__resource*.json "$t/conf-$other.json" >/dev/null 2>"$t/err"
check "lists of another policy are refused" test $? -eq 1
check "and both are named" grep -q "error: the file is named for policy $other, which is not among these files: they have 00000000-0000-0000-0000-000000000001$" "$t/err"

# What is assumed, and what is left out.
# shellcheck disable=SC2317  # called by check
warns() { # name, words: of the last import
	grep -qF "warning [$1]: $2" "$t/err"
}
python3 - $I/ok/policy.json "$t" <<'EOF'
import json, sys
policy = json.load(open(sys.argv[1]))["value"][0]
def write(name, **new):
    v = {k: x for k, x in {**policy, **new}.items() if x is not None}
    json.dump(v, open(f"{sys.argv[2]}/{name}.json", "w"))
write("unnamed", environments=policy["environments"] + [{"name": "notaguid"}])
write("assumed", defaultConnectorsClassification=None, environmentType=None)
json.dump({"name": "A", "ruleSets": [{"id": "ConnectorManagement", "inputs": {"AllowedConnectorList": []}}]},
          open(f"{sys.argv[2]}/denies.json", "w"))
EOF
"$W" import "$t/unnamed.json" >/dev/null 2>"$t/err"
check "an environment without a GUID is named" warns no-guid 'environment "notaguid" has no GUID'
"$W" import "$t/assumed.json" >/dev/null 2>"$t/err"
check "no default group: said" warns assumed 'there is no "defaultConnectorsClassification": taken for General'
check "no environments: said" warns assumed 'there is no "environmentType": taken for all environments'
"$W" import "$t/denies.json" >/dev/null 2>"$t/err"
check "a list that allows nothing: said" warns denies-all 'this advanced connector policy allows no connector'
python3 -c '
import json, sys
v = json.load(open(sys.argv[1]))
v["ruleSets"].append({"id": "Sharing", "inputs": {"x": 1}})
json.dump(v, open(sys.argv[2], "w"))' tests/data/dlp/msdocs__acp_policy.json "$t/two-sets.json"
"$W" import -o "$t/two-sets.rules" "$t/two-sets.json" >"$t/say" 2>"$t/err"
check "a rule set about something else: said" warns not-enforced 'this rule set is not about connectors: it is left out'
check "and the connectors are imported" grep -q '^	shared_office365 ' "$t/two-sets.rules"
check "an advanced policy says of no environment: said" warns no-environment 'the export does not say for which environments it is'
"$W" import --environment prod -o "$t/two-sets.rules" "$t/two-sets.json" >"$t/say" 2>"$t/err"
check "unless --environment does" sh -c "! grep -q no-environment '$t/err'"
check "for which the lines are then" grep -qx 'deny   label not-allowed  from environment prod  connector any' "$t/two-sets.rules"
"$W" import --environment prod -o "$t/lists-of-prod.rules" tests/data/dlp/msdocs__connector_configurations_example.json >"$t/say" 2>"$t/err"
check "so are lists without their policy" grep -qx 'list shared_smtp  for role { gateway, desktop, subnet }  environment prod' "$t/lists-of-prod.rules"
"$W" import $I/ok/policy.json tests/data/dlp/msdocs__acp_policy.json >/dev/null 2>"$t/err"
check "of whole policies nothing is assumed" sh -c "! grep -q 'assumed\\|no-guid\\|denies-all' '$t/err'"

# A key of nearly the name of one that is read.
sed 's/endpointConfigurations/endpointConfiguration/' $I/ok/configurations.json >"$t/typo.json"
"$W" import --policy $guid "$t/typo.json" >/dev/null 2>"$t/err"
check "a misspelled key is told" grep -q 'warning \[unknown-key\]: "endpointConfiguration" is not read: is "endpointConfigurations" meant?' "$t/err"
for f in $three $I/ok/terraform.json tests/data/dlp/*.json; do
	"$W" import --policy $guid --environment prod "$f" >/dev/null 2>"$t/err"
	check "$(basename "$f"): nothing in it is taken for misspelled" sh -c "! grep -q unknown-key '$t/err'"
done

"$W" import -o "$t/none" $I/fail/no_final_star.json >/dev/null 2>&1
check "a list without its last star is refused" test $? -eq 1
"$W" import --lenient -o "$t/star.rules" $I/fail/no_final_star.json >"$t/say" 2>"$t/err"
check "and taken with --lenient" grep -qxF ' 2 allow  "*"  # added by --lenient' "$t/star.rules"
check "which warns" grep -q 'warning \[no-final-star\]' "$t/err"
sed 's/"order": 1/"order": 0/' tests/data/dlp/msdocs__url_patterns_example.json >"$t/zero.json"
"$W" import -o "$t/zero.rules" "$t/zero.json" >"$t/say" 2>"$t/err"
check "a list that begins with another order than 1 is told" grep -q 'warning \[order-gap\]: the first order is 0, not 1' "$t/err"
"$W" import --environment prod --enforce -o "$t/fw.rules" tests/data/dlp/msdocs__ipfirewall_patch.json >/dev/null 2>&1
check "an audit-only firewall is never enforced" grep -q '^deny   label ip-firewall  report-only' "$t/fw.rules"
"$W" import --enforce -o "$t/iso.rules" tests/data/dlp/tfprov__tenant_isolation_policy_response.json >/dev/null 2>&1
check "isolation is, with --enforce" grep -qx 'deny   to foreign tenant  label tenant-isolation' "$t/iso.rules"
"$W" import --role desktop -o "$t/role.rules" tests/data/dlp/tfprov__resource*.json >/dev/null 2>&1
check "--role" grep -q '^list shared_sql  for role desktop  environment 0' "$t/role.rules"

# Again over what stands there.
sed 's/"classification": "Blocked"/"classification": "Confidential"/; s/"contoso.com"/"contoso.com,*"/' tests/data/dlp/tfprov__resource*.json >"$t/new.json"
"$W" import -o "$t/role.rules" "$t/new.json" >"$t/say" 2>"$t/err"
grep '^[-+@]' "$t/say" | grep -v '^. # source' >"$t/diff"
check "a second import says what changes" grep -qx '+ 	shared_azureblob' "$t/diff"
check "also of lists" grep -qx '+  1 allow  "contoso.com,\*"' "$t/diff"
"$W" import -o "$t/role.rules" "$t/new.json" >"$t/say" 2>"$t/err"
check "or that nothing does" grep -qx 'no change' "$t/say"
cp "$t/role.rules" "$t/before"
"$W" import -o "$t/role.rules" $I/fail/truncated.json >/dev/null 2>&1
check "an error leaves the old file" cmp "$t/before" "$t/role.rules"
sed -i 's/^deny /allow/' "$t/role.rules"
"$W" import -o "$t/role.rules" "$t/new.json" >"$t/say" 2>"$t/err"
check "a hand edit is told" grep -q 'warning \[hand-edited\]' "$t/err"
check "and undone" cmp "$t/before" "$t/role.rules"
echo "version 1" >"$t/mine.rules"
"$W" import -o "$t/mine.rules" "$t/new.json" >"$t/say" 2>"$t/err"
check "a file of one's own is not written over" test $? -eq 1
check "it stays" test "$(cat "$t/mine.rules")" = "version 1"

# What can be decided where.
# shellcheck disable=SC2086
"$W" import --policy $guid --report "$t/report" -o "$t/joined.rules" $three >"$t/say" 2>/dev/null
check "exact: server of SQL" grep -qx 'exact   exact   exact   exact     1 allow  "contososql.database.windows.net,\*"' "$t/report"
check "host: a path" grep -qx 'host    no      host    no        2 allow  "https://api.contoso.example/v1/\*"' "$t/report"
check "not visible: windows" grep -qx 'no      no      no      no        1 deny  "\*"' "$t/report"
check "custom connectors at gateway and subnet" grep -qx 'no      exact   no      exact     1 business  "https://api.contoso.example/\*"' "$t/report"
check "actions never" grep -q '^1 action rules: ' "$t/report"
check "it says whose it is" grep -qx 'weir import --report: generated, do not edit; .*' "$t/report"
check "in all" grep -q '^total: 6 exact somewhere, 2 host at the most, 2 not visible anywhere$' "$t/report"

# It replaces reports, and nothing else.
# shellcheck disable=SC2317,SC2319  # called by check
refuses_report() { # to: what stands there
	"$W" import --report "$1" -o "$t/rep.rules" "$I"/ok/environments.json >"$t/say" 2>"$t/err"
	[ $? -eq 1 ] && grep -q 'write: --report another FILE' "$t/err" && [ ! -e "$t/rep.rules" ]
}
cp "$t/report" "$t/first"
"$W" import --report "$t/report" $I/ok/environments.json >/dev/null 2>&1
check "a report over a report" test $? -eq 0
check "is written anew" test "$(wc -l <"$t/report")" = 1
echo "version 1" >"$t/mine.rules"
check "not over rules" refuses_report "$t/mine.rules"
check "which stay" test "$(cat "$t/mine.rules")" = "version 1"
ln -s first "$t/link"
check "not over a link" refuses_report "$t/link"
check "which stays" test -L "$t/link"
check "not over the rule file itself" refuses_report "$t/rep.rules"
check "not over a folder" refuses_report "$t/folder"
cp $I/ok/environments.json "$t/export.json"
ln "$t/export.json" "$t/hard.json"
for to in export.json hard.json; do
	"$W" import --report "$t/$to" "$t/export.json" >/dev/null 2>"$t/err"
	check "not over the export ($to)" grep -q "is to be written, and is the same file as $t/export.json" "$t/err"
	"$W" import -o "$t/$to" "$t/export.json" >/dev/null 2>"$t/err"
	check "nor the rules ($to)" grep -q "is to be written, and is the same file as $t/export.json" "$t/err"
done
check "which stays, too" cmp $I/ok/environments.json "$t/export.json"
ln -s one.rules "$t/rules.link"
"$W" import -o "$t/rules.link" $I/ok/environments.json >/dev/null 2>"$t/err"
check "no rules over a link" grep -q 'is a symbolic link, which would be replaced' "$t/err"
"$W" import --report /dev/stdout -o /dev/null $I/ok/environments.json >"$t/say" 2>"$t/err"
check "devices are written to" grep -q '^weir import --report' "$t/say"
check "and stay" test -c /dev/null
mkfifo "$t/pipe"
cat "$t/pipe" >"$t/piped" &
"$W" import --report "$t/pipe" $I/ok/environments.json >/dev/null 2>&1
wait
check "pipes, too" grep -q '^weir import --report' "$t/piped"

"$W" import --policy nonsense $I/ok/policy.json >/dev/null 2>&1
check "a wrong option is one" test $? -eq 2
"$W" import --date 2026-02-30 $I/ok/policy.json >/dev/null 2>&1
check "so is a day that no month has" test $? -eq 2
"$W" import "$t/not-there" >/dev/null 2>&1
check "a missing file cannot be read" test $? -eq 3
exit $bad
