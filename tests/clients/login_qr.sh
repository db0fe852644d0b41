#!/usr/bin/env bash
# The QR code that `alidav login` draws is read by a decoder: as a dark and as a light terminal show it, with colours and
# without, on a screen of 80 by 24.
source "$(dirname "$0")/lib.sh"
simulate
serve '[[mount]]' 'path = "/"'

# What such a screen shows of a log of a terminal: a picture of its last 24 lines, cut at 80 columns.
cat >"$WORK/screen.py" <<'END'
import re, sys

light_terminal = sys.argv[1] == "light"
usual = (0, 255) if light_terminal else (255, 0)
lines = sys.stdin.read().replace("\r", "").rstrip("\n").split("\n")[-24:]
across, down = 8, 16
rows = []
for line in lines:
    front, back = usual
    top, bottom = [], []
    for escape, sign in re.findall(r"\x1b\[([0-9;]*)m|(.)", line):
        if not sign:
            front, back = {"97;40": (255, 0), "0": usual}[escape]
            continue
        upper = front if sign in "█▀" else back
        lower = front if sign in "█▄" else back
        # A letter is neither: what it looks like does not matter.
        top.append(upper)
        bottom.append(lower)
    for half in (top, bottom):
        half = (half + [usual[1]] * 80)[:80]
        row = bytes(value for value in half for _ in range(across))
        rows += [row] * (down // 2)
sys.stdout.buffer.write(b"P5 %d %d 255\n" % (80 * across, len(rows)) + b"".join(rows))
END

# login VARIABLES...: draws a code on a terminal of its own; what it showed is in $WORK/typescript.
login() {
    : >"$WORK/typescript"
    env -u NO_COLOR TERM=xterm LANG=C.UTF-8 "$@" script -qefc "'$ALIDAV' login --config '$WORK/alidav.toml'" "$WORK/typescript" \
        </dev/null >/dev/null 2>&1 &
    local pid=$!
    for _ in $(seq 300); do
        grep -q "waiting for the code" "$WORK/typescript" && break
        sleep 0.1
    done
    kill "$pid"
    wait "$pid" 2>/dev/null || true
    sed -i '/^Script /d' "$WORK/typescript"
    sed -n 's/^open  *//p' "$WORK/typescript" | tr -d '\r' >"$WORK/expected"
}

# read_on TERMINAL OPTIONS...: what a decoder reads on such a terminal.
read_on() {
    python3 "$WORK/screen.py" "$1" <"$WORK/typescript" >"$WORK/screen.pgm"
    shift
    # It looks for a message bus, which it does not need.
    zbarimg -q --raw --nodbus "$@" "$WORK/screen.pgm" || true
}

login
contains "in colour" $'\x1b[97;40m' "$(cat "$WORK/typescript")"
equal "on a dark terminal" "$(cat "$WORK/expected")" "$(read_on dark)"
equal "on a light terminal" "$(cat "$WORK/expected")" "$(read_on light)"
contains "the address" "http" "$(cat "$WORK/expected")"
for variables in NO_COLOR=1 TERM=dumb; do
    login "$variables"
    equal "without colour ($variables)" 0 "$(grep -c $'\x1b' "$WORK/typescript" || true)"
    equal "on a dark terminal without colour" "$(cat "$WORK/expected")" "$(read_on dark)"
    # Inverse there, which phones read, and a decoder that is told to.
    equal "on a light terminal without colour" "$(cat "$WORK/expected")" "$(read_on light -Stest-inverted)"
done
echo "$CHECKS checks"
