"""The fixtures of webdav4's tests over a running alidav: each test has a folder of its own there.

What the tests do behind the client's back, they do here by plain requests instead of in a local folder.
"""

import itertools
import os
import tempfile
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote, unquote, urlsplit
from xml.etree import ElementTree

import httpx
import pytest
from webdav4 import retry
from webdav4.client import Client
from webdav4.fsspec import WebdavFileSystem
from webdav4.urls import URL

AUTH = ("me", "secret word")
NUMBERS = itertools.count()
HTTP = httpx.Client(auth=AUTH, timeout=30)


def ask(method, url, **more):
    answer = HTTP.request(method, url, **more)
    if answer.status_code == 404:
        raise FileNotFoundError(url)
    answer.raise_for_status()
    return answer


class RemoteDir:
    """What the tests use of a local path."""

    def __init__(self, url):
        self.url = url

    def __truediv__(self, name):
        return RemoteDir(f"{self.url}/{quote(str(name))}")

    @property
    def name(self):
        return unquote(self.url.rsplit("/", 1)[1])

    def __fspath__(self):
        """What is uploaded from here goes over a local copy."""
        place = Path(tempfile.mkdtemp()) / self.name
        self._fetch(place)
        return os.fspath(place)

    __str__ = __fspath__

    def _fetch(self, place):
        if self.is_dir():
            place.mkdir()
            for member in self.iterdir():
                member._fetch(place / member.name)
        else:
            place.write_bytes(self.read_bytes())

    def _props(self, depth="0"):
        tree = ElementTree.fromstring(ask("PROPFIND", self.url, headers={"Depth": depth}).content)
        found = {}
        for response in tree.iter("{DAV:}response"):
            path = urlsplit(response.findtext("{DAV:}href")).path.rstrip("/")
            found[path] = response
        return found

    def iterdir(self):
        own = urlsplit(self.url).path.rstrip("/")
        return [RemoteDir(f"{self.url}/{path.rsplit('/', 1)[1]}") for path in self._props("1") if path != own]

    def stat(self):
        (response,) = self._props().values()
        size = response.findtext(".//{DAV:}getcontentlength")
        modified = parsedate_to_datetime(response.findtext(".//{DAV:}getlastmodified")).timestamp()
        return SimpleNamespace(st_size=int(size or 0), st_mtime=modified, st_ctime=modified)

    def is_dir(self):
        try:
            (response,) = self._props().values()
        except FileNotFoundError:
            return False
        return response.find(".//{DAV:}resourcetype/{DAV:}collection") is not None

    def is_file(self):
        return self.exists() and not self.is_dir()

    def exists(self):
        try:
            self._props()
        except FileNotFoundError:
            return False
        return True

    def read_bytes(self):
        return ask("GET", self.url).content

    def read_text(self, encoding="utf8"):
        return self.read_bytes().decode(encoding)

    def open(self, mode="r", **how):
        """For reading only."""
        return open(self, mode, **how)

    def write_bytes(self, content):
        ask("PUT", self.url, content=content)

    def write_text(self, text, encoding="utf8"):
        self.write_bytes(text.encode(encoding))

    def mkdir(self, parents=False, exist_ok=False):
        if not (exist_ok and self.is_dir()):
            ask("MKCOL", self.url)

    def cat(self):
        if self.is_dir():
            return {member.name: member.cat() for member in self.iterdir()}
        return self.read_text()

    def gen(self, struct, text=""):
        if not isinstance(struct, dict):
            struct = {struct: text}
        for name, content in struct.items():
            at = self
            *above, last = str(name).split("/")
            for folder in above:
                at = at / folder
                at.mkdir(exist_ok=True)
            at = at / last
            if isinstance(content, dict):
                at.mkdir(exist_ok=True)
                at.gen(content)
            elif isinstance(content, bytes):
                at.write_bytes(content)
            else:
                at.write_text(content)
        return list(struct)


@pytest.fixture(autouse=True)
def reduce_backoff_factor():
    backoff = retry.BACKOFF
    retry.BACKOFF = 0.001
    yield
    retry.BACKOFF = backoff


@pytest.fixture
def auth():
    return AUTH


@pytest.fixture
def storage_dir():
    place = RemoteDir(f"{os.environ['URL']}/dav/{next(NUMBERS)}")
    place.mkdir()
    return place


@pytest.fixture
def server_address(storage_dir):
    return URL(storage_dir.url)


@pytest.fixture
def client(auth, server_address):
    return Client(server_address, auth=auth)


@pytest.fixture
def fs(client, server_address):
    return WebdavFileSystem(server_address, client=client)
