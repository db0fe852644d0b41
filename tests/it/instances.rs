//! Two servers that share one PostgreSQL, before one drive: what one changes the other knows, what one has the other
//! waits for. They run where `POSTGRES_FOR_TESTS` names a server on which databases may be made.

use std::time::Duration;

use alidav::config::Config;
use alidav::sim::Rules;
use futures_util::StreamExt as _;

use crate::harness::{self, a_later_moment, eventually, noise, rules};
use crate::pair::{Pair, on_drive};

const LOCK: &str = r#"<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>"#;

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
        // The other is hidden at once, and goes then or, where that takes long, a little later.
        eventually(async || on_drive(&pair.sim).await.iter().filter(|path| *path == name).count() == 1).await;
        let kept = String::from_utf8(pair.sim.read(name).unwrap()).unwrap();
        assert!(kept == one || kept == other, "round {round}: {kept} after {both:?}");
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
    assert_eq!(pair.sim.refused().calls, 0);
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
