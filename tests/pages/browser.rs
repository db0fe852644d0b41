//! A browser of a test's own, driven as a person does it: by pressing what can be seen, by keys, by choosing files.
//!
//! It waits for what is to be seen, never for time to pass. What it stands for at the end of a test is in
//! [`Browser::finish`].

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, Stdio};
use std::time::{Duration, Instant};

use fantoccini::actions::{InputSource as _, KeyAction, KeyActions, MOUSE_BUTTON_LEFT, MouseActions, PointerAction};
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::commands::Command;
use crate::seen::Seen;

/// How long anything may take to be seen, on a machine that does much else: ten thousand entries are fifty calls first.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at the page.
const LOOK: Duration = Duration::from_millis(25);

/// Without the word that Chromium adds to its own: a browser that is none is not sent to the drive's hosts.
const AGENT: &str = "--user-agent=Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36";

const FLAGS: [&str; 10] = [
    AGENT,
    "--headless=new",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--autoplay-policy=no-user-gesture-required",
    "--mute-audio",
    "--window-size=1280,900",
    "--lang=en-US",
    "--accept-lang=en-US",
    "--force-color-profile=srgb",
];

/// The visible element that bears these words: its name for screen readers, its own text or that of a part of it.
const FIND: &str = r#"
    const [css, words] = arguments;
    const texts = (e) => [e.getAttribute("aria-label") ?? e.alt ?? "", e.textContent, ...[...e.querySelectorAll("span")].map((s) => s.textContent)];
    const bears = (e) => texts(e).some((text) => text.trim().normalize() === words.trim().normalize());
    return [...document.querySelectorAll(css)].find((e) => e.checkVisibility({ visibilityProperty: true }) && (words === "" || bears(e))) ?? null;"#;

pub(crate) struct Browser {
    client: Client,
    seen: Mutex<Seen>,
    /// Where downloads go.
    pub(crate) downloads: PathBuf,
    // Ended in this order, before its folder goes.
    running: Running,
    _folder: TempDir,
}

/// The programs of a browser, which end with the test, however that ends.
struct Running {
    driver: Child,
    chromium: Option<u64>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.driver.kill().ok();
        self.driver.wait().ok();
        // It is gone already, unless the test has failed.
        if let Some(pid) = self.chromium {
            Process::new("kill").args(["-9", &pid.to_string()]).stderr(Stdio::null()).status().ok();
        }
    }
}

impl Browser {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let downloads = folder.path().join("downloads");
        std::fs::create_dir(&downloads).unwrap();
        let (driver, port) = driver();
        let mut running = Running { driver, chromium: None };
        let mut args: Vec<String> = FLAGS.map(str::to_owned).into();
        args.push(format!("--user-data-dir={}", folder.path().join("profile").display()));
        if is_root() {
            // Chromium does not start its sandbox as root.
            args.push("--no-sandbox".to_owned());
        }
        let wanted = json!({
            "browserName": "chrome",
            "unhandledPromptBehavior": "accept",
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
            "goog:chromeOptions": {
                "binary": program("chromium"), "args": args, "perfLoggingPrefs": { "enableNetwork": true, "enablePage": true },
                "prefs": { "download.default_directory": downloads, "intl.accept_languages": "en-US" },
            },
        });
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(wanted.as_object().unwrap().clone());
        let client = builder.connect(&format!("http://127.0.0.1:{port}")).await.expect("chromium does not start");
        running.chromium = client.capabilities().and_then(|told| told.get("goog:processID")?.as_u64());
        Self { client, seen: Mutex::default(), downloads, running, _folder: folder }
    }

    /// Ends it, and holds it to what every test of pages stands for: the console has no error but those that the test
    /// provoked, none of them of the content security policy, and nobody was asked but these hosts.
    pub(crate) async fn finish(self, hosts: &[String]) {
        self.look_back().await;
        let Self { client, seen, mut running, .. } = self;
        client.close().await.unwrap();
        running.chromium = None;
        let seen = seen.into_inner();
        assert!(seen.complaints().is_empty(), "the console complains: {:#?}", seen.complaints());
        assert!(seen.unheard().is_empty(), "no complaint was heard of {:?}, but {:#?}", seen.unheard(), seen.errors());
        let strangers: Vec<_> = seen.hosts().into_iter().filter(|host| !hosts.contains(host)).collect();
        assert!(strangers.is_empty(), "other hosts were asked: {strangers:?}");
    }

    /// The console may have an error with this in its text, and has one in the end.
    pub(crate) fn provokes(&self, part: &'static str) {
        self.seen.lock().provokes(part);
    }

    pub(crate) async fn goto(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    pub(crate) async fn back(&self) {
        self.client.back().await.unwrap();
    }

    pub(crate) async fn refresh(&self) {
        self.client.refresh().await.unwrap();
    }

    /// The path of the page's address, as the address has it.
    pub(crate) async fn path(&self) -> String {
        self.client.current_url().await.unwrap().path().to_owned()
    }

    /// A script's result; `arguments` are what it is given.
    pub(crate) async fn run(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.client.execute(script, arguments).await.unwrap_or_else(|error| panic!("{error}: {script}"))
    }

    /// The value of an expression.
    pub(crate) async fn value(&self, expression: &str) -> Value {
        self.run(&format!("return ({expression})"), Vec::new()).await
    }

    /// The value of an expression that is a text.
    pub(crate) async fn text(&self, expression: &str) -> String {
        self.value(expression).await.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until an expression is true.
    pub(crate) async fn until(&self, expression: &str) {
        self.until_within(PATIENCE, expression).await;
    }

    /// The same of what takes long.
    pub(crate) async fn until_within(&self, patience: Duration, expression: &str) {
        let script = format!("try {{ return Boolean({expression}) }} catch {{ return false }}");
        let begun = Instant::now();
        // A page on its way to another answers with an error.
        while self.client.execute(&script, Vec::new()).await.ok() != Some(Value::Bool(true)) {
            if begun.elapsed() > patience {
                self.give_up(expression).await;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until the page shows an element that bears these words.
    pub(crate) async fn sees(&self, css: &str, words: &str) {
        self.find(css, words).await;
    }

    /// Waits until the words are somewhere on the page.
    pub(crate) async fn reads(&self, words: &str) {
        self.until(&format!("document.body.innerText.includes({})", json!(words))).await;
    }

    async fn find(&self, css: &str, words: &str) -> Value {
        let begun = Instant::now();
        loop {
            let found = self.client.execute(FIND, vec![json!(css), json!(words)]).await;
            match found {
                Ok(element) if element.is_object() => return element,
                _ if begun.elapsed() > PATIENCE => self.give_up(&format!("{css} {words:?}")).await,
                _ => tokio::time::sleep(LOOK).await,
            }
        }
    }

    /// Presses the element that bears these words (any, without words), as soon as it is there and nothing lies over it.
    pub(crate) async fn click(&self, css: &str, words: &str) {
        let begun = Instant::now();
        loop {
            let element = self.find(css, words).await;
            let pressed = self.client.issue_cmd(Command::click(&element).unwrap()).await;
            match pressed {
                Ok(_) => return,
                Err(error) if begun.elapsed() > PATIENCE => self.give_up(&format!("{css} {words:?}: {error}")).await,
                // The controls of a film come back where the pointer moves.
                Err(_) => self.stir().await,
            }
        }
    }

    /// Moves the pointer a little.
    async fn stir(&self) {
        for x in [400, 420] {
            self.dev_tools("Input.dispatchMouseEvent", json!({ "type": "mouseMoved", "x": x, "y": 300 })).await;
        }
        tokio::time::sleep(LOOK).await;
    }

    /// Presses keys, one after another.
    pub(crate) async fn press(&self, keys: impl IntoIterator<Item = char>) {
        let mut actions = KeyActions::new("keys".to_owned());
        for value in keys {
            actions = actions.then(KeyAction::Down { value }).then(KeyAction::Up { value });
        }
        self.client.perform_actions(actions).await.unwrap();
    }

    /// Presses the mouse's button at one point and lets it go at another.
    pub(crate) async fn drag_by_pointer(&self, from: (f64, f64), to: (f64, f64)) {
        let to_point = |(x, y)| PointerAction::MoveTo { duration: Some(LOOK), x, y };
        let (down, up) =
            (PointerAction::Down { button: MOUSE_BUTTON_LEFT }, PointerAction::Up { button: MOUSE_BUTTON_LEFT });
        let mut actions = MouseActions::new("mouse".to_owned());
        for action in [to_point(from), down, to_point((from.0 + 12.0, from.1 + 4.0)), to_point(to), to_point(to), up] {
            actions = actions.then(action);
        }
        self.client.perform_actions(actions).await.unwrap();
    }

    /// Presses a key while another is held.
    pub(crate) async fn press_with(&self, held: Key, key: char) {
        let held = char::from(held);
        let mut actions = KeyActions::new("keys".to_owned());
        for action in [
            KeyAction::Down { value: held },
            KeyAction::Down { value: key },
            KeyAction::Up { value: key },
            KeyAction::Up { value: held },
        ] {
            actions = actions.then(action);
        }
        self.client.perform_actions(actions).await.unwrap();
    }

    /// Writes a text where the focus is, in place of what is selected.
    pub(crate) async fn write(&self, text: &str) {
        self.dev_tools("Input.insertText", json!({ "text": text })).await;
    }

    /// Writes a text into a field in place of what it holds.
    pub(crate) async fn fill(&self, css: &str, text: &str) {
        self.click(css, "").await;
        self.press_with(Key::Control, 'a').await;
        self.write(text).await;
    }

    /// Opens the menu of a button and takes one of its items.
    pub(crate) async fn choose(&self, button: &str, item: &str) {
        self.click("button[aria-haspopup=menu]", button).await;
        self.click("[role=menu] [role^=menuitem]", item).await;
    }

    /// Does what lets the browser ask for files, and gives it these; a folder where it asks for one.
    pub(crate) async fn give_files(&self, button: &str, item: &str, files: &[&Path]) {
        self.await_files().await;
        self.choose(button, item).await;
        self.choose_files(files).await;
    }

    /// The browser will ask for files.
    pub(crate) async fn await_files(&self) {
        self.dev_tools("Page.setInterceptFileChooserDialog", json!({ "enabled": true })).await;
    }

    /// Gives it these when it does.
    pub(crate) async fn choose_files(&self, files: &[&Path]) {
        let node = self.event("Page.fileChooserOpened", |_| true).await["backendNodeId"].clone();
        self.seen.lock().events.retain(|event| event["method"] != "Page.fileChooserOpened");
        self.dev_tools("DOM.setFileInputFiles", json!({ "files": files, "backendNodeId": node })).await;
    }

    /// Drops files or folders of this computer on the middle of the page.
    pub(crate) async fn drop_files(&self, files: &[&Path]) {
        let data = json!({ "items": [], "files": files, "dragOperationsMask": 1 });
        for kind in ["dragEnter", "dragOver", "drop"] {
            let params = json!({ "type": kind, "x": 600, "y": 500, "data": data });
            self.dev_tools("Input.dispatchDragEvent", params).await;
        }
    }

    /// What the server has answered last to a call whose URL holds this.
    pub(crate) async fn answer(&self, part: &str) -> Value {
        let answered = self
            .event("Network.responseReceived", |told| told["response"]["url"].as_str().unwrap_or("").contains(part))
            .await;
        let id = answered["requestId"].clone();
        self.event("Network.loadingFinished", |told| told["requestId"] == id).await;
        let body = self.dev_tools("Network.getResponseBody", json!({ "requestId": id })).await;
        serde_json::from_str(body["body"].as_str().unwrap()).unwrap()
    }

    /// Waits for an event of DevTools that fits, and gives what it says.
    pub(crate) async fn event(&self, method: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            self.look_back().await;
            if let Some(event) = self.seen.lock().last(method, &fits) {
                return event.clone();
            }
            if begun.elapsed() > PATIENCE {
                self.give_up(method).await;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The URLs of all requests so far.
    pub(crate) async fn requests(&self) -> Vec<String> {
        self.look_back().await;
        self.seen.lock().requests().map(str::to_owned).collect()
    }

    /// A window of this size, and the system's look.
    pub(crate) async fn look(&self, width: u32, height: u32, dark: bool) {
        let phone = width < 700;
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone });
        self.dev_tools("Emulation.setDeviceMetricsOverride", size).await;
        self.dev_tools("Emulation.setTouchEmulationEnabled", json!({ "enabled": phone })).await;
        let scheme = if dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.dev_tools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Keeps a picture of what is to be seen.
    pub(crate) async fn picture(&self, name: &str) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/pages-shots");
        std::fs::create_dir_all(&folder).unwrap();
        let picture = self.client.screenshot().await.unwrap();
        std::fs::write(folder.join(format!("{name}.png")), picture).unwrap();
    }

    pub(crate) async fn dev_tools(&self, name: &str, params: Value) -> Value {
        let answer = self.client.issue_cmd(Command::dev_tools(name, params)).await;
        answer.unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Reads on in the logs.
    async fn look_back(&self) {
        let events = self.client.issue_cmd(Command::log("performance")).await.unwrap();
        let console = self.client.issue_cmd(Command::log("browser")).await.unwrap();
        self.seen.lock().add(&events, &console);
    }

    async fn give_up(&self, wanted: &str) -> ! {
        let test = std::thread::current().name().unwrap_or("main").replace("::", "-");
        self.picture(&format!("failed-{test}")).await;
        self.look_back().await;
        let page = self.value("`${location.href}\\n${document.body.innerText.slice(0, 1500)}`").await;
        panic!(
            "never seen: {wanted}\nThe page, also in target/pages-shots/failed-{test}.png: {}\nThe console: {:#?}",
            page.as_str().unwrap_or_default(),
            self.seen.lock().errors()
        );
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// Where a program is; what it is of Debian's if it is missing.
#[expect(clippy::disallowed_methods, reason = "a test finds its programs as a shell does")]
fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    found.unwrap_or_else(|| {
        panic!("{name} is missing: the tests of the pages need `apt-get install chromium chromium-driver`")
    })
}

/// A driver, and the port that it has taken.
fn driver() -> (Child, u16) {
    let mut driver = Process::new(program("chromedriver"))
        .arg("--port=0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
        let (_, port) = line.split_once("started successfully on port ")?;
        port.trim_end_matches('.').parse().ok()
    });
    // It may go on to write.
    std::thread::spawn(move || lines.for_each(drop));
    (driver, port.expect("chromedriver tells no port"))
}
