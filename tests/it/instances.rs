//! Two servers that share one PostgreSQL, before one drive: what one changes the other knows, what one has the other
//! waits for. They run where `POSTGRES_FOR_TESTS` names a server on which databases may be made.

use std::time::Duration;

use alidav::config::{Config, StateLocation};
use alidav::server::Server;
use alidav::sim::{Options, Rules, Simulator};
use futures_util::StreamExt as _;
use reqwest::{Client, Method, RequestBuilder};
use sqlx::ConnectOptions as _;

use crate::harness::{self, a_later_moment, builder, config, eventually, hrefs, noise, rules};

const LOCK: &str = r#"<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>"#;

/// Two servers over one drive and one database.
struct Pair {
    sim: Simulator,
    servers: [Server; 2],
    http: Client,
    database: Database,
}

/// A database of its own, dropped at the end.
struct Database {
    admin: url::Url,
    name: String,
}

impl Database {
    async fn make() -> Option<Self> {
        #[expect(clippy::disallowed_methods, reason = "no setting of the program")]
        let admin = std::env::var("POSTGRES_FOR_TESTS").ok()?.parse().unwrap();
        let database = Self { admin, name: format!("alidav_test_{}", uuid::Uuid::new_v4().simple()) };
        database.administer(&format!("CREATE DATABASE {}", database.name)).await;
        Some(database)
    }

    async fn administer(&self, statement: &str) {
        let options: sqlx::postgres::PgConnectOptions = self.admin.as_str().parse().unwrap();
        let mut connection = options.connect().await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.unwrap();
    }

    async fn connection(&self) -> sqlx::PgConnection {
        let mut url = self.admin.clone();
        url.set_path(&self.name);
        let options: sqlx::postgres::PgConnectOptions = url.as_str().parse().unwrap();
        options.connect().await.unwrap()
    }

    async fn run(&self, statements: &str) {
        let mut connection = self.connection().await;
        sqlx::raw_sql(sqlx::AssertSqlSafe(statements.to_owned())).execute(&mut connection).await.unwrap();
    }

    async fn number(&self, statement: &'static str) -> i64 {
        sqlx::query_scalar(statement).fetch_one(&mut self.connection().await).await.unwrap()
    }

    fn location(&self) -> StateLocation {
        let mut url = self.admin.clone();
        url.set_path(&self.name);
        let text =
            format!("state = {:?}\n[[account]]\nname = \"a\"\n[[mount]]\npath = \"/\"\naccount = \"a\"", url.as_str());
        Config::read(&text, None, &std::collections::BTreeMap::new()).unwrap().config.state
    }
}

impl Pair {
    /// Starts both, where there is a server to share.
    async fn start(rules: Rules, change: impl Fn(&mut Config)) -> Option<Self> {
        let database = Database::make().await?;
        let sim = Simulator::start(Options { rules, ..Options::default() }).await.unwrap();
        let mut config = config(&sim);
        config.state = database.location();
        config.among_others = true;
        change(&mut config);
        let servers = [Server::start(&config).await.unwrap(), Server::start(&config).await.unwrap()];
        let http = builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Some(Self { sim, servers, http, database })
    }

    fn request(&self, server: usize, method: &str, path: &str) -> RequestBuilder {
        self.http.request(Method::from_bytes(method.as_bytes()).unwrap(), self.url(server, path))
    }

    fn url(&self, server: usize, path: &str) -> String {
        format!("http://{}{path}", self.servers[server].addr().unwrap())
    }

    async fn put(&self, server: usize, path: &str, body: impl Into<reqwest::Body>) -> u16 {
        self.request(server, "PUT", path).body(body).send().await.unwrap().status().as_u16()
    }

    async fn text(&self, server: usize, path: &str) -> String {
        self.request(server, "GET", path).send().await.unwrap().text().await.unwrap()
    }

    async fn members(&self, server: usize, path: &str) -> Vec<String> {
        let answer = self.request(server, "PROPFIND", path).header("depth", "1").send().await.unwrap();
        assert_eq!(answer.status(), 207);
        hrefs(&answer.text().await.unwrap())
    }

    async fn end(self) {
        for server in self.servers {
            server.stop().await;
        }
        self.database.administer(&format!("DROP DATABASE {} WITH (FORCE)", self.database.name)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_changes_the_other_shows() {
    let Some(pair) = Pair::start(rules(), |_| {}).await else { return };
    for server in [0, 1] {
        pair.members(server, "/dav/").await;
    }
    assert_eq!(pair.put(0, "/dav/new.txt", "one").await, 201);
    eventually(async || pair.members(1, "/dav/").await.contains(&"/dav/new.txt".to_owned())).await;
    assert_eq!(pair.text(1, "/dav/new.txt").await, "one");
    a_later_moment().await;
    assert_eq!(pair.put(1, "/dav/new.txt", "two!").await, 204);
    eventually(async || pair.text(0, "/dav/new.txt").await == "two!").await;
    let gone = pair.request(0, "DELETE", "/dav/new.txt").send().await.unwrap();
    assert_eq!(gone.status(), 204);
    eventually(async || !pair.members(1, "/dav/").await.contains(&"/dav/new.txt".to_owned())).await;
    pair.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_writers_at_two_servers_one_version_stays() {
    let Some(pair) = Pair::start(rules(), |_| {}).await else { return };
    for round in 0..10 {
        let path = format!("/dav/round{round}.txt");
        let (one, other) = (format!("one {round}"), format!("the other {round}"));
        let both = tokio::join!(pair.put(0, &path, one.clone()), pair.put(1, &path, other.clone()));
        assert!(matches!(both, (201 | 204, 201 | 204)), "{both:?}");
        let name = path.trim_start_matches("/dav");
        let kept = String::from_utf8(pair.sim.read(name).unwrap()).unwrap();
        assert!(kept == one || kept == other, "{kept}");
        pair.sim.remove(name);
        assert_eq!(pair.sim.read(name), None, "two of one name in round {round}: {both:?}");
    }
    pair.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_holds_at_both() {
    let Some(pair) = Pair::start(rules(), |_| {}).await else { return };
    pair.put(0, "/dav/locked.txt", "before").await;
    let lock = async |server| pair.request(server, "LOCK", "/dav/locked.txt").body(LOCK).send().await.unwrap();
    let made = lock(0).await;
    assert_eq!(made.status(), 200);
    let token = harness::header(&made, "lock-token").to_owned();
    assert_eq!(lock(1).await.status(), 423);
    assert_eq!(pair.put(1, "/dav/locked.txt", "without").await, 423);
    let with = pair.request(1, "PUT", "/dav/locked.txt").header("if", format!("({token})")).body("with").send().await;
    assert_eq!(with.unwrap().status(), 204);
    let ended = pair.request(1, "UNLOCK", "/dav/locked.txt").header("lock-token", &token).send().await.unwrap();
    assert_eq!(ended.status(), 204);
    assert_eq!(pair.put(0, "/dav/locked.txt", "after").await, 204);
    // Of many who lock at once one has it.
    let all = futures_util::future::join_all((0..8).map(|n| lock(n % 2))).await;
    assert_eq!(all.iter().filter(|answer| answer.status() == 200).count(), 1);
    pair.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn properties_stored_by_both_stay() {
    let Some(pair) = Pair::start(rules(), |_| {}).await else { return };
    pair.put(0, "/dav/noted.txt", "x").await;
    pair.members(1, "/dav/").await;
    let patch = |server: usize, name: String| {
        let body = format!(
            r#"<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><x:{name} xmlns:x="urn:x">{name}</x:{name}></D:prop></D:set></D:propertyupdate>"#
        );
        pair.request(server, "PROPPATCH", "/dav/noted.txt").body(body).send()
    };
    let all = futures_util::future::join_all((0..10).map(|n| patch(n % 2, format!("p{n}")))).await;
    assert!(all.into_iter().all(|answer| answer.unwrap().status() == 207));
    let body = r#"<D:propfind xmlns:D="DAV:"><D:allprop/></D:propfind>"#;
    for server in [0, 1] {
        eventually(async || {
            let answer =
                pair.request(server, "PROPFIND", "/dav/noted.txt").header("depth", "0").body(body).send().await;
            let text = answer.unwrap().text().await.unwrap();
            (0..10).all(|n| text.contains(&format!(">p{n}<")))
        })
        .await;
    }
    pair.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_keep_to_one_rate() {
    let rates = |config: &mut Config| {
        config.upstream.list_per_s = 3.9;
        config.upstream.link_per_s = 0.9;
        config.upstream.other_per_s = 14.9;
    };
    let Some(pair) = Pair::start(Rules::default(), rates).await else { return };
    for n in 0..16 {
        pair.sim.mkdir(&format!("/f{n}"));
    }
    let listing = |n: usize| {
        let request = pair.request(n % 2, "PROPFIND", &format!("/dav/f{n}/")).header("depth", "1");
        async move { request.send().await.unwrap().status() }
    };
    let all = futures_util::future::join_all((0..16).map(listing)).await;
    assert!(all.iter().all(|status| *status == 207), "{all:?}");
    assert_eq!(pair.sim.throttled(), 0);
    pair.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_bodies_are_open_than_one_server_may_have() {
    let slots = |config: &mut Config| {
        config.upstream.max_streams = 3;
        config.download.connections = 1;
        config.download.memory = 0;
        config.timeouts.paused_client = Duration::from_millis(300);
    };
    let Some(pair) = Pair::start(rules(), slots).await else { return };
    for n in 0..6 {
        pair.sim.write(&format!("/film{n}.mkv"), noise(3 << 20));
    }
    // Six who read all at once, each by a server that is not the last one's.
    let read = |n: usize| {
        let request = pair.request(n % 2, "GET", &format!("/dav/film{n}.mkv"));
        async move {
            let mut body = request.send().await.unwrap().bytes_stream();
            let mut length = 0;
            while let Some(bytes) = body.next().await {
                length += bytes.unwrap().len();
            }
            length
        }
    };
    let all = futures_util::future::join_all((0..6).map(read)).await;
    assert!(all.iter().all(|length| *length == 3 << 20), "{all:?}");
    assert!(pair.sim.peak_downloads() <= 3, "{}", pair.sim.peak_downloads());
    pair.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_while_a_connection_was_lost_is_looked_for() {
    let Some(pair) = Pair::start(rules(), |_| {}).await else { return };
    for round in 0..3 {
        pair.members(1, "/dav/").await;
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE application_name LIKE 'alidav %' AND datname = current_database()";
        pair.database.run(cut).await;
        let name = format!("/dav/after{round}.txt");
        eventually(async || pair.put(0, &name, "x").await == 201).await;
        eventually(async || pair.members(1, "/dav/").await.contains(&name)).await;
    }
    pair.end().await;
}

// Keeps 171.
#[tokio::test(flavor = "multi_thread")]
async fn one_server_at_a_time_serves_and_the_next_begins_when_it_has_ended() {
    let Some(database) = Database::make().await else { return };
    let sim = Simulator::start(Options { rules: rules(), ..Options::default() }).await.unwrap();
    let mut config = config(&sim);
    config.state = database.location();
    config.timeouts.instance_life = Duration::from_millis(500);
    let first = Server::start(&config).await.unwrap();
    let refused = Server::start(&config).await.unwrap_err().to_string();
    assert!(refused.contains("another alidav serves from it") && refused.contains(&database.name), "{refused}");
    config.timeouts.instance_life = Duration::from_secs(30);
    let (second, ()) = tokio::join!(Server::start(&config), first.stop());
    second.unwrap().stop().await;
    database.administer(&format!("DROP DATABASE {} WITH (FORCE)", database.name)).await;
}

// Keeps 171.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_taken_for_dead_serves_on_unless_another_does() {
    let Some(database) = Database::make().await else { return };
    let sim = Simulator::start(Options { rules: rules(), ..Options::default() }).await.unwrap();
    let mut config = config(&sim);
    config.state = database.location();
    config.timeouts.instance_life = Duration::from_secs(1);
    let first = Server::start(&config).await.unwrap();
    // As if its signs of life had not come for a while, and nobody had taken over.
    let lapses = "UPDATE instances SET alive_until = clock_timestamp() - interval '1 second'";
    database.run(lapses).await;
    let lives = "SELECT count(*)::bigint FROM leases l JOIN instances i ON i.id = l.holder \
                 WHERE l.held AND i.alive_until > clock_timestamp()";
    eventually(async || database.number(lives).await == 1).await;
    assert!(Server::start(&config).await.is_err(), "two serve");
    // Another takes over before it notices.
    database.run("DELETE FROM instances").await;
    let usurp = "INSERT INTO instances (id, name, alive_until) \
                 VALUES (7, 'other', clock_timestamp() + interval '1 hour'); UPDATE leases SET holder = 7";
    database.run(usurp).await;
    tokio::time::timeout(Duration::from_secs(20), first.superseded()).await.unwrap();
    first.stop().await;
    database.administer(&format!("DROP DATABASE {} WITH (FORCE)", database.name)).await;
}
