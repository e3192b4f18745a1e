#!/usr/bin/env bash
# Makes the four secrets of an installation and prints them as lines for an env file.
#
#   scripts/init-env-secrets.sh             print them
#   scripts/init-env-secrets.sh -o FILE     write them to FILE, readable for you only; never replaces a file
#
# Keep a copy: provider keys can be read only with the BOT_MASTER_KEY that they were stored with.
set -euo pipefail

usage() {
    echo "usage: ${0##*/} [-o FILE]" >&2
    exit 2
}

output=""
to_file=""
while getopts ":o:h" option; do
    case "$option" in
        o)
            output="$OPTARG"
            to_file=yes
            ;;
        *) usage ;;
    esac
done
shift $((OPTIND - 1))
[ $# -eq 0 ] || usage

random_base64() { # BYTES
    if command -v openssl >/dev/null 2>&1; then
        openssl rand -base64 "$1" | tr -d '\n'
    else
        head -c "$1" /dev/urandom | base64 | tr -d '\n'
    fi
}

secret() { # BYTES: base64 of the address-safe kind
    random_base64 "$1" | tr '+/' '-_' | tr -d '='
}

master="$(random_base64 32)"
session="$(secret 48)"
token="$(secret 48)"
admin="$(secret 48)"
if [ ${#master} -ne 44 ] || [ ${#session} -ne 64 ] || [ ${#token} -ne 64 ] || [ ${#admin} -ne 64 ]; then
    echo "${0##*/}: there is no source of random bytes here" >&2
    exit 1
fi

lines="BOT_MASTER_KEY=1:$master
CLAWBOT_SECURITY__SESSION_SECRET=$session
CLAWBOT_SECURITY__TOKEN_SECRET=$token
PROXY_ADMIN_TOKEN=$admin"

if [ -z "$to_file" ]; then
    printf '%s\n' "$lines"
    exit 0
fi
umask 077
set -o noclobber # the redirection below makes the file, or fails where one (or a link) is
if ! { printf '%s\n' "$lines" >"$output"; } 2>/dev/null; then
    echo "${0##*/}: $output cannot be made, or is there already; nothing was changed" >&2
    exit 1
fi
echo "Secrets written to $output. Keep a copy of it in a safe place." >&2
