# shellcheck shell=sh
# shellcheck disable=SC2154 # builddir: tap.sh
# A disk that is full when a test says so: after tap.sh.

# full_disk WHILE [ROOM]: the programs that this shell starts from now on find no
# room for what they write to regular files, but for their standard output and
# error, as long as the file WHILE exists; but for ROOM bytes, which end within a
# line.  For a subshell:
#
#	(full_disk "$tmp/full"; exec program) &
full_disk()
{
	LD_PRELOAD=$builddir/tests/faults/failing-io.so
	# The sanitizers' runtime comes second then.
	ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0
	FAILING_IO_WRITE=ENOSPC
	FAILING_IO_WHILE=$1
	FAILING_IO_ROOM=${2:-0}
	export LD_PRELOAD ASAN_OPTIONS FAILING_IO_WRITE FAILING_IO_WHILE \
	    FAILING_IO_ROOM
}

# Whether this system can play one.
has_full_disk()
{
	[ -f "$builddir/tests/faults/failing-io.so" ]
}
