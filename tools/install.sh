#!/usr/bin/env bash
# Usage: install.sh PYTHON VENV LOCK. Makes the environment where there is none and installs a lock file into it.
# May be interrupted and started again at any point.
set -euo pipefail
python=$1 venv=$2 lock=$3

fail() {
    echo "$1" >&2
    exit 1
}

is_recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; }

# Debian keeps what `python -m venv` needs in a package of its own.
can_make_venv() { "$python" -c 'import ensurepip, venv' 2> /dev/null; }

get_venv_module() {
    if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
        echo "Installing Debian's python3-venv"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends python3-venv > /dev/null
    fi
    can_make_venv || fail "$python cannot make virtual environments: install the package python3-venv (or uv), then retry."
}

require_recent() {
    is_recent "$python" || fail "Faultline needs Python 3.11 or newer as $python: install it, or name one: make PYTHON=python3.12 ..."
}

if command -v uv > /dev/null; then
    require_recent
    is_recent "$venv/bin/python" || uv venv --quiet --clear --python "$(command -v "$python")" "$venv"
    install=(uv pip install --quiet --python "$venv/bin/python" --only-binary :all:)
else
    # An environment that was interrupted while it was made has no working pip.
    if ! { is_recent "$venv/bin/python" && "$venv/bin/python" -m pip --version > /dev/null 2>&1; }; then
        can_make_venv || get_venv_module
        require_recent
        "$python" -m venv --clear "$venv"
    fi
    install=("$venv/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all:)
fi

echo "Installing $lock into $venv"
"${install[@]}" --require-hashes -r "$lock"
