//! Which of a user's drives are served, and what is said when the service refuses one.

use alidav::config::DriveType;
use alidav::sim::{Fault, FaultKind, ListedUrl};
use reqwest::Response;

use crate::harness::Fixture;

/// A world whose two drives hold a file of their own name each.
async fn both() -> Fixture {
    let world = Fixture::start().await;
    world.sim.write("/backup", "x");
    let lever = format!("{}/sim/files/resource/resource", world.sim.url());
    assert_eq!(world.http.put(lever).body("x").send().await.unwrap().status(), 200);
    world
}

async fn fresh(world: &Fixture) -> Response {
    world.request("PROPFIND", "/dav/").header("depth", "1").header("cache-control", "no-cache").send().await.unwrap()
}

fn code(status: u16, code: &str) -> FaultKind {
    FaultKind::Code { status, code: code.to_owned(), retry_after_ms: None }
}

// Keeps 72.
#[tokio::test]
async fn the_default_drive_is_served_only_if_it_was_granted_else_the_granted_one() {
    for (default_is_resource, resource, backup, served) in [
        (false, true, true, "backup"),
        (true, true, true, "resource"),
        (false, true, false, "resource"),
        (true, false, true, "backup"),
    ] {
        let world = both().await;
        world.sim.rules(|rules| {
            (rules.default_is_resource, rules.grant_resource, rules.grant_backup) =
                (default_is_resource, resource, backup);
        });
        assert_eq!(world.hrefs("/dav/").await, ["/dav/", &format!("/dav/{served}")]);
        // Written there, too.
        let put = world.request("PUT", "/dav/new").body("y").send().await.unwrap();
        assert_eq!(put.status(), 201);
    }
}

#[tokio::test]
async fn an_account_that_granted_no_drive_is_403_with_the_way_to_grant_one() {
    let world = Fixture::start().await;
    world.sim.rules(|rules| (rules.grant_resource, rules.grant_backup) = (false, false));
    // Some accounts are told no default then.
    for fault in [false, true] {
        if fault {
            let fields = vec!["default_drive_id".to_owned()];
            world.sim.fault(Fault::once("user/getDriveInfo", FaultKind::Null { fields }));
        }
        let answer = world.propfind("/dav/", "1").await;
        assert_eq!(answer.status(), 403);
        let told = answer.text().await.unwrap();
        assert!(told.contains("granted no drive") && told.contains("withdraw alidav"), "{told}");
    }
    assert!(!world.sim.calls().contains_key("openFile/list"), "a drive was guessed");
}

#[tokio::test]
async fn a_drive_whose_grant_was_withdrawn_is_told_with_the_remedy_that_works() {
    let world = both().await;
    assert_eq!(fresh(&world).await.status(), 207);
    world.sim.rules(|rules| rules.grant_backup = false);
    let answer = fresh(&world).await;
    assert_eq!(answer.status(), 403);
    let told = answer.text().await.unwrap();
    for part in ["UserNotAllowedAccessDrive", "withdraw alidav", "alidav login"] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
}

#[tokio::test]
async fn a_refused_resource_is_told_with_both_reasons() {
    let world = both().await;
    world.sim.rules(|rules| rules.listed_url = ListedUrl::Absent);
    world.sim.fault(Fault::once("openFile/getDownloadUrl", code(403, "UserNotAllowedAccessResource")));
    let answer = world.get("/dav/backup").await;
    assert_eq!(answer.status(), 403);
    let told = answer.text().await.unwrap();
    assert!(told.contains("frozen for a violation") && told.contains("more than its capacity"), "{told}");
}

#[tokio::test]
async fn permission_denied_says_to_wait_only_while_the_drive_still_knows_the_account() {
    for knows in [true, false] {
        let world = both().await;
        assert_eq!(fresh(&world).await.status(), 207);
        world.sim.fault(Fault::always("openFile/list", code(403, "PermissionDenied")));
        if !knows {
            world.sim.fault(Fault::always("user/getDriveInfo", code(403, "PermissionDenied")));
        }
        world.sim.reset_calls();
        for _ in 0..3 {
            let answer = fresh(&world).await;
            assert_eq!(answer.status(), 503);
            assert!(answer.headers().contains_key("retry-after"));
            let told = answer.text().await.unwrap();
            assert_eq!((told.contains("alidav login"), told.contains("or wait")), (true, knows), "{told}");
        }
        assert_eq!(world.sim.calls()["user/getDriveInfo"], 1, "asked at most once a minute");
        let health = world.get("/healthz").await.text().await.unwrap();
        assert!(health.contains("PermissionDenied") && health.contains("alidav login"), "{health}");
        assert_eq!(health.contains("or wait"), knows, "{health}");
        world.sim.clear_faults();
        assert_eq!(fresh(&world).await.status(), 207);
    }
}

#[tokio::test]
async fn the_simulated_service_names_the_parameter_of_an_empty_drive_id() {
    let world = Fixture::with(|config| config.mounts[0].drive_type = DriveType::Backup).await;
    let list = world.http.post(format!("{}/adrive/v1.0/openFile/list", world.sim.url())).header("user-agent", "test");
    let list = list.bearer_auth(world.sim.access_token());
    let body = serde_json::json!({ "drive_id": "", "parent_file_id": "root" });
    let answer = list.json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 400);
    let told = answer.text().await.unwrap();
    assert!(told.contains("BadRequest") && told.contains("driveId"), "{told}");
}
