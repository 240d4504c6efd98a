#!/bin/sh
# Install the real agents and MCP servers that the end-to-end tests drive, at the pinned versions, into $CALLGATE_TEST_TOOLS or <repository>/.tools.
# Needs npm, and a python3 with venv. Does nothing when what is there was installed from the same pins. About 2.3 GB and a minute.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
tools=${CALLGATE_TEST_TOOLS:-$(cd "$here/../../.." && pwd)/.tools}
python=${PYTHON:-python3}
mkdir -p "$tools"

exec 9>"$tools/.lock" # two runs at once: the second waits and then finds nothing to do
flock 9

pins=$(cd "$here" && cat install.sh package.json package-lock.json requirements.txt .npmrc | sha256sum | cut -d' ' -f1)
if [ "$(cat "$tools/.stamp" 2>/dev/null || true)" = "$pins" ]; then
    echo "$tools is up to date"
    exit 0
fi
rm -f "$tools/.stamp"

(
    rm -rf "$tools/python"
    "$python" -m venv "$tools/python"
    "$tools/python/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
) &
pip=$!

cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$tools/"
# `npm ci` refuses a lock without the binaries of other platforms; `install` takes exactly what the lock has.
(cd "$tools" && npm install --no-save --loglevel=error 9>&-)
wait "$pip"

echo "$pins" >"$tools/.stamp"
du -sh "$tools" | sed 's/\t/ in /'
