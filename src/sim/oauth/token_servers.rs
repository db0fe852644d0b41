//! The token servers: which application each holds, OpenList's calls, and the bot check before its server
//! (reference 1.8).

use http::Response;
use http::request::Parts;
use serde_json::json;

use crate::sim::answer::{Body, json_response, text};
use crate::sim::levers::rules::BotCheck;
use crate::sim::oauth::login::{login_status, new_login};
use crate::sim::world::World;
use crate::sim::world::application::Application;

/// The endpoint's name for counts and faults, if the path is a token server's.
pub(in crate::sim) fn call(path: &str) -> Option<&'static str> {
    Some(match path {
        "/alist/ali_open/token" => "alist/token",
        "/alist/ali_open/code" => "alist/code",
        "/alist/ali_open/qr" => "alist/qr",
        "/alist/ali_open/limit" => "alist/limit",
        "/alicloud/renewapi" => "openlist/renewapi",
        "/alicloud/requests" => "openlist/requests",
        "/alicloud/callback" => "openlist/callback",
        "/mainland/alicloud/renewapi" => "mainland/renewapi",
        "/mainland/alicloud/requests" => "mainland/requests",
        "/mainland/alicloud/callback" => "mainland/callback",
        "/messense/oauth/access_token" => "messense/access_token",
        "/messense/oauth/authorize/qrcode" => "messense/qrcode",
        _ => return None,
    })
}

/// The application at which a call arrives.
pub(in crate::sim) fn application(call: &str) -> Application {
    match call.split('/').next().unwrap_or_default() {
        "alist" => Application::AList,
        "openlist" => Application::OpenList,
        "mainland" => Application::Mainland,
        "messense" => Application::AliyundriveWebdav,
        _ => Application::Own,
    }
}

/// Agents that pass the bot check by all reports; the names of libraries do not.
const AGENTS: [&str; 3] = ["Mozilla/5.0 (", "OpenList/", "node"];

/// What the check before OpenList's server answers in its place.
pub(in crate::sim) fn bot_check(world: &World, call: &str, parts: &Parts) -> Option<Response<Body>> {
    if !call.starts_with("openlist/") {
        return None;
    }
    let agent = parts.headers.get("user-agent").and_then(|v| v.to_str().ok()).unwrap_or_default();
    let page = "<!DOCTYPE html><html><head><title>Just a moment...</title></head></html>";
    match world.rules.bot_check {
        BotCheck::Off => None,
        BotCheck::Agents if AGENTS.iter().any(|known| agent.starts_with(known)) => None,
        BotCheck::Agents | BotCheck::Text => Some(text(403, "error code: 1010")),
        BotCheck::Page => Some(text(403, page)),
        BotCheck::BusyPage => Some(text(503, page)),
    }
}

/// One of OpenList's calls.
pub(in crate::sim) fn openlist(
    world: &mut World,
    call: &str,
    parts: &Parts,
    query: &dyn Fn(&str) -> Option<String>,
) -> Response<Body> {
    match call.split('/').nth(1).unwrap_or_default() {
        "renewapi" => renewapi(world, call, query),
        "requests" => requests(world, call, query),
        _ => callback(world, call, parts, query),
    }
}

/// What it is to sign in with; the parameter's name has changed with the server's versions.
fn driver(world: &World, query: &dyn Fn(&str) -> Option<String>) -> String {
    let name = if world.rules.old_driver_name { "apps_types" } else { "driver_txt" };
    query(name).unwrap_or_else(|| "alicloud_qr".to_owned())
}

fn known(driver: &str, call: &str) -> Option<Application> {
    match driver {
        "alicloud_qr" => Some(application(call)),
        "alicloud_tv" => Some(Application::Tv),
        _ => None,
    }
}

fn unknown() -> Response<Body> {
    json_response(
        500,
        &json!({ "text": "only alicloud_qr and alicloud_tv with the server's application are simulated" }),
    )
}

/// A renewal: words without a code, for the TV client without a reason.
fn renewapi(world: &mut World, call: &str, query: &dyn Fn(&str) -> Option<String>) -> Response<Body> {
    let Some(application) = known(&driver(world, query), call) else { return unknown() };
    let token = query("refresh_ui").unwrap_or_default();
    match world.renew(&token, application) {
        Ok(grant) => json_response(
            200,
            &json!({ "refresh_token": grant["refresh_token"], "access_token": grant["access_token"] }),
        ),
        Err(_) if application == Application::Tv => json_response(500, &json!({ "text": "刷新Token失败" })),
        Err(refusal) => json_response(500, &json!({ "text": refusal.message })),
    }
}

/// A code to scan. What the server must keep until the end it keeps at the client.
fn requests(world: &mut World, call: &str, query: &dyn Fn(&str) -> Option<String>) -> Response<Body> {
    let driver = driver(world, query);
    let application = known(&driver, call).filter(|_| query("server_use").as_deref() == Some("true"));
    let Some(application) = application else { return unknown() };
    let login = new_login(world, application, None);
    let mut answer = json_response(200, &json!({ "text": login["qrCodeUrl"], "sid": login["sid"] }));
    for cookie in [format!("driver_txt={driver}"), "server_use=true".to_owned()] {
        if let Ok(cookie) = http::HeaderValue::from_str(&format!("{cookie}; Path=/; HttpOnly")) {
            answer.headers_mut().append("set-cookie", cookie);
        }
    }
    answer
}

/// The exchange: by `code` for QR codes, by `sid` for the TV client's.
fn callback(world: &mut World, call: &str, parts: &Parts, query: &dyn Fn(&str) -> Option<String>) -> Response<Body> {
    let told = |status, text: &str| json_response(status, &json!({ "text": text }));
    let cookies = parts.headers.get("cookie").and_then(|v| v.to_str().ok()).unwrap_or_default();
    let cookie = |name: &str| cookies.split("; ").find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let Some(driver) = cookie("driver_txt").filter(|_| cookie("server_use") == Some("true")) else {
        return told(401, "No Cookies");
    };
    let Some(application) = known(driver, call) else { return unknown() };
    let tv = application == Application::Tv;
    if !tv && query("grant_type").as_deref() != Some("authorization_code") {
        return told(400, "Incorrect GrantType");
    }
    let sid = query(if tv { "sid" } else { "code" }).filter(|sid| !sid.is_empty());
    let Some(sid) = sid else { return told(400, if tv { "缺少sid参数" } else { "Code missed" }) };
    let status = login_status(world, &format!("/oauth/qrcode/{sid}/status"));
    if status["status"] != "LoginSuccess" {
        let word = status["status"].as_str().unwrap_or_default();
        return if tv { told(202, "等待扫码") } else { told(401, &format!("Login failed:{word}")) };
    }
    let issued = world.tokens.logins.get(&sid).map(|login| login.application);
    if !issued.is_some_and(|issued| application.takes(issued, &world.rules)) {
        return told(403, "InvalidCode: invalid code");
    }
    let user = world.rules.qr_user;
    let mut grant = world.tokens.grant(user, &world.users[user], application, &world.rules, false);
    if tv {
        grant = json!({
            "access_token": grant["access_token"], "refresh_token": grant["refresh_token"], "driver_txt": driver, "server_use": true,
        });
    }
    json_response(200, &grant)
}
