#!/bin/sh
# Finds Python 3.11 or newer and runs setup_env.py with it. PYTHON=/path/to/python chooses one by hand.
set -eu
cd "$(dirname "$0")/.."

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

for candidate in ${PYTHON:-python3.11 python3 python3.12 python3.13 python3.14 python}; do
    if new_enough "$candidate"; then
        exec "$candidate" scripts/setup_env.py "$@"
    fi
done

echo "ClawBotManager needs Python 3.11 or newer; here is:" >&2
for candidate in ${PYTHON:-python3 python}; do
    echo "  $candidate: $("$candidate" --version 2>&1 || true)" >&2
done
echo "Install it (Debian, Ubuntu: apt-get install python3.11 python3.11-venv; macOS: brew install python@3.11)" >&2
echo "or name one: make up PYTHON=/path/to/python3.11" >&2
exit 1
