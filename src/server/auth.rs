//! Who asks: Basic authentication against the configured users (RFC 7617).
//!
//! Argon2 is slow by design, so it runs beside the async threads, few at a time, and a credential that
//! passed is remembered as a keyed hash. Names that do not exist cost what wrong passwords cost. Wrong
//! passwords are slowed (`throttle`), but never a credential that is known to be right.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderValue;
use rand::Rng as _;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::password;
use super::throttle::Throttle;
use crate::config::{Permission, User};
use crate::drive::Path;

/// How long a credential that passed is believed without argon2.
const REMEMBERED: Duration = Duration::from_secs(600);

/// How long a credential that passed is known to be right: somebody else's guesses do not hold it up.
const KNOWN: Duration = Duration::from_secs(30 * 24 * 3600);

/// Argon2 runs at a time: each takes 19 MiB and a core for some 20 ms.
const CONCURRENT: usize = 2;

/// Longest credential read.
const MAX_CREDENTIAL: usize = 1024;

/// Who asks and what they may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    /// Absent for anonymous requests.
    pub(super) user: Option<Arc<str>>,
    pub(super) base_path: Path,
    pub(super) permission: Permission,
}

/// Why a request is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Denied {
    /// No credential, or none that is understood.
    Unauthenticated,
    /// A wrong name or a wrong password.
    Wrong,
    /// Too many wrong ones from there.
    Locked { retry_after: Duration },
}

impl Denied {
    /// What the client is told. Which of the two is wrong nobody learns.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Unauthenticated => "a name and a password are needed",
            Self::Wrong => "wrong name or password",
            Self::Locked { .. } => "too many wrong passwords; wait",
        }
    }
}

pub(super) struct Authenticator {
    users: Vec<(Identity, SecretString)>,
    anonymous: Permission,
    key: [u8; 32],
    /// Position of the user by the keyed hash of the credential, and when it last passed.
    remembered: moka::sync::Cache<[u8; 32], (usize, Instant)>,
    throttle: Throttle,
    workers: Semaphore,
}

impl Authenticator {
    pub(super) fn new(users: &[User], anonymous: Permission) -> Self {
        let mut key = [0; 32];
        rand::rng().fill_bytes(&mut key);
        let users = users.iter().map(|user| {
            let base_path = Path::parse(&user.base_path).unwrap_or_else(|_| Path::root());
            let identity = Identity { user: Some(user.name.as_str().into()), base_path, permission: user.permission };
            (identity, user.password.clone())
        });
        Self {
            users: users.collect(),
            anonymous,
            key,
            remembered: moka::sync::Cache::builder().max_capacity(10_000).time_to_idle(KNOWN).build(),
            throttle: Throttle::new(),
            workers: Semaphore::new(CONCURRENT),
        }
    }

    /// Other users; who was slowed down stays so. Credentials that passed are believed on only if no user
    /// has changed.
    pub(super) fn reconfigured(&self, users: &[User], anonymous: Permission) -> Self {
        let new = Self { throttle: self.throttle.clone(), ..Self::new(users, anonymous) };
        let same = |((a, secret), (b, other)): (&(Identity, SecretString), &(Identity, SecretString))| {
            a == b && secret.expose_secret() == other.expose_secret()
        };
        if new.users.len() == self.users.len() && new.users.iter().zip(&self.users).all(same) {
            return Self { key: self.key, remembered: self.remembered.clone(), ..new };
        }
        new
    }

    /// Checks the `Authorization` header of a request from an address.
    pub(super) async fn check(&self, header: Option<&HeaderValue>, address: IpAddr) -> Result<Identity, Denied> {
        let Some(header) = header else {
            return match self.anonymous {
                Permission::None => Err(Denied::Unauthenticated),
                permission => Ok(Identity { user: None, base_path: Path::root(), permission }),
            };
        };
        let (name, password) = credential(header).ok_or(Denied::Unauthenticated)?;
        self.verify(name, password, address).await
    }

    /// The user of a name, without a password: somebody else knows who it is.
    pub(super) fn known(&self, name: &str) -> Option<Identity> {
        let known = self.users.iter().find(|(identity, _)| identity.user.as_deref() == Some(name));
        known.map(|(identity, _)| identity.clone())
    }

    /// Checks a name and a password that come from an address.
    pub(super) async fn verify(
        &self,
        name: String,
        password: SecretString,
        address: IpAddr,
    ) -> Result<Identity, Denied> {
        let digest = self.digest(&name, &password);
        let known = self.remembered.get(&digest);
        if let Some((at, _)) = known.filter(|(_, passed)| passed.elapsed() < REMEMBERED) {
            return Ok(self.users[at].0.clone());
        }
        let guesser = self.throttle.guesser(address, &name);
        let locked = || self.throttle.locked(guesser).filter(|_| known.is_none());
        if let Some(retry_after) = locked() {
            return Err(Denied::Locked { retry_after });
        }
        // The semaphore is never closed.
        let _worker = self.workers.acquire().await.map_err(|_| Denied::Unauthenticated)?;
        // Guesses that came all at once have waited here for each other's outcome.
        if let Some(retry_after) = locked() {
            return Err(Denied::Locked { retry_after });
        }
        match self.find(&name, password).await {
            Some(at) => {
                self.throttle.forgive(guesser);
                self.remembered.insert(digest, (at, Instant::now()));
                Ok(self.users[at].0.clone())
            }
            None => {
                self.throttle.blame(guesser);
                tracing::warn!(%address, user = %name, "wrong name or password");
                Err(Denied::Wrong)
            }
        }
    }

    /// Position of the user of a name and a password. For a name that is nobody's it takes as long to find none.
    async fn find(&self, name: &str, password: SecretString) -> Option<usize> {
        let found = self.users.iter().position(|(identity, _)| identity.user.as_deref() == Some(name));
        let stored = found.map(|at| self.users[at].1.clone());
        let mut hashes = self.users.iter().map(|(_, stored)| stored);
        let decoy = hashes.find(|stored| password::is_hash(stored.expose_secret())).cloned();
        let verified = tokio::task::spawn_blocking(move || {
            password::verify(stored.as_ref(), decoy.as_ref(), password.expose_secret().as_bytes())
        });
        let passed = verified.await.unwrap_or(false);
        found.filter(|_| passed)
    }

    fn digest(&self, name: &str, password: &SecretString) -> [u8; 32] {
        // HMAC takes keys of any length, so making it cannot fail.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else { return self.key };
        mac.update(name.as_bytes());
        mac.update(b":");
        mac.update(password.expose_secret().as_bytes());
        mac.finalize().into_bytes().into()
    }
}

/// Name and password of a `Basic` header; absent for anything else.
fn credential(header: &HeaderValue) -> Option<(String, SecretString)> {
    let text = header.to_str().ok().filter(|text| text.len() <= MAX_CREDENTIAL)?;
    let (scheme, encoded) = text.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (name, password) = decoded.split_once(':')?;
    Some((name.to_owned(), password.into()))
}

#[cfg(test)]
mod tests {
    use argon2::Argon2;
    use argon2::password_hash::PasswordHasher as _;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn users() -> Authenticator {
        let hash = Argon2::default().hash_password("geheim:ü".as_bytes()).unwrap().to_string();
        let user = |name: &str, password: &str, permission| User {
            name: name.into(),
            password: password.into(),
            base_path: "/films".into(),
            permission,
        };
        Authenticator::new(
            &[user("me", &hash, Permission::Write), user("plain", "text", Permission::Read)],
            Permission::None,
        )
    }

    async fn try_with(users: &Authenticator, credential: &str) -> Result<Identity, Denied> {
        let header = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(credential))).unwrap();
        users.check(Some(&header), HERE).await
    }

    #[tokio::test]
    async fn the_right_password_opens_the_user_s_part_of_the_tree() {
        let users = users();
        for _ in 0..2 {
            let identity = try_with(&users, "me:geheim:ü").await.unwrap();
            assert_eq!((identity.user.as_deref(), identity.base_path.as_str()), (Some("me"), "/films"));
        }
        assert_eq!(users.remembered.iter().count(), 1);
        assert_eq!(try_with(&users, "plain:text").await.unwrap().permission, Permission::Read);
    }

    // Keeps 74.
    #[tokio::test]
    async fn anything_else_does_not() {
        let users = users();
        assert_eq!(try_with(&users, "me:wrong").await.unwrap_err(), Denied::Wrong);
        assert_eq!(try_with(&users, "nobody:text").await.unwrap_err(), Denied::Wrong);
        for header in ["Basic", "Basic !!!", "Bearer abc", "Basic bm9jb2xvbg==", "\u{7f}"] {
            let Ok(header) = HeaderValue::from_bytes(header.as_bytes()) else { continue };
            assert_eq!(users.check(Some(&header), HERE).await.unwrap_err(), Denied::Unauthenticated);
        }
        assert_eq!(users.check(None, HERE).await.unwrap_err(), Denied::Unauthenticated);
    }

    #[tokio::test]
    async fn many_guesses_at_once_are_no_way_around_the_lock() {
        let users = users();
        let guesses = (0..50).map(|n| {
            let users = &users;
            async move { try_with(users, &format!("me:guess {n}")).await.unwrap_err() }
        });
        let answers = futures_util::future::join_all(guesses).await;
        let tried = answers.iter().filter(|denied| **denied == Denied::Wrong).count();
        assert!(tried < super::super::throttle::FREE_TRIES as usize + CONCURRENT, "{tried}");
    }

    #[tokio::test]
    async fn other_settings_forget_a_credential_only_with_its_user() {
        let user = |name: &str| User {
            name: name.into(),
            password: "text".into(),
            base_path: "/".into(),
            permission: Permission::Read,
        };
        let users = Authenticator::new(&[user("me"), user("you")], Permission::None);
        try_with(&users, "me:text").await.unwrap();
        for _ in 0..super::super::throttle::FREE_TRIES {
            try_with(&users, "me:guess").await.unwrap_err();
        }
        let same = users.reconfigured(&[user("me"), user("you")], Permission::Read);
        assert!(try_with(&same, "me:text").await.is_ok());
        let without = users.reconfigured(&[user("you")], Permission::None);
        assert!(matches!(try_with(&without, "me:text").await.unwrap_err(), Denied::Locked { .. }));
    }

    // Keeps 75.
    #[tokio::test]
    async fn one_guesser_does_not_lock_the_others_out_where_all_have_one_address() {
        let users = users();
        // The names share a few counts by chance, so one is looked for that does not meet the other user's.
        let names = (0..100).map(|n| format!("nobody{n}"));
        let apart = |name: &String| users.throttle.guesser(HERE, name) != users.throttle.guesser(HERE, "plain");
        let name = { names }.find(apart).unwrap();
        for _ in 0..=super::super::throttle::FREE_TRIES {
            try_with(&users, &format!("{name}:guess")).await.unwrap_err();
        }
        assert!(matches!(try_with(&users, &format!("{name}:guess")).await.unwrap_err(), Denied::Locked { .. }));
        assert!(try_with(&users, "plain:text").await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_credential_that_is_known_to_be_right_is_not_held_up() {
        let users = users();
        try_with(&users, "plain:text").await.unwrap();
        tokio::time::advance(REMEMBERED * 2).await;
        for _ in 0..super::super::throttle::FREE_TRIES {
            try_with(&users, "plain:guess").await.unwrap_err();
        }
        assert!(matches!(try_with(&users, "plain:guess").await.unwrap_err(), Denied::Locked { .. }));
        assert!(try_with(&users, "plain:text").await.is_ok());
    }

    // Keeps 75.
    #[tokio::test]
    async fn guessing_is_locked_out_but_a_remembered_user_is_not() {
        let users = users();
        try_with(&users, "me:geheim:ü").await.unwrap();
        for _ in 0..super::super::throttle::FREE_TRIES {
            try_with(&users, "plain:guess").await.unwrap_err();
        }
        assert!(matches!(try_with(&users, "plain:text").await.unwrap_err(), Denied::Locked { .. }));
        assert!(try_with(&users, "me:geheim:ü").await.is_ok());
    }
}
