"""What film.sh measures: film.py WHAT SIMULATOR-URL FILM-URL [OTHER-URL]."""

import http.client
import json
import random
import socket
import statistics
import subprocess
import sys
import time
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

CREDENTIAL = "bWU6c2VjcmV0IHdvcmQ="


class Body:
    """One GET over a connection of its own, as players open them."""

    def __init__(self, url, spec):
        parts = urlsplit(url)
        target = parts.path + ("?" + parts.query if parts.query else "")
        authorization = "" if parts.query else f"Authorization: Basic {CREDENTIAL}\r\n"
        ranged = f"Range: bytes={spec}\r\n" if spec else ""
        self.began = time.monotonic()
        self.socket = socket.create_connection((parts.hostname, parts.port))
        # What a kernel takes in without being asked counts as fetched: small here, so that it is the server's doing.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        request = f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nUser-Agent: bench\r\n{authorization}{ranged}\r\n"
        self.socket.sendall(request.encode())
        self.head = b""
        while b"\r\n\r\n" not in self.head:
            self.head += self._some()
        self.head, rest = self.head.split(b"\r\n\r\n", 1)
        assert self.head.split()[1] in (b"200", b"206"), self.head
        self.taken = len(rest)
        if not rest:
            self.read(1)
        self.first_byte = time.monotonic() - self.began

    def _some(self, most=65536):
        piece = self.socket.recv(most)
        if not piece:
            raise EOFError(f"closed after {getattr(self, 'taken', 0)} bytes")
        return piece

    def read(self, until):
        """Reads on until so many bytes in all; all there is for None."""
        while until is None or self.taken < until:
            try:
                self.taken += len(self._some())
            except EOFError:
                if until is None:
                    return
                raise

    def close(self):
        # With a reset, as players do that seek: nothing more is taken.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.socket.close()
        return self.taken


def link(url):
    """The drive's own link behind a file of alidav's."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc)
    headers = {"Authorization": f"Basic {CREDENTIAL}"}
    connection.request("GET", parts.path + "?link_policy=redirect", headers=headers)
    return connection.getresponse().headers["Location"]


def downloads(sim):
    with urlopen(f"{sim}/sim/downloads") as answer:
        return json.load(answer)


def settled(sim):
    """Bytes that the drive sent, once no body is open any more."""
    for _ in range(200):
        state = downloads(sim)
        if state["open"] == 0:
            return state["bytes"]
        time.sleep(0.05)
    raise SystemExit("a body stays open")


def first_byte(sim, alidav):
    direct = link(alidav)
    size, rounds = 8_000_000_000, 20
    source = random.Random(1)
    places = [source.randrange(size - 1_000_000) for _ in range(rounds)]
    rows = []
    for name, url in (("alidav", alidav), ("straight", direct)):
        opening = Body(url, "0-")
        opened = opening.first_byte
        opening.close()
        times = []
        for place in places:
            body = Body(url, f"{place}-")
            times.append(body.first_byte)
            body.close()
        rows.append((name, opened * 1000, statistics.median(times) * 1000, max(times) * 1000))
        settled(sim)
    print("first byte, drive 50 ms away and 500 KB/s a connection")
    print(f"{'':10} {'opening ms':>12} {'seek ms':>10} {'worst ms':>10}")
    for row in rows:
        print("{:10} {:12.1f} {:10.1f} {:10.1f}".format(*row))
    print(f"{'difference':10} {rows[0][1] - rows[1][1]:12.1f} {rows[0][2] - rows[1][2]:10.1f}\n")


def lever(sim, rules):
    urlopen(Request(f"{sim}/sim/rules", json.dumps(rules).encode(), method="POST")).close()


def connections(sim, one, three):
    print("rate of fifteen seconds of a film over three connections, by the drive's rate of one and its distance")
    print(f"{'MB/s each':>9} {'ms away':>8} {'straight':>9} {'one':>7} {'three':>7} {'of straight':>12} {'of X':>6}")
    for limit in (0.5, 1, 2, 5, 10):
        for away in (20, 50):
            lever(sim, {"latency_ms": away, "download_bytes_per_s": int(limit * 1e6)})
            rates = []
            for url, megabytes in ((link(one), 5 * limit), (one, 5 * limit), (three, 45 * limit)):
                # Beyond what is kept of the beginning.
                first, length = 1_000_000, int(megabytes * 1e6)
                began = time.monotonic()
                body = Body(url, f"{first}-{first + length - 1}")
                body.read(length)
                rates.append(length / (time.monotonic() - began) / 1e6)
                body.close()
                settled(sim)
            ratios = f"{rates[2] / rates[0]:12.2f} {rates[2] / limit:6.2f}"
            print(f"{limit:9} {away:8} {rates[0]:9.2f} {rates[1]:7.2f} {rates[2]:7.2f} {ratios}", flush=True)
    print()


def kodi(url, size):
    """The beginning, the end, and the beginning again to play five seconds."""
    taken = 0
    for spec, amount in (("0-", 131_072), (f"{size - 65_536}-", 65_536), ("0-", 5_000_000)):
        body = Body(url, spec)
        body.read(amount)
        taken += body.close()
    return taken


def infuse(url, size):
    """Two bytes to see whether ranges work, head and tail, then bounded pieces."""
    taken = 0
    spans = [(0, 1), (0, 65_535), (size - 65_536, size - 1)] + [(n << 20, ((n + 1) << 20) - 1) for n in range(5)]
    for first, last in spans:
        body = Body(url, f"{first}-{last}")
        body.read(last - first + 1)
        taken += body.close()
    return taken


def vlc(url, size):
    """No range first; then a seek into the index and back."""
    taken = 0
    for spec, amount in (("", 262_144), (f"{size - 200_000}-", 200_000), ("262144-", 5_000_000)):
        body = Body(url, spec)
        body.read(amount)
        taken += body.close()
    return taken


def ffprobe(url, _size):
    parts = urlsplit(url)
    with_user = url if parts.query else url.replace("http://", "http://me:secret%20word@")
    command = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", with_user]
    seconds = float(subprocess.run(command, check=True, capture_output=True).stdout)
    assert 59 < seconds < 61, seconds
    return None


def players(sim, folder):
    print("bytes that the drive sent, in MB, for a film of 60 MB opened and played for a moment")
    print(f"{'':10} {'taken':>8} {'straight':>9} {'alidav':>8} {'again':>8} {'per byte':>9}")
    # A film for each, since what one opens alidav remembers for the next.
    for player in (kodi, infuse, vlc, ffprobe):
        alidav = f"{folder}/{player.__name__}.mp4"
        direct = link(alidav)
        probe = Body(direct, "0-0")
        size = int(probe.head.lower().split(b"content-range: bytes 0-0/")[1].split()[0])
        probe.close()
        sent = []
        for url in (direct, alidav, alidav):
            before = settled(sim)
            taken = player(url, size)
            sent.append(settled(sim) - before)
        taken = sent[0] if taken is None else taken
        print(
            f"{player.__name__:10} {taken / 1e6:8.2f} {sent[0] / 1e6:9.2f} {sent[1] / 1e6:8.2f} {sent[2] / 1e6:8.2f} "
            f"{sent[1] / taken:9.2f}"
        )
    print()


def seeks(sim, alidav):
    direct = link(alidav)
    size, rounds, taken = 8_000_000_000, 50, 65_536
    source = random.Random(2)
    places = [source.randrange(1_000_000, size - 100_000_000) for _ in range(rounds)]
    print(f"an aborted seek: {taken >> 10} KiB read, then closed; drive at full speed")
    for name, url in (("alidav", alidav), ("straight", direct)):
        before, received = settled(sim), 0
        for place in places:
            body = Body(url, f"{place}-")
            body.read(taken)
            received += body.close()
            settled(sim)
        extra = (settled(sim) - before - received) / rounds
        print(f"{name:10} {extra / 1024:8.0f} KiB fetched beyond what was read")


if __name__ == "__main__":
    what = {"first-byte": first_byte, "connections": connections, "players": players, "seeks": seeks}
    what[sys.argv[1]](*sys.argv[2:])
