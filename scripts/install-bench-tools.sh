#!/bin/sh
# Installs what `make bench` needs: a compiler, wrk and nginx from Debian, and the gateways that are measured beside
# ours from PyPI and npm, each in a folder of its own under bench/.cache/peers, never in .venv. What can't be had is
# said, and noted in bench/.cache/peers/NAME.failed; the bench goes on without it. `--no-peers` leaves them out.
set -eu
cd "$(dirname "$0")/.."

PEERS=bench/.cache/peers
PYTHON=.venv/bin/python

say() {
    echo "==> bench tools: $*"
}

debian() {
    missing=""
    for package in gcc libc6-dev wrk nginx-light util-linux; do
        case "$(dpkg-query --show --showformat='${db:Status-Abbrev}' "$package" 2>/dev/null)" in
            ii*) ;;
            *) missing="$missing $package" ;;
        esac
    done
    # any flavour of nginx will do
    if command -v nginx >/dev/null 2>&1 || [ -x /usr/sbin/nginx ]; then
        missing="$(echo "$missing" | sed 's/ *nginx-light//')"
    fi
    [ -n "$missing" ] || return 0
    as_root=""
    if [ "$(id -u)" -ne 0 ]; then
        as_root="sudo -n"
        if ! sudo -n true 2>/dev/null; then
            say "not root and no sudo without a password. Run: sudo apt-get install$missing" >&2
            return 1
        fi
    fi
    say "installing$missing"
    # While this file says 101, Debian's packages start no service of theirs.
    policy=/usr/sbin/policy-rc.d
    made=""
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
        $as_root chmod 0755 "$policy"
        made=yes
    fi
    code=0
    {
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq update &&
            $as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq install -y \
                --no-install-recommends $missing
    } >"$PEERS/debian.log" 2>&1 </dev/null || code=$?
    [ -z "$made" ] || $as_root rm -f "$policy"
    [ "$code" -eq 0 ] || tail -n 20 "$PEERS/debian.log" >&2
    return "$code"
}

# peer NAME WHAT: installs it by its function, unless that was done
peer() {
    name=$1 wanted=$2
    [ "$(cat "$PEERS/$name.ready" 2>/dev/null)" != "$wanted" ] || return 0
    say "installing $wanted into $PEERS/$name"
    rm -rf "${PEERS:?}/$name" "$PEERS/$name.failed" "$PEERS/$name.ready"
    if "install_$name" "$wanted" >"$PEERS/$name.log" 2>&1 </dev/null; then
        echo "$wanted" >"$PEERS/$name.ready"
    else
        rm -rf "${PEERS:?}/$name"
        grep -v '^ *$' "$PEERS/$name.log" | tail -n 1 | cut -c 1-200 >"$PEERS/$name.failed"
        say "NOT INSTALLABLE: $wanted: $(cat "$PEERS/$name.failed") (all of it: $PEERS/$name.log)" >&2
    fi
}

install_ferrogw() {
    "$PYTHON" -m venv "$PEERS/ferrogw" &&
        "$PEERS/ferrogw/bin/pip" install --disable-pip-version-check --only-binary=:all: "$1"
}

# Releases of it have been malicious: this version and no other, and the very file that was looked at.
LITELLM_SHA256=eeb604f06c27ab5373e2e05e4c1f14980fd87de3a09bd9a9dc2ddab7069bd34e

install_litellm() {
    echo "litellm==1.106.0 --hash=sha256:$LITELLM_SHA256" >"$PEERS/litellm.txt" &&
        "$PYTHON" -m venv "$PEERS/litellm" &&
        "$PEERS/litellm/bin/pip" install --disable-pip-version-check --only-binary=:all: --no-deps \
            --require-hashes -r "$PEERS/litellm.txt" &&
        "$PEERS/litellm/bin/pip" install --disable-pip-version-check --only-binary=:all: "$1" uvloop httptools
}

install_portkey() {
    command -v npm >/dev/null 2>&1 || {
        echo "there is no npm here"
        return 1
    }
    npm install --ignore-scripts --no-audit --no-fund --prefix "$PEERS/portkey" "$1"
}

mkdir -p "$PEERS"
debian
[ "${1:-}" != --no-peers ] || exit 0
peer ferrogw "ferrogw==1.5.10"
peer litellm "litellm[proxy]==1.106.0"
peer portkey "@portkey-ai/gateway@1.15.2"
