"""A mixed load through a balancer, by clients that know what each name may hold.

Writers put, move, remove and lock, readers read and list, players seek in a film, while others end and stop servers and
their database. What was read is judged at the end: it must be what was acknowledged last, or what somebody was writing
at the time, or what was sent and never answered. Servers hear of each other's changes within a second; while one of them
or the database stood still (TROUBLES has a line `from until` for each) what is remembered may be as old as that.

    instances.py BALANCER SIMULATOR FILM TROUBLES SECONDS SERVER...
"""

import hashlib
import http.client
import json
import random
import sys
import threading
import time
import urllib.parse
import urllib.request
import xml.etree.ElementTree as xml
from base64 import b64encode

HEARD = 1.0
SETTLED = 2.0
FOLDERS = [f"/load/f{n}" for n in range(4)]
LOCK = (
    '<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope>'
    "<D:locktype><D:write/></D:locktype></D:lockinfo>"
)
FOREVER = float("inf")


class Write:
    """One change of a name: to some content, by its SHA-1, or to nothing."""

    def __init__(self, value, start):
        self.value, self.start, self.end, self.fate = value, start, FOREVER, "lost"

    def answered(self, status):
        if 200 <= status < 300:
            self.fate, self.end = "done", time.time()
        elif 400 <= status < 500:
            self.fate = "refused"


class World:
    """What was done and seen, and what was wrong with it."""

    def __init__(self):
        self.lock = threading.Lock()
        self.writes = {}
        self.reads = []
        self.counts = {}
        self.faults = []
        self.over = threading.Event()

    def write(self, name, value):
        change = Write(value, time.time())
        with self.lock:
            self.writes.setdefault(name, [initial()]).append(change)
        return change

    def read(self, name, value, start, how):
        with self.lock:
            self.writes.setdefault(name, [initial()])
            self.reads.append((name, value, start, time.time(), how))

    def count(self, what):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    def fault(self, words):
        with self.lock:
            self.faults.append(words)

    def allows(self, name, value, start, end):
        """Whether somebody who looks between start and end may see this."""
        writes = self.writes.get(name)
        if writes is None:
            return value is None
        return any(
            write.value == value
            and write.fate != "refused"
            and write.start <= end
            and not any(other.fate == "done" and other.start > write.end and other.end < start for other in writes)
            for write in writes
        )

    def judge(self, troubles):
        for name, value, start, end, how in self.reads:
            since = start - HEARD
            for begun, ended in troubles:
                if begun <= end and start <= ended + SETTLED:
                    since = min(since, begun - HEARD)
            if not self.allows(name, value, since, end):
                self.fault(f"{how} of {name} from {start:.3f} to {end:.3f} saw {value}: {self.told(name)}")

    def told(self, name):
        return [(w.value and w.value[:8], round(w.start, 3), round(w.end, 3), w.fate) for w in self.writes[name]]


def initial():
    """No name holds anything at first."""
    nothing = Write(None, 0)
    nothing.fate, nothing.end = "done", 0
    return nothing


class Client:
    """One program: its connection, and a name of its own."""

    def __init__(self, world, server, name):
        self.world, self.server, self.name, self.connection = world, server, name, None

    def open(self, method, path, body=None, **fields):
        """The answer whose body is still to be read; none where there was no answer."""
        headers = {"Authorization": "Basic " + b64encode(b"me:secret word").decode(), "User-Agent": self.name}
        headers |= {name.replace("_", "-"): value for name, value in fields.items()}
        try:
            self.connection = self.connection or http.client.HTTPConnection(self.server, timeout=25)
            self.connection.request(method, "/dav" + path, body, headers)
            return self.connection.getresponse()
        except (OSError, http.client.HTTPException):
            return self.close()

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def ask(self, method, path, body=None, **fields):
        """Status, headers and body; status 0 where no whole answer came."""
        answer = self.open(method, path, body, **fields)
        try:
            found = (answer.status, answer.headers, answer.read()) if answer else (0, {}, b"")
        except (OSError, http.client.HTTPException):
            self.close()
            found = (0, {}, b"")
        self.world.count(f"{method} {found[0]}")
        return found

    def put(self, name, **fields):
        size = random.choices([random.randint(1, 20_000), 200_000, 6_000_000], [85, 14, 1])[0]
        content = random.randbytes(size)
        change = self.world.write(name, hashlib.sha1(content).hexdigest())
        change.answered(self.ask("PUT", name, content, **fields)[0])
        return change

    def remove(self, name):
        start = time.time()
        change = self.world.write(name, None)
        status = self.ask("DELETE", name)[0]
        change.answered(status)
        if status == 404:
            self.world.read(name, None, start, "DELETE")

    def replace(self, name):
        """As programs save: beside, then over it."""
        beside = f"{name}.{random.getrandbits(32):08x}"
        put = self.put(beside)
        if put.fate != "done":
            return
        gone, there = self.world.write(beside, None), self.world.write(name, put.value)
        status = self.ask("MOVE", beside, Destination=f"http://{self.server}/dav{name}")[0]
        gone.answered(status)
        there.answered(status)
        if status == 404:
            self.world.fault(f"MOVE of {beside}, which was put, is 404: {self.world.told(beside)}")

    def get(self, name):
        start = time.time()
        status, headers, body = self.ask("GET", name)
        if status == 200:
            value = hashlib.sha1(body).hexdigest()
            if headers.get("ETag") not in (None, f'"{value}"'):
                self.world.fault(f"GET of {name} has the tag {headers['ETag']} and the content {value}")
            self.world.read(name, value, start, "GET")
        elif status == 404:
            self.world.read(name, None, start, "GET")

    def members(self, folder):
        """The status, and the files of a folder with what their tags say of their content."""
        status, _, body = self.ask("PROPFIND", folder + "/", Depth="1")
        rows = xml.fromstring(body).findall("{DAV:}response") if status == 207 else []
        paths = [urllib.parse.unquote(row.findtext("{DAV:}href")).removeprefix("/dav") for row in rows]
        tags = [(row.findtext(".//{DAV:}getetag") or "").strip('"') for row in rows]
        return status, {path: tag for path, tag in zip(paths, tags, strict=True) if not path.endswith("/")}

    def list(self, folder):
        start = time.time()
        status, seen = self.members(folder)
        if status == 207:
            with self.world.lock:
                names = {name for name in self.world.writes if name.startswith(folder + "/")}
            for name in names | seen.keys():
                self.world.read(name, seen.get(name), start, "PROPFIND")
        elif status == 404:
            self.world.fault(f"PROPFIND of {folder} is 404")


def writes(world, balancer, number):
    client, n = Client(world, balancer, f"writer/{number}"), 0
    while not world.over.is_set():
        n += 1
        shared = random.random() < 0.5
        name = f"{random.choice(FOLDERS)}/{'shared' if shared else f'own{number}-'}{random.randrange(6)}"
        act = random.choices([client.put, client.remove, client.replace, client.get], [40, 15, 25, 20])[0]
        act(name)
        world.over.wait(random.random())


def reads(world, balancer, number):
    client = Client(world, balancer, f"reader/{number}")
    while not world.over.is_set():
        with world.lock:
            name = random.choice(list(world.writes))
        client.get(name) if random.random() < 0.7 else client.list(random.choice(FOLDERS))
        world.over.wait(random.random() / 2)


def locks(world, balancer, number):
    """Nobody writes what somebody else has locked."""
    owner, other, n = Client(world, balancer, f"owner/{number}"), Client(world, balancer, f"other/{number}"), 0
    while not world.over.is_set():
        n += 1
        name = f"{FOLDERS[0]}/locked{number}-{n}"
        if owner.put(name).fate != "done":
            continue
        status, headers, _ = owner.ask("LOCK", name, LOCK, Timeout="Second-600")
        if status != 200:
            continue
        token = headers["Lock-Token"]
        for _ in range(3):
            if other.put(name).fate == "done":
                world.fault(f"{name} was written without its lock")
            if other.ask("LOCK", name, LOCK)[0] in (200, 201):
                world.fault(f"{name} was locked twice")
        owner.put(name, If=f"({token})")
        owner.ask("UNLOCK", name, Lock_Token=token)
        world.over.wait(random.random())


def plays(world, balancer, number, film):
    """A player that seeks, takes some of what comes, and seeks again."""
    client = Client(world, balancer, f"player/{number}")
    while not world.over.is_set():
        at = random.randrange(len(film))
        answer = client.open("GET", "/film.bin", Range=f"bytes={at}-")
        world.count(f"film {answer.status if answer else 0}")
        wanted = random.randint(100_000, 4_000_000)
        try:
            while answer and answer.status == 206 and wanted > 0 and (piece := answer.read(65536)):
                if piece != film[at : at + len(piece)]:
                    world.fault(f"the film has other bytes at {at}")
                at, wanted = at + len(piece), wanted - len(piece)
        except (OSError, http.client.HTTPException):
            world.count("film cut")
        client.close()
        world.over.wait(random.random() / 2)


def on_drive(simulator):
    with urllib.request.urlopen(simulator + "/sim/tree") as answer:
        rows = json.load(answer)
    return [(row["path"], row["sha1"].lower()) for row in rows if row["path"].startswith("/load/") and row["sha1"]]


def unexpected(world, simulator):
    """What is on the drive, or is not there, as nobody's doing."""
    rows, now = on_drive(simulator), time.time()
    held = dict(rows)
    wrong = [f"two of the name {path} on the drive" for path, _ in rows if [p for p, _ in rows].count(path) > 1]
    for name in held.keys() | world.writes.keys():
        if not world.allows(name, held.get(name), now, now):
            known = world.told(name) if name in world.writes else "nobody wrote it"
            wrong.append(f"the drive has {held.get(name)} at {name}: {known}")
    return wrong


def differences(world, simulator, clients):
    """What is on the drive as nobody's doing, and what each server shows that is not there, or does not show."""
    wrong = unexpected(world, simulator)
    for client in clients:
        answers = [client.members(folder) for folder in FOLDERS]
        shown = {path: tag for _, members in answers for path, tag in members.items()}
        held = dict(on_drive(simulator))
        if {status for status, _ in answers} != {207} or shown != held:
            wrong.append(f"{client.server} shows other than the drive has: {sorted(shown.items() ^ held.items())}")
    return wrong


def settled(world, simulator, servers):
    """Waits until the drive is as it may be and each server shows what it has: what was left half done is hidden, and goes
    in the end. Then each must give it."""
    clients = [Client(world, server, "judge") for server in servers]
    for _ in range(120):
        wrong = differences(world, simulator, clients)
        if not wrong:
            break
        time.sleep(0.5)
    world.faults += wrong
    held = dict(on_drive(simulator))
    for client in clients:
        for name in random.sample(sorted(held), 5):
            value = hashlib.sha1(client.ask("GET", name)[2]).hexdigest()
            if value != held[name]:
                world.fault(f"{client.server} gives {value} as {name}, the drive has {held[name]}")


def main():
    balancer, simulator, film, troubles, seconds = sys.argv[1:6]
    with open(film, "rb") as file:
        film = file.read()
    world = World()
    maker = Client(world, balancer, "maker")
    for folder in ["/load", *FOLDERS]:
        maker.ask("MKCOL", folder)
    world.writes[FOLDERS[0] + "/shared0"] = [initial()]
    tasks = [(writes, n) for n in range(6)] + [(reads, n) for n in range(3)] + [(locks, n) for n in range(2)]
    threads = [threading.Thread(target=task, args=(world, balancer, n)) for task, n in tasks]
    threads += [threading.Thread(target=plays, args=(world, balancer, n, film)) for n in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(float(seconds))
    world.over.set()
    for thread in threads:
        thread.join()
    with open(troubles) as file:
        world.judge([tuple(map(float, line.split())) for line in file])
    settled(world, simulator, sys.argv[6:])
    print(json.dumps(dict(sorted(world.counts.items())) | {"reads judged": len(world.reads)}))
    for words in world.faults[:20]:
        print(words)
    if world.faults:
        sys.exit(f"{len(world.faults)} faults")


main()
