//! The way to a WebDAV server: the one that the settings give everything outside (`outbound_proxy`), but straight to this
//! machine, and to those that `NO_PROXY` names, as a server at home.

use url::Url;

use crate::config::Environment;

/// Never by the proxy.
const HERE: &str = "localhost,127.0.0.0/8,::1";

/// A proxy, if there is one, and for whom it is not.
pub(in crate::cli::copy) struct Proxy {
    address: Option<Url>,
    /// As `NO_PROXY` is written.
    spared: String,
}

impl Proxy {
    pub(in crate::cli::copy) fn new(address: Option<Url>, environment: &dyn Environment) -> Self {
        let variables = environment.variables();
        let named = |wanted: &str| variables.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        let named = named("NO_PROXY").or_else(|| named("no_proxy")).unwrap_or_default();
        Self { address, spared: format!("{HERE},{named}") }
    }

    pub(super) fn to_reqwest(&self) -> Option<Result<reqwest::Proxy, reqwest::Error>> {
        let proxy = reqwest::Proxy::all(self.address.clone()?);
        Some(proxy.map(|proxy| proxy.no_proxy(reqwest::NoProxy::from_string(&self.spared))))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncBufReadExt as _, BufReader};
    use tokio::net::TcpListener;

    use super::*;
    use crate::cli::copy::dav::{Server, Times};
    use crate::waits::Waits;

    struct Named(&'static str);

    impl Environment for Named {
        fn variables(&self) -> Vec<(String, String)> {
            vec![("NO_PROXY".to_owned(), self.0.to_owned())]
        }
    }

    /// The first line that the proxy is asked for an address, or nothing where it is not asked.
    async fn asked(address: &str, spared: &'static str) -> Option<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let url: Url = address.parse().unwrap();
        let times = Times { pause: Duration::from_millis(1), silence: Duration::from_secs(30) };
        let proxy = Proxy::new(Some(proxy), &Named(spared));
        let server = Server::new(&url, None, &proxy, times, Waits::default()).unwrap();
        let line = async {
            let (stream, _) = listener.accept().await.unwrap();
            let mut line = String::new();
            BufReader::new(stream).read_line(&mut line).await.unwrap();
            line
        };
        tokio::select! {
            line = line => Some(line),
            _ = server.look(&url) => None,
        }
    }

    // Keeps 169.
    #[tokio::test]
    async fn the_proxy_is_asked_for_all_but_this_machine_and_what_is_spared() {
        let line = asked("http://dav.invalid/d/", "").await.unwrap();
        assert!(line.starts_with("PROPFIND http://dav.invalid/d/ "), "{line}");
        assert_eq!(asked("http://127.0.0.1:9/d/", "").await, None);
        assert_eq!(asked("http://[::1]:9/d/", "").await, None);
        assert_eq!(asked("http://dav.invalid/d/", "other.example,.invalid").await, None);
    }
}
