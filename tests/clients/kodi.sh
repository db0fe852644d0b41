#!/usr/bin/env bash
# Kodi scans a view of a hundred films (FILMS=1000 for more) without a link, plays one after both were started again, seeks in
# it. Kodi is large, so it is not installed for this: apt install kodi xvfb.
source "$(dirname "$0")/lib.sh"
KODI=$(ls /usr/lib/*/kodi/kodi.bin 2>/dev/null | head -1 || true)
if [ -z "$KODI" ] || ! command -v Xvfb >/dev/null; then
    echo "skipped: Kodi or Xvfb is not here"
    exit 0
fi
FILMS="${FILMS:-100}"
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
simulate
lever rules "$no_rates"
ffmpeg -v error -f lavfi -i testsrc=duration=60:size=320x240:rate=10 -g 10 -y "$WORK/film.mp4"
for number in $(seq -w 1 "$FILMS"); do
    # Kodi's scraper for files of one's own needs a title beside the film.
    echo "<movie><title>Film $number</title><year>2001</year></movie>" >"$WORK/film.nfo"
    put "$WORK/film.mp4" "films/Film%20$number/Film%20$number.mp4"
    put "$WORK/film.nfo" "films/Film%20$number/Film%20$number.nfo"
done
port=$(free_port)
serve "[[mount]]" 'path = "/"' "[[view]]" 'path = "/strm"' 'source = "/films"' "base_url = \"http://127.0.0.1:$port\""
# Again, where the addresses lead to.
kill "${PIDS[-1]}" && wait "${PIDS[-1]}" || true
sed -i "s/^listen = .*/listen = [\"127.0.0.1:$port\"]/; s/^log = .*/log = \"info\"/" "$WORK/alidav.toml"
start alidav "$ALIDAV" serve --config "$WORK/alidav.toml"
server=${PIDS[-1]}

control=$(free_port)
export HOME="$WORK/home"
data="$HOME/.kodi/userdata"
library="dav://me:secret%20word@127.0.0.1:$port/dav/strm/"
mkdir -p "$data"
cat >"$data/guisettings.xml" <<END
<settings version="2"><setting id="services.webserver">true</setting><setting id="services.webserverport">$control</setting>
<setting id="services.webserverauthentication">false</setting><setting id="services.esallinterfaces">false</setting>
<setting id="general.addonupdates">2</setting></settings>
END
cat >"$data/sources.xml" <<END
<sources><video><default pathversion="1"></default><source><name>strm</name><path pathversion="1">$library</path></source></video></sources>
END
Xvfb -displayfd 3 -screen 0 640x480x24 3>"$WORK/display" 2>/dev/null &
PIDS+=($!)
until [ -s "$WORK/display" ]; do sleep 0.1; done
DISPLAY=":$(tr -d '\n' <"$WORK/display")"
export DISPLAY LIBGL_ALWAYS_SOFTWARE=1

# ask METHOD [PARAMETERS]: what Kodi answers.
ask() {
    local parameters=${2:-'{}'}
    curl -s -m 20 "http://127.0.0.1:$control/jsonrpc" -H 'Content-Type: application/json' \
        -d "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$1\",\"params\":$parameters}" || true
}
# until_says WORDS SECONDS METHOD [PARAMETERS]: waits for an answer that matches.
until_says() {
    local words=$1 left=$2
    shift 2
    until ask "$@" | grep -qE "$words"; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || { echo "Kodi did not say $words to $1: $(ask "$@")"; return 1; }
        sleep 1
    done
}
kodi() {
    "$KODI" --standalone >"$WORK/kodi.out" 2>&1 &
    PIDS+=($!)
    until_says pong 60 JSONRPC.Ping
}
quit() {
    ask Application.Quit >/dev/null
    wait "${PIDS[-1]}" || true
}

kodi
quit
# What the library is of has no call: it is set where Kodi keeps it.
python3 - "$library" "$data"/Database/MyVideos*.db <<'END'
import sqlite3, sys
store = sqlite3.connect(sys.argv[2])
store.execute("INSERT INTO path (strPath, strContent, strScraper, scanRecursive, useFolderNames, strSettings, noUpdate, exclude) "
              "VALUES (?, 'movies', 'metadata.local', 2147483647, 0, '', 0, 0)", (sys.argv[1],))
store.commit()
END
lever reset
kodi
ask VideoLibrary.Scan >/dev/null
until_says "\"total\":$FILMS[,}]" 480 VideoLibrary.GetMovies '{"limits":{"start":0,"end":1}}'
equal "links of a scan" 0 "$(calls openFile/getDownloadUrl)"
# Its start has looked at the top already.
listings=$(calls openFile/list)
CHECKS=$((CHECKS + 1))
[ "$listings" -le $((1 + (FILMS + 199) / 200 + FILMS)) ] || { echo "$listings listings of a scan"; exit 1; }
quit
# Both begin anew: what stands in the library opens nevertheless.
kill "$server" && wait "$server" || true
start alidav "$ALIDAV" serve --config "$WORK/alidav.toml"
kodi
film=$(ask VideoLibrary.GetMovies '{"limits":{"start":3,"end":4}}' | jq '.result.movies[0].movieid')
ask Player.Open "{\"item\":{\"movieid\":$film}}" >/dev/null
position='{"playerid":1,"properties":["time"]}'
until_says '"seconds":[1-9]' 60 Player.GetProperties "$position"
ask Player.Seek '{"playerid":1,"value":{"time":{"hours":0,"minutes":0,"seconds":40,"milliseconds":0}}}' >/dev/null
until_says '"seconds":4[1-9]' 60 Player.GetProperties "$position"
CHECKS=$((CHECKS + 2))
quit
echo "$CHECKS checks"
