//! Whom connections out trust: the system's certificate authorities, or, where it has none, Mozilla's as of the build.
//!
//! Bare systems, such as routers and empty containers, have none. Where somebody says by `SSL_CERT_FILE` or
//! `SSL_CERT_DIR` whom to trust, nobody else is.

use std::sync::{Arc, OnceLock};

use hyper_rustls::ConfigBuilderExt as _;
use rustls::{ClientConfig, RootCertStore};

use crate::config::{Environment as _, ProcessEnvironment};
use crate::upstream::error::Error;

/// Variables by which certificate authorities are named.
const NAMING: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// TLS that trusts whom this machine trusts, for HTTP/2 and HTTP/1.1.
///
/// # Errors
/// What a variable names has no certificate that can be read.
pub fn client_tls() -> Result<ClientConfig, Error> {
    // Reading the certificates takes milliseconds each time.
    static TLS: OnceLock<ClientConfig> = OnceLock::new();
    if let Some(tls) = TLS.get() {
        return Ok(tls.clone());
    }
    let named = ProcessEnvironment.variables().into_iter().filter(|(name, _)| NAMING.contains(&name.as_str()));
    let mut tls = trusting(&named.collect::<Vec<_>>(), |builder| builder.try_with_platform_verifier())?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TLS.get_or_init(|| tls).clone())
}

type Builder = rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>;
type Verified = rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>;

fn trusting(
    named: &[(String, String)],
    by_system: impl FnOnce(Builder) -> Result<Verified, rustls::Error>,
) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::setup(error.to_string()))?;
    let verified = match by_system(builder.clone()) {
        Ok(verified) => verified,
        Err(_) if !named.is_empty() => {
            let words: Vec<_> = named.iter().map(|(name, value)| format!("{name} ({value})")).collect();
            return Err(Error::setup(format!(
                "no CA certificate can be read from {}; name a file of them in PEM, or unset it",
                words.join(" and ")
            )));
        }
        Err(error) => {
            tracing::warn!(
                %error,
                "the system has no CA certificates; those that were Mozilla's when alidav was built are trusted"
            );
            builder.with_root_certificates(RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()))
        }
    };
    Ok(verified.with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    // Keeps 165.
    #[test]
    fn built_in_authorities_are_for_systems_that_have_none_and_name_none() {
        let none = |_| Err(rustls::Error::General("No CA certificates were loaded from the system".to_owned()));
        trusting(&[], none).unwrap();
        let named = [("SSL_CERT_FILE".to_owned(), "/nonexistent".to_owned())];
        let refused = trusting(&named, none).unwrap_err().to_string();
        assert!(refused.contains("SSL_CERT_FILE (/nonexistent)"), "{refused}");
        assert!(webpki_roots::TLS_SERVER_ROOTS.len() > 100);
    }
}
