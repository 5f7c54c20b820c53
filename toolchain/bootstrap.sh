#!/bin/sh
# Finds or installs uv, brings the checkout's .venv to the lockfile, and runs a command in it.
# Usage: toolchain/bootstrap.sh COMMAND [ARG...]
set -eu

UV_VERSION=0.13.9
checkout=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cache=${ECHORATOR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/echorator}

fail() {
    printf 'echorator: %s\n' "$*" >&2
    exit 1
}

find_uv() {
    if command -v uv >/dev/null 2>&1; then
        command -v uv
        return
    fi
    home=$cache/uv/$UV_VERSION
    if [ ! -x "$home/bin/uv" ]; then
        python3 -m pip --version >/dev/null 2>&1 ||
            fail "neither uv nor pip is here; install one of them, for example: apt-get install python3-pip"
        printf 'echorator: installing uv %s into %s\n' "$UV_VERSION" "$home" >&2
        mkdir -p "$cache/uv"
        # A folder of its own and a rename: an interrupted install must not pass for a finished one.
        fresh=$(mktemp -d "$cache/uv/.new.XXXXXX")
        python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
            --target "$fresh" "uv==$UV_VERSION" >&2 || fail "pip could not install uv $UV_VERSION"
        mv -T "$fresh" "$home" 2>/dev/null || rm -rf "$fresh"
    fi
    printf '%s\n' "$home/bin/uv"
}

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    fail "python3 is missing or older than 3.11"
uv=$(find_uv)
cd "$checkout"
stamp=.venv/.echorator-lock
if ! cmp -s uv.lock "$stamp"; then
    # The lockfile decides; a Python that would have to be downloaded is not looked for. Bytecode is compiled now:
    # where PYTHONDONTWRITEBYTECODE is set, each command would else compile the Kubernetes SDK again, for seconds.
    UV_PYTHON_DOWNLOADS=never "$uv" sync --frozen --quiet --compile-bytecode || fail "uv sync failed (see above)"
    cp uv.lock "$stamp"
fi
PATH=$checkout/.venv/bin:$(dirname -- "$uv"):$PATH
export PATH
VIRTUAL_ENV=$checkout/.venv
export VIRTUAL_ENV
exec "$@"
