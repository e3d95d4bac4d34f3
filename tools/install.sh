#!/usr/bin/env bash
# Usage: install.sh PYTHON VENV LOCK. Makes the environment where there is none and installs a lock file into it.
# May be interrupted and started again at any point.
set -euo pipefail
python=$1 venv=$2 lock=$3

fail() {
    echo "$1" >&2
    exit 1
}

# Installs a Debian package where we may; whoever calls it looks whether that helped.
debian() {
    if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
        echo "Installing Debian's $1"
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$1" > /dev/null
    fi
}

is_recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; }

# Debian keeps what `python -m venv` needs in a package of its own.
can_make_venv() { "$python" -c 'import ensurepip, venv' 2> /dev/null; }

# An environment that was interrupted while it was made has no working pip.
has_pip() { is_recent "$venv/bin/python" && "$venv/bin/python" -m pip --version > /dev/null 2>&1; }

has_library() { "$venv/bin/python" -c "import ctypes; ctypes.CDLL('$1')" 2> /dev/null; }

# need_library FILE PACKAGE WHO: what a Python package relies on the system for, and a bare Debian has not.
need_library() {
    if [ "$(uname)" = Linux ] && ! has_library "$1"; then
        debian "$2" || true
        has_library "$1" || echo "$3 will not work: install the package $2." >&2
    fi
}

require_recent() {
    is_recent "$python" || fail "Faultline needs Python 3.11 or newer: install it, or name it as in make run PYTHON=python3.12."
}

if command -v uv > /dev/null; then
    require_recent
    is_recent "$venv/bin/python" || uv venv --quiet --clear --python "$(command -v "$python")" "$venv"
    install=(uv pip install --compile-bytecode --quiet --python "$venv/bin/python")
else
    if ! has_pip; then
        can_make_venv || debian python3-venv || true
        require_recent
        can_make_venv || fail "$python cannot make virtual environments: install the package python3-venv, or uv, and retry."
        "$python" -m venv --clear "$venv"
    fi
    install=("$venv/bin/python" -m pip install --quiet --disable-pip-version-check)
fi

echo "Installing $lock into $venv"
"${install[@]}" --only-binary :all: --require-hashes -r "$lock"

need_library libgomp.so.1 libgomp1 "LightGBM models"
case $lock in
    *-dev.txt) need_library libatomic.so.1 libatomic1 "The browser tests" ;;
esac
