//! Sign-ins by QR code, which the service and the token servers have in common (reference 1.3).

use serde_json::{Value, json};

use crate::sim::world::World;
use crate::sim::world::application::Application;
use crate::sim::world::tokens::{Code, Login, LoginState};

/// Begins a sign-in by QR code; gives what the service answers.
pub(super) fn new_login(world: &mut World, application: Application, challenge: Option<(String, String)>) -> Value {
    let sid = uuid::Uuid::new_v4().simple().to_string();
    world.tokens.logins.insert(sid.clone(), Login { application, challenge, ..Login::default() });
    json!({ "qrCodeUrl": format!("{}/oauth/qrcode/{sid}", world.base), "sid": sid })
}

/// How the sign-in stands whose status is asked at a path.
pub(super) fn login_status(world: &mut World, path: &str) -> Value {
    let sid = path.trim_end_matches("/status").rsplit('/').next().unwrap_or_default().to_owned();
    let Some(login) = world.tokens.logins.get_mut(&sid) else { return json!({ "status": "QRCodeExpired" }) };
    login.polls += 1;
    if let Some(after) = world.rules.qr_auto_confirm
        && matches!(login.state, LoginState::Waiting | LoginState::Scanned)
    {
        login.state = if login.polls > after { LoginState::Confirmed } else { LoginState::Scanned };
    }
    match login.state {
        LoginState::Waiting => json!({ "status": "WaitLogin" }),
        LoginState::Scanned => json!({ "status": "ScanSuccess" }),
        LoginState::Expired => json!({ "status": "QRCodeExpired" }),
        // No source names this word.
        LoginState::Refused => json!({ "status": "LoginCanceled" }),
        LoginState::Confirmed => {
            let (application, challenge) = (login.application, login.challenge.clone());
            let code = world.tokens.new_code(Code { user: world.rules.qr_user, application, challenge });
            json!({ "status": "LoginSuccess", "authCode": code })
        }
    }
}
