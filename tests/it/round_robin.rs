//! Clients whose requests a balancer sends to one of two servers after the other. They run where `POSTGRES_FOR_TESTS`
//! names a server on which databases may be made.

use std::time::Duration;

use alidav::config::Config;
use alidav::sim::Rules;
use futures_util::{Stream, StreamExt as _};
use reqwest::Response;

use crate::harness::{noise, rules};
use crate::pair::Pair;

/// One download at a time over both, without what is read ahead of the client; no client counts as paused.
fn one_place(config: &mut Config) {
    config.upstream.max_streams = 1;
    config.download.connections = 1;
    config.download.memory = 0;
    config.timeouts.paused_client = Duration::from_secs(600);
}

/// A drive that does not care how many bodies are open, and gives each so many bytes a second.
fn patient_drive(bytes_per_s: u64) -> Rules {
    Rules { max_downloads: 100, download_bytes_per_s: Some(bytes_per_s), ..rules() }
}

async fn film(pair: &Pair, server: usize, path: &str, from: usize) -> Response {
    let range = format!("bytes={from}-");
    let answer = pair.request(server, "GET", path).header("user-agent", "a player").header("range", range).send().await;
    let answer = answer.unwrap();
    assert_eq!(answer.status(), 206);
    answer
}

async fn rest(mut body: impl Stream<Item = reqwest::Result<bytes::Bytes>> + Unpin) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(piece) = body.next().await {
        all.extend_from_slice(&piece.unwrap());
    }
    all
}

// Keeps 174.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_by_one_is_there_at_the_other() {
    let Some(pair) = Pair::start(rules(), |_| {}).await else { return };
    // Both remember what the folder has.
    for server in [0, 1] {
        pair.members(server, "/dav/").await;
    }
    for round in 0..20 {
        let (one, other) = (round % 2, 1 - round % 2);
        let folder = format!("/dav/folder{round}");
        let made = pair.request(one, "MKCOL", &folder).send().await.unwrap();
        assert_eq!(made.status(), 201);
        let (from, to) = (format!("{folder}/a.txt"), format!("{folder}/b.txt"));
        assert_eq!(pair.put(other, &from, format!("{round}")).await, 201, "round {round}");
        let moved = pair.request(one, "MOVE", &from).header("destination", pair.url(one, &to)).send().await.unwrap();
        assert_eq!(moved.status(), 201, "round {round}");
        assert_eq!(pair.text(other, &to).await, format!("{round}"));
        assert_eq!(pair.put(other, &from, "").await, 201, "held until it has content");
        assert_eq!(pair.request(one, "HEAD", &from).send().await.unwrap().status(), 200, "round {round}");
        let gone = pair.request(one, "DELETE", &folder).send().await.unwrap();
        assert_eq!(gone.status(), 204, "round {round}");
        assert_eq!(pair.request(other, "GET", &to).send().await.unwrap().status(), 404, "round {round}");
    }
    pair.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seek_that_comes_to_the_other_server_takes_over_the_place() {
    let Some(pair) = Pair::start(patient_drive(2_000_000), one_place).await else { return };
    let content = noise(6_000_000);
    pair.sim.write("/film.mkv", content.clone());
    let mut before = film(&pair, 0, "/dav/film.mkv", 0).await.bytes_stream();
    let begun = before.next().await.unwrap().unwrap();
    let after = film(&pair, 1, "/dav/film.mkv", 4_000_000).await.bytes_stream();
    assert!(rest(after).await == content[4_000_000..]);
    // Should its client read on after all, the first goes on where it was.
    let begun = [begun.to_vec(), rest(before).await].concat();
    assert!(begun == content);
    pair.sim.wait_open_downloads(0).await;
    assert_eq!(pair.sim.peak_downloads(), 1);
    pair.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_taken_for_dead_in_a_film_goes_on_with_it() {
    let drive = Rules { max_downloads: 1, ..patient_drive(1_000_000) };
    let Some(pair) = Pair::start(drive, |config| {
        one_place(config);
        config.timeouts.instance_life = Duration::from_secs(2);
    })
    .await
    else {
        return;
    };
    let contents = [noise(3_000_000), noise(2_000_000)];
    for (n, content) in contents.iter().enumerate() {
        pair.sim.write(&format!("/film{n}.mkv"), content.clone());
    }
    let mut first = film(&pair, 0, "/dav/film0.mkv", 0).await.bytes_stream();
    let begun = first.next().await.unwrap().unwrap();
    // As if its signs of life had not come for a while.
    let lapses = "UPDATE instances SET alive_until = clock_timestamp() - interval '1 second' \
                  WHERE id = (SELECT id FROM instances ORDER BY started LIMIT 1)";
    pair.database.run(lapses).await;
    let second = film(&pair, 1, "/dav/film1.mkv", 0).await.bytes_stream();
    let (whole, other) = tokio::join!(rest(first), rest(second));
    assert!([begun.to_vec(), whole].concat() == contents[0], "the one that was taken for dead");
    assert!(other == contents[1], "the one that took its place");
    pair.sim.wait_open_downloads(0).await;
    assert_eq!(pair.sim.peak_downloads(), 1);
    pair.end().await;
}
