//! Whether a password is the one that is stored: an argon2 string or plain text.
//!
//! Answers for the time and the memory of it: every way costs one argon2, and what argon2 worked in goes
//! back to the system. It blocks for some 20 ms; to run it beside the async threads is the caller's.

use std::sync::LazyLock;

use argon2::password_hash::PasswordHasher as _;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq as _;

/// Above what glibc ever keeps for itself (`DEFAULT_MMAP_THRESHOLD_MAX`, 32 MiB): with argon2's own 19 MiB
/// the heap would stay that much larger from the first sign-in on. What is reserved and not written costs nothing.
const RESERVED_BLOCKS: usize = (33 << 20) / Block::SIZE;

/// What is worked through where there is nothing to compare with.
static DECOY: LazyLock<Option<String>> =
    LazyLock::new(|| Argon2::default().hash_password(b"decoy").ok().map(|hash| hash.to_string()));

/// Compares a password with what is stored, if there is such a user. Unknown names take as long as known ones:
/// as long as the hash of some user, `decoy`, takes.
pub(super) fn verify(stored: Option<&SecretString>, decoy: Option<&SecretString>, password: &[u8]) -> bool {
    match stored.map(ExposeSecret::expose_secret) {
        Some(hash) if is_hash(hash) => matches(hash, password),
        plain => {
            decoy.map(ExposeSecret::expose_secret).or(DECOY.as_deref()).map(|decoy| matches(decoy, password));
            plain.is_some_and(|plain| bool::from(plain.as_bytes().ct_eq(password)))
        }
    }
}

/// Whether what is stored is an argon2 string.
pub(super) fn is_hash(stored: &str) -> bool {
    stored.starts_with("$argon2")
}

fn matches(hash: &str, password: &[u8]) -> bool {
    let Ok(stored) = PasswordHash::new(hash) else { return false };
    let (Some(salt), Some(expected)) = (&stored.salt, &stored.hash) else { return false };
    let Ok(algorithm) = Algorithm::new(stored.algorithm.as_str()) else { return false };
    let Ok(params) = Params::try_from(&stored) else { return false };
    let version = stored.version.map_or(Ok(Version::default()), Version::try_from);
    let Ok(version) = version else { return false };
    let blocks = params.block_count();
    let mut memory = Vec::with_capacity(blocks.max(RESERVED_BLOCKS));
    memory.resize(blocks, Block::new());
    let mut found = vec![0; expected.len()];
    Argon2::new(algorithm, version, params)
        .hash_password_into_with_memory(password, salt.as_ref(), &mut found, &mut memory)
        .is_ok_and(|()| found.ct_eq(expected.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::PasswordVerifier as _;

    use super::*;

    #[test]
    fn every_argon2_string_is_judged_as_the_library_judges_it() {
        for algorithm in [Algorithm::Argon2d, Algorithm::Argon2i, Algorithm::Argon2id] {
            for version in [Version::V0x10, Version::V0x13] {
                for (memory, passes, lanes, length) in [(64, 1, 1, None), (256, 3, 4, Some(16)), (64, 2, 2, Some(64))] {
                    let params = Params::new(memory, passes, lanes, length).unwrap();
                    let argon2 = Argon2::new(algorithm, version, params);
                    let hash = argon2.hash_password("geheim".as_bytes()).unwrap();
                    for password in ["geheim", "Geheim", ""] {
                        let theirs = argon2.verify_password(password.as_bytes(), &hash).is_ok();
                        let ours = verify(Some(&hash.to_string().into()), None, password.as_bytes());
                        assert_eq!(ours, theirs, "{hash} with {password:?}");
                        assert_eq!(ours, password == "geheim");
                    }
                }
            }
        }
    }

    #[test]
    fn strings_that_are_no_hash_open_nothing() {
        for stored in ["$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ", "$argon2id$", "$argon2x$v=19$m=64,t=1,p=1$a$b"] {
            assert!(!verify(Some(&stored.to_owned().into()), None, b""), "{stored}");
        }
        assert!(!verify(None, None, b"decoy"));
    }
}
