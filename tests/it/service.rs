//! The simulated service itself is as strict as the reference: asked without alidav in between.

use alidav::sim::{Fault, FaultKind, Moment, Options, RateShape, Rules, SignatureVersion, Simulator};
use base64::Engine as _;
use md5::Digest as _;
use serde_json::{Value, json};

pub(crate) struct Service {
    pub(crate) sim: Simulator,
    pub(crate) token: String,
    pub(crate) http: reqwest::Client,
    drive: String,
}

pub(crate) async fn service(rules: Rules) -> Service {
    let sim = Simulator::start(Options { rules, ..Options::default() }).await.unwrap();
    let drive = sim.drive_ids().1;
    let http = crate::harness::builder().user_agent("test").build().unwrap();
    Service { token: sim.access_token(), sim, http, drive }
}

impl Service {
    /// Status and answer of a call; `drive_id` is filled in.
    pub(crate) async fn call(&self, name: &str, mut body: Value) -> (u16, Value) {
        body["drive_id"] = json!(self.drive);
        let request =
            self.http.post(format!("{}/adrive/v1.0/{name}", self.sim.url())).bearer_auth(&self.token).json(&body);
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    async fn create(&self, name: &str, more: Value) -> (u16, Value) {
        let mut body = json!({ "parent_file_id": "root", "name": name, "type": "file", "check_name_mode": "ignore" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.call("openFile/create", body).await
    }

    async fn put(&self, part: &Value, bytes: Vec<u8>) -> (u16, String) {
        let answer = self.http.put(part["upload_url"].as_str().unwrap()).body(bytes).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

pub(crate) fn quiet() -> Rules {
    Rules { rate_limits: false, ..Rules::default() }
}

#[tokio::test]
async fn calls_need_a_token_a_user_agent_post_and_known_fields() {
    let service = service(quiet()).await;
    let url = format!("{}/adrive/v1.0/openFile/list", service.sim.url());
    let bare = crate::harness::builder().build().unwrap();
    assert_eq!(bare.post(&url).bearer_auth(&service.token).json(&json!({})).send().await.unwrap().status(), 500);
    assert_eq!(service.http.post(&url).json(&json!({})).send().await.unwrap().status(), 401);
    assert_eq!(service.http.get(&url).bearer_auth(&service.token).send().await.unwrap().status(), 405);
    assert_eq!(service.call("openFile/unknown", json!({})).await.0, 404);
    let (status, answer) = service.call("openFile/list", json!({ "parent_file_id": "root", "limits": 5 })).await;
    assert_eq!((status, answer["code"].as_str()), (400, Some("InvalidParameterNotSupported")));
    let (status, answer) = service.call("openFile/list", json!({ "parent_file_id": "root", "limit": 201 })).await;
    assert_eq!((status, answer["code"].as_str()), (400, Some("InvalidParameter.Limit")));
    assert_eq!(
        service.call("openFile/list", json!({ "parent_file_id": "root", "order_by": "", "marker": null })).await.0,
        200
    );
}

#[tokio::test]
async fn rates_are_limited_and_429_says_how_long() {
    let service = service(Rules::default()).await;
    let mut refused = None;
    for _ in 0..10 {
        let url = format!("{}/adrive/v1.0/openFile/list", service.sim.url());
        let body = json!({ "drive_id": service.drive, "parent_file_id": "root" });
        let answer = service.http.post(url).bearer_auth(&service.token).json(&body).send().await.unwrap();
        if answer.status() == 429 {
            refused = answer.headers().get("x-retry-after").map(|v| v.to_str().unwrap().parse::<u64>().unwrap());
        }
    }
    assert!(refused.is_some_and(|ms| ms > 0 && ms <= 10_000), "{refused:?}");
}

#[tokio::test]
async fn download_urls_refuse_head_referer_authorization_change_and_age() {
    let service = service(quiet()).await;
    let id = service.sim.write("/a", "hello");
    let (_, link) = service.call("openFile/getDownloadUrl", json!({ "file_id": id, "expire_sec": 14400 })).await;
    let url = link["url"].as_str().unwrap();
    let status = |request: reqwest::RequestBuilder| async { request.send().await.unwrap().status().as_u16() };
    assert_eq!(status(service.http.get(url)).await, 200);
    assert_eq!(status(service.http.head(url)).await, 403);
    assert_eq!(status(service.http.get(url).header("referer", "http://example.org/")).await, 403);
    assert_eq!(status(service.http.get(url).header("referer", "https://www.alipan.com/x")).await, 200);
    assert_eq!(status(service.http.get(url).bearer_auth("x")).await, 400);
    assert_eq!(status(service.http.get(url.replace("di=bj29", "di=bj30"))).await, 403);
    assert_eq!(status(service.http.get(url).header("range", "bytes=1-2")).await, 206);
    assert_eq!(status(service.http.get(url).header("range", "bytes=9-")).await, 200);
    // What begins with x-oss- is signed, whatever it is good for elsewhere.
    assert_eq!(status(service.http.get(url).header("x-oss-range-behavior", "standard")).await, 403);
    assert_eq!(status(service.http.get(format!("{url}&more=1"))).await, 403);
    service.sim.expire_links();
    let expired = service.http.get(url).send().await.unwrap();
    assert_eq!((expired.status().as_u16(), expired.text().await.unwrap().contains("0002-00000236")), (403, true));
}

#[tokio::test]
async fn urls_are_signed_by_version_4_and_by_version_2_on_request() {
    let service = service(quiet()).await;
    let id = service.sim.write("/a b.mp4", "hello");
    let value = |url: &reqwest::Url, name: &str| {
        url.query_pairs().find(|(n, _)| n == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    let link = || async {
        let (_, link) = service.call("openFile/getDownloadUrl", json!({ "file_id": id, "expire_sec": 14400 })).await;
        (link["url"].as_str().unwrap().parse::<reqwest::Url>().unwrap(), link)
    };
    let (url, answer) = link().await;
    assert_eq!(url.path(), format!("/AbCdEfGh/{}/{id}/{id}", service.drive));
    assert_eq!(value(&url, "x-oss-signature-version"), "OSS4-HMAC-SHA256");
    assert_eq!((value(&url, "x-oss-expires"), value(&url, "op")), ("900".to_owned(), "d".to_owned()));
    let signature = value(&url, "x-oss-signature");
    assert!(signature.len() == 64 && signature.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)));
    let signed: jiff::Timestamp = value(&url, "x-oss-date").parse().unwrap();
    let expires: jiff::Timestamp = answer["expiration"].as_str().unwrap().parse().unwrap();
    assert_eq!(expires.as_second() - signed.as_second(), 900);
    service.sim.rules(|rules| (rules.signature, rules.bare_get) = (SignatureVersion::V2, false));
    let (old, answer) = link().await;
    assert_eq!(old.path(), format!("/AbCdEfGh%2F{}%2F{id}%2F{id}", service.drive));
    let expires: jiff::Timestamp = answer["expiration"].as_str().unwrap().parse().unwrap();
    assert_eq!(value(&old, "x-oss-expires"), expires.as_second().to_string());
    for url in [url, old] {
        assert_eq!(service.http.get(url.clone()).send().await.unwrap().status(), 403);
        assert_eq!(
            service.http.get(url).header("range", "bytes=0-").send().await.unwrap().text().await.unwrap(),
            "hello"
        );
    }
    // A clock of the service that went back: what was signed is of the future.
    service.sim.rules(|rules| (rules.signature, rules.bare_get) = (SignatureVersion::V4, true));
    let (url, _) = link().await;
    service.sim.rules(|rules| rules.clock_offset_s = -1000);
    let early = service.http.get(url.clone()).send().await.unwrap();
    assert_eq!((early.status().as_u16(), early.text().await.unwrap().contains("0002-00000235")), (403, true));
    service.sim.rules(|rules| rules.clock_offset_s = 900);
    assert_eq!(service.http.get(url).send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn the_fourth_download_is_refused() {
    let service = service(quiet()).await;
    let id = service.sim.write_generated("/film", 8 << 30, 1);
    let (_, link) = service.call("openFile/getDownloadUrl", json!({ "file_id": id })).await;
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(service.http.get(link["url"].as_str().unwrap()).send().await.unwrap());
    }
    let fourth = service.http.get(link["url"].as_str().unwrap()).send().await.unwrap();
    assert_eq!((fourth.status().as_u16(), fourth.text().await.unwrap().contains("ExceedMaxConcurrency")), (403, true));
}

#[tokio::test]
async fn parts_come_in_order_without_a_type_and_the_file_is_hidden_until_complete() {
    let service = service(quiet()).await;
    let parts = json!([{ "part_number": 1 }, { "part_number": 2 }]);
    let (status, session) = service.create("a.bin", json!({ "part_info_list": parts, "size": 200_005 })).await;
    assert_eq!(status, 200);
    let part = |n: usize| session["part_info_list"][n].clone();
    let (status, text) = service.put(&part(1), vec![1; 5]).await;
    assert_eq!((status, text.contains("PartNotSequential")), (409, true));
    let typed =
        service.http.put(part(0)["upload_url"].as_str().unwrap()).header("content-type", "x/y").body("z").send();
    assert_eq!(typed.await.unwrap().status(), 403);
    assert_eq!(service.put(&part(0), vec![1; 200_000]).await.0, 200);
    let (status, text) = service.put(&part(0), vec![1; 200_000]).await;
    assert_eq!((status, text.contains("PartAlreadyExist")), (409, true));
    assert_eq!(service.put(&part(1), vec![2; 5]).await.0, 200);
    let (_, list) = service.call("openFile/list", json!({ "parent_file_id": "root" })).await;
    assert_eq!(list["items"].as_array().unwrap().len(), 0);
    let ids = json!({ "file_id": session["file_id"], "upload_id": session["upload_id"] });
    for _ in 0..2 {
        let (status, item) = service.call("openFile/complete", ids.clone()).await;
        assert_eq!((status, item["name"].as_str(), item["size"].as_u64()), (200, Some("a.bin"), Some(200_005)));
    }
    assert_eq!(service.put(&part(1), vec![2; 5]).await.0, 404);
}

#[tokio::test]
async fn parts_come_in_any_order_where_the_rules_say_so_and_the_last_of_a_number_counts() {
    let service = service(Rules { sequential_parts: false, ..quiet() }).await;
    let parts = json!([{ "part_number": 1 }, { "part_number": 2 }]);
    let (_, session) = service.create("a.bin", json!({ "part_info_list": parts, "size": 200_005 })).await;
    let part = |n: usize| session["part_info_list"][n].clone();
    let ids = json!({ "file_id": session["file_id"], "upload_id": session["upload_id"] });
    assert_eq!(service.put(&part(1), vec![2; 5]).await.0, 200);
    // The part that is missing is not made up.
    assert_eq!(service.call("openFile/complete", ids.clone()).await.1["code"], "InvalidParameter.Size");
    for byte in [9, 1] {
        assert_eq!(service.put(&part(0), vec![byte; 200_000]).await.0, 200);
    }
    let (_, listed) = service.call("openFile/listUploadedParts", ids.clone()).await;
    let sizes: Vec<_> =
        listed["uploaded_parts"].as_array().unwrap().iter().map(|part| part["part_size"].as_u64()).collect();
    assert_eq!((listed["parallelUpload"].as_bool(), sizes), (Some(true), vec![Some(200_000), Some(5)]));
    let (_, item) = service.call("openFile/complete", ids).await;
    let content = [vec![1; 200_000], vec![2; 5]].concat();
    assert_eq!(item["content_hash"], crate::harness::sha1(&content).to_ascii_uppercase());
    assert_eq!(service.sim.read("/a.bin").unwrap(), content);
}

#[tokio::test]
async fn rapid_upload_follows_the_reference_examples() {
    let service = service(quiet()).await;
    let fox = "The quick brown fox jumps over the lazy dog";
    let sha1 = "2FD4E1C67A2D28FCED849EE1BB76E7391B93EB12";
    service.sim.write("/fox.txt", fox);
    let probe = json!({ "size": 43, "pre_hash": sha1.to_ascii_lowercase() });
    let (status, answer) = service.create("copy.txt", probe.clone()).await;
    assert_eq!((status, answer["code"].as_str()), (409, Some("PreHashMatched")));
    let digest = md5::Md5::digest(service.token.as_bytes());
    let number = u64::from_be_bytes(digest[..8].try_into().unwrap());
    let start = usize::try_from(number % 43).unwrap();
    let proof = base64::engine::general_purpose::STANDARD.encode(&fox.as_bytes()[start..(start + 8).min(43)]);
    let full = |proof: &str| json!({ "size": 43, "content_hash": sha1, "content_hash_name": "sha1", "proof_code": proof, "proof_version": "v1" });
    let (status, answer) = service.create("copy.txt", full("AAAA")).await;
    assert_eq!((status, answer["code"].as_str()), (400, Some("InvalidRapidProof")));
    let (status, answer) = service.create("copy.txt", full(&proof)).await;
    assert_eq!((status, answer["rapid_upload"].as_bool()), (200, Some(true)));
    assert_eq!(service.sim.read("/copy.txt").unwrap(), fox.as_bytes());
}

#[tokio::test]
async fn names_quota_and_sizes_have_their_limits() {
    let service = service(Rules { quota: 1000, ..quiet() }).await;
    let (_, first) = service
        .call(
            "openFile/create",
            json!({ "parent_file_id": "root", "name": "d", "type": "folder", "check_name_mode": "refuse" }),
        )
        .await;
    let (status, again) = service
        .call(
            "openFile/create",
            json!({ "parent_file_id": "root", "name": "d", "type": "folder", "check_name_mode": "refuse" }),
        )
        .await;
    assert_eq!((status, again["exist"].as_bool(), &again["file_id"]), (200, Some(true), &first["file_id"]));
    for name in ["a/b", "", &"x".repeat(1025)] {
        assert_eq!(service.create(name, json!({})).await.0, 400, "{name}");
    }
    assert_eq!(service.create("big", json!({ "size": 1001 })).await.1["code"], "QuotaExhausted.Drive");
    assert_eq!(service.create("huge", json!({ "size": 90_000_000_000u64 })).await, (413, json!("Payload Too Large")));
    let parts: Vec<_> = (1..=10_001).map(|n| json!({ "part_number": n })).collect();
    assert_eq!(service.create("many", json!({ "part_info_list": parts })).await, (405, json!("Method Not Allowed")));
}

#[tokio::test]
async fn a_login_by_qr_code_goes_through_its_states() {
    let service = service(quiet()).await;
    let start = service.http.post(format!("{}/oauth/authorize/qrcode", service.sim.url())).json(&json!({
        "client_id": alidav::sim::CLIENT_ID, "scopes": ["user:base"],
        "code_challenge": "g0tuZ6q412zO9IRkeAUs8HN6MQeXPsGce37J3Rsc8wQ=", "code_challenge_method": "S256",
    }));
    let start: Value = serde_json::from_str(&start.send().await.unwrap().text().await.unwrap()).unwrap();
    let sid = start["sid"].as_str().unwrap();
    let status = || async {
        let url = format!("{}/status", start["qrCodeUrl"].as_str().unwrap());
        serde_json::from_str::<Value>(&service.http.get(url).send().await.unwrap().text().await.unwrap()).unwrap()
    };
    let lever = |state: &str| service.http.post(format!("{}/sim/qr/{sid}/{state}", service.sim.url())).send();
    assert_eq!(status().await["status"], "WaitLogin");
    lever("scan").await.unwrap();
    assert_eq!(status().await["status"], "ScanSuccess");
    lever("confirm").await.unwrap();
    let code = status().await["authCode"].as_str().unwrap().to_owned();
    let exchange = service.http.post(format!("{}/oauth/access_token", service.sim.url())).json(&json!({
        "client_id": alidav::sim::CLIENT_ID, "grant_type": "authorization_code", "code": code,
        "code_verifier": "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG",
    }));
    let grant: Value = serde_json::from_str(&exchange.send().await.unwrap().text().await.unwrap()).unwrap();
    assert_eq!((grant["expires_in"].as_u64(), grant["refresh_token"].as_str()), (Some(2_592_000), Some("")));
}

#[tokio::test]
async fn a_drive_in_a_folder_outlives_the_simulator() {
    let folder = tempfile::tempdir().unwrap();
    let options = || Options { dir: Some(folder.path().to_owned()), rules: quiet(), ..Options::default() };
    let sim = Simulator::start(options()).await.unwrap();
    let client = crate::harness::builder().build().unwrap();
    client.put(format!("{}/sim/files/default/a/b.txt", sim.url())).body("kept").send().await.unwrap();
    sim.stop().await;
    let sim = Simulator::start(options()).await.unwrap();
    assert_eq!(sim.read("/a/b.txt").unwrap(), b"kept");
}

#[tokio::test]
async fn how_a_second_is_counted_is_a_switch() {
    for (shape, granted) in [(RateShape::Blurred, 5), (RateShape::Exact, 4), (RateShape::Spaced, 1)] {
        let service = service(Rules { rate_shape: shape, ..Rules::default() }).await;
        let calls = (0..8).map(|_| service.call("openFile/list", json!({ "parent_file_id": "root" })));
        let answers = futures_util::future::join_all(calls).await;
        let count = answers.iter().filter(|(status, _)| *status == 200).count();
        assert_eq!(count, granted, "{shape:?}");
    }
}

#[tokio::test]
async fn what_the_sources_disagree_on_is_a_switch() {
    let service = service(Rules {
        bad_token_status: 400,
        form_tokens: false,
        complete_twice: false,
        refusal_is_success: false,
        signed_verb: false,
        checked_referer: false,
        signed_type: false,
        by_path_oldest: true,
        exists_status: 400,
        ..quiet()
    })
    .await;
    let url = format!("{}/adrive/v1.0/openFile/list", service.sim.url());
    assert_eq!(service.http.post(&url).bearer_auth("x").json(&json!({})).send().await.unwrap().status(), 400);
    let form = service.http.post(format!("{}/oauth/access_token", service.sim.url()));
    let form = form.header("content-type", "application/x-www-form-urlencoded").body("grant_type=refresh_token");
    assert!(form.send().await.unwrap().text().await.unwrap().contains("InvalidRequestJSONFormat"));
    let old = service.sim.write("/a", "old");
    crate::harness::a_later_moment().await;
    service.sim.add_same_name("/a", "new");
    assert_eq!(service.call("openFile/get_by_path", json!({ "file_path": "/a" })).await.1["file_id"], json!(old));
    let (status, answer) = service.create("a", json!({ "check_name_mode": "refuse" })).await;
    assert_eq!((status, answer["code"].as_str()), (400, Some("AlreadyExist.File")));
    let (_, link) = service.call("openFile/getDownloadUrl", json!({ "file_id": old })).await;
    let url = link["url"].as_str().unwrap();
    assert_eq!(service.http.head(url).send().await.unwrap().status(), 200);
    assert_eq!(service.http.get(url).header("referer", "http://example.org/").send().await.unwrap().status(), 200);
    let (_, session) = service.create("b", json!({ "part_info_list": [{ "part_number": 1 }] })).await;
    let part = service.http.put(session["part_info_list"][0]["upload_url"].as_str().unwrap());
    assert_eq!(part.header("content-type", "x/y").body("z").send().await.unwrap().status(), 200);
    let ids = json!({ "file_id": session["file_id"], "upload_id": session["upload_id"] });
    assert_eq!(service.call("openFile/complete", ids.clone()).await.0, 200);
    assert_eq!(service.call("openFile/complete", ids).await.1["code"], "NotFound.UploadId");
}

#[tokio::test]
async fn a_slow_answer_is_a_fault_of_its_own() {
    let service = service(quiet()).await;
    service.sim.fault(Fault::once("openFile/list", FaultKind::Slow { ms: 300 }));
    let begun = std::time::Instant::now();
    assert_eq!(service.call("openFile/list", json!({ "parent_file_id": "root" })).await.0, 200);
    assert!(begun.elapsed() >= std::time::Duration::from_millis(300));
}

#[tokio::test]
async fn a_call_waits_at_a_gate_before_it_acts_and_before_its_answer() {
    let service = service(quiet()).await;
    let mut gate = service.sim.gate("openFile/create", &[Moment::Start, Moment::End]);
    let mut data = service.sim.gate("data PUT", &[Moment::End]);
    let names = || service.sim.tree().into_iter().map(|(path, _)| path).collect::<Vec<_>>();
    let calls = async {
        assert_eq!(service.create("a", json!({ "type": "folder" })).await.0, 200);
        assert_eq!(service.create("b", json!({ "type": "folder" })).await.0, 500);
        let (_, session) = service.create("c", json!({ "part_info_list": [{ "part_number": 1 }] })).await;
        let part = session["part_info_list"][0].clone();
        assert_eq!(service.put(&part, b"content".to_vec()).await.0, 503);
    };
    let test = async {
        let start = gate.arrival().await;
        assert_eq!((start.call(), start.moment()), ("openFile/create", Moment::Start));
        assert!(names().is_empty());
        start.go_on();
        let end = gate.arrival().await;
        assert_eq!(end.moment(), Moment::End);
        assert_eq!(names(), ["/a"]);
        end.go_on();
        let refusal = |status| FaultKind::Code { status, code: "no".to_owned(), retry_after_ms: None };
        gate.arrival().await.go_wrong(refusal(500));
        gate.arrival().await.go_on();
        assert_eq!(names(), ["/a"]);
        gate.arrival().await.go_on();
        gate.arrival().await.go_on();
        // It has acted, whatever its answer says.
        data.arrival().await.go_wrong(refusal(503));
        assert!(gate.arrived().is_none());
    };
    tokio::join!(calls, test);
    drop((gate, data));
    assert_eq!(service.create("d", json!({ "type": "folder" })).await.0, 200);
}

#[tokio::test]
async fn a_call_at_a_gate_that_its_caller_gives_up_never_acts() {
    let service = service(quiet()).await;
    let mut gate = service.sim.gate("*", &[Moment::Start]);
    let call = service.create("a", json!({ "type": "folder" }));
    let held = tokio::select! {
        _ = call => panic!("it was answered"),
        held = gate.arrival() => held,
    };
    crate::harness::until(|| held.is_abandoned()).await;
    held.go_on();
    assert!(service.sim.tree().is_empty());
}
