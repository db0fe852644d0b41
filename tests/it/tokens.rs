//! Signing in, renewing, and everything that can go wrong with single-use tokens.

use alidav::config::StateLocation;
use alidav::sim::{CLIENT_ID, CLIENT_SECRET, Fault, FaultKind};

use crate::harness::World;

async fn works(world: &World) -> bool {
    let fresh = world.request("PROPFIND", "/dav/").header("depth", "1").header("cache-control", "no-cache");
    fresh.send().await.unwrap().status() == 207
}

#[tokio::test]
async fn every_form_of_token_server_and_an_own_application_renew() {
    for server in ["/alicloud/renewapi", "/alist/ali_open/token", "/messense", "own"] {
        let world = World::with(|config| {
            let account = &mut config.accounts[0];
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

#[tokio::test]
async fn an_expired_token_is_renewed_once_for_all_who_wait() {
    let world = World::start().await;
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
async fn a_refused_refresh_token_is_503_with_the_remedy_for_every_request() {
    let world = World::start().await;
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
        let world = World::with(|config| {
            let base = config.upstream.api_url.as_str().trim_end_matches('/').to_owned();
            config.accounts[0].oauth_token_urls = vec![
                format!("{base}/alicloud/renewapi").parse().unwrap(),
                format!("{base}/alist/ali_open/token").parse().unwrap(),
            ];
        })
        .await;
        world.sim.fault(Fault::once(first, fault.clone()));
        assert_eq!(works(&world).await, second_is_asked, "{fault:?}");
        assert_eq!(world.sim.calls().contains_key("alist/token"), second_is_asked, "{fault:?}");
    }
}

#[tokio::test]
async fn after_a_lost_answer_there_is_one_careful_retry_and_then_the_truth() {
    let world = World::start().await;
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
async fn a_retry_after_an_answer_lost_before_acting_succeeds() {
    let world = World::start().await;
    world.sim.fault(Fault::once("openlist/renewapi", FaultKind::CloseBefore));
    assert!(!works(&world).await);
    assert!(works(&world).await);
}

#[tokio::test]
async fn another_user_s_token_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateLocation::File(folder.path().join("state.db"));
    let world = World::with(|config| config.state = state).await;
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

#[tokio::test]
async fn the_renewed_token_survives_a_restart_and_the_file_s_old_one_is_not_tried() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateLocation::File(folder.path().join("state.db"));
    let world = World::with(|config| config.state = state).await;
    assert!(works(&world).await);
    world.sim.expire_access_tokens();
    let world = world.restart().await;
    world.sim.reset_calls();
    assert!(works(&world).await);
    assert_eq!(world.sim.calls()["openlist/renewapi"], 1);
}

#[tokio::test]
async fn a_token_without_pkce_s_renewal_asks_for_a_new_sign_in() {
    let world = World::with(|config| config.accounts[0].client_id = Some(CLIENT_ID.to_owned())).await;
    let answer = world.propfind("/dav/", "1").await;
    assert_eq!(answer.status(), 503);
    assert!(world.get("/healthz").await.text().await.unwrap().contains("cannot be renewed"));
}
