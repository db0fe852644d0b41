//! Token servers as they are: an application for each, a bot check before one, kinds of sign-in by address.

use alidav::config::{Config, StateLocation};
use alidav::sim::{Application, BotCheck, Fault, FaultKind, Options, Simulator};
use serde_json::{Value, json};

use crate::harness::{Fixture, rules};
use crate::process::alidav;

const FIRST: &str = "/alicloud/renewapi";
const SECOND: &str = "/mainland/alicloud/renewapi";

fn servers(config: &mut Config, paths: &[&str]) {
    let base = config.upstream.api_url.as_str().trim_end_matches('/').to_owned();
    let url = |path: &&str| format!("{base}{path}").parse().unwrap();
    config.accounts[0].oauth_token_urls = paths.iter().map(url).collect();
}

async fn fresh(world: &Fixture) -> (u16, String) {
    let request = world.request("PROPFIND", "/dav/").header("depth", "1").header("cache-control", "no-cache");
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn works(world: &Fixture) -> bool {
    fresh(world).await.0 == 207
}

async fn health(world: &Fixture) -> String {
    world.get("/healthz").await.text().await.unwrap()
}

/// Signed in through the first of two servers, before which a check turns everybody away from then on.
async fn behind_a_check(check: BotCheck, state: StateLocation) -> Fixture {
    let world = Fixture::with(|config| {
        servers(config, &[FIRST, SECOND]);
        config.state = state;
    })
    .await;
    assert!(works(&world).await);
    world.sim.rules(|rules| rules.bot_check = check);
    world.sim.expire_access_tokens();
    world
}

#[tokio::test]
async fn the_bot_check_lets_renewals_and_sign_ins_through() {
    let world = Fixture::start().await;
    world.sim.rules(|rules| rules.bot_check = BotCheck::Agents);
    assert!(works(&world).await);
    sign_in(&world).await;
    let plain = world.http.get(format!("{}{FIRST}?refresh_ui=x", world.sim.url())).send().await.unwrap();
    assert_eq!((plain.status().as_u16(), plain.text().await.unwrap().as_str()), (403, "error code: 1010"));
}

#[tokio::test]
async fn behind_a_bot_check_the_twin_renews_if_it_holds_the_same_application() {
    for check in [BotCheck::Page, BotCheck::BusyPage, BotCheck::Text] {
        let world = behind_a_check(check, StateLocation::Memory).await;
        world.sim.rules(|rules| rules.mainland_shares_application = true);
        assert!(works(&world).await, "{check:?}");
        assert_eq!(world.sim.calls()["mainland/renewapi"], 1);
    }
}

#[tokio::test]
async fn a_twin_with_another_application_does_not_cost_the_sign_in() {
    for check in [BotCheck::Page, BotCheck::BusyPage, BotCheck::Text] {
        let world = behind_a_check(check, StateLocation::Memory).await;
        assert_eq!(fresh(&world).await.0, 503, "{check:?}");
        assert_eq!(world.sim.calls()["mainland/renewapi"], 1);
        let told = health(&world).await;
        assert!(told.contains("bot check") && told.contains("oauth_token_urls"), "{told}");
        assert!(!told.contains("alidav login"), "{told}");
        world.sim.rules(|rules| rules.bot_check = BotCheck::Off);
        assert!(works(&world).await, "{check:?}");
    }
}

#[tokio::test]
async fn whatever_the_twin_with_another_application_says_its_own_server_renews_the_token() {
    let odd = |status, body: &str| FaultKind::Text { status, body: body.to_owned() };
    for fault in [
        FaultKind::CloseAfter,
        FaultKind::CloseBefore,
        FaultKind::BrokenJson,
        odd(502, "Bad Gateway"),
        odd(500, r#"{"text":"something odd"}"#),
        odd(500, r#"{"text":"expired refresh_token"}"#),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let state = StateLocation::File(folder.path().join("state.db"));
        let world = behind_a_check(BotCheck::Text, state).await;
        world.sim.fault(Fault::always("mainland/renewapi", fault.clone()));
        assert!(!works(&world).await, "{fault:?}");
        // Over a restart too, as after a kill in the middle of it.
        let world = world.restart().await;
        world.sim.rules(|rules| rules.bot_check = BotCheck::Off);
        assert!(works(&world).await, "{fault:?}: {}", health(&world).await);
    }
}

#[tokio::test]
async fn a_configured_token_finds_its_server_although_another_leaves_it_unclear() {
    let world = Fixture::with(|config| servers(config, &[SECOND, FIRST])).await;
    let odd = FaultKind::Text { status: 500, body: r#"{"text":"something odd"}"#.to_owned() };
    world.sim.fault(Fault::always("mainland/renewapi", odd));
    // It may have been spent there; one careful retry comes first.
    assert!(!works(&world).await);
    assert_eq!(world.sim.calls().get("openlist/renewapi"), None);
    assert!(works(&world).await, "{}", health(&world).await);
    assert_eq!(world.sim.calls()["mainland/renewapi"], 2);
}

#[tokio::test]
async fn each_server_refuses_the_tokens_of_the_others_and_spends_none() {
    let sim = Simulator::start(Options { rules: rules(), ..Options::default() }).await.unwrap();
    let http = crate::harness::builder().build().unwrap();
    let renew = async |path: &str, token: &str| {
        let request = if path.contains("renewapi") {
            let separator = if path.contains('?') { '&' } else { '?' };
            http.get(format!("{}{path}{separator}refresh_ui={token}&server_use=true", sim.url()))
        } else {
            let body = json!({ "grant_type": "refresh_token", "refresh_token": token });
            http.post(format!("{}{path}", sim.url())).json(&body)
        };
        let text = request.send().await.unwrap().text().await.unwrap();
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let all = [
        (FIRST, Application::OpenList),
        (SECOND, Application::Mainland),
        ("/alicloud/renewapi?driver_txt=alicloud_tv", Application::Tv),
        ("/alist/ali_open/token", Application::AList),
        ("/messense/oauth/access_token", Application::AliyundriveWebdav),
    ];
    for (own, application) in all {
        let token = sim.refresh_token_for(application);
        for (other, _) in all.iter().filter(|(path, _)| *path != own) {
            let answer = renew(other, &token).await;
            assert!(answer["access_token"].is_null() && !answer.to_string().contains("used"), "{other}: {answer}");
        }
        assert!(renew(own, &token).await["access_token"].is_string(), "{own}");
        assert!(renew(own, &token).await["access_token"].is_null(), "{own}: twice");
    }
}

/// Whether a token says that it is the application's.
fn is_of(token: &str, application: &str) -> bool {
    use base64::Engine as _;
    let payload = token.split('.').nth(1).unwrap_or_default();
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap_or_default();
    String::from_utf8_lossy(&payload).contains(application)
}

/// A whole sign-in over the page's calls.
async fn sign_in(world: &Fixture) {
    let start = world.request("POST", "/api/signin/start").json(&json!({ "account": "main" })).send().await.unwrap();
    let text = start.text().await.unwrap();
    let code: Value = serde_json::from_str(&text).unwrap();
    let sid = code["qr_text"].as_str().unwrap_or_else(|| panic!("{text}")).rsplit('=').next().unwrap();
    assert!(world.sim.qr(sid, "confirm"));
    let poll = world.get(&format!("/api/signin/poll?id={}", code["id"].as_str().unwrap())).await;
    let done: Value = serde_json::from_str(&poll.text().await.unwrap()).unwrap();
    assert_eq!(done["status"], "done", "{done}");
}

// Keeps 71.
#[tokio::test]
async fn the_kind_of_sign_in_that_an_address_names_is_carried_through_to_the_renewals() {
    for (query, old, tv) in [
        ("?driver_txt=alicloud_tv", false, true),
        ("?apps_types=alicloud_tv", true, true),
        ("?apps_types=alicloud_tv", false, true),
        ("?driver_txt=alicloud_qr", false, false),
        ("?apps_types=alicloud_qr&key=mine", true, false),
    ] {
        let world = Fixture::with(|config| {
            servers(config, &[&format!("{FIRST}{query}")]);
            config.accounts[0].refresh_token = None;
        })
        .await;
        world.sim.rules(|rules| rules.old_driver_name = old);
        sign_in(&world).await;
        for _ in 0..2 {
            assert!(works(&world).await, "{query}: {}", health(&world).await);
            world.sim.expire_access_tokens();
        }
        assert_eq!(
            world.sim.secrets().iter().any(|token| is_of(token, "6b5b52e144f748f78b3f96a2626ed5d7")),
            tv,
            "{query}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_and_login_know_the_bot_check() {
    let sim = Simulator::start(Options { rules: rules(), ..Options::default() }).await.unwrap();
    sim.rules(|rules| rules.bot_check = BotCheck::Text);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alidav.toml");
    let text = format!(
        "state = \"sqlite:{}\"\n[upstream]\napi_url = \"{url}\"\n[[account]]\noauth_token_urls = [\"{url}{FIRST}\"]\n\
         refresh_token = \"{}\"\n[[mount]]\n",
        folder.path().join("state.db").display(),
        sim.refresh_token(),
        url = sim.url(),
    );
    std::fs::write(&file, text).unwrap();
    for command in ["check", "login"] {
        let output = alidav().args([command, "--config", file.to_str().unwrap()]).output().unwrap();
        let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(1), "{told}");
        for part in ["error code: 1010", "bot check", "outbound_proxy"] {
            assert!(told.contains(part), "{command}: {part} is not in\n{told}");
        }
    }
}
