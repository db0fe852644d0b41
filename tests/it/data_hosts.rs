//! Two data hosts, of which one refuses on some networks: reads and those who are sent on meet the other.

use alidav::config::{Config, LinkPolicy};
use alidav::link::sign::sign;
use alidav::sim::{Fault, FaultKind, HostMood, ListedUrl, Options, Rules, Simulator};
use reqwest::Url;

use crate::harness::{Fixture, header, noise, rules, sha1};

const STEADY: &str = "cn-beijing-data.aliyundrive.net";
const UNSTEADY: &str = "dl1-v6.aliyundrive.cloud";
const TOKEN: &str = "example-token-0123456789";

/// A world where all hosts are reached by the simulator as a proxy, with a file that has been listed.
async fn world(rules: Rules, change: impl FnOnce(&mut Config)) -> Fixture {
    // The file is read by a link, however small it is.
    let rules = Rules { named_hosts: true, listed_url: ListedUrl::Absent, ..rules };
    let sim = Simulator::start(Options { rules, ..Options::default() }).await.unwrap();
    sim.write("/film.mkv", noise(100_000));
    let world = Fixture::over(sim, |config| {
        config.upstream.outbound_proxy = Some(config.upstream.api_url.clone());
        config.mounts[0].down_proxy_token = Some(TOKEN.into());
        change(config);
    })
    .await;
    world.hrefs("/dav/").await;
    world
}

fn asked(world: &Fixture) -> Vec<(String, u64)> {
    world.sim.data_hosts().into_iter().collect()
}

fn hosts(list: &[(&str, u64)]) -> Vec<(String, u64)> {
    list.iter().map(|(host, count)| ((*host).to_owned(), *count)).collect()
}

async fn reads(world: &Fixture) -> bool {
    sha1(&world.get("/dav/film.mkv?link_policy=proxy").await.bytes().await.unwrap()) == sha1(&noise(100_000))
}

#[tokio::test]
async fn reads_do_not_touch_a_host_that_refuses() {
    for mood in [HostMood::Closes, HostMood::Invalid, HostMood::Forbids] {
        let world = world(Rules { unsteady_host: mood, ..rules() }, |_| {}).await;
        assert!(reads(&world).await, "{mood:?}");
        assert_eq!(asked(&world), hosts(&[(STEADY, 1)]), "{mood:?}");
    }
}

// Keeps 46.
#[tokio::test]
async fn the_host_that_the_drive_named_is_the_second_try() {
    for mood in [HostMood::Closes, HostMood::Invalid, HostMood::Forbids] {
        let rules = Rules { steady_host: mood, unsteady_host: HostMood::Serves, ..rules() };
        let world = world(rules, |_| {}).await;
        assert!(reads(&world).await, "{mood:?}");
        assert_eq!(asked(&world), hosts(&[(STEADY, 1), (UNSTEADY, 1)]), "{mood:?}");
        assert_eq!(world.sim.calls()["openFile/getDownloadUrl"], 1, "{mood:?}");
    }
}

#[tokio::test]
async fn a_dead_link_and_a_full_house_are_no_fault_of_the_host() {
    let full = FaultKind::Text {
        status: 403,
        body: "<Error><Code>RequestDeniedByCallback</Code><Message>ExceedMaxConcurrency</Message></Error>".to_owned(),
    };
    for kind in [FaultKind::ExpireLink, full] {
        let world = world(Rules { unsteady_host: HostMood::Serves, ..rules() }, |_| {}).await;
        world.sim.fault(Fault::once("data GET", kind.clone()));
        assert!(reads(&world).await, "{kind:?}");
        assert_eq!(asked(&world), hosts(&[(STEADY, 2)]), "{kind:?}");
    }
}

// Keeps 46.
#[tokio::test]
async fn links_that_are_given_away_name_the_steady_host_with_the_drive_s_own_path_and_query() {
    for (steady, expected) in [(true, STEADY), (false, UNSTEADY)] {
        let world = world(rules(), |config| {
            config.mounts[0].link_policy = LinkPolicy::Redirect;
            config.upstream.steady_data_host = steady;
        })
        .await;
        let signed = format!("/d/film.mkv?sign={}", sign(TOKEN, "/film.mkv", alidav::clock::UnixSeconds(0)));
        let mut links = Vec::new();
        for path in ["/dav/film.mkv", &signed] {
            let answer = world.request("GET", path).header("user-agent", "Kodi/20.1").send().await.unwrap();
            assert_eq!(answer.status(), 302, "{path}");
            links.push(header(&answer, "location").to_owned());
        }
        let ask = world.request("POST", "/api/fs/link").header("authorization", TOKEN).body(r#"{"path":"/film.mkv"}"#);
        let answer: serde_json::Value = serde_json::from_str(&ask.send().await.unwrap().text().await.unwrap()).unwrap();
        links.push(answer["data"]["url"].as_str().unwrap().to_owned());
        let proxy = reqwest::Proxy::http(world.sim.url()).unwrap();
        let player = reqwest::Client::builder().proxy(proxy).build().unwrap();
        for link in links {
            assert_eq!(link.parse::<Url>().unwrap().host_str(), Some(expected));
            // The signature covers path and query; what the unsteady host makes of it is not ours any more.
            let status = player.get(&link).header("range", "bytes=0-9").send().await.unwrap().status();
            assert_eq!(status, if steady { 206 } else { 400 });
        }
    }
}

#[tokio::test]
async fn without_the_setting_reads_are_at_the_host_that_the_drive_names() {
    let rules = Rules { unsteady_host: HostMood::Serves, ..rules() };
    let world = world(rules, |config| config.upstream.steady_data_host = false).await;
    assert!(reads(&world).await);
    assert_eq!(asked(&world), hosts(&[(UNSTEADY, 1)]));
}

#[tokio::test]
async fn parts_go_to_the_steady_host_or_to_its_twin_inside_the_region() {
    for (internal, expected) in [(false, STEADY), (true, "ccp-bj29-bj-1592982087.oss-cn-beijing-internal.aliyuncs.com")]
    {
        let world = world(rules(), |config| config.mounts[0].internal_upload = internal).await;
        assert_eq!(world.request("PUT", "/dav/new.bin").body("content").send().await.unwrap().status(), 201);
        assert_eq!(asked(&world), hosts(&[(expected, 1)]));
        assert_eq!(world.sim.read("/new.bin").unwrap(), b"content");
    }
}
