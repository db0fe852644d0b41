//! `alidav copy` between local folders and the drive: what it costs, what it leaves alone, and where it goes on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use alidav::sim::{Fault, FaultKind, Moment, Options, Simulator};
use serde_json::Value;

use crate::harness::{noise, rules, until};
use crate::process::{Process, alidav};

/// A drive, its settings, and a local folder.
pub(crate) struct Copy {
    pub(crate) sim: Simulator,
    pub(crate) folder: tempfile::TempDir,
}

impl Copy {
    pub(crate) async fn start() -> Self {
        let sim = Simulator::start(Options { rules: rules(), ..Options::default() }).await.unwrap();
        let copy = Self { sim, folder: tempfile::tempdir().unwrap() };
        fs::create_dir(copy.local()).unwrap();
        let (folder, url) = (copy.folder.path().display(), copy.sim.url());
        let text = format!(
            "listen = [\"127.0.0.1:0\"]\nstate = \"sqlite:{folder}/state.db\"\n[upstream]\napi_url = \"{url}\"\nlist_per_s = 10000\n\
             other_per_s = 10000\nlink_per_s = 10000\n[upload]\npart_size = 200000\n[[account]]\n\
             oauth_token_urls = [\"{url}/alicloud/renewapi\"]\nrefresh_token = \"{}\"\n[[mount]]\n[anonymous]\npermission = \"write\"\n",
            copy.sim.refresh_token(),
        );
        fs::write(copy.config(), text).unwrap();
        copy
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("alidav.toml")
    }

    /// The local folder.
    pub(crate) fn local(&self) -> PathBuf {
        self.folder.path().join("local")
    }

    /// Writes a local file that has rested since.
    pub(crate) fn write(&self, at: &str, content: &[u8]) -> PathBuf {
        let path = self.local().join(at);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        rest(&path);
        path
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = alidav();
        command.current_dir(self.folder.path()).arg("copy").arg("--config").arg(self.config());
        command
            .args(["--pause-ms", "20"])
            .args(words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn spawn(&self, words: &[&str]) -> Child {
        self.command(words).spawn().unwrap()
    }

    /// Runs it to its end, which must be with this code; what it said.
    pub(crate) fn run(&self, words: &[&str], code: i32) -> String {
        said(self.spawn(words), code)
    }

    /// Calls by endpoint since the last reset.
    pub(crate) fn calls(&self, name: &str) -> u64 {
        self.sim.calls().get(name).copied().unwrap_or_default()
    }

    /// Paths of the drive's files.
    pub(crate) fn files(&self) -> Vec<String> {
        self.sim.tree().into_iter().filter(|(_, content)| content.is_some()).map(|(path, _)| path).collect()
    }
}

pub(crate) fn rest(path: &Path) {
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_millis(1_620_284_889_123);
    fs::File::options().append(true).open(path).unwrap().set_modified(long_ago).unwrap();
}

/// What a run said that must end with this code.
pub(crate) fn said(child: Child, code: i32) -> String {
    let output: Output = tokio::task::block_in_place(|| child.wait_with_output().unwrap());
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{text}");
    text
}

// Keeps 152, 153.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_files_ten_are_sent_and_a_second_run_only_lists() {
    let copy = Copy::start().await;
    for at in 0..100 {
        let content = format!("file {at}").repeat(at % 7 + 1);
        copy.write(&format!("library/{}/{at}", at % 4), content.as_bytes());
        if at < 90 {
            copy.sim.write(&format!("/elsewhere/{at}"), content);
        }
    }
    copy.sim.reset_calls();
    let told = copy.run(&["local/library", "drive:/backup"], 0);
    assert!(
        told.contains("100 files") && told.contains("90 attached without sending, 10 sent, 0 present, 0 failed"),
        "{told}"
    );
    assert_eq!(
        (copy.calls("data PUT"), copy.calls("openFile/create"), copy.calls("openFile/complete")),
        (10, 106, 100)
    );
    let more = copy.sim.api_calls() - copy.calls("openFile/create") - copy.calls("openFile/complete");
    assert!(more <= 8, "{:?}", copy.sim.calls());
    assert_eq!(copy.sim.read("/backup/library/3/7").unwrap(), b"file 7");
    let before = copy.sim.tree();
    copy.sim.reset_calls();
    let told = copy.run(&["local/library", "drive:/backup"], 0);
    assert!(told.contains("100 present, 0 failed") && told.contains("0 B carried"), "{told}");
    assert_eq!(
        copy.sim.api_calls(),
        copy.calls("openFile/list") + copy.calls("openFile/get_by_path"),
        "{:?}",
        copy.sim.calls()
    );
    assert!(copy.sim.api_calls() <= 8);
    assert_eq!(copy.sim.tree(), before);
}

// Keeps 153.
#[tokio::test(flavor = "multi_thread")]
async fn a_hash_is_known_by_size_and_time_and_only_of_what_has_rested() {
    let copy = Copy::start().await;
    let path = copy.write("a", b"first");
    copy.run(&["local/", "drive:/b"], 0);
    // Size and time say that it is the same.
    fs::write(&path, "other").unwrap();
    rest(&path);
    copy.run(&["local/", "drive:/b"], 0);
    assert_eq!(copy.sim.read("/b/a").unwrap(), b"first");
    fs::write(&path, "fresh").unwrap();
    copy.run(&["local/", "drive:/b"], 0);
    assert_eq!(copy.sim.read("/b/a").unwrap(), b"fresh");
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, "again").unwrap();
    fs::File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
    copy.run(&["local/", "drive:/b"], 0);
    assert_eq!(copy.sim.read("/b/a").unwrap(), b"again");
    assert_eq!(copy.files(), ["/b/a"]);
}

// Keeps 152.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_copy_goes_on_and_sends_nothing_twice() {
    let copy = Copy::start().await;
    for at in 0..20 {
        copy.write(&format!("{at:02}"), format!("content {at}").as_bytes());
    }
    copy.sim.fault(Fault::always("data PUT", FaultKind::Hang).after(5));
    let mut child = copy.spawn(&["local", "drive:/", "--transfers", "1"]);
    until(|| copy.calls("data PUT") == 6).await;
    child.kill().unwrap();
    child.wait().unwrap();
    copy.sim.clear_faults();
    assert_eq!(copy.files().len(), 5);
    copy.sim.reset_calls();
    let told = copy.run(&["local", "drive:/"], 0);
    assert!(told.contains("15 sent, 5 present"), "{told}");
    assert_eq!(copy.calls("data PUT"), 15);
    assert_eq!(copy.files().len(), 20);
}

// Keeps 152.
#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_stops_and_the_next_run_goes_on() {
    let copy = Copy::start().await;
    for at in 0..4 {
        copy.write(&at.to_string(), &noise(1000 + at));
    }
    copy.sim.fault(Fault::always("data PUT", FaultKind::Hang).after(2));
    let child = copy.spawn(&["local/", "drive:/x", "--transfers", "1", "--json"]);
    until(|| copy.calls("data PUT") == 3).await;
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let told = said(child, 130);
    let last: Value = serde_json::from_str(told.trim().lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["event"], &last["exit"], &last["counts"]["sent"]["files"]),
        (&"summary".into(), &130.into(), &2.into())
    );
    copy.sim.clear_faults();
    copy.run(&["local/", "drive:/x"], 0);
    assert_eq!(copy.files(), ["/x/0", "/x/1", "/x/2", "/x/3"]);
}

// Keeps 154.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_after_it_was_hashed_is_taken_again() {
    let copy = Copy::start().await;
    let path = copy.write("a", &noise(500_000));
    let mut gate = copy.sim.gate("openFile/create", &[Moment::Start]);
    let child = copy.spawn(&["local/a", "drive:/"]);
    let held = gate.arrival().await;
    drop(gate);
    let new = noise(500_001);
    fs::write(&path, &new).unwrap();
    held.go_on();
    let told = said(child, 0);
    assert!(told.contains("1 sent"), "{told}");
    assert!(copy.sim.read("/a").unwrap() == new);
    assert_eq!(copy.files(), ["/a"]);
}

// Keeps 154.
#[tokio::test(flavor = "multi_thread")]
async fn links_sockets_and_what_cannot_be_read_are_told() {
    let copy = Copy::start().await;
    copy.write("d/a", b"a");
    let local = copy.local();
    std::os::unix::fs::symlink(&local, local.join("d/up")).unwrap();
    std::os::unix::fs::symlink(local.join("d/a"), local.join("link")).unwrap();
    std::os::unix::fs::symlink("nowhere", local.join("dangling")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(local.join("socket")).unwrap();
    let told = copy.run(&["local/", "drive:/"], 0);
    assert!(told.contains("socket: left out: a socket") && told.contains("link: left out: a symbolic link"), "{told}");
    assert_eq!(copy.files(), ["/d/a"]);
    // A link that leads nowhere cannot be followed; one that leads back is not.
    let told = copy.run(&["local/", "drive:/", "--follow-links"], 3);
    assert!(told.contains("up: left out: a symbolic link back") && told.contains("dangling: failed"), "{told}");
    assert_eq!(copy.files(), ["/d/a", "/link"]);
    // Nobody can read this one, not even root.
    let told = copy.run(&["/proc/self/clear_refs", "drive:/"], 1);
    assert!(told.contains("clear_refs: failed"), "{told}");
    copy.write("b", b"b");
    let told = copy.run(&["/proc/self/clear_refs", "local/b", "drive:/"], 3);
    assert!(told.contains("1 sent, 0 present, 1 failed"), "{told}");
}

// Keeps 154.
#[tokio::test(flavor = "multi_thread")]
async fn names_that_are_one_on_the_drive_are_not_one_after_the_other() {
    let copy = Copy::start().await;
    copy.write("é", b"composed");
    copy.write("e\u{301}", b"decomposed");
    fs::write(local_name(&copy, b"bad\xff"), "x").unwrap();
    let told = copy.run(&["local/", "drive:/"], 3);
    assert!(told.contains("another Unicode form") && told.contains("no UTF-8") && told.contains("2 failed"), "{told}");
    assert_eq!(copy.files().len(), 1);
}

fn local_name(copy: &Copy, name: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    copy.local().join(std::ffi::OsStr::from_bytes(name))
}

// Keeps 155.
#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_changes_nothing_and_what_is_not_wanted_stays() {
    let copy = Copy::start().await;
    copy.sim.write("/x/same", "same");
    copy.sim.write("/x/other", "drive's");
    copy.sim.write("/x/kept", "not in the source");
    for (at, content) in [("same", "same"), ("other", "local"), ("new", "new"), ("cache/c", "c"), ("deep/a.tmp", "t")] {
        copy.write(at, content.as_bytes());
    }
    fs::write(copy.local().join("young"), "young").unwrap();
    copy.sim.reset_calls();
    let before = copy.sim.tree();
    let words = ["local/", "drive:/x", "--exclude", "cache", "--exclude", "*.tmp"];
    let told = copy.run(&[&words[..], &["--dry-run"]].concat(), 0);
    assert!(told.contains("planned new") && told.contains("3 planned, 1 present"), "{told}");
    assert_eq!((copy.sim.tree(), copy.calls("openFile/create")), (before, 0));
    copy.run(&[&words[..], &["--newer-than", "1h"]].concat(), 0);
    assert_eq!(copy.files(), ["/x/kept", "/x/other", "/x/same", "/x/young"]);
    copy.run(&words, 0);
    assert_eq!(copy.files(), ["/x/kept", "/x/new", "/x/other", "/x/same", "/x/young"]);
    assert_eq!(copy.sim.read("/x/other").unwrap(), b"local");
}

// Keeps 155.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_drive_ends_it_and_wrong_words_change_nothing() {
    let copy = Copy::start().await;
    for at in 0..9 {
        copy.write(&at.to_string(), &noise(100 + at));
    }
    let full = FaultKind::Code { status: 403, code: "QuotaExhausted.Drive".to_owned(), retry_after_ms: None };
    copy.sim.fault(Fault::always("openFile/create", full).after(2));
    let told = copy.run(&["local/", "drive:/", "--transfers", "1"], 3);
    assert!(told.contains("alidav: stopped:") && told.contains("2 sent"), "{told}");
    assert!(copy.calls("openFile/create") <= 4, "{:?}", copy.sim.calls());
    copy.sim.clear_faults();
    for (words, code, why) in [
        (&["local/", "elsewhere"][..], 2, "one side must be the drive"),
        (&["local/", "drive:/", "--newer-than", "yesterday"], 2, "--newer-than"),
        (&["local/", "drive:/", "--exclude", "a["], 2, "--exclude"),
        (&["local/", "drive:/", "--bwlimit", "fast"], 2, "--bwlimit"),
        (&["nowhere", "drive:/"], 1, "nowhere: failed"),
        (&["local/"], 2, "DESTINATION"),
    ] {
        let told = copy.run(words, code);
        assert!(told.contains(why), "{told}");
    }
}

// Keeps 151.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_may_run_meanwhile_and_another_copy_may_not() {
    let copy = Copy::start().await;
    copy.write("a", b"a");
    let server = Process::serve(&copy.config());
    let listing =
        || async { crate::harness::client().get(format!("{}/healthz", server.url)).send().await.unwrap().status() };
    assert_eq!(listing().await, 200);
    let mut gate = copy.sim.gate("openFile/create", &[Moment::Start]);
    let child = copy.spawn(&["local/", "drive:/"]);
    let held = gate.arrival().await;
    let told = copy.run(&["local/", "drive:/"], 1);
    assert!(told.contains("another copy runs"), "{told}");
    drop(gate);
    held.go_on();
    said(child, 0);
    assert_eq!(copy.files(), ["/a"]);
}

// Keeps 151.
#[tokio::test(flavor = "multi_thread")]
async fn two_processes_renew_one_after_the_other() {
    let copy = Copy::start().await;
    copy.write("a", b"a");
    let server = Process::serve(&copy.config());
    let url = format!("{}/dav/", server.url);
    let listed = move || {
        let request = crate::harness::client().request("PROPFIND".parse().unwrap(), url.clone());
        async move { request.header("depth", "1").header("cache-control", "no-cache").send().await.unwrap().status() }
    };
    assert_eq!(listed().await, 207);
    copy.sim.expire_access_tokens();
    copy.sim.reset_calls();
    // Both find the token refused; only one may spend the refresh token.
    let mut gate = copy.sim.gate("openFile/list", &[Moment::Start]);
    let asked = tokio::spawn(listed());
    let first = gate.arrival().await;
    let child = copy.spawn(&["local/", "drive:/"]);
    let second = gate.arrival().await;
    drop(gate);
    first.go_on();
    second.go_on();
    assert_eq!(asked.await.unwrap(), 207);
    said(child, 0);
    let renewals: u64 =
        copy.sim.calls().iter().filter(|(name, _)| name.contains("renewapi")).map(|(_, count)| count).sum();
    assert_eq!(renewals, 1, "{:?}", copy.sim.calls());
}

// Keeps 156.
#[tokio::test(flavor = "multi_thread")]
async fn files_come_from_the_drive_and_a_second_run_reads_none() {
    let copy = Copy::start().await;
    copy.sim.write("/films/a/one.bin", noise(700_000));
    copy.sim.write("/films/two.txt", "two");
    copy.sim.write("/films/empty", "");
    copy.sim.mkdir("/films/none");
    copy.run(&["drive:/films", "local"], 0);
    let to = copy.local().join("films");
    assert!(fs::read(to.join("a/one.bin")).unwrap() == noise(700_000));
    assert_eq!(
        (fs::read(to.join("two.txt")).unwrap(), fs::read(to.join("empty")).unwrap()),
        (b"two".to_vec(), Vec::new())
    );
    assert!(to.join("none").is_dir());
    copy.sim.reset_calls();
    let told = copy.run(&["drive:/films", "local"], 0);
    assert!(told.contains("3 present"), "{told}");
    assert_eq!(copy.calls("data GET"), 0);
    // What was changed here is replaced whole, what stands in the way is not.
    fs::write(to.join("two.txt"), "owt").unwrap();
    fs::remove_dir_all(to.join("a")).unwrap();
    std::os::unix::fs::symlink(copy.folder.path(), to.join("a")).unwrap();
    let told = copy.run(&["drive:/films", "local"], 3);
    assert!(told.contains("films/a/: failed"), "{told}");
    assert_eq!(fs::read(to.join("two.txt")).unwrap(), b"two");
    assert!(!copy.folder.path().join("one.bin").exists());
}

// Keeps 156.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_download_goes_on_from_what_is_right_of_it() {
    let copy = Copy::start().await;
    let content = noise(20 << 20);
    copy.sim.write("/film", content.clone());
    copy.sim.fault(Fault::once("data GET", FaultKind::Stall { after: 18 << 20 }));
    let mut child = copy.spawn(&["drive:/film", "local"]);
    let part = || {
        fs::read_dir(copy.local()).unwrap().flatten().find(|entry| entry.path().extension() == Some("part".as_ref()))
    };
    until(|| part().is_some_and(|part| part.metadata().unwrap().len() >= 17 << 20)).await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!copy.local().join("film").exists());
    // The second block of eight megabytes is damaged: the first one counts.
    let path = part().unwrap().path();
    let mut bytes = fs::read(&path).unwrap();
    bytes[9 << 20] ^= 1;
    fs::write(&path, bytes).unwrap();
    let before = copy.sim.downloaded();
    copy.run(&["drive:/film", "local"], 0);
    let names: Vec<_> = fs::read_dir(copy.local()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["film"]);
    assert!(fs::read(copy.local().join("film")).unwrap() == content);
    assert!(copy.sim.downloaded() - before <= (12 << 20) + (18 << 20), "{}", copy.sim.downloaded() - before);
}
