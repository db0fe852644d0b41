//! Tokens: three-segment JWTs, refresh tokens that work once (reference 1.6).

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::sim::answer::Refusal;
use crate::sim::clock::now_ms;
use crate::sim::levers::rules::Rules;
use crate::sim::world::application::{Application, CLIENT_SECRET};
use crate::sim::world::user::User;

/// 90 days.
const REFRESH_S: i64 = 7_776_000;
/// 30 days (reference 1.5).
const PKCE_S: i64 = 2_592_000;

/// Code of the refusal of a refresh token that was used.
pub(in crate::sim) const SPENT: &str = "RefreshTokenInvalid";

/// All tokens given out.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(in crate::sim) struct Tokens {
    access: HashMap<String, (usize, i64)>,
    refresh: HashMap<String, Refresh>,
    #[serde(skip)]
    pub(in crate::sim) logins: HashMap<String, Login>,
    #[serde(skip)]
    pub(in crate::sim) codes: HashMap<String, Code>,
    /// Every authorisation code ever given out.
    #[serde(skip)]
    pub(super) issued_codes: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Refresh {
    user: usize,
    application: Application,
    spent: bool,
    revoked: bool,
}

/// A QR login under way.
#[derive(Debug, Default, Clone)]
pub(in crate::sim) struct Login {
    pub(in crate::sim) state: LoginState,
    pub(in crate::sim) polls: u32,
    pub(in crate::sim) application: Application,
    pub(in crate::sim) challenge: Option<(String, String)>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(in crate::sim) enum LoginState {
    #[default]
    Waiting,
    Scanned,
    Confirmed,
    Expired,
    Refused,
}

/// An authorisation code to be exchanged.
#[derive(Debug, Clone)]
pub(in crate::sim) struct Code {
    pub(in crate::sim) user: usize,
    pub(in crate::sim) application: Application,
    pub(in crate::sim) challenge: Option<(String, String)>,
}

impl Tokens {
    /// A token whose payload has no character that only one base64 alphabet knows (reference 1.6).
    fn jwt(user: &User, application: Application, now: i64, life_s: i64) -> String {
        let header = URL_SAFE_NO_PAD.encode(r#"{"kid":"KqO","typ":"JWT","alg":"HS256"}"#);
        loop {
            let id = uuid::Uuid::new_v4().simple().to_string();
            let payload = json!({
                "sub": user.id, "aud": application.id(), "s": "cda", "d": format!("{},{}", user.resource_drive, user.backup_drive),
                "iss": "alipan", "exp": now + life_s, "iat": now, "l": 12, "jti": id,
            });
            let payload = URL_SAFE_NO_PAD.encode(payload.to_string());
            if !payload.contains(['-', '_']) {
                return format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode(id));
            }
        }
    }

    pub(in crate::sim) fn new_access(
        &mut self,
        user: usize,
        who: &User,
        application: Application,
        life_s: i64,
    ) -> String {
        let token = Self::jwt(who, application, now_ms() / 1000, life_s);
        self.access.insert(token.clone(), (user, now_ms() + life_s * 1000));
        token
    }

    pub(in crate::sim) fn new_refresh(&mut self, user: usize, who: &User, application: Application) -> String {
        self.aged_refresh(user, who, application, 0)
    }

    /// A refresh token that was issued some time ago.
    pub(in crate::sim) fn aged_refresh(
        &mut self,
        user: usize,
        who: &User,
        application: Application,
        age_s: i64,
    ) -> String {
        let token = match application {
            // No source knows its form, and nobody may rely on one (reference 1.8.3).
            Application::Tv => uuid::Uuid::new_v4().simple().to_string(),
            _ => Self::jwt(who, application, now_ms() / 1000 - age_s, REFRESH_S),
        };
        self.refresh.insert(token.clone(), Refresh { user, application, spent: false, revoked: false });
        token
    }

    /// A new authorisation code.
    pub(in crate::sim) fn new_code(&mut self, code: Code) -> String {
        let text = uuid::Uuid::new_v4().simple().to_string();
        self.codes.insert(text.clone(), code);
        self.issued_codes.push(text.clone());
        text
    }

    /// Everything given out that must not be seen by anybody else.
    pub(in crate::sim) fn secrets(&self) -> Vec<String> {
        let tokens = self.access.keys().chain(self.refresh.keys()).cloned();
        tokens.chain(self.issued_codes.iter().cloned()).chain([CLIENT_SECRET.to_owned()]).collect()
    }

    /// The user of an access token.
    pub(in crate::sim) fn user(&self, token: &str, refusal: u16) -> Result<usize, Refusal> {
        match self.access.get(token) {
            None => Err(Refusal::new(refusal, "AccessTokenInvalid", "AccessToken is invalid")),
            Some((_, expires)) if *expires <= now_ms() => {
                Err(Refusal::new(refusal, "AccessTokenExpired", "token expired"))
            }
            Some((user, _)) => Ok(*user),
        }
    }

    pub(in crate::sim) fn expire_access(&mut self) {
        self.access.values_mut().for_each(|(_, expires)| *expires = 0);
    }

    pub(in crate::sim) fn revoke_refresh(&mut self) {
        self.refresh.values_mut().for_each(|refresh| refresh.revoked = true);
    }

    /// Exchanges a refresh token. Another application's is refused, and can still be exchanged under its own
    /// (reference 1.8).
    pub(in crate::sim) fn renew(
        &mut self,
        users: &[User],
        token: &str,
        application: Application,
        rules: &Rules,
    ) -> Result<Value, Refusal> {
        if application != Application::Tv && token.split('.').count() != 3 {
            return Err(Refusal::new(400, "InvalidParameter.RefreshToken", "refresh_token is malformed"));
        }
        let Some(refresh) = self.refresh.get_mut(token).filter(|r| application.takes(r.application, rules)) else {
            return Err(Refusal::new(400, "AccessDenied", "invalid token"));
        };
        if refresh.revoked {
            return Err(Refusal::new(401, "RefreshTokenExpired", "expired refresh_token"));
        }
        if refresh.spent {
            return Err(Refusal::new(400, SPENT, "refresh_token was used"));
        }
        refresh.spent = rules.single_use_refresh;
        let user = refresh.user;
        Ok(self.grant(user, &users[user], application, rules, false))
    }

    /// New tokens for a user; a PKCE grant lives longer and cannot be renewed.
    pub(in crate::sim) fn grant(
        &mut self,
        user: usize,
        who: &User,
        application: Application,
        rules: &Rules,
        pkce: bool,
    ) -> Value {
        let life = if pkce { PKCE_S } else { rules.access_token_s };
        let access = self.new_access(user, who, application, life);
        let refresh = if pkce { String::new() } else { self.new_refresh(user, who, application) };
        json!({ "token_type": "Bearer", "access_token": access, "refresh_token": refresh, "expires_in": life })
    }
}
