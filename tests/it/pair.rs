//! Two servers over one drive that share one PostgreSQL, in a database of their own.

use alidav::config::{Config, StateLocation};
use alidav::server::Server;
use alidav::sim::{Options, Rules, Simulator};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use sqlx::ConnectOptions as _;

use crate::harness::{builder, config, hrefs};

/// Two servers over one drive and one database.
pub(crate) struct Pair {
    pub(crate) sim: Simulator,
    pub(crate) servers: [Server; 2],
    pub(crate) http: Client,
    pub(crate) database: Database,
}

/// A database of its own, dropped at the end.
pub(crate) struct Database {
    admin: url::Url,
    pub(crate) name: String,
}

impl Database {
    pub(crate) async fn make() -> Option<Self> {
        #[expect(clippy::disallowed_methods, reason = "no setting of the program")]
        let admin = std::env::var("POSTGRES_FOR_TESTS").ok()?.parse().unwrap();
        let database = Self { admin, name: format!("alidav_test_{}", uuid::Uuid::new_v4().simple()) };
        database.administer(&format!("CREATE DATABASE {}", database.name)).await;
        Some(database)
    }

    pub(crate) async fn administer(&self, statement: &str) {
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

    pub(crate) async fn run(&self, statements: &str) {
        let mut connection = self.connection().await;
        sqlx::raw_sql(sqlx::AssertSqlSafe(statements.to_owned())).execute(&mut connection).await.unwrap();
    }

    pub(crate) async fn number(&self, statement: &'static str) -> i64 {
        sqlx::query_scalar(statement).fetch_one(&mut self.connection().await).await.unwrap()
    }

    pub(crate) fn location(&self) -> StateLocation {
        let mut url = self.admin.clone();
        url.set_path(&self.name);
        let text =
            format!("state = {:?}\n[[account]]\nname = \"a\"\n[[mount]]\npath = \"/\"\naccount = \"a\"", url.as_str());
        Config::read(&text, None, &std::collections::BTreeMap::new()).unwrap().config.state
    }
}

impl Pair {
    /// Starts both, where there is a server to share.
    pub(crate) async fn start(rules: Rules, change: impl Fn(&mut Config)) -> Option<Self> {
        let database = Database::make().await?;
        let sim = Simulator::start(Options { rules, ..Options::default() }).await.unwrap();
        let mut config = config(&sim);
        config.state = database.location();
        change(&mut config);
        let named = |name: &str| Config { instance: name.to_owned(), ..config.clone() };
        let servers = [Server::start(&named("one")).await.unwrap(), Server::start(&named("two")).await.unwrap()];
        let http = builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Some(Self { sim, servers, http, database })
    }

    pub(crate) fn request(&self, server: usize, method: &str, path: &str) -> RequestBuilder {
        self.http.request(Method::from_bytes(method.as_bytes()).unwrap(), self.url(server, path))
    }

    pub(crate) fn url(&self, server: usize, path: &str) -> String {
        format!("http://{}{path}", self.servers[server].addr().unwrap())
    }

    pub(crate) async fn put(&self, server: usize, path: &str, body: impl Into<reqwest::Body>) -> u16 {
        self.request(server, "PUT", path).body(body).send().await.unwrap().status().as_u16()
    }

    pub(crate) async fn text(&self, server: usize, path: &str) -> String {
        self.request(server, "GET", path).send().await.unwrap().text().await.unwrap()
    }

    pub(crate) async fn members(&self, server: usize, path: &str) -> Vec<String> {
        let answer = self.request(server, "PROPFIND", path).header("depth", "1").send().await.unwrap();
        assert_eq!(answer.status(), 207);
        hrefs(&answer.text().await.unwrap())
    }

    pub(crate) async fn end(self) {
        for server in self.servers {
            server.stop().await;
        }
        self.database.administer(&format!("DROP DATABASE {} WITH (FORCE)", self.database.name)).await;
    }
}

/// Paths of all that the drive itself has.
pub(crate) async fn on_drive(sim: &Simulator) -> Vec<String> {
    let tree: Value = reqwest::get(format!("{}/sim/tree", sim.url())).await.unwrap().json().await.unwrap();
    tree.as_array().unwrap().iter().map(|row| row["path"].as_str().unwrap().to_owned()).collect()
}
