# shellcheck shell=sh
# For shell tests: sourced first.  Gives ok, is, like, skip, done_testing, a
# directory $tmp that goes away at exit, at_exit and wait_for.  Not a runner:
# automake's TAP driver or prove reads what this prints.
#
#	. "${srcdir:-.}/tests/sh/tap.sh"

set -u
export LC_ALL=C.UTF-8 TZ=UTC

srcdir=$(cd "${srcdir:-.}" && pwd) || exit 99
builddir=$(cd "${builddir:-$srcdir}" && pwd) || exit 99
PATH=$builddir/bin:$srcdir/scripts:$PATH
export srcdir builddir PATH

tap_count=0
tap_failed=0
tap_finished=
tap_cleanup=:

tmp=$(mktemp -d "${TMPDIR:-/tmp}/deribit-tools.XXXXXXXX") || exit 99
# The private cluster of root runs as another user, who passes through here.
chmod 711 "$tmp"

# at_exit COMMAND: run at the end, however it comes; the last one first.
at_exit()
{
	tap_cleanup="$1
$tap_cleanup"
}

tap_end()
{
	tap_status=$?
	trap '' HUP INT TERM
	trap - EXIT
	eval "$tap_cleanup"
	rm -rf "$tmp"
	if [ -z "$tap_finished" ]; then
		echo "Bail out! the test ended before its end, status $tap_status"
		[ "$tap_status" -ne 0 ] || tap_status=1
	fi
	exit "$tap_status"
}
trap tap_end EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

tap_comment()
{
	printf '%s\n' "$*" | sed 's/^/# /'
}

# ok STATUS NAME: STATUS as in $?; "cmd; ok $? 'it works'".
ok()
{
	tap_count=$((tap_count + 1))
	if [ "$1" -eq 0 ]; then
		printf 'ok %s - %s\n' "$tap_count" "$2"
		return 0
	fi
	tap_failed=$((tap_failed + 1))
	printf 'not ok %s - %s\n' "$tap_count" "$2"
	return 1
}

# is GOT WANT NAME
is()
{
	if [ "$1" = "$2" ]; then
		ok 0 "$3"
	else
		ok 1 "$3"
		tap_comment " got: $1"
		tap_comment "want: $2"
		return 1
	fi
}

# like TEXT EXTENDED-REGEX NAME: some line of TEXT matches.
like()
{
	if printf '%s\n' "$1" | grep -Eq -- "$2"; then
		ok 0 "$3"
	else
		ok 1 "$3"
		tap_comment " got: $1"
		tap_comment "want: /$2/"
		return 1
	fi
}

# unlike TEXT EXTENDED-REGEX NAME: no line of TEXT matches.
unlike()
{
	if printf '%s\n' "$1" | grep -Eq -- "$2"; then
		ok 1 "$3"
		tap_comment "    got: $1"
		tap_comment "not to: /$2/"
		return 1
	fi
	ok 0 "$3"
}

# skip REASON NAME: one test that cannot be made here; scripts/check accepts
# only the reasons in tests/skips-allowed.
skip()
{
	tap_count=$((tap_count + 1))
	printf 'ok %s - %s # SKIP %s\n' "$tap_count" "$2" "$1"
}

# skip_all REASON: nothing of this file can be tested here.
skip_all()
{
	echo "1..0 # SKIP $1"
	tap_finished=yes
	exit 0
}

done_testing()
{
	echo "1..$tap_count"
	tap_finished=yes
	[ "$tap_failed" -eq 0 ] || exit 1
	exit 0
}

# wait_for COMMAND [SECONDS]: run COMMAND until it succeeds; 1 and a comment when
# it has not within SECONDS (60).  The pause only spares the processor.
wait_for()
{
	tap_until=$(($(date +%s) + ${2:-60}))
	until eval "$1"; do
		if [ "$(date +%s)" -ge "$tap_until" ]; then
			tap_comment "not within ${2:-60} s: $1"
			return 1
		fi
		sleep 0.05
	done
}

# run COMMAND...: its stdout in $tmp/out, its stderr in $tmp/err, its exit in
# $status.
run()
{
	"$@" >"$tmp/out" 2>"$tmp/err"
	# shellcheck disable=SC2034 # for the caller
	status=$?
}

# kill_pid SIGNAL PID: if it is still a child of this shell; else its number may
# be somebody else's by now.
kill_pid()
{
	[ "$(ps -o ppid= -p "$2" | tr -d ' ')" = $$ ] || return 1
	kill -s "$1" "$2" 2>/dev/null
}

# stop_pid PID: SIGTERM, and SIGKILL if it has not ended after 10 s; reaps.  A
# process is to be known started (its ready line): between fork and exec the
# shell's own handler swallows the signal.
stop_pid()
{
	kill_pid TERM "$1" || return 0
	wait_for "! tap_alive $1" 10 || kill_pid KILL "$1"
	wait "$1" 2>/dev/null
}

# Alive, and not only waiting to be reaped.
tap_alive()
{
	kill -0 "$1" 2>/dev/null || return 1
	case $(ps -o stat= -p "$1" 2>/dev/null) in
	Z* | '') return 1 ;;
	esac
}
