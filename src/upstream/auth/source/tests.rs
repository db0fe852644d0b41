//! Each form of token server, its answers and its addresses.

use super::*;

fn judge(status: u16, body: &str) -> &'static str {
    let source = TokenSource::server(&"https://api.oplist.org/alicloud/renewapi".parse().unwrap());
    let answer = Answer {
        status: StatusCode::from_u16(status).unwrap(),
        headers: http::HeaderMap::new(),
        body: body.as_bytes().to_vec(),
    };
    match source.judge(answer, &[]) {
        Outcome::Granted(_) => "granted",
        Outcome::NotActed(_) => "not acted",
        Outcome::Refused(_) => "refused",
        Outcome::Unclear(_) => "unclear",
    }
}

#[test]
fn knows_whether_an_attempt_spent_the_token() {
    assert_eq!(judge(200, r#"{"refresh_token":"r","access_token":"a"}"#), "granted");
    for life in ["7200", r#""7200""#, "7200.0", "null", "0", "{}"] {
        let body = format!(r#"{{"refresh_token":"r","access_token":"a","expires_in":{life},"code":null}}"#);
        assert_eq!(judge(200, &body), "granted", "{body}");
    }
    assert_eq!(judge(200, r#"{"refresh_token":"","access_token":""}"#), "unclear");
    assert_eq!(judge(403, "<html>checking your browser</html>"), "not acted");
    assert_eq!(judge(503, "<!DOCTYPE html><title>Just a moment"), "not acted");
    assert_eq!(judge(502, "<html>bad gateway</html>"), "unclear");
    assert_eq!(judge(502, "Bad Gateway"), "unclear");
    assert_eq!(judge(500, r#"{"text":"expired refresh_token"}"#), "refused");
    assert_eq!(judge(500, r#"{"text":"Too Many Requests"}"#), "not acted");
    assert_eq!(judge(500, r#"{"text":{}}"#), "unclear");
    assert_eq!(judge(401, r#"{"code":"RefreshTokenExpired","message":"expired refresh_token"}"#), "refused");
    assert_eq!(judge(400, r#"{"code":"InvalidClientId","message":"x","error":"InvalidClientId: x"}"#), "not acted");
    assert_eq!(judge(400, r#"{"code":"AccessDenied","message":"invalid token"}"#), "refused");
    assert_eq!(judge(429, "Too Many Requests"), "not acted");
    assert_eq!(judge(404, "not here"), "not acted");
    assert_eq!(judge(302, ""), "not acted");
}

#[test]
fn words_that_only_look_like_a_known_reason_leave_it_unclear() {
    // What a server written in JavaScript says when the service answered with a page, or not at all.
    assert_eq!(judge(500, r#"{"text":"Unexpected token '<', \"<html>\" is not valid JSON"}"#), "unclear");
    assert_eq!(judge(500, r#"{"text":"Client network socket disconnected"}"#), "unclear");
    assert_eq!(judge(500, r#"{"text":"Something unexpected happened"}"#), "unclear");
    assert_eq!(judge(500, r#"{"text":"refresh_token: connection refused"}"#), "unclear");
    // A gateway may have handed the request on.
    for status in [520, 522, 524] {
        assert_eq!(judge(status, "<html>origin error</html>"), "unclear");
    }
}

#[test]
fn reasons_are_known_in_every_form_of_error() {
    assert_eq!(judge(200, r#"{"code":"AccessDenied","message":"invalid token"}"#), "refused");
    assert_eq!(judge(400, r#"{"error":"RefreshTokenInvalid: invalid refresh_token"}"#), "refused");
    assert_eq!(judge(200, r#"{"code":401,"message":"expired refresh_token","data":null}"#), "refused");
    assert_eq!(judge(200, r#"{"code":429,"message":null}"#), "not acted");
    assert_eq!(judge(200, r#"{"code":500,"message":"?"}"#), "unclear");
    assert_eq!(judge(403, r#"{"text":"InvalidCode: invalid code"}"#), "refused");
    assert_eq!(judge(500, r#"{"text":"InvalidClientId: invalid client_id"}"#), "not acted");
    assert_eq!(judge(401, r#"{"text":"Login failed:WaitLogin"}"#), "unclear");
    assert_eq!(judge(403, r#"{"error":"blocked"}"#), "not acted");
}

#[test]
fn a_request_that_is_repeated_in_an_error_is_told_without_its_secret() {
    let source = TokenSource::server(&"https://api.oplist.org".parse().unwrap());
    let secret = SecretString::from("opaque+secret/4711");
    for told in ["opaque+secret/4711", "opaque%2Bsecret%2F4711"] {
        let body = format!(r#"{{"message":"Route GET:/renewapi?refresh_ui={told}&x=1 not found","statusCode":404}}"#);
        let answer = Answer { status: StatusCode::NOT_FOUND, headers: http::HeaderMap::new(), body: body.into() };
        let Outcome::NotActed(error) = source.judge(answer, &[&secret]) else { panic!() };
        let text = error.to_string();
        assert!(!text.contains("4711") && text.contains("not found"), "{text}");
        assert_eq!(error.kind, ErrorKind::Unavailable);
    }
}

#[test]
fn a_server_that_has_moved_is_told_by_its_new_host_alone() {
    let source = TokenSource::server(&"https://api.nn.ci".parse().unwrap());
    for body in ["", "<html>moved</html>"] {
        let mut headers = http::HeaderMap::new();
        headers.insert("location", "https://api.alistgo.com/x?refresh_ui=geheim".parse().unwrap());
        let answer = Answer { status: StatusCode::MOVED_PERMANENTLY, headers, body: body.into() };
        let Outcome::NotActed(error) = source.judge(answer, &[]) else { panic!() };
        let told = error.to_string();
        assert!(told.contains("moved to api.alistgo.com") && !told.contains("geheim"), "{told}");
    }
}

#[test]
fn recognises_the_published_servers_by_their_address() {
    let url = |text: &str| TokenSource::server(&text.parse().unwrap()).url.to_string();
    assert_eq!(url("https://api.oplist.org"), "https://api.oplist.org/alicloud/renewapi");
    assert_eq!(url("https://api.oplist.org/alicloud/renewapi"), "https://api.oplist.org/alicloud/renewapi");
    assert_eq!(url("https://own.example/alicloud/"), "https://own.example/alicloud/renewapi");
    assert_eq!(url("https://api.alistgo.com/"), "https://api.alistgo.com/alist/ali_open/token");
    assert_eq!(url("https://api.nn.ci/alist/ali_open/token"), "https://api.nn.ci/alist/ali_open/token");
    assert_eq!(
        url("https://aliyundrive-oauth.messense.me"),
        "https://aliyundrive-oauth.messense.me/oauth/access_token"
    );
    assert_eq!(url("https://own.example/proxy"), "https://own.example/proxy/oauth/access_token");
}

#[test]
fn an_openlist_address_may_name_another_kind_of_token() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let query = |address: &str| {
        let source = TokenSource::server(&address.parse().unwrap());
        let request = source.request(&reqwest::Client::new(), "a.b.c").build().unwrap();
        request.url().query().unwrap().to_owned()
    };
    let address = "https://api.oplist.org/alicloud/renewapi";
    let key = |query: &str| TokenSource::server(&format!("{address}{query}").parse().unwrap()).key();
    assert_eq!(key("?driver_txt=alicloud_qr&key=geheim"), address);
    assert_eq!(key("?apps_types=alicloud_tv"), format!("{address}?driver_txt=alicloud_tv"));
    let old = query(&format!("{address}?apps_types=alicloud_tv"));
    assert_eq!(old, "apps_types=alicloud_tv&refresh_ui=a.b.c&server_use=true&driver_txt=alicloud_tv");
    assert_eq!(query(address), "refresh_ui=a.b.c&server_use=true&driver_txt=alicloud_qr");
    let tv = query(&format!("{address}?driver_txt=alicloud_tv"));
    assert_eq!(tv, "driver_txt=alicloud_tv&refresh_ui=a.b.c&server_use=true");
}

// Keeps 71.
#[test]
fn token_servers_see_a_browser_and_the_service_sees_us() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let agent = |source: &TokenSource| {
        let request = source.request(&reqwest::Client::new(), "a.b.c").build().unwrap();
        request.headers().get("user-agent").map(|agent| agent.to_str().unwrap().to_owned())
    };
    for server in ["https://api.oplist.org", "https://api.alistgo.com", "https://aliyundrive-oauth.messense.me"] {
        let agent = agent(&TokenSource::server(&server.parse().unwrap())).unwrap();
        assert!(agent.starts_with("Mozilla/5.0 (") && agent.contains("alidav/"), "{agent}");
    }
    let form = Form::OwnApplication { client_id: "i".to_owned(), client_secret: "s".into() };
    // The client's own.
    assert_eq!(agent(&TokenSource { form, url: "https://openapi.alipan.com/".parse().unwrap() }), None);
}

#[test]
fn a_bot_check_did_not_act_and_is_told_with_what_to_do() {
    for (status, body) in [(403, "error code: 1010"), (403, "<html>"), (503, "<!DOCTYPE html><title>Just a moment")] {
        let source = TokenSource::server(&"https://api.oplist.org".parse().unwrap());
        let status = StatusCode::from_u16(status).unwrap();
        let answer = Answer { status, headers: http::HeaderMap::new(), body: body.into() };
        let Outcome::NotActed(error) = source.judge(answer, &[]) else { panic!("{body}") };
        let told = error.to_string();
        assert!(told.contains("bot check") && told.contains("oauth_token_urls"), "{told}");
        assert_eq!(told.contains("1010"), body.contains("1010"), "{told}");
    }
    // Further codes of that check may come from behind it, after the server has acted.
    assert_eq!(judge(500, "error code: 1101"), "unclear");
    assert_eq!(judge(503, "error code: 1102"), "unclear");
}

#[test]
fn the_calls_of_a_server_are_beside_its_renewal_with_the_same_parameters() {
    let url = |text: &str, ours, other| TokenSource::server(&text.parse().unwrap()).beside(ours, other).to_string();
    let openlist = "https://api.oplist.org/alicloud/renewapi";
    assert_eq!(url(openlist, "renewapi", "requests"), "https://api.oplist.org/alicloud/requests");
    let alist = "https://api.alistgo.com/alist/ali_open/token?x=1";
    assert_eq!(url(alist, "token", "qr"), "https://api.alistgo.com/alist/ali_open/qr?x=1");
    let own = "https://own.example/proxy/oauth/access_token";
    assert_eq!(url(own, "access_token", "authorize/qrcode"), "https://own.example/proxy/oauth/authorize/qrcode");
}
