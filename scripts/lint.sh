#!/bin/sh
# Everything that reads the sources without running them.
# usage: lint.sh BUILD_DIR [all|quick]     quick leaves out cppcheck and clang-tidy
cd "$(dirname "$0")/.." || exit 3
B=$1
mode=${2:-all}
bad=0
step() {
	"$@" || {
		echo "lint: failed: $*" | cut -c1-200
		bad=1
	}
}
sources=$(git ls-files --cached --others --exclude-standard "src/*.[ch]" "tests/*.[ch]")
# shellcheck disable=SC2086  # lists of words, here and below
step clang-format --dry-run --Werror $sources
step scripts/check-layers.sh
step scripts/check-symbols.sh "$B"
step scripts/check-tree.sh
# shellcheck disable=SC2046
step shellcheck $(git ls-files --cached --others --exclude-standard '*.sh' .ci/run)
step codespell -q 3 -I scripts/codespell.txt --skip '*.tsv,*.pcap*,*.mmdb,*.ok,codespell.txt' src scripts docs README.md rules/*.rules
for m in docs/man/*.[158]; do
	step mandoc -T lint -W warning "$m"
done
if [ "$mode" != quick ]; then
	step cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,style,performance,portability \
		--inline-suppr --suppress=missingIncludeSystem --suppress=unusedStructMember \
		--suppressions-list=scripts/cppcheck.txt --max-configs=1 -j "$(nproc)" -DWEIR_VERSION='"lint"' -Isrc src
	step "${MAKE:-make}" -s tidy
fi
exit $bad
