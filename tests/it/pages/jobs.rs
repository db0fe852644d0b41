//! Copies and moves from drive to drive, for which no request waits.

use alidav::config::{Permission, User};
use alidav::sim::{Moment, Options, Simulator};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::harness::{Fixture, eventually, noise, other_account, rules};

/// One account's drive at `/`, another one's at `/other`, which is all that one user sees.
async fn world() -> Fixture {
    let sim = Simulator::start(Options { rules: rules(), ..Options::default() }).await.unwrap();
    let token = sim.refresh_token_of(1);
    Fixture::over(sim, |config| {
        other_account(config, &token);
        let user = |name: &str, base: &str, permission| User {
            name: name.into(),
            password: "secret".into(),
            base_path: base.into(),
            permission,
        };
        config.anonymous = Permission::None;
        config.users = vec![
            user("me", "/", Permission::Write),
            user("reader", "/", Permission::Read),
            user("kid", "/other", Permission::Write),
        ];
    })
    .await
}

fn call(world: &Fixture, user: &str, method: &str, call: &str) -> RequestBuilder {
    world.request(method, &format!("/api/{call}")).basic_auth(user, Some("secret"))
}

async fn sent(request: RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
}

async fn jobs(world: &Fixture, user: &str) -> Vec<Value> {
    let (status, told) = sent(call(world, user, "GET", "jobs")).await;
    assert_eq!(status, 200, "{told}");
    told["jobs"].as_array().unwrap().clone()
}

async fn ended(world: &Fixture, id: &Value) -> Value {
    eventually(async || jobs(world, "me").await.iter().any(|job| job["id"] == *id && job["state"] != "running")).await;
    jobs(world, "me").await.into_iter().find(|job| job["id"] == *id).unwrap()
}

// Keeps 164.
#[tokio::test]
async fn a_copy_to_another_drive_is_a_job_that_tells_how_far_it_is() {
    let world = world().await;
    for n in 0..10 {
        world.sim.write(&format!("/tree/{n}.bin"), noise(1000 + n));
    }
    world.sim.write("/a.txt", "a");
    let wanted = json!({ "paths": ["/tree", "/a.txt", "/none", "/"], "to": "/other" });
    let mut gate = world.sim.gate("openFile/create", &[Moment::Start]);
    let (status, told) = sent(call(&world, "me", "POST", "copy").json(&wanted)).await;
    let codes: Vec<_> = told["results"].as_array().unwrap().iter().map(|one| &one["code"]).collect();
    assert_eq!((status, codes), (202, vec![&json!("bad_request"), &json!("not_found")]), "{told}");
    let id = told["job"].clone();
    let first = gate.arrival().await;
    eventually(async || jobs(&world, "me").await[0]["files"]["total"] == 11).await;
    let job = jobs(&world, "me").await.remove(0);
    assert_eq!((&job["id"], &job["kind"], &job["state"]), (&id, &json!("copy"), &json!("running")), "{job}");
    assert_eq!((&job["from"], &job["to"], &job["items"]["total"]), (&json!("/tree"), &json!("/other/tree"), &json!(2)));
    assert_eq!((&job["bytes"]["total"], &job["bytes"]["done"]), (&json!(10_046), &json!(0)), "{job}");
    // Who sees only one end of it sees nothing of it and ends nothing; who may only read ends nothing either.
    assert!(jobs(&world, "kid").await.is_empty());
    let cancel = format!("jobs/{id}");
    assert_eq!(sent(call(&world, "kid", "DELETE", &cancel)).await.0, 404);
    assert_eq!(jobs(&world, "reader").await.len(), 1);
    assert_eq!(sent(call(&world, "reader", "DELETE", &cancel)).await.0, 403);
    assert_eq!(sent(call(&world, "me", "DELETE", &cancel).header("sec-fetch-site", "cross-site")).await.0, 403);
    for (method, call_of, status) in
        [("DELETE", "jobs/99", 404), ("DELETE", "jobs/x", 404), ("GET", "jobs/1", 405), ("POST", "jobs", 405)]
    {
        assert_eq!(sent(call(&world, "me", method, call_of)).await.0, status, "{method} {call_of}");
    }
    drop((first, gate));
    let job = ended(&world, &id).await;
    assert_eq!((&job["state"], &job["failed"], &job["items"]["done"]), (&json!("done"), &json!(0), &json!(2)), "{job}");
    assert_eq!((&job["files"]["done"], &job["bytes"]["done"]), (&json!(11), &json!(10_046)), "{job}");
    assert_eq!(
        sent(call(&world, "me", "GET", "list?path=/other/tree")).await.1["entries"].as_array().unwrap().len(),
        10
    );
    assert_eq!(sent(call(&world, "me", "DELETE", &cancel)).await.0, 204);
    assert_eq!(jobs(&world, "me").await[0]["state"], "done");
    // A name that is taken is told at once, for somebody to say what is to happen.
    let (status, told) =
        sent(call(&world, "me", "POST", "copy").json(&json!({ "paths": ["/a.txt"], "to": "/other" }))).await;
    assert_eq!((status, &told["results"][0]["code"], &told["job"]), (200, &json!("exists"), &Value::Null), "{told}");
    let both = json!({ "paths": ["/a.txt"], "to": "/other", "conflict": "keep_both" });
    ended(&world, &sent(call(&world, "me", "POST", "copy").json(&both)).await.1["job"]).await;
    assert_eq!(sent(call(&world, "me", "GET", "stat?path=/other/a (1).txt")).await.0, 200);
}

// Keeps 164.
#[tokio::test]
async fn a_move_that_is_cancelled_or_fails_keeps_its_source_and_says_why() {
    let world = world().await;
    for name in ["a", "b", "c", "d", "e", "f"] {
        world.sim.write(&format!("/{name}.bin"), noise(500));
    }
    let paths: Vec<_> = ["a", "b", "c", "d", "e", "f"].map(|name| format!("/{name}.bin")).into();
    let mut gate = world.sim.gate("openFile/create", &[Moment::Start]);
    let (_, told) = sent(call(&world, "me", "POST", "move").json(&json!({ "paths": paths, "to": "/other" }))).await;
    let first = gate.arrival().await;
    assert_eq!(sent(call(&world, "me", "DELETE", &format!("jobs/{}", told["job"]))).await.0, 204);
    drop((first, gate));
    let job = ended(&world, &told["job"]).await;
    assert_eq!((&job["state"], job["items"]["done"].as_u64() < Some(6)), (&json!("cancelled"), true), "{job}");
    assert!(world.sim.read("/f.bin").is_some());
    world.sim.rules(|rules| rules.quota = 3);
    let (_, told) =
        sent(call(&world, "me", "POST", "move").json(&json!({ "paths": ["/f.bin"], "to": "/other" }))).await;
    let job = ended(&world, &told["job"]).await;
    assert_eq!(
        (&job["state"], &job["failed"], &job["failures"][0]["path"]),
        (&json!("failed"), &json!(1), &json!("/f.bin"))
    );
    assert!(job["failures"][0]["words"].as_str().unwrap().contains("full"), "{job}");
    assert!(world.sim.read("/f.bin").is_some());
    world.sim.rules(|rules| rules.quota = 1 << 40);
    let (status, told) =
        sent(call(&world, "me", "POST", "move").json(&json!({ "paths": ["/f.bin"], "to": "/other" }))).await;
    assert_eq!((status, &ended(&world, &told["job"]).await["state"]), (202, &json!("done")));
    assert!(world.sim.read("/f.bin").is_none());
}

// Keeps 164.
#[tokio::test]
async fn what_failed_of_a_copy_by_webdav_is_told_too() {
    let world = world().await;
    world.sim.write("/tree/sub/what?.txt", "x");
    world.sim.write("/tree/a.txt", "a");
    world.sim.rules(|rules| rules.strict_names = true);
    let copy = world.request("COPY", "/dav/tree").basic_auth("me", Some("secret"));
    let told = copy.header("destination", world.url("/dav/other/tree")).send().await.unwrap();
    assert_eq!(told.status(), 207);
    let job = jobs(&world, "me").await.remove(0);
    let failure = &job["failures"][0];
    assert_eq!(
        (&job["state"], &job["failed"], &failure["path"]),
        (&json!("failed"), &json!(1), &json!("/tree/sub/what?.txt"))
    );
    assert!(failure["words"].as_str().unwrap().contains("refuses this name"), "{job}");
    // By the pages: once, and no words of a path, which others may see another part of.
    let wanted = json!({ "paths": ["/tree"], "to": "/other", "conflict": "replace" });
    let (_, told) = sent(call(&world, "me", "POST", "copy").json(&wanted)).await;
    let job = ended(&world, &told["job"]).await;
    assert_eq!((&job["failed"], job["failures"].as_array().unwrap().len()), (&json!(1), 1), "{job}");
    assert!(!job["failures"][0]["words"].as_str().unwrap().contains('/'), "{job}");
}
