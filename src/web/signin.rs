//! `/api/signin/…`: signing in by QR code for pages; the flow itself is `upstream`'s.
//!
//! `POST start {"account": "main"}` gives a code to show, `GET poll?id=…` (or `POST poll {"id": "…"}`) says how it
//! stands. Flows are few, are known by an id that cannot be guessed, and end by themselves. Failures are
//! `{"error": "…", "request_id": "…"}`; no answer holds a token.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::calls;
use crate::drive::{Progress, SignIn, SignInError, SignInErrorKind, SignedIn};
use crate::protocol::{Body, RequestBody, RequestId, reply};
use crate::web::error;
use crate::web::qr;
use crate::web::site::{MAX_BODY, Site};

/// Flows at a time, of all accounts.
const MAX_FLOWS: usize = 8;

/// How long a flow is remembered: its code lives three minutes, and its end is asked for soon.
const FLOW_LIFE: Duration = Duration::from_secs(300);

/// What a page should wait between two questions, in milliseconds (reference 1.3).
const POLL_MS: u64 = 1500;

/// Running flows by id.
#[derive(Default)]
pub(super) struct Flows(parking_lot::Mutex<HashMap<String, Flow>>);

#[derive(Clone)]
struct Flow {
    started: Instant,
    state: Arc<Mutex<State>>,
}

struct State {
    sign_in: SignIn,
    asked: Option<Instant>,
    last: Result<Progress, SignInError>,
}

struct Refusal(StatusCode, String);

#[derive(Deserialize)]
struct Start {
    account: Option<String>,
}

#[derive(Deserialize)]
struct Poll {
    id: String,
}

/// Answers a call of a user who may write.
pub(super) async fn signin<B: RequestBody>(
    site: &Site,
    flows: &Flows,
    parts: &Parts,
    body: B,
    request: RequestId,
) -> Response<Body> {
    let mut response = match signin_call(site, flows, parts, body).await {
        Ok(answer) => reply::json(StatusCode::OK, &answer),
        Err(Refusal(status, words)) => error::Refusal::of(status, words).into_response(request),
    };
    if matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(60));
    }
    response
}

async fn signin_call<B: RequestBody>(site: &Site, flows: &Flows, parts: &Parts, body: B) -> Result<Value, Refusal> {
    match (&parts.method, parts.uri.path()) {
        (&Method::POST, "/api/signin/start") => start(site, flows, read(parts, body).await?).await,
        (&Method::POST, "/api/signin/poll") => poll(site, flows, &read::<Poll, B>(parts, body).await?.id).await,
        (&Method::GET, "/api/signin/poll") => {
            let pairs = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
            let id = { pairs }.find(|(name, _)| name == "id").map(|(_, value)| value.into_owned());
            poll(site, flows, &id.unwrap_or_default()).await
        }
        (_, "/api/signin/start" | "/api/signin/poll") => {
            Err(Refusal(StatusCode::METHOD_NOT_ALLOWED, "start takes POST, poll takes POST or GET".to_owned()))
        }
        _ => Err(Refusal(StatusCode::NOT_FOUND, "there is no such call".to_owned())),
    }
}

async fn start(site: &Site, flows: &Flows, request: Start) -> Result<Value, Refusal> {
    let clients: Vec<_> = site.tree.accounts().collect();
    let client = match &request.account {
        Some(name) => clients.iter().find(|client| client.account() == name),
        None => clients.first().filter(|_| clients.len() == 1),
    };
    let client = client.ok_or_else(|| {
        let names: Vec<&str> = clients.iter().map(|client| client.account()).collect();
        Refusal(StatusCode::NOT_FOUND, format!("name one of the accounts: {}", names.join(", ")))
    })?;
    let full = || {
        let words = "too many sign-ins are under way; they end by themselves within five minutes";
        Refusal(StatusCode::TOO_MANY_REQUESTS, words.to_owned())
    };
    if !flows.has_room() {
        return Err(full());
    }
    // Another user's token would meet listings and links of the old one; that takes a restart.
    let sign_in = client.sign_in(false).await.map_err(|error| refusal(&error))?;
    let code = sign_in.code().clone();
    let account = sign_in.account().to_owned();
    let id = uuid::Uuid::new_v4().simple().to_string();
    let last = Ok(Progress::Waiting { trouble: None });
    let state = Arc::new(Mutex::new(State { sign_in, asked: None, last }));
    if !flows.add(&id, Flow { started: Instant::now(), state }) {
        return Err(full());
    }
    Ok(json!({
        "id": id, "account": account, "server": code.server, "qr_text": code.qr_text, "qr_svg": qr::svg(&code.qr_text),
        "image_url": code.image_url, "expires_at": code.expires_at, "poll_ms": POLL_MS,
    }))
}

async fn poll(site: &Site, flows: &Flows, id: &str) -> Result<Value, Refusal> {
    let flow = flows.get(id).ok_or_else(|| {
        Refusal(StatusCode::NOT_FOUND, "there is no such sign-in, or it has ended; start again".to_owned())
    })?;
    let every = site.sign_in_poll;
    // A page that leaves must not stop the exchange.
    let asked = calls::spawn(async move {
        let mut state = flow.state.lock().await;
        if state.asked.is_none_or(|at| at.elapsed() >= every) {
            state.last = state.sign_in.poll().await;
            state.asked = Some(Instant::now());
        }
        (state.sign_in.account().to_owned(), state.last.clone())
    });
    let stopped = |_| Refusal(StatusCode::INTERNAL_SERVER_ERROR, "the sign-in was stopped".to_owned());
    let (account, progress) = asked.await.map_err(stopped)?;
    Ok(match progress {
        Ok(Progress::Waiting { trouble }) => json!({ "status": "waiting", "trouble": trouble }),
        Ok(Progress::Scanned) => json!({ "status": "scanned" }),
        Ok(Progress::Expired) => json!({ "status": "expired" }),
        Ok(Progress::Done(done)) => shown(&account, &done),
        Err(error) if error.kind == SignInErrorKind::RefusedByUser => {
            json!({ "status": "refused", "error": error.message })
        }
        Err(error) => return Err(refusal(&error)),
    })
}

impl Flow {
    fn is_over(&self) -> bool {
        let under_way = |last: &Result<Progress, _>| matches!(last, Ok(Progress::Waiting { .. } | Progress::Scanned));
        self.state.try_lock().is_ok_and(|state| !under_way(&state.last))
    }
}

impl Flows {
    fn has_room(&self) -> bool {
        let mut flows = self.0.lock();
        flows.retain(|_, flow| flow.started.elapsed() < FLOW_LIFE);
        if flows.len() >= MAX_FLOWS {
            // One that is over is remembered only as long as nobody needs its place.
            flows.retain(|_, flow| !flow.is_over());
        }
        flows.len() < MAX_FLOWS
    }

    fn add(&self, id: &str, flow: Flow) -> bool {
        let mut flows = self.0.lock();
        let room = flows.len() < MAX_FLOWS;
        if room {
            flows.insert(id.to_owned(), flow);
        }
        room
    }

    fn get(&self, id: &str) -> Option<Flow> {
        self.0.lock().get(id).filter(|flow| flow.started.elapsed() < FLOW_LIFE).cloned()
    }
}

fn shown(account: &str, done: &SignedIn) -> Value {
    let drives = done.drives.as_ref();
    let granted: Vec<&str> = drives.iter().flat_map(|drives| drives.granted()).map(|(kind, _)| kind.name()).collect();
    json!({
        "status": "done",
        "account": account,
        "name": drives.map(|drives| drives.name.as_str()),
        "drives": granted,
        "default_drive": drives.and_then(|drives| drives.default_drive()).map(|(kind, _)| kind.name()),
        "access_expires_at": done.tokens.access_expires_at,
        "refresh_expires_at": done.tokens.refresh_expires_at,
        "renewable": done.tokens.renewable,
        "sign_in_by": done.tokens.sign_in_by,
    })
}

fn refusal(error: &SignInError) -> Refusal {
    let status = match error.kind {
        SignInErrorKind::OtherUser => StatusCode::CONFLICT,
        SignInErrorKind::NotKept | SignInErrorKind::Throttled => StatusCode::SERVICE_UNAVAILABLE,
        SignInErrorKind::RefusedByUser => StatusCode::FORBIDDEN,
        SignInErrorKind::Unreachable
        | SignInErrorKind::ApplicationRefused
        | SignInErrorKind::ServerTrouble
        | SignInErrorKind::NotExchanged => StatusCode::BAD_GATEWAY,
    };
    Refusal(status, error.message.clone())
}

/// A JSON body, which a form of another site cannot send.
async fn read<T: DeserializeOwned, B: RequestBody>(parts: &Parts, body: B) -> Result<T, Refusal> {
    let bad = |words: &str| Refusal(StatusCode::BAD_REQUEST, words.to_owned());
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/json") {
        return Err(Refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be application/json".to_owned()));
    }
    let body = Limited::new(body, MAX_BODY).collect().await.map_err(|_| bad("the body cannot be read"))?;
    serde_json::from_slice(&body.to_bytes()).map_err(|_| bad("start takes {\"account\": \"…\"}, poll {\"id\": \"…\"}"))
}
