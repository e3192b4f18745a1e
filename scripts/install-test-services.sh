#!/bin/sh
# Installs the Debian packages that the tests drive for real, where they are missing. Starts none of them: the tests
# start what they need, as private processes. Says so and ends well where there is no apt-get.
set -eu

PACKAGES="
    postgresql
    chromium
    fonts-noto-cjk
    fonts-noto-color-emoji
    docker.io
    busybox-static
    debootstrap
    docker-registry
    iptables
    nginx
    gcc
    libc6-dev
"

if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-query >/dev/null 2>&1; then
    echo "==> test services: no apt-get here, so nothing was installed; the tests use what they find of:" $PACKAGES
    exit 0
fi

missing=""
for package in $PACKAGES; do
    case "$(dpkg-query --show --showformat='${db:Status-Abbrev}' "$package" 2>/dev/null)" in
        ii*) ;;
        *) missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0

as_root=""
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1 || ! sudo -n true 2>/dev/null; then
        echo "==> test services: not root and no sudo without a password. Run: sudo apt-get install$missing" >&2
        exit 0
    fi
    as_root="sudo"
fi

log="$(mktemp)"
trap 'rm -f "$log"' EXIT

# While this file says 101, Debian's packages start no service of theirs: invoke-rc.d asks it.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod 0755 "$policy"
    trap 'rm -f "$log"; $as_root rm -f "$policy"' EXIT
fi

apt() {
    $as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
        apt-get -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" >>"$log" 2>&1 </dev/null
}

echo "==> test services: installing$missing"
# A package list of an older day names files that the mirror no longer has, so it is fetched anew.
if ! { apt update && apt install -y --no-install-recommends $missing; }; then
    # A post-install step that can't start its service must not stop the tests: is everything unpacked and configured?
    apt -y -f install || true
    for package in $missing; do
        case "$(dpkg-query --show --showformat='${db:Status-Abbrev}' "$package" 2>/dev/null)" in
            ii* | iF* | iU*) ;;
            *)
                tail -n 30 "$log" >&2
                echo "==> test services: $package could not be installed" >&2
                exit 1
                ;;
        esac
    done
fi
