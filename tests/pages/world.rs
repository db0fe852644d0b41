//! A browser before a server of its own, over a simulator of its own.

use std::ops::Deref;

use alidav::config::{Config, Permission, User};
use alidav::sim::{Options, Simulator};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::browser::Browser;
use crate::harness::{Fixture, rules};

pub(crate) struct World {
    pub(crate) site: Fixture,
    browser: Browser,
    /// Hosts that the browser may ask.
    hosts: Vec<String>,
}

impl Deref for World {
    type Target = Browser;

    fn deref(&self) -> &Browser {
        &self.browser
    }
}

impl World {
    /// Everybody may do everything.
    pub(crate) async fn open() -> Self {
        Self::with(|_| {}).await
    }

    /// With changed settings.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let sim = Simulator::start(Options { rules: rules(), ..Options::default() }).await.unwrap();
        Self::over(sim, change).await
    }

    pub(crate) async fn over(sim: Simulator, change: impl FnOnce(&mut Config)) -> Self {
        let drive = sim.url();
        let site = Fixture::over(sim, |config| {
            config.web.media_hosts = vec![drive.clone()];
            change(config);
        })
        .await;
        let hosts = vec![host(&site.url("")), host(&drive)];
        Self { site, browser: Browser::start().await, hosts }
    }

    /// The same settings and the same drive behind a new process, at another port; the browser stays.
    pub(crate) async fn restart(self) -> Self {
        let Self { site, browser, mut hosts } = self;
        // What the open page still asks for in the background would find nobody there.
        browser.goto("about:blank").await;
        let site = site.restart().await;
        hosts.push(host(&site.url("")));
        Self { site, browser, hosts }
    }

    /// Opens one of the server's pages by its encoded path.
    pub(crate) async fn visit(&self, path: &str) {
        self.goto(&self.site.url(path)).await;
    }

    /// Opens the page of a path of the tree; a folder's ends with a slash.
    pub(crate) async fn visit_file(&self, path: &str) {
        self.visit(&page_of(path)).await;
    }

    /// Presses an item of the open folder, which then is the page.
    pub(crate) async fn enter(&self, name: &str) {
        self.click("[data-name] a", name).await;
    }

    /// Opens the menu of an item of the folder and takes a line of it.
    pub(crate) async fn act(&self, name: &str, act: &str) {
        self.choose(&format!("Actions for {name}"), act).await;
    }

    /// Waits until the folder shows these names and no other, in this order.
    pub(crate) async fn lists(&self, names: &[&str]) {
        let names = serde_json::to_string(names).unwrap();
        let shown =
            "JSON.stringify([...document.querySelectorAll('[data-name]')].map((e) => e.dataset.name)).normalize()";
        self.until(&format!("{shown} === JSON.stringify({names}).normalize()")).await;
    }

    /// Ends all of it; what every test stands for is held here.
    pub(crate) async fn finish(self) {
        self.finish_with(&[]).await;
    }

    /// The same, where the test itself leads to other hosts.
    pub(crate) async fn finish_with(self, others: &[String]) {
        self.browser.finish(&[&self.hosts, others].concat()).await;
        self.site.server.stop().await;
    }
}

/// The page of a path of the tree.
pub(crate) fn page_of(path: &str) -> String {
    let encoded = path.split('/').map(|part| utf8_percent_encode(part, NON_ALPHANUMERIC).to_string());
    format!("/files{}", encoded.collect::<Vec<_>>().join("/"))
}

fn host(url: &str) -> String {
    url.trim_start_matches("http://").to_owned()
}

/// One user, who may do everything, and no stranger.
pub(crate) fn one_user(config: &mut Config) {
    config.anonymous = Permission::None;
    config.users = vec![User {
        name: "me".into(),
        password: "secret".into(),
        base_path: "/".into(),
        permission: Permission::Write,
    }];
}
