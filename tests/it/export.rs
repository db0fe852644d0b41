//! `alidav export`: a view as files of a folder, written once, and never at the cost of what others have there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::SystemTime;

use alidav::sim::{Fault, FaultKind};

use crate::harness::Fixture;
use crate::process::{Process, alidav};

/// A drive, its settings, and where a view of it is exported to.
struct Export {
    world: Fixture,
    folder: tempfile::TempDir,
}

impl Export {
    async fn start() -> Self {
        let world = Fixture::start().await;
        world.sim.write("/films/one.mkv", "film 1");
        world.sim.write("/films/Show/E01.mkv", "episode 1");
        world.sim.write("/films/Show/E01.nfo", "<nfo/>");
        world.sim.mkdir("/films/empty");
        let folder = tempfile::tempdir().unwrap();
        let export = Self { world, folder };
        export.settings("");
        export
    }

    fn settings(&self, more: &str) {
        let (folder, sim) = (self.folder.path().display(), &self.world.sim);
        let text = format!(
            "listen = [\"127.0.0.1:0\"]\nstate = \"sqlite:{folder}/state.db\"\n[upstream]\napi_url = \"{url}\"\nlist_per_s = 10000\n\
             other_per_s = 10000\nmax_wait_s = 1\n[[account]]\noauth_token_urls = [\"{url}/alicloud/renewapi\"]\n\
             refresh_token = \"{}\"\n[[mount]]\npath = \"/\"\n[anonymous]\npermission = \"read\"\n[[view]]\npath = \"/strm\"\n\
             source = \"/films\"\nbase_url = \"http://nas:8080\"\n{more}\n",
            sim.refresh_token(),
            url = sim.url(),
        );
        std::fs::write(self.config(), text).unwrap();
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("alidav.toml")
    }

    fn to(&self) -> PathBuf {
        self.folder.path().join("library")
    }

    fn run_with(&self, more: &[&str]) -> Output {
        let (config, to) = (self.config(), self.to());
        let arguments = ["export", "--config", config.to_str().unwrap(), "/strm", to.to_str().unwrap()];
        alidav().args(arguments).args(more).output().unwrap()
    }

    /// What it says on its last line; it must end with this code.
    fn run(&self, code: i32) -> String {
        self.said(self.run_with(&[]), code)
    }

    fn said(&self, output: Output, code: i32) -> String {
        let text = format!("{}{}", String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
        assert_eq!(output.status.code(), Some(code), "{text}");
        text
    }

    /// Everything there with its time of writing, by path.
    fn tree(&self) -> BTreeMap<String, (SystemTime, Vec<u8>)> {
        let mut found = BTreeMap::new();
        let mut left = vec![self.to()];
        while let Some(path) = left.pop() {
            let meta = std::fs::symlink_metadata(&path).unwrap();
            let name = path.strip_prefix(self.to()).unwrap().display().to_string();
            let content = if meta.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
            found.insert(name, (meta.modified().unwrap(), content));
            if meta.is_dir() {
                left.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            }
        }
        found
    }

    fn has(&self, path: &str) -> bool {
        self.to().join(path).exists()
    }

    fn write(&self, path: &str, text: &str) {
        std::fs::write(self.to().join(path), text).unwrap();
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

// Keeps 140.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_export_writes_nothing() {
    let export = Export::start().await;
    assert!(export.run(0).contains("wrote 3, removed 0, left alone 0, unchanged 0, failed 0"));
    let line = read(&export.to().join("Show/E01.strm"));
    assert!(line.starts_with("http://nas:8080/d/films/Show/E01.mkv?sign="), "{line}");
    assert_eq!(read(&export.to().join("Show/E01.nfo")), "<nfo/>");
    assert!(export.has("empty"));
    let before = export.tree();
    assert!(export.run(0).contains("wrote 0, removed 0, left alone 0, unchanged 3, failed 0"));
    assert_eq!(export.tree(), before);
    // The address opens at a server that runs from the same store, also while an export runs.
    let server = Process::serve(&export.config());
    let film = crate::harness::client().get(line.trim().replace("http://nas:8080", &server.url)).send().await.unwrap();
    assert_eq!(film.text().await.unwrap(), "episode 1");
    export.world.sim.write("/films/two.mkv", "film 2");
    assert!(export.run(0).contains("wrote 1, removed 0, left alone 0, unchanged 3"));
}

// Keeps 140.
#[tokio::test(flavor = "multi_thread")]
async fn what_vanished_is_removed_and_nothing_of_anybody_else() {
    let export = Export::start().await;
    export.run(0);
    export.write("Show/tvshow.nfo", "a media server's");
    export.write("Show/E01.nfo", "changed by hand");
    export.world.sim.write("/films/Show/E01.nfo", "<other/>");
    export.world.sim.write("/films/Show/E02.mkv", "episode 2");
    std::fs::write(export.to().join("Show/E02.strm"), "somebody's own").unwrap();
    export.world.sim.remove("/films/one.mkv");
    export.world.sim.remove("/films/empty");
    let kept = export.said(export.run_with(&["--keep"]), 0);
    assert!(kept.contains("removed 0, left alone 2"), "{kept}");
    assert!(export.has("one.strm") && export.has("empty"));
    let told = export.run(0);
    assert!(
        told.contains("wrote 0, removed 1, left alone 2, unchanged 1") && told.contains("Show/E02.strm: left alone"),
        "{told}"
    );
    assert!(!export.has("one.strm") && !export.has("empty"));
    assert_eq!(read(&export.to().join("Show/E01.nfo")), "changed by hand");
    assert_eq!(read(&export.to().join("Show/E02.strm")), "somebody's own");
    // A folder goes but for what is in it that no export wrote as it is.
    export.world.sim.remove("/films/Show");
    export.run(0);
    assert!(!export.has("Show/E01.strm"));
    assert_eq!(read(&export.to().join("Show/tvshow.nfo")), "a media server's");
    assert_eq!(read(&export.to().join("Show/E01.nfo")), "changed by hand");
}

// Keeps 140.
#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_fails_removes_nothing() {
    let export = Export::start().await;
    export.run(0);
    let before = export.tree();
    export.world.sim.remove("/films/one.mkv");
    let busy = || FaultKind::Code { status: 429, code: "TooManyRequests".to_owned(), retry_after_ms: Some(60_000) };
    for (fault, word) in [
        (Fault::always("openFile/list", busy()), "listed whole"),
        (Fault::always("openFile/list", busy()).after(1), "listed whole"),
        (Fault::always("openFile/list", FaultKind::BrokenJson), "listed whole"),
    ] {
        export.world.sim.fault(fault);
        let told = export.run(1);
        assert!(told.contains(word) && told.contains("nothing was changed"), "{told}");
        assert_eq!(export.tree(), before);
        export.world.sim.clear_faults();
    }
    export.world.sim.remove("/films");
    assert!(export.run(1).contains("nothing was changed"), "a source that is gone is not an empty one");
    assert_eq!(export.tree(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_stays_in_its_folder_and_to_its_view() {
    let export = Export::start().await;
    export.run(0);
    let outside = export.folder.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::rename(export.to().join("Show"), outside.join("Show")).unwrap();
    std::os::unix::fs::symlink(outside.join("Show"), export.to().join("Show")).unwrap();
    export.world.sim.write("/films/Show/E02.mkv", "episode 2");
    let told = export.run(0);
    assert!(told.contains("left alone") && !outside.join("Show/E02.strm").exists(), "{told}");
    export.world.sim.remove("/films/Show");
    export.run(0);
    assert!(outside.join("Show/E01.strm").exists());
    export.settings("[[view]]\npath = \"/other\"\nsource = \"/films\"\nbase_url = \"http://nas:8080\"");
    let (config, to) = (export.config(), export.to());
    let run = |view: &str, to: &Path| {
        let output = alidav().args(["export", "--config", config.to_str().unwrap(), view]).arg(to).output().unwrap();
        export.said(output, 1)
    };
    assert!(run("/other", &to).contains("the export of the view /strm"));
    assert!(run("/none", &to).contains("there is /strm, /other"));
    assert!(run("/strm", Path::new("/nowhere/at/all")).contains("/nowhere/at/all"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_was_killed_goes_on_where_it_was() {
    let export = Export::start().await;
    export.run(0);
    // As if killed between the list of what it was about to write and the writing, and before the list at the end.
    let list = export.to().join(".alidav-export/written.json");
    let before = read(&list);
    export.world.sim.write("/films/Show/E02.mkv", "episode 2");
    export.run(0);
    std::fs::write(&list, before).unwrap();
    assert!(export.run(0).contains("wrote 0, removed 0, left alone 0, unchanged 4"));
    export.world.sim.remove("/films/Show/E02.mkv");
    assert!(export.run(0).contains("removed 1"), "what is as it should be is known again");
    // Another key makes other addresses, of the same length.
    let output = alidav().args(["renew-links", "--config", export.config().to_str().unwrap()]).output().unwrap();
    assert!(output.status.success());
    assert!(export.run(0).contains("wrote 2, removed 0, left alone 0, unchanged 1"));
}
