//! Copies between drives over what is of another kind, and through a drive's refusals.

use alidav::sim::{Fault, FaultKind, Moment};

use crate::across::{act, plant, tree, world};

// Keeps 161.
#[tokio::test]
async fn a_copy_takes_the_place_of_what_is_of_another_kind_once_it_is_whole() {
    for method in ["COPY", "MOVE"] {
        let world = world().await;
        world.sim.rules(|rules| rules.copy_to_other_drive = false);
        let all = plant(&world).await;
        for root in ["/dav/second", "/dav/other"] {
            let thing = format!("{root}/thing");
            assert_eq!(world.request("MKCOL", &thing).send().await.unwrap().status(), 201);
            let old = world.request("PUT", &format!("{thing}/old.txt")).body("old").send().await.unwrap();
            assert_eq!(old.status(), 201);
            // What fails leaves all as it was.
            world.sim.fault(Fault::always(
                "openFile/create",
                FaultKind::Code { status: 400, code: "InvalidParameter".to_owned(), retry_after_ms: None },
            ));
            assert!(act(&world, method, "/dav/tree/a.txt", &thing).await.status().as_u16() >= 400);
            world.sim.clear_faults();
            assert_eq!(world.get(&format!("{thing}/old.txt")).await.text().await.unwrap(), "old");
            assert_eq!(act(&world, "COPY", "/dav/tree/a.txt", &thing).await.status(), 204);
            let content = world.get(&thing).await.bytes().await.unwrap();
            assert_eq!(Some(content.to_vec()), all["a.txt"]);
            assert_eq!(act(&world, "COPY", "/dav/tree/", &thing).await.status(), 204);
            assert_eq!(tree(&world, &format!("{thing}/")).await, all);
            // Nothing stands beside it.
            assert_eq!(world.hrefs(root).await.len(), 2);
        }
        assert_eq!(act(&world, method, "/dav/tree/", "/dav/other/thing/a.txt").await.status(), 204);
        assert_eq!(tree(&world, "/dav/other/thing/a.txt/").await, all);
        assert_eq!(tree(&world, "/dav/tree/").await.is_empty(), method == "MOVE");
    }
}

// Keeps 163.
#[tokio::test]
async fn an_expired_token_and_throttling_are_waited_out() {
    let world = world().await;
    let all = plant(&world).await;
    let gate = world.sim.gate("openFile/create", &[Moment::Start]);
    let meddling = async {
        let mut gate = gate;
        let first = gate.arrival().await;
        world.sim.expire_access_tokens();
        let refused = FaultKind::Code { status: 429, code: "TooManyRequests".to_owned(), retry_after_ms: Some(10) };
        world.sim.fault(Fault { times: 12, ..Fault::once("openFile/create", refused) });
        drop((first, gate));
    };
    let (told, ()) = tokio::join!(act(&world, "COPY", "/dav/tree/", "/dav/other/tree"), meddling);
    assert_eq!(told.status(), 201);
    assert_eq!(tree(&world, "/dav/other/tree/").await, all);
    assert_eq!(tree(&world, "/dav/tree/").await, all);
}
