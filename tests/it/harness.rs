//! A server over a simulator, and a client that looks at raw answers.

use std::time::Duration;

use alidav::clock::UnixMillis;
use alidav::config::{Account, Config, LinkPolicy, ListenAddr, Mount, Permission, StateLocation, Timeouts};
use alidav::server::Server;
use alidav::sim::{ListedUrl, Options, Rules, Simulator};
use reqwest::{Client, Method, RequestBuilder, Response};

/// One running pair.
pub(crate) struct Fixture {
    pub(crate) sim: Simulator,
    pub(crate) server: Server,
    pub(crate) http: Client,
    pub(crate) config: Config,
}

/// A second account, whose drive is at `/other`.
pub(crate) fn other_account(config: &mut Config, token: &str) {
    let mut other = Account::named("other");
    other.oauth_token_urls = config.accounts[0].oauth_token_urls.clone();
    other.refresh_token = Some(token.to_owned().into());
    config.accounts.push(other);
    let mut mount = Mount::at("/other", "other");
    mount.link_policy = LinkPolicy::Proxy;
    config.mounts.push(mount);
}

/// Rules without call rates, which only some tests are about.
pub(crate) fn rules() -> Rules {
    Rules { rate_limits: false, ..Rules::default() }
}

/// Settings for a simulator: everybody may do everything, files come through the proxy.
pub(crate) fn config(sim: &Simulator) -> Config {
    let mut account = Account::named("main");
    account.oauth_token_urls = vec![format!("{}/alicloud/renewapi", sim.url()).parse().unwrap()];
    account.refresh_token = Some(sim.refresh_token().into());
    let mut mount = Mount::at("/", "main");
    mount.link_policy = alidav::config::LinkPolicy::Proxy;
    let mut config = Config::new(vec![account], vec![mount]);
    config.listen = vec![ListenAddr::Tcp("127.0.0.1:0".parse().unwrap())];
    config.state = StateLocation::Memory;
    config.anonymous = Permission::Write;
    config.upstream.api_url = sim.url().parse().unwrap();
    config.upstream.list_per_s = 100_000.0;
    config.upstream.link_per_s = 100_000.0;
    config.upstream.other_per_s = 100_000.0;
    config.timeouts = short();
    config
}

/// Waits that a test sits through. What falls silent is left as late as by default: a loaded machine is silent, too.
fn short() -> Timeouts {
    Timeouts {
        first_retry: Duration::from_millis(50),
        first_throttled_retry: Duration::from_millis(100),
        first_part_retry: Duration::from_millis(20),
        first_commit_retry: Duration::from_millis(50),
        sign_in_poll: Duration::from_millis(20),
        unclear_renewal: Duration::from_millis(500),
        failed_renewal: Duration::from_millis(100),
        removal_try: Duration::from_secs(1),
        first_removal: Duration::from_millis(100),
        ..Timeouts::default()
    }
}

/// Waits until something holds.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    eventually(async || condition()).await;
}

/// Waits until something holds that has to be asked for.
pub(crate) async fn eventually(mut condition: impl AsyncFnMut() -> bool) {
    let holds = async {
        while !condition().await {
            // What is waited for is seen from outside only, so it is looked at again and again.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), holds).await.expect("it never came to be");
}

/// Waits until the drive would note a later time than now: its times are in milliseconds.
pub(crate) async fn a_later_moment() {
    let now = UnixMillis::now();
    until(|| UnixMillis::now() > now).await;
}

/// What clients are made of here: nothing goes through the environment's proxy.
pub(crate) fn builder() -> reqwest::ClientBuilder {
    rustls::crypto::ring::default_provider().install_default().ok();
    Client::builder().no_proxy()
}

/// A client for servers in other processes, of which none has chosen this one's TLS.
pub(crate) fn client() -> Client {
    // It adds no Referer, as the drive demands of those who follow a redirect.
    builder().referer(false).build().unwrap()
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// Starts with changed settings.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let options = Options { rules: rules(), ..Options::default() };
        Self::over(Simulator::start(options).await.unwrap(), change).await
    }

    /// Starts over a given simulator.
    pub(crate) async fn over(sim: Simulator, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = config(&sim);
        change(&mut config);
        let server = Server::start(&config).await.unwrap();
        let http = builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { sim, server, http, config }
    }

    /// The same settings and the same drive behind a new process.
    pub(crate) async fn restart(self) -> Self {
        self.server.stop().await;
        let server = Server::start(&self.config).await.unwrap();
        Self { server, ..self }
    }

    /// The drive gives links alone from its next listing on, for tests of what goes by them.
    pub(crate) fn by_links_alone(&self) {
        self.sim.rules(|rules| rules.listed_url = ListedUrl::Absent);
    }

    /// URL of an encoded path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.addr().unwrap())
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.http.request(Method::from_bytes(method.as_bytes()).unwrap(), self.url(path))
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request("GET", path).send().await.unwrap()
    }

    pub(crate) async fn get_as(&self, agent: &str, path: &str) -> Response {
        self.request("GET", path).header("user-agent", agent).send().await.unwrap()
    }

    pub(crate) async fn head(&self, path: &str) -> Response {
        self.request("HEAD", path).send().await.unwrap()
    }

    pub(crate) async fn range(&self, path: &str, range: &str) -> Response {
        self.request("GET", path).header("range", range).send().await.unwrap()
    }

    pub(crate) async fn propfind(&self, path: &str, depth: &str) -> Response {
        self.request("PROPFIND", path).header("depth", depth).send().await.unwrap()
    }

    /// Hrefs of a listing, which must succeed.
    pub(crate) async fn hrefs(&self, path: &str) -> Vec<String> {
        let answer = self.propfind(path, "1").await;
        assert_eq!(answer.status(), 207);
        hrefs(&answer.text().await.unwrap())
    }

    /// Calls to the drive's API since the last reset, as sorted `name count` pairs without transfers.
    pub(crate) fn calls(&self) -> Vec<(String, u64)> {
        self.sim.calls().into_iter().filter(|(name, _)| !name.starts_with("data ")).collect()
    }
}

/// The href of each response.
pub(crate) fn hrefs(document: &str) -> Vec<String> {
    document
        .split("<D:response><D:href>")
        .skip(1)
        .filter_map(|rest| rest.split("</D:href>").next())
        .map(str::to_owned)
        .collect()
}

/// SHA-1 in hex.
pub(crate) fn sha1(bytes: &[u8]) -> String {
    use sha1::Digest as _;
    sha1::Sha1::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes that differ everywhere.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        u8::try_from(state >> 24).unwrap()
    };
    (0..length).map(|_| next()).collect()
}

pub(crate) fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}
