"""What pages.sh measures in a browser: pages.py ALIDAV-URL SIMULATOR-URL. Drives chromium by its own driver."""

import json
import statistics
import subprocess
import sys
from urllib.request import Request, urlopen

ARGUMENTS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,800",
    "--autoplay-policy=no-user-gesture-required", "--disable-component-update", "--no-first-run",
]

ROUNDS = 5

# Notes when the first row can be seen, and each task that keeps the page from answering for 50 ms.
WATCH = """
window.seen = { rows: 0, tasks: [] };
new PerformanceObserver((list) => { for (const task of list.getEntries()) window.seen.tasks.push([task.startTime, task.duration]); })
    .observe({ type: "longtask", buffered: true });
new MutationObserver((_, observer) => {
    if (!document.querySelector(".row[data-name]")) return;
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => { window.seen.rows = performance.now(); }));
}).observe(document, { childList: true, subtree: true });
"""

ROWS = """
const done = arguments[0];
const look = () => {
    if (!window.seen.rows) return setTimeout(look, 5);
    const [page] = performance.getEntriesByType("navigation");
    const list = performance.getEntriesByType("resource").find(({ name }) => name.includes("/api/list?"));
    done({ html: window.seen.rows - page.responseStart, answer: window.seen.rows - list.responseEnd });
};
look();
"""

SCROLL = """
const done = arguments[0];
const from = performance.now();
const step = () => {
    scrollBy(0, 1500);
    if (scrollY + innerHeight < document.documentElement.scrollHeight - 2 && performance.now() - from < 10000) return requestAnimationFrame(step);
    setTimeout(() => done({ tasks: window.seen.tasks.filter(([at]) => at >= from).map(([, length]) => length), height: scrollY, ms: performance.now() - from }), 500);
};
requestAnimationFrame(step);
"""

FRAME = """
const done = arguments[0];
const link = document.querySelector('[data-name="film.mkv"] a');
const from = performance.now();
link.click();
const look = () => {
    const video = document.querySelector("video");
    if (!video) return setTimeout(look, 1);
    video.requestVideoFrameCallback((now) => done(now - from));
    video.muted = true;
    video.play().catch(() => {});
};
look();
"""


class Browser:
    """A browser that has seen nothing yet."""

    def __init__(self, driver, traced=False):
        self.driver = driver
        logged = {"enableNetwork": False, "enablePage": False, "traceCategories": "toplevel,devtools.timeline"} if traced else {"enableNetwork": True}
        options = {"binary": "/usr/bin/chromium", "args": ARGUMENTS, "perfLoggingPrefs": logged}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"performance": "ALL"}}
        self.path = ""
        self.path = f"/{self.call('session', {'capabilities': {'alwaysMatch': wanted}})['sessionId']}"
        self.call("timeouts", {"script": 60000})

    def call(self, what, body):
        where = f"{self.driver}/session{self.path}/{what}" if self.path else f"{self.driver}/session"
        request = Request(where, json.dumps(body).encode(), {"Content-Type": "application/json"})
        return json.load(urlopen(request))["value"]

    def devtools(self, command, **parameters):
        return self.call("goog/cdp/execute", {"cmd": command, "params": parameters})

    def open(self, url):
        self.call("url", {"url": url})

    def run(self, script):
        return self.call("execute/async", {"script": script, "args": []})

    def sign_in(self, url):
        self.open(f"{url}/login")
        self.run("""const done = arguments[0];
            fetch("/api/session", { method: "POST", headers: { "Content-Type": "application/json" },
                body: JSON.stringify({ name: "me", password: "secret word" }) }).then((answer) => done(answer.status));""")
        self.devtools("Page.addScriptToEvaluateOnNewDocument", source=WATCH)

    def received(self):
        """Bytes that came over the wire since the last time, heads too, by what they were of."""
        paths, total, calls = {}, 0, 0
        for entry in self.call("se/log", {"type": "performance"}):
            message = json.loads(entry["message"])["message"]
            values = message["params"]
            if message["method"] == "Network.requestWillBeSent":
                paths[values["requestId"]] = values["request"]["url"]
            elif message["method"] == "Network.loadingFinished" and paths.get(values["requestId"], "").startswith("http"):
                total += values["encodedDataLength"]
                calls += values["encodedDataLength"] > 0
        return total, calls

    def longest_task(self):
        """Milliseconds of processor time of the page's longest task since the last time; the page is left for it."""
        self.open("about:blank")
        entries = [json.loads(entry["message"])["message"] for entry in self.call("se/log", {"type": "performance"})]
        events = [entry["params"] for entry in entries if entry["method"] == "Tracing.dataCollected"]
        threads = [(event["pid"], event["tid"]) for event in events if event["name"] == "Layout"]
        page = max(set(threads), key=threads.count)
        tasks = [event for event in events if event["name"].endswith("RunTask") and (event["pid"], event["tid"]) == page]
        # The clock of a thread may run ahead of the wall's for a moment.
        return max(min(task.get("dur", 0), task.get("tdur", 0)) for task in tasks) / 1000

    def quit(self):
        urlopen(Request(f"{self.driver}/session{self.path}", method="DELETE")).close()


class Drive:
    """The simulated drive, of which calls are counted."""

    def __init__(self, url):
        self.url = url

    def reset(self):
        urlopen(Request(f"{self.url}/sim/reset", b"")).close()

    def calls(self):
        counted = json.load(urlopen(f"{self.url}/sim/calls"))
        told = {name: count for name, count in counted.items() if not name.startswith(("data ", "preview "))}
        return ", ".join(f"{count} {name}" for name, count in sorted(told.items())) or "none"


def visits(driver, drive, url):
    browser = Browser(driver)
    browser.sign_in(url)
    # What the sign-in's page has brought is not of this visit.
    browser.devtools("Network.clearBrowserCache")
    browser.received()
    for visit in ("first", "second"):
        drive.reset()
        browser.open(f"{url}/files/few/")
        browser.run(ROWS)
        # What comes after the rows is of the visit too.
        browser.run("setTimeout(arguments[0], 1000);")
        total, requests = browser.received()
        print(f"{visit} visit of a folder of 20: {total / 1000:.1f} KB over the wire, {requests} answers; calls: {drive.calls()}")
        browser.open("about:blank")
    browser.quit()


def folder(driver, drive, url):
    rows = []
    browser = Browser(driver)
    browser.sign_in(url)
    drive.reset()
    for _ in range(ROUNDS):
        browser.open(f"{url}/files/many/")
        rows.append(browser.run(ROWS))
        browser.open("about:blank")
    middle = {name: statistics.median(row[name] for row in rows) for name in ("html", "answer")}
    print(f"folder of 10,000: first rows {middle['html']:.0f} ms after the first byte of the page, "
          f"{middle['answer']:.0f} ms after the listing (median of {ROUNDS}); calls: {drive.calls()}")
    browser.quit()
    browser = Browser(driver, traced=True)
    browser.sign_in(url)
    browser.open(f"{url}/files/many/")
    browser.run(ROWS)
    browser.run("setTimeout(arguments[0], 1000);")
    browser.call("se/log", {"type": "performance"})
    scroll = browser.run(SCROLL)
    longest = max(scroll["tasks"], default=0)
    # On a machine that does much else a task waits for its turn: the processor's time is the page's own.
    own = browser.longest_task()
    print(f"scrolling through it: {scroll['height']:.0f} px in {scroll['ms'] / 1000:.1f} s, "
          f"{len(scroll['tasks'])} tasks over 50 ms, the longest {longest:.0f} ms, at most {own:.0f} ms of processor time; "
          f"calls: {drive.calls()}")
    browser.quit()


def film(driver, drive, url):
    frames = []
    for _ in range(ROUNDS):
        browser = Browser(driver)
        browser.sign_in(url)
        browser.open(f"{url}/files/films/")
        browser.run(ROWS)
        drive.reset()
        frames.append(browser.run(FRAME))
        calls = drive.calls()
        browser.quit()
    print(f"click on a film to its first frame: {statistics.median(frames):.0f} ms (median of {ROUNDS}, "
          f"nothing of the player loaded before); calls: {calls}")


def main():
    url, drive = sys.argv[1], Drive(sys.argv[2])
    child = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
    try:
        port = next(line.split()[-1].rstrip(".") for line in child.stdout if "successfully on port" in line)
        driver = f"http://127.0.0.1:{port}"
        visits(driver, drive, url)
        folder(driver, drive, url)
        film(driver, drive, url)
    finally:
        child.terminate()
        child.wait()


main()
