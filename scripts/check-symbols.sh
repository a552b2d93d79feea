#!/bin/sh
# Fails when an object calls a function that scripts/symbols.txt forbids to its folder, or
# when the program exports a function.
# usage: check-symbols.sh BUILD_DIR
bad=0
allow=$(sed -n 's/^allow[ \t]*//p' "$(dirname "$0")/symbols.txt")
for o in $(find "$1/src" -name '*.o' | sort); do
	file=$(echo "$o" | sed "s|^$1/src/||; s|\.o$||")
	folder=${file%%/*}
	called=$(nm -u "$o" | sed 's/.* U *//; s/@.*//; s/^__isoc99_//; s/^__\(.*\)_chk$/\1/')
	while read -r who what; do
		case $who in
		"$folder") echo "$allow" | grep -qx "$file" && continue ;;
		'*') ;;
		*) continue ;;
		esac
		for f in $what; do
			if echo "$called" | grep -qx "$f"; then
				echo "src/$file.c: error: $folder must not call $f() (scripts/symbols.txt)"
				bad=1
			fi
		done
	done <"$(dirname "$0")/symbols.txt"
done
if [ -x "$1/weir" ] && nm -D --defined-only "$1/weir" | grep ' T '; then
	echo "$1/weir: error: the functions above are exported: libndpi could pick them up"
	bad=1
fi
exit $bad
