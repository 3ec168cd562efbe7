#!/bin/sh
# The layer check finds what it is there for: in a small tree of its own, an
# include at a time.
. "${srcdir:-.}/tests/sh/tap.sh"

tree=$tmp/tree
mkdir -p "$tree/scripts" "$tree/bin"
cp "$srcdir/scripts/lint" "$tree/scripts"
for floor in base io net deribit record collect db replay; do
	mkdir -p "$tree/lib/$floor"
	echo '/* Nothing. */' >"$tree/lib/$floor/thing.h"
done

# layers FLOOR LINE: what lint says of a file of the floor with that include.
layers()
{
	printf '%s\n' "$2" >"$tree/lib/$1/user.c"
	"$tree/scripts/lint" 2>/dev/null </dev/null |
	    sed -n '/ layers: /,/^\(not \)\{0,1\}ok /p' | sed '$d'
	rm "$tree/lib/$1/user.c"
}

while read -r floor line; do
	like "$(layers "$floor" "$line")" "^# lib/$floor/user.c: $floor must not" \
	    "$floor: refused, $line"
done <<'END'
base #include "io/thing.h"
io #include "net/thing.h"
net #include "../deribit/thing.h"
net # include "record/thing.h"
net #include <deribit/thing.h>
net #include <libpq-fe.h>
deribit #include "record/thing.h"
record #include "collect/thing.h"
deribit #include <curl/curl.h>
db #include "record/thing.h"
db #include <openssl/ssl.h>
replay #include "deribit/thing.h"
base #include <jq.h>
END

while read -r floor line; do
	like "$(layers "$floor" "$line")" '^ok ' "$floor: taken, $line"
done <<'END'
net #include "../io/thing.h"
net #include <openssl/ssl.h>
base #include <net/if.h>
db #include <libpq-fe.h>
record #include "deribit/thing.h"
END
done_testing
