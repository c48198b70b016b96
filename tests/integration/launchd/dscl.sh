#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# A stand-in for dscl(1) on the local directory: a record is a directory of /var/launchd/directory, an attribute a file in it.  It takes what
# `tuntapd service` uses, and nothing else.  /var/launchd/fail-dscl: the number of the -create that fails.
set -eu
directory=/var/launchd/directory
fail=/var/launchd/fail-dscl

# Apple's own, and somebody else's.
if [ ! -d $directory ]; then
	while read -r record attribute value; do
		mkdir -p "$directory/$record"
		echo "$value" >"$directory/$record/$attribute"
	done <<-EOF
		Users/root UniqueID 0
		Users/_www UniqueID 70
		Users/_other UniqueID 400
		Users/me UniqueID 501
		Users/nobody UniqueID -2
		Groups/wheel PrimaryGroupID 0
		Groups/_other PrimaryGroupID 399
		Groups/admin PrimaryGroupID 80
	EOF
fi

not_found() {
	echo "<dscl_cmd> DS Error: -14136 (eDSRecordNotFound)" >&2
	exit 56
}

[ "$1" = . ]
case $2 in
-list)
	for record in "$directory$3"/*; do
		[ ! -e "$record/$4" ] || printf '%-24s %s\n' "${record##*/}" "$(cat "$record/$4")"
	done
	;;
-read)
	[ -d "$directory$3" ] || not_found
	echo "RecordName: ${3##*/}"
	;;
-create)
	if [ -e $fail ]; then
		left=$(($(cat $fail) - 1))
		echo $left >$fail
		if [ $left -eq 0 ]; then
			echo "<main> attribute status: eDSServerError" >&2
			exit 1
		fi
	fi
	[ $# -eq 5 ]
	mkdir -p "$directory$3"
	echo "$5" >"$directory$3/$4"
	;;
-delete)
	[ -d "$directory$3" ] || not_found
	rm -r "${directory:?}$3"
	;;
*)
	exit 64
	;;
esac
