//! Signing in, renewing, and everything that can go wrong with single-use tokens.

use alidav::config::StateLocation;
use alidav::sim::{Application, CLIENT_ID, CLIENT_SECRET, Fault, FaultKind, Options, Simulator};
use alidav::upstream::Client;

use std::time::Duration;

use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use crate::harness::{Fixture, eventually, rules, until};
use crate::process::Process;

async fn works(world: &Fixture) -> bool {
    let fresh = world.request("PROPFIND", "/dav/").header("depth", "1").header("cache-control", "no-cache");
    fresh.send().await.unwrap().status() == 207
}

#[tokio::test]
async fn every_form_of_token_server_and_an_own_application_renew() {
    for (server, application) in [
        ("/alicloud/renewapi", Application::OpenList),
        ("/alist/ali_open/token", Application::AList),
        ("/messense", Application::AliyundriveWebdav),
        ("own", Application::Own),
    ] {
        let sim = Simulator::start(Options { rules: rules(), ..Options::default() }).await.unwrap();
        let token = sim.refresh_token_for(application);
        let world = Fixture::over(sim, |config| {
            let account = &mut config.accounts[0];
            account.refresh_token = Some(token.into());
            if server == "own" {
                account.client_id = Some(CLIENT_ID.to_owned());
                account.client_secret = Some(CLIENT_SECRET.into());
            } else {
                account.oauth_token_urls = vec![
                    format!("{}{server}", config.upstream.api_url.as_str().trim_end_matches('/')).parse().unwrap(),
                ];
            }
        })
        .await;
        assert!(works(&world).await, "{server}");
        world.sim.expire_access_tokens();
        assert!(works(&world).await, "{server}, again");
    }
}

// Keeps 58.
#[tokio::test]
async fn an_expired_token_is_renewed_once_for_all_who_wait() {
    let world = Fixture::start().await;
    for n in 0..8 {
        world.sim.mkdir(&format!("/{n}"));
    }
    assert!(works(&world).await);
    world.sim.expire_access_tokens();
    world.sim.reset_calls();
    let all = futures_util::future::join_all((0..8).map(|n| {
        let world = &world;
        async move { world.propfind(&format!("/dav/{n}/"), "1").await.status() }
    }));
    assert!(all.await.iter().all(|status| *status == 207));
    assert_eq!(world.sim.calls()["openlist/renewapi"], 1);
}

#[tokio::test]
async fn a_token_with_a_short_life_is_used_for_most_of_it() {
    let world = Fixture::start().await;
    world.sim.rules(|rules| rules.access_token_s = 100);
    for _ in 0..3 {
        assert!(works(&world).await);
    }
    assert_eq!(world.sim.calls()["openlist/renewapi"], 1);
}

// Keeps 64.
#[tokio::test]
async fn a_refused_refresh_token_is_503_with_the_remedy_for_every_request() {
    let world = Fixture::start().await;
    world.sim.write("/a", "x");
    world.sim.revoke_refresh_tokens();
    for path in ["/dav/", "/dav/a", "/dav/none"] {
        let answer = world.propfind(path, "1").await;
        assert_eq!(answer.status(), 503, "{path}");
        let text = answer.text().await.unwrap();
        assert!(text.contains("refresh_token"), "{text}");
    }
    // A refused token is not tried again for each request.
    assert_eq!(world.sim.calls()["openlist/renewapi"], 1);
    let health = world.get("/healthz").await.text().await.unwrap();
    assert!(health.contains("degraded") && health.contains("refresh_token"), "{health}");
}

// Keeps 60.
#[tokio::test]
async fn the_next_server_is_tried_only_when_the_first_surely_did_not_act() {
    let first = "openlist/renewapi";
    let blocked = |status, body: &str| FaultKind::Text { status, body: body.to_owned() };
    for (fault, second_is_asked) in [
        (blocked(403, "<html>checking your browser</html>"), true),
        (blocked(503, "<html>challenge</html>"), true),
        (blocked(429, "Too Many Requests"), true),
        (FaultKind::CloseAfter, false),
        (FaultKind::CloseBefore, false),
        (blocked(502, "Bad Gateway"), false),
        (FaultKind::BrokenJson, false),
    ] {
        let world = Fixture::with(|config| {
            let base = config.upstream.api_url.as_str().trim_end_matches('/').to_owned();
            config.accounts[0].oauth_token_urls = vec![
                format!("{base}/alicloud/renewapi").parse().unwrap(),
                format!("{base}/mainland/alicloud/renewapi").parse().unwrap(),
            ];
        })
        .await;
        world.sim.rules(|rules| rules.mainland_shares_application = true);
        world.sim.fault(Fault::once(first, fault.clone()));
        assert_eq!(works(&world).await, second_is_asked, "{fault:?}");
        assert_eq!(world.sim.calls().contains_key("mainland/renewapi"), second_is_asked, "{fault:?}");
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_did_not_act() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let world = Fixture::with(|config| {
        let second = config.accounts[0].oauth_token_urls[0].clone();
        config.accounts[0].oauth_token_urls =
            vec![format!("http://{closed}/alist/ali_open/token").parse().unwrap(), second];
    })
    .await;
    assert!(works(&world).await);
}

// Keeps 61.
#[tokio::test]
async fn after_a_lost_answer_there_is_one_careful_retry_and_then_the_truth() {
    let world = Fixture::start().await;
    world.sim.fault(Fault::once("openlist/renewapi", FaultKind::CloseAfter));
    assert!(!works(&world).await);
    // The service has rotated the token, so the retry is refused; both facts are told.
    let answer = world.propfind("/dav/", "1").await;
    assert_eq!(answer.status(), 503);
    let health = world.get("/healthz").await.text().await.unwrap();
    assert!(health.contains("lost and may have spent it"), "{health}");
    assert_eq!(world.sim.calls()["openlist/renewapi"], 2);
}

#[tokio::test]
async fn a_reason_that_is_never_clear_is_told_with_the_remedy() {
    let world = Fixture::start().await;
    let odd = FaultKind::Text { status: 500, body: r#"{"text":"something odd"}"#.to_owned() };
    world.sim.fault(Fault::always("openlist/renewapi", odd));
    assert!(!works(&world).await);
    let health = world.get("/healthz").await.text().await.unwrap();
    assert!(health.contains("something odd") && !health.contains("alidav login"), "{health}");
    assert!(!works(&world).await);
    let health = world.get("/healthz").await.text().await.unwrap();
    assert!(health.contains("something odd") && health.contains("alidav login"), "{health}");
}

#[tokio::test]
async fn a_retry_after_an_answer_lost_before_acting_succeeds() {
    let world = Fixture::start().await;
    world.sim.fault(Fault::once("openlist/renewapi", FaultKind::CloseBefore));
    assert!(!works(&world).await);
    assert!(works(&world).await);
}

// Keeps 59.
#[tokio::test]
async fn another_user_s_token_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateLocation::File(folder.path().join("state.db"));
    let world = Fixture::with(|config| config.state = state).await;
    assert!(works(&world).await);
    let foreign = format!(
        r#"{{"access_token":"{}","refresh_token":"{}"}}"#,
        world.sim.access_token(),
        world.sim.refresh_token_of(1)
    );
    world.sim.expire_access_tokens();
    world.sim.fault(Fault::once("openlist/renewapi", FaultKind::Text { status: 200, body: foreign }));
    assert!(!works(&world).await);
    let health = world.get("/healthz").await.text().await.unwrap();
    assert!(health.contains("another user"), "{health}");
}

// Keeps 63.
#[tokio::test]
async fn the_renewed_token_survives_a_restart_and_the_file_s_old_one_is_not_tried() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateLocation::File(folder.path().join("state.db"));
    let world = Fixture::with(|config| config.state = state).await;
    assert!(works(&world).await);
    world.sim.expire_access_tokens();
    let world = world.restart().await;
    world.sim.reset_calls();
    assert!(works(&world).await);
    assert_eq!(world.sim.calls()["openlist/renewapi"], 1);
}

#[tokio::test]
async fn a_token_without_pkce_s_renewal_asks_for_a_new_sign_in() {
    let world = Fixture::with(|config| config.accounts[0].client_id = Some(CLIENT_ID.to_owned())).await;
    let answer = world.propfind("/dav/", "1").await;
    assert_eq!(answer.status(), 503);
    assert!(world.get("/healthz").await.text().await.unwrap().contains("cannot be renewed"));
}

// Keeps 67.
#[tokio::test]
async fn a_server_that_lately_did_not_act_is_asked_last() {
    let world = Fixture::with(|config| {
        let base = config.upstream.api_url.as_str().trim_end_matches('/').to_owned();
        config.accounts[0].oauth_token_urls = vec![
            format!("{base}/alicloud/renewapi").parse().unwrap(),
            format!("{base}/mainland/alicloud/renewapi").parse().unwrap(),
        ];
    })
    .await;
    world.sim.rules(|rules| rules.mainland_shares_application = true);
    let challenge = FaultKind::Text { status: 403, body: "<html>checking your browser</html>".to_owned() };
    world.sim.fault(Fault::once("openlist/renewapi", challenge.clone()));
    assert!(works(&world).await);
    world.sim.expire_access_tokens();
    assert!(works(&world).await);
    assert_eq!((world.sim.calls()["openlist/renewapi"], world.sim.calls()["mainland/renewapi"]), (1, 2));
    // It is asked when the other one does not act either.
    world.sim.fault(Fault::once("mainland/renewapi", challenge));
    world.sim.expire_access_tokens();
    assert!(works(&world).await);
    assert_eq!((world.sim.calls()["openlist/renewapi"], world.sim.calls()["mainland/renewapi"]), (2, 3));
}

/// A world whose tokens come from the second of two servers, whose applications do not know each other's tokens:
/// the first one belongs to the simulator that is given back with it.
async fn signed_in_through_the_second(state: StateLocation) -> (Fixture, Simulator) {
    let other = Simulator::start(Options { rules: rules(), ..Options::default() }).await.unwrap();
    let url = other.url();
    let world = Fixture::with(|config| {
        config.state = state;
        let second = config.accounts[0].oauth_token_urls[0].clone();
        config.accounts[0].oauth_token_urls = vec![format!("{url}/alist/ali_open/token").parse().unwrap(), second];
    })
    .await;
    assert!(works(&world).await);
    (world, other)
}

// Keeps 67.
#[tokio::test]
async fn tokens_are_renewed_by_the_server_that_granted_them() {
    let folder = tempfile::tempdir().unwrap();
    let (world, other) = signed_in_through_the_second(StateLocation::File(folder.path().join("state.db"))).await;
    // A configured token does not say whose it is: the refusal of another application is not the last word.
    assert_eq!((other.calls()["alist/token"], world.sim.calls()["openlist/renewapi"]), (1, 1));
    world.sim.expire_access_tokens();
    let world = world.restart().await;
    assert!(works(&world).await);
    assert_eq!((other.calls()["alist/token"], world.sim.calls()["openlist/renewapi"]), (1, 2));
}

// Keeps 61.
#[tokio::test]
async fn after_a_lost_answer_a_restart_too_asks_only_the_same_server() {
    let folder = tempfile::tempdir().unwrap();
    let (world, other) = signed_in_through_the_second(StateLocation::File(folder.path().join("state.db"))).await;
    world.sim.expire_access_tokens();
    world.sim.fault(Fault::once("openlist/renewapi", FaultKind::CloseBefore));
    assert!(!works(&world).await);
    let world = world.restart().await;
    let challenge = FaultKind::Text { status: 403, body: "<html>checking your browser</html>".to_owned() };
    world.sim.fault(Fault::once("openlist/renewapi", challenge));
    assert!(!works(&world).await);
    assert_eq!(other.calls()["alist/token"], 1);
    assert!(works(&world).await);
}

// Keeps 63.
#[tokio::test]
async fn a_bad_token_in_the_configuration_does_not_cost_the_stored_sign_in() {
    let newer = "h.eyJpYXQiOjQwMDAwMDAwMDB9.s";
    for bad in ["garbage", newer] {
        let folder = tempfile::tempdir().unwrap();
        let state = StateLocation::File(folder.path().join("state.db"));
        let mut world = Fixture::with(|config| config.state = state).await;
        assert!(works(&world).await);
        world.config.accounts[0].refresh_token = Some(bad.into());
        // The attempt may meet anything before it comes to the refusal.
        let challenge = FaultKind::Text { status: 403, body: "<html>checking your browser</html>".to_owned() };
        world.sim.fault(Fault::once("openlist/renewapi", challenge));
        let world = world.restart().await;
        assert!(!works(&world).await, "{bad}");
        world.sim.fault(Fault::once("openlist/renewapi", FaultKind::CloseBefore));
        let world = world.restart().await;
        assert!(!works(&world).await, "{bad}");
        assert!(works(&world).await, "{bad}");
        world.sim.expire_access_tokens();
        world.sim.reset_calls();
        let world = world.restart().await;
        assert!(works(&world).await, "{bad}");
        assert_eq!(world.sim.calls()["openlist/renewapi"], 1, "{bad} is not tried again");
        let health = world.get("/healthz").await.text().await.unwrap();
        assert!(health.contains(r#""status":"ok""#), "{health}");
    }
}

// Keeps 67.
#[tokio::test]
async fn a_token_server_that_names_a_time_is_left_alone_until_then() {
    let world = Fixture::start().await;
    let busy = FaultKind::Code { status: 429, code: "TooManyRequests".to_owned(), retry_after_ms: Some(3000) };
    world.sim.fault(Fault::once("openlist/renewapi", busy));
    for _ in 0..3 {
        let answer = world.propfind("/dav/", "1").await;
        assert_eq!(answer.status(), 503);
        assert!(answer.headers().contains_key("retry-after"));
    }
    assert_eq!(world.sim.calls()["openlist/renewapi"], 1);
    eventually(async || works(&world).await).await;
    assert_eq!(world.sim.calls()["openlist/renewapi"], 2);
}

#[tokio::test]
async fn a_token_server_s_refusal_of_the_request_is_503_and_not_the_client_s_fault() {
    for (status, body) in [(302, ""), (403, r#"{"code":"ForbiddenIp","message":"no"}"#), (404, "not here")] {
        let world = Fixture::start().await;
        let fault = FaultKind::Text { status, body: body.to_owned() };
        world.sim.fault(Fault::once("openlist/renewapi", fault));
        let answer = world.propfind("/dav/", "1").await;
        assert_eq!(answer.status(), 503, "{status}");
        assert!(answer.headers().contains_key("retry-after"));
    }
}

// Keeps 68.
#[tokio::test]
async fn an_ageing_refresh_token_is_renewed_while_nobody_asks() {
    let sim = Simulator::start(Options { rules: rules(), ..Options::default() }).await.unwrap();
    let token = sim.refresh_token_aged(61);
    let world = Fixture::over(sim, |config| config.accounts[0].refresh_token = Some(token.into())).await;
    until(|| world.sim.calls().contains_key("openlist/renewapi")).await;
    // The request uses what the background got.
    assert!(works(&world).await);
    assert_eq!(world.sim.calls()["openlist/renewapi"], 1);
}

// Keeps 68.
#[tokio::test]
async fn a_sign_in_that_ends_soon_is_told_in_health_and_metrics() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.db");
    let state = StateLocation::File(file.clone());
    let now = alidav::clock::UnixSeconds::now();
    let store = alidav::state::Store::open(&state).await.unwrap();
    let tokens = alidav::state::Tokens {
        user_id: None,
        access_token: "opaque".into(),
        refresh_token: "".into(),
        issued_at: now,
        expires_at: now.plus(13 * 86_400 + 60),
        sent_to: None,
        source_digest: None,
        server: None,
    };
    store.save_tokens("ending", &tokens).await.unwrap();
    store.close().await;
    let world = Fixture::with(|config| {
        config.state = state;
        config.accounts[0].name = "ending".to_owned();
        config.accounts[0].client_id = Some(CLIENT_ID.to_owned());
        config.accounts[0].refresh_token = None;
        config.mounts[0].account = "ending".to_owned();
    })
    .await;
    let health = world.get("/healthz").await.text().await.unwrap();
    assert!(health.contains("in 13 days") && health.contains("alidav login --account ending"), "{health}");
    let metrics = world.get("/metrics").await.text().await.unwrap();
    for line in [
        r#"alidav_sign_in_due{account="ending"} 1"#,
        r#"alidav_sign_in_needed{account="ending"} 0"#,
        r#"alidav_sign_in_left_seconds{account="ending"} 112"#,
        r#"alidav_token_expires_in_seconds{account="ending",token="access"} 112"#,
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

async fn connect(file: &std::path::Path) -> SqliteConnection {
    SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(file)).await.unwrap()
}

// Keeps 69.
#[tokio::test]
async fn a_token_is_not_spent_while_the_store_is_locked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.db");
    let state = StateLocation::File(file.clone());
    let world = Fixture::with(|config| {
        config.state = state;
        config.timeouts.store_busy = Duration::from_secs(1);
    })
    .await;
    let mut other = connect(&file).await;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    assert!(!works(&world).await);
    assert_eq!(world.sim.calls().get("openlist/renewapi"), None);
    let health = world.get("/healthz").await.text().await.unwrap();
    assert!(health.contains("another program holds the file") && health.contains("state.db"), "{health}");
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    assert!(works(&world).await);
}

// Keeps 57.
#[tokio::test]
async fn a_token_that_could_not_be_kept_is_not_used_before_it_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.db");
    let state = StateLocation::File(file.clone());
    let world = Fixture::with(|config| config.state = state).await;
    let mut other = connect(&file).await;
    let full = "CREATE TRIGGER full BEFORE INSERT ON tokens WHEN NEW.uncertain = 0 BEGIN SELECT RAISE(ABORT, 'disk is full'); END";
    sqlx::raw_sql(full).execute(&mut other).await.unwrap();
    for _ in 0..2 {
        assert!(!works(&world).await);
        assert_eq!(world.sim.calls()["openlist/renewapi"], 1);
        assert!(!world.sim.calls().contains_key("openFile/list"), "the token was used");
    }
    let health = world.get("/healthz").await.text().await.unwrap();
    assert!(health.contains("disk is full") && health.contains("state.db"), "{health}");
    let metrics = world.get("/metrics").await.text().await.unwrap();
    let failures = metrics.lines().find_map(|line| line.strip_prefix("alidav_store_failures_total ")).unwrap();
    assert!(failures.parse::<u64>().unwrap() > 0, "{metrics}");
    sqlx::raw_sql("DROP TRIGGER full").execute(&mut other).await.unwrap();
    assert!(works(&world).await);
    assert_eq!(world.sim.calls()["openlist/renewapi"], 1);
}

// Keeps 69.
#[tokio::test]
async fn two_processes_with_one_store_renew_at_once_and_both_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateLocation::File(folder.path().join("state.db"));
    let first = Fixture::with(|config| config.state = state).await;
    assert!(works(&first).await);
    // One server works from a store, but commands ask the drive beside it.
    let store = alidav::state::Store::open(&first.config.state).await.unwrap();
    let command = Client::new(&first.config.accounts[0], &first.config, store).unwrap();
    assert!(command.space_info().await.is_ok());
    for _ in 0..5 {
        first.sim.expire_access_tokens();
        let (one, other) = tokio::join!(works(&first), command.space_info());
        // One of them may be asked to come back while the other renews, and neither loses the sign-in.
        assert!(one || other.is_ok());
        assert!(works(&first).await && command.space_info().await.is_ok());
    }
}

#[tokio::test]
async fn a_withdrawn_authorisation_is_told_with_the_remedy() {
    let world = Fixture::start().await;
    assert!(works(&world).await);
    let withdrawn = FaultKind::Code { status: 403, code: "PermissionDenied".to_owned(), retry_after_ms: None };
    world.sim.fault(Fault::once("openFile/list", withdrawn));
    let answer = world
        .request("PROPFIND", "/dav/")
        .header("depth", "1")
        .header("cache-control", "no-cache")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 503);
    assert!(answer.text().await.unwrap().contains("alidav login"));
    let health = world.get("/healthz").await.text().await.unwrap();
    assert!(health.contains("PermissionDenied") && health.contains("alidav login"), "{health}");
    assert!(works(&world).await);
}

// Keeps 57.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_between_answer_and_use_still_has_the_token_and_a_restart_costs_none() {
    let sim = Simulator::start(Options { rules: rules(), ..Options::default() }).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alidav.toml");
    let text = format!(
        "listen = [\"127.0.0.1:0\"]\nstate = \"sqlite:{}\"\n[upstream]\napi_url = \"{url}\"\n[[account]]\n\
         oauth_token_urls = [\"{url}/alicloud/renewapi\"]\nrefresh_token = \"{}\"\n[[mount]]\n[anonymous]\npermission = \"write\"\n",
        folder.path().join("state.db").display(),
        sim.refresh_token(),
        url = sim.url(),
    );
    std::fs::write(&file, text).unwrap();
    sim.fault(Fault::always("user/getDriveInfo", FaultKind::Hang));
    let process = Process::serve(&file);
    let url = &process.url;
    let http = crate::harness::builder().build().unwrap();
    let method = reqwest::Method::from_bytes(b"PROPFIND").unwrap();
    let asked = tokio::spawn(http.request(method.clone(), format!("{url}/dav/")).header("depth", "1").send());
    until(|| sim.calls().contains_key("user/getDriveInfo")).await;
    drop(process);
    assert!(asked.await.unwrap().is_err());
    sim.clear_faults();
    let process = Process::serve(&file);
    let url = &process.url;
    let answer = http.request(method, format!("{url}/dav/")).header("depth", "1").send().await.unwrap();
    assert_eq!(answer.status(), 207);
    assert_eq!(sim.calls()["openlist/renewapi"], 1);
}

// Keeps 83.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_a_renewal_under_way_though_its_client_has_left() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateLocation::File(folder.path().join("state.db"));
    let world = Fixture::with(|config| config.state = state).await;
    world.sim.rules(|rules| rules.latency_ms = 600);
    let asked = world.request("PROPFIND", "/dav/").header("depth", "1").timeout(Duration::from_millis(300)).send();
    assert!(asked.await.unwrap_err().is_timeout());
    assert_eq!(world.sim.calls()["openlist/renewapi"], 1);
    let world = world.restart().await;
    world.sim.rules(|rules| rules.latency_ms = 0);
    assert!(works(&world).await);
    assert_eq!(world.sim.calls()["openlist/renewapi"], 1);
}

#[tokio::test]
async fn a_renewal_that_takes_long_is_503_and_goes_on() {
    let world = Fixture::with(|config| config.upstream.max_wait = Duration::from_millis(300)).await;
    assert!(works(&world).await);
    world.sim.expire_access_tokens();
    world.sim.fault(Fault::once("openlist/renewapi", FaultKind::Slow { ms: 2000 }));
    let answer = world.request("PROPFIND", "/dav/").header("depth", "1").header("cache-control", "no-cache");
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    eventually(async || works(&world).await).await;
    assert_eq!(world.sim.calls()["openlist/renewapi"], 2);
}
