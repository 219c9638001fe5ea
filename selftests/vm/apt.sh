# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# To be sourced: Debian packages of any suite, unpacked and not installed,
# through an apt of our own under $cache.

cache=${CMAP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cmap}

# The mirrors are those that the host uses for its own suite.
# (awk reads to the end: apt must not die of a closed pipe.)
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

# apt_setup NAME SUITE...: an apt with state, lists and sources under $dir,
# for this shell alone.
apt_setup() {
	dir=$cache/apt/$1
	shift
	mkdir -p "$dir"/{lists/partial,archives/partial,parts}
	exec 9>"$dir/lock"
	flock 9
	sources "$@" >"$dir/sources.list"
	: >"$dir/status"
	cat >"$dir/apt.conf" <<-END
	Dir::State "$dir";
	Dir::State::status "$dir/status";
	Dir::State::lists "$dir/lists";
	Dir::Cache "$dir";
	Dir::Etc::sourcelist "$dir/sources.list";
	Dir::Etc::sourceparts "$dir/parts";
	Dir::Etc::preferencesparts "$dir/parts";
	APT::Architecture "amd64";
	APT::Sandbox::User "root";
	END
	export APT_CONFIG=$dir/apt.conf
	apt-get -qq update 2>"$dir/log"
}

field() { apt-cache show --no-all-versions "$1" | sed -n "s/^$2: //p"; }

# What a package depends on, by a pattern on the name.
dependency() {
	apt-cache depends "$1" |
		awk -v p="$2" '!seen && $1 == "Depends:" && $2 ~ p { print $2; seen = 1 }'
}

# unpack ROOT PACKAGE...
unpack() {
	local root=$1 deb
	shift
	mkdir -p "$dir/debs"
	(cd "$dir/debs" && apt-get -qq download "$@")
	for deb in "$dir"/debs/*.deb; do dpkg -x "$deb" "$root"; done
	rm -rf "$dir/debs"
}
