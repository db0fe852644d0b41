//! A server's state moved to another store by `alidav state copy`.

use std::path::{Path, PathBuf};
use std::process::Output;

use crate::harness::Fixture;
use crate::process::{Process, alidav};

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

struct Home {
    world: Fixture,
    folder: tempfile::TempDir,
    token: String,
}

impl Home {
    async fn new() -> Self {
        let world = Fixture::start().await;
        world.sim.write("/a", "x");
        let token = world.sim.refresh_token();
        Self { world, folder: tempfile::tempdir().unwrap(), token }
    }

    fn store(&self, name: &str) -> String {
        format!("sqlite:{}", self.folder.path().join(name).display())
    }

    /// A settings' file with that store.
    fn settings(&self, store: &str) -> PathBuf {
        let url = self.world.sim.url();
        let text = format!(
            "listen = [\"127.0.0.1:0\"]\nstate = {store:?}\n[upstream]\napi_url = \"{url}\"\n[[account]]\n\
             oauth_token_urls = [\"{url}/alicloud/renewapi\"]\nrefresh_token = \"{token}\"\n\
             [[mount]]\npath = \"/\"\n[anonymous]\npermission = \"read\"\n",
            token = self.token,
        );
        let file = self.folder.path().join("alidav.toml");
        std::fs::write(&file, text).unwrap();
        file
    }

    fn check(file: &Path) -> String {
        let output = alidav().args(["check", "--config"]).arg(file).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        text(&output)
    }

    /// What the command says that ends so; never the token.
    fn copy(&self, arguments: &[&str], code: i32) -> String {
        let output = alidav().args(["state", "copy"]).args(arguments).output().unwrap();
        let told = text(&output);
        assert_eq!(output.status.code(), Some(code), "{told}");
        assert!(!told.contains(&self.token) && !told.contains("hush"), "{told}");
        told
    }
}

// Keeps 172.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_goes_on_from_the_other_store_without_a_token_call() {
    let home = Home::new().await;
    let (old, new) = (home.store("old.db"), home.store("new.db"));
    let file = home.settings(&old);
    Home::check(&file);
    let calls = home.world.sim.calls();
    let told = home.copy(&["settings", &new, "--config", file.to_str().unwrap()], 0);
    for words in ["tokens             1", "drives             1", "locks              0", "put the latter into `state`"]
    {
        assert!(told.contains(words), "{words} is not in\n{told}");
    }
    assert_eq!(home.world.sim.calls(), calls);
    let file = home.settings(&new);
    Home::check(&file);
    assert_eq!(home.world.sim.calls()["openlist/renewapi"], 1);
}

// Keeps 172.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_cannot_be_right_is_refused_with_the_remedy() {
    let home = Home::new().await;
    let (old, new, none) = (home.store("old.db"), home.store("new.db"), home.store("none.db"));
    let file = home.settings(&old);
    Home::check(&file);
    let told = home.copy(&[&none, &new], 1);
    assert!(told.contains("none.db") && told.contains("nothing was copied"), "{told}");
    assert!(!home.folder.path().join("none.db").exists() && !home.folder.path().join("new.db").exists());
    let running = Process::serve(&file);
    let told = home.copy(&[&old, &new], 1);
    assert!(told.contains("old.db: an alidav serves from it; end that one"), "{told}");
    drop(running);
    home.copy(&[&old, &new], 0);
    let told = home.copy(&[&old, &new], 1);
    assert!(told.contains("it has tokens already; name a new file, or an empty database"), "{told}");
    for (wrong, words) in [
        ("postgres://me:hush@db.example", "TO names no database"),
        ("mysql://me:hush@db.example/x", "TO must be like"),
        ("sqlite::memory:", "in memory"),
    ] {
        assert!(home.copy(&[&old, wrong], 2).contains(words));
    }
    let away = "postgres://me:hush@127.0.0.1:9/alidav";
    assert!(home.copy(&[&old, away], 1).contains("PostgreSQL runs"));
}
