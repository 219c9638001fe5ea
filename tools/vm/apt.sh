# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# To be sourced: download Debian packages of any suite and unpack them, without
# installing them. apt keeps its state under $cache.

cache=${CMAP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cmap}

# The mirrors that the host uses for its own suite. awk reads to the end, so that apt
# does not die of a closed pipe.
mirror() {
	# shellcheck disable=SC2016 # apt's own format
	apt-get indextargets --format '$(RELEASE) $(REPO_URI)' \
		'Created-By: Packages' |
		awk -v want="$1" '!seen && $1 ~ want { print $2; seen = 1 }'
}

sources() {
	local host main security suite
	# shellcheck disable=SC1091
	host=$(. /etc/os-release; echo "$VERSION_CODENAME")
	main=$(mirror "^($host|stable)\$")
	security=$(mirror "^($host|stable)-security\$")
	[ -n "$main" ] || { echo "no Debian mirror in the host's apt sources" >&2; exit 1; }
	for suite in "$@"; do
		case $suite in
		*-security) [ -z "$security" ] || echo "$security $suite" ;;
		*) echo "$main $suite" ;;
		esac
	done | sed 's|.*|deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] & main|'
}

# tick WHAT [DIRECTORY]: every ten seconds until untick, say on stderr what goes on, for
# how long, and how large the directory is.
tick() {
	local what=$1 where=${2-} begin=$SECONDS
	(
		# It must not leave a child behind, nor hold a lock or the pipe of our
		# output.
		trap - EXIT
		exec >&2 7>&- 8>&- 9>&- {never}<> <(:)
		while ! read -rt 10 -u "$never" && kill -0 $$ 2>/dev/null; do
			echo "  $what: $((SECONDS - begin)) s$(amount "$where")"
		done
	) &
	ticker=$!
}

amount() {
	[ -z "$1" ] ||
		du -sm "$1" 2>/dev/null | awk '{ printf ", %d MB", $1 }'
}

untick() {
	kill "$ticker" 2>/dev/null || true
	wait "$ticker" 2>/dev/null || true
}

# Fetch the lists of one suite: once a day, or after the mirror changed.
refresh() {
	local suite=$1 lists=$dir/$1.sources status=0
	sources "$suite" >"$lists.new" || return
	if [ -n "$(find "$lists" -mtime -1 2>/dev/null)" ] &&
		cmp -s "$lists" "$lists.new"; then
		rm "$lists.new"
		return 0
	fi
	echo "fetching the package lists of $suite" >&2
	tick "$suite" "$dir/lists/partial"
	APT_CONFIG=$dir/nothing/apt.conf apt-get -qq update \
		-o "Dir::Etc::sourcelist=$lists.new" 2>"$dir/log" || status=$?
	untick
	[ $status != 0 ] || mv "$lists.new" "$lists"
	return $status
}

# Write apt's configuration: its own state, and these suites.
configure() {
	local set=$dir/$1
	shift
	mkdir -p "$set"
	cat /dev/null "${@/#/$dir/}" >"$set/sources.new"
	mv "$set/sources.new" "$set/sources.list"
	cat >"$set/apt.new" <<-END
	Dir::State "$dir";
	Dir::State::status "$dir/status";
	Dir::State::lists "$dir/lists";
	Dir::Cache "$set";
	Dir::Cache::archives "$dir/archives";
	Dir::Etc::sourcelist "$set/sources.list";
	Dir::Etc::sourceparts "$dir/parts";
	Dir::Etc::preferencesparts "$dir/parts";
	Acquire::Languages "none";
	Acquire::GzipIndexes "true";
	APT::Get::List-Cleanup "false";
	APT::Architecture "amd64";
	APT::Sandbox::User "root";
	END
	mv "$set/apt.new" "$set/apt.conf"
}

# apt_setup SUITE...: set up apt with a state of its own, for this shell.  The lists are
# large, so all runs share those of a suite.
apt_setup() {
	local suite set
	dir=$cache/apt/suites
	set=$(IFS=+; echo "$*")
	mkdir -p "$dir"/{lists/partial,archives/partial,parts}
	exec 9>"$dir/lock"
	if ! flock -w 2 9; then
		echo "waiting for another run that fetches package lists" >&2
		flock 9
	fi
	: >>"$dir/status"
	# sources() asks the host's apt.
	unset APT_CONFIG
	configure nothing
	for suite in "$@"; do refresh "$suite" || return; done
	configure "$set" "${@/%/.sources}"
	export APT_CONFIG=$dir/$set/apt.conf
	exec 9>&-
}

# Run a command, and keep the lists from being replaced meanwhile.
with_lists() { flock -s "$dir/lock" "$@"; }

field() { with_lists apt-cache show --no-all-versions "$1" | sed -n "s/^$2: //p"; }

# The name of a package's dependency that matches a pattern.
dependency() {
	with_lists apt-cache depends "$1" |
		awk -v p="$2" '!seen && $1 == "Depends:" && $2 ~ p { print $2; seen = 1 }'
}

# unpack ROOT PACKAGE...
unpack() {
	local root=$1 debs deb status=0
	shift
	debs=$(mktemp -d "$dir/archives/XXXXXX")
	tick "$1" "$debs"
	(cd "$debs" && with_lists apt-get -qq download "$@") || status=$?
	for deb in "$debs"/*.deb; do
		[ $status != 0 ] || dpkg -x "$deb" "$root" || status=$?
	done
	untick
	rm -rf "$debs"
	return $status
}
