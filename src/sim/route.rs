//! From a request to its endpoint, with what is the same for all of them: counting, planned faults,
//! methods, tokens, call rates.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderValue, Method, Request, Response, header, request::Parts};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::sim::answer::{Body, Refusal, full, json_response, response, text, without_nulls, xml};
use crate::sim::api::params::Params;
use crate::sim::api::{read, tree, upload, video};
use crate::sim::clock::now_ms;
use crate::sim::data::{hosts, signed};
use crate::sim::levers::fault::FaultKind;
use crate::sim::levers::gate::Moment;
use crate::sim::levers::rules::{RateShape, Rules};
use crate::sim::shared::Shared;
use crate::sim::world::{World, persist};
use crate::sim::{data, levers, oauth, preview};

/// Answers one request; an error closes the connection without an answer.
pub(super) async fn handle(shared: Arc<Shared>, request: Request<Incoming>) -> std::io::Result<Response<Body>> {
    let mut answer = answer(&shared, request).await?;
    let world = shared.world.lock();
    if world.rules.dated {
        let now = std::time::UNIX_EPOCH + Duration::from_millis(world.clock_ms().unsigned_abs());
        let date = HeaderValue::from_str(&httpdate::fmt_http_date(now)).map_err(std::io::Error::other)?;
        answer.headers_mut().insert(header::DATE, date);
    }
    Ok(answer)
}

async fn answer(shared: &Arc<Shared>, request: Request<Incoming>) -> std::io::Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    if path.starts_with("/sim/") {
        let body = read(body).await?;
        return Ok(levers::answer(shared, &parts.method, &path, &body));
    }
    let Some(call) = call_name(&parts) else {
        let missing = json!({ "timestamp": crate::sim::clock::timestamp(now_ms()), "status": 404, "error": "Not Found", "path": path });
        return Ok(json_response(404, &missing));
    };
    let (planned, latency) = {
        let mut world = shared.world.lock();
        (world.ledger.enter(&call), world.rules.latency_ms)
    };
    let fault = held(shared, &call, Moment::Start).await.or(planned);
    if latency > 0 {
        tokio::time::sleep(Duration::from_millis(latency)).await;
    }
    let turned_away = match call.as_str() {
        "data GET" | "data PUT" => hosts::enter(&mut shared.world.lock(), &parts)?,
        _ => None,
    };
    let mut answer = match refused(shared, &call, fault.as_ref()).await?.or(turned_away) {
        Some(refusal) => refusal,
        None if call == "data GET" => data::get(shared, &parts, fault.as_ref()),
        None if preview::serves(&call) => {
            spoil(preview::answer(shared, &parts, &call, fault.as_ref()).await, fault.as_ref()).await?
        }
        None => {
            let body = read(body).await?;
            let answer = match call.as_str() {
                "data PUT" => data::put(shared, &parts, body),
                "data other" => data::other_verb(shared, &parts),
                _ => act(shared, &call, &parts, &body),
            };
            spoil(answer, fault.as_ref()).await?
        }
    };
    if parts.headers.contains_key(header::ORIGIN) {
        share(&mut answer, &call, &shared.world.lock().rules);
    }
    match held(shared, &call, Moment::End).await {
        Some(fault) => match refused(shared, &call, Some(&fault)).await? {
            Some(refusal) => Ok(refusal),
            None => spoil(answer, Some(&fault)).await,
        },
        None => Ok(answer),
    }
}

/// Whether a counted call is a request by a signed URL, and none of the API.
pub(super) fn is_transfer(call: &str) -> bool {
    call.starts_with("data ") || preview::serves(call)
}

/// Lets pages of other origins read what this is the answer to, where its host does (reference 3.22).
fn share(answer: &mut Response<Body>, call: &str, rules: &Rules) {
    let open = preview::serves(call) && rules.preview_cors || call.starts_with("data ") && rules.data_cors;
    if open {
        for name in ["access-control-allow-origin", "access-control-allow-headers"] {
            answer.headers_mut().insert(name, HeaderValue::from_static("*"));
        }
    }
}

/// Waits at a gate, if there is one; what is to go wrong then.
async fn held(shared: &Shared, call: &str, moment: Moment) -> Option<FaultKind> {
    let decided = shared.gates.lock().announce(call, moment)?;
    let _waiting = Waiting::at(&shared.held);
    decided.await.ok()
}

/// A call at a gate, until it goes on or its caller gives it up.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn at(held: &'a AtomicUsize) -> Self {
        held.fetch_add(1, Ordering::Relaxed);
        Self(held)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a fault says in place of the call; an error closes the connection.
async fn refused(shared: &Shared, call: &str, fault: Option<&FaultKind>) -> std::io::Result<Option<Response<Body>>> {
    match fault {
        Some(FaultKind::Hang) => std::future::pending().await,
        Some(FaultKind::Slow { ms }) => tokio::time::sleep(Duration::from_millis(*ms)).await,
        Some(FaultKind::CloseBefore) => return Err(std::io::Error::other("closed by a planned fault")),
        Some(FaultKind::Text { status, body }) => return Ok(Some(text(*status, body))),
        Some(FaultKind::Code { status, code, .. }) if is_transfer(call) => {
            return Ok(Some(xml(*status, code, "planned fault", "")));
        }
        Some(FaultKind::Code { status, code, retry_after_ms }) => {
            let refusal = Refusal { retry_after_ms: *retry_after_ms, ..Refusal::new(*status, code, "planned fault") };
            return Ok(Some(refusal.into_response(&shared.world.lock().rules)));
        }
        _ => {}
    }
    Ok(None)
}

async fn read(body: Incoming) -> std::io::Result<Bytes> {
    Ok(body.collect().await.map_err(std::io::Error::other)?.to_bytes())
}

/// The endpoint's name as it is counted; absent for an unknown path.
fn call_name(parts: &Parts) -> Option<String> {
    let path = parts.uri.path();
    if let Some(call) = preview::call(parts) {
        return Some(call.to_owned());
    }
    if signed::is_data_path(path) {
        return Some(match parts.method {
            Method::GET => "data GET".to_owned(),
            Method::PUT => "data PUT".to_owned(),
            _ => "data other".to_owned(),
        });
    }
    if let Some(call) = oauth::call(path) {
        return Some(call.to_owned());
    }
    let call = match path {
        "/business/v1.0/user/getVipInfo" | "/v1.0/user/getVipInfo" => "user/getVipInfo",
        "/adrive/v1.1/openFile/video/recentList" => "openFile/video/recentList",
        _ => path.strip_prefix("/adrive/v1.0/")?,
    };
    CALLS.contains(&call).then(|| call.to_owned())
}

const CALLS: [&str; 26] = [
    "user/getDriveInfo",
    "user/getSpaceInfo",
    "user/getVipInfo",
    "openFile/list",
    "openFile/get",
    "openFile/get_by_path",
    "openFile/batch/get",
    "openFile/search",
    "openFile/starredList",
    "openFile/getDownloadUrl",
    "openFile/create",
    "openFile/getUploadUrl",
    "openFile/listUploadedParts",
    "openFile/complete",
    "openFile/update",
    "openFile/move",
    "openFile/copy",
    "openFile/delete",
    "openFile/recyclebin/trash",
    "openFile/recyclebin/restore",
    "openFile/recyclebin/list",
    "openFile/async_task/get",
    "openFile/getVideoPreviewPlayInfo",
    "openFile/getVideoPreviewPlayMeta",
    "openFile/video/updateRecord",
    "openFile/video/recentList",
];

fn act(shared: &Shared, call: &str, parts: &Parts, body: &Bytes) -> Response<Body> {
    let mut world = shared.world.lock();
    if oauth::call(parts.uri.path()).is_some() {
        let answer = oauth::answer(&mut world, call, parts, body);
        persist::save(&world);
        return answer;
    }
    match api(&mut world, call, parts, body) {
        Ok(Value::Null) => response(204, "application/json", Bytes::new()),
        Ok(mut value) => {
            persist::save_after(&world, call);
            if world.rules.omit_nulls {
                without_nulls(&mut value);
            }
            json_response(200, &value)
        }
        Err(refusal) => refusal.into_response(&world.rules),
    }
}

fn api(world: &mut World, call: &str, parts: &Parts, body: &[u8]) -> Result<Value, Refusal> {
    let header = |name: &str| parts.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if header("user-agent").is_empty() {
        return Err(Refusal::new(500, "InternalError", "java.lang.NullPointerException"));
    }
    if parts.method != Method::POST {
        return Err(Refusal::plain(405, "Method Not Allowed"));
    }
    let token = header("authorization").strip_prefix("Bearer ").unwrap_or_default().to_owned();
    let user = world.tokens.user(&token, world.rules.bad_token_status)?;
    limit_rate(world, user, call)?;
    if !body.is_empty() && !header("content-type").starts_with("application/json") {
        return Err(Refusal::new(400, "BadRequest", "Content-Type must be application/json"));
    }
    let params = Params::parse(body)?;
    match call {
        "user/getDriveInfo" => params.only(&[]).map(|()| read::drive_info(world, user)),
        "user/getSpaceInfo" => params.only(&["drive_id"]).map(|()| read::space_info(world, user)),
        "user/getVipInfo" => Ok(read::vip_info()),
        "openFile/list" => read::list(world, user, &params),
        "openFile/get" => read::get(world, user, &params),
        "openFile/get_by_path" => read::get_by_path(world, user, &params),
        "openFile/batch/get" => read::batch_get(world, user, &params),
        "openFile/search" => read::search(world, user, &params),
        "openFile/starredList" => read::starred(world, user, &params),
        "openFile/getDownloadUrl" => read::download_url(world, user, &params),
        "openFile/create" => upload::create(world, user, &token, &params),
        "openFile/getUploadUrl" => upload::upload_url(world, user, &params),
        "openFile/listUploadedParts" => upload::uploaded_parts(world, user, &params),
        "openFile/complete" => upload::complete(world, user, &params),
        "openFile/update" => tree::update(world, user, &params),
        "openFile/move" => tree::move_(world, user, &params),
        "openFile/copy" => tree::copy(world, user, &params),
        "openFile/delete" => tree::remove(world, user, &params, true),
        "openFile/recyclebin/trash" => tree::remove(world, user, &params, false),
        "openFile/recyclebin/restore" => tree::restore(world, user, &params),
        "openFile/recyclebin/list" => read::recycled(world, user, &params),
        "openFile/async_task/get" => tree::task(world, &params),
        "openFile/getVideoPreviewPlayInfo" => video::play_info(world, user, &params, false),
        "openFile/getVideoPreviewPlayMeta" => video::play_info(world, user, &params, true),
        "openFile/video/updateRecord" => video::update_record(world, user, &params),
        "openFile/video/recentList" => video::recent(world, user, &params),
        _ => Err(Refusal::plain(404, "Not Found")),
    }
}

/// The documented rates (reference 4.1): so many calls within ten seconds, and as many within one as the rules
/// say. Refused calls do not count.
fn limit_rate(world: &mut World, user: usize, call: &str) -> Result<(), Refusal> {
    if !world.rules.rate_limits {
        return Ok(());
    }
    let (class, limit) = match call {
        "openFile/list" => ("list", world.rules.list_per_10s),
        "openFile/getDownloadUrl" => ("link", world.rules.link_per_10s),
        _ => ("other", world.rules.other_per_10s),
    };
    let now = now_ms();
    let recent = world.recent.entry((user, class)).or_default();
    recent.retain(|at| *at > now - 10_000);
    let (within, most) = match world.rules.rate_shape {
        RateShape::Blurred => (1000, limit.div_ceil(10) + 1),
        RateShape::Exact => (1000, limit.div_ceil(10)),
        RateShape::Spaced => (10_000 / i64::try_from(limit.max(1)).unwrap_or(i64::MAX), 1),
    };
    let held = recent.iter().filter(|at| **at > now - within).count();
    let wait = if recent.len() >= limit {
        recent[recent.len() - limit] + 10_000 - now
    } else if held >= most {
        recent[recent.len() - held] + within - now
    } else {
        recent.push(now);
        return Ok(());
    };
    world.ledger.refuse(|refused| refused.calls += 1);
    let message = "请求过快，请等待 x-retry-after 毫秒后再请求";
    Err(Refusal { retry_after_ms: u64::try_from(wait).ok(), ..Refusal::new(429, "TooManyRequests", message) })
}

/// Does to a finished answer what the plan says.
async fn spoil(answer: Response<Body>, fault: Option<&FaultKind>) -> std::io::Result<Response<Body>> {
    let (mut head, body) = answer.into_parts();
    let bytes = body.collect().await?.to_bytes();
    let bytes = match fault {
        Some(FaultKind::CloseAfter) => return Err(std::io::Error::other("answer lost by a planned fault")),
        Some(FaultKind::BrokenJson) => bytes.slice(..bytes.len() / 2),
        Some(FaultKind::AllNull) => {
            let value: Value = serde_json::from_slice(&bytes).unwrap_or_default();
            let names = value.as_object().map(|o| o.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
            Value::Object(names.into_iter().map(|name| (name, Value::Null)).collect()).to_string().into()
        }
        Some(FaultKind::Null { fields }) => {
            let mut value: Value = serde_json::from_slice(&bytes).unwrap_or_default();
            fields.iter().for_each(|field| value[field] = Value::Null);
            value.to_string().into()
        }
        Some(kind @ (FaultKind::Cut { after } | FaultKind::Stall { after })) => {
            head.headers.insert("content-length", bytes.len().into());
            let piece = bytes.slice(..usize::try_from(*after).unwrap_or(usize::MAX).min(bytes.len()));
            let stalls = matches!(kind, FaultKind::Stall { .. });
            let end = async move {
                if stalls {
                    std::future::pending::<()>().await;
                }
                Err(std::io::Error::other("cut by a planned fault"))
            };
            let frames = stream::iter([Ok(http_body::Frame::data(piece))]).chain(stream::once(end));
            let body = http_body_util::StreamBody::new(frames).boxed_unsync();
            return Ok(Response::from_parts(head, body));
        }
        _ => bytes,
    };
    Ok(Response::from_parts(head, full(bytes)))
}
