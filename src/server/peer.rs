//! Who is at the other end: the socket's peer, or the client that a trusted proxy names; and by which
//! names it reaches this server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::HeaderMap;
use http::request::Parts;
use ipnet::IpNet;
use url::Url;

use crate::protocol::host::host_of;

/// The client's address. `X-Forwarded-For` counts only from a trusted proxy, and then up to the first
/// hop that is not one, read from the right: what stands further left the client may have made up. A
/// peer on a unix socket counts as loopback.
pub(super) fn address(socket: Option<IpAddr>, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let mut address = peer(socket);
    // A field that the client began with bytes of its own is read nevertheless: the proxy wrote its end.
    let fields = headers.get_all("x-forwarded-for").iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    let fields: Vec<_> = fields.collect();
    let hops: Vec<&str> = fields.iter().flat_map(|value| value.split(',')).map(str::trim).collect();
    for hop in hops.iter().rev() {
        if !is_trusted(address, trusted) {
            break;
        }
        let bare = hop.trim_start_matches('[').split(']').next().unwrap_or(hop);
        match bare.parse::<IpAddr>().or_else(|_| bare.rsplit_once(':').map_or(bare, |(host, _)| host).parse()) {
            Ok(hop) => address = hop.to_canonical(),
            Err(_) => break,
        }
    }
    address
}

/// Fields by which a proxy tells that it passes a request on.
const FORWARDING: [&str; 4] = ["x-forwarded-for", "forwarded", "via", "x-real-ip"];

/// Whether the request began on this machine, as far as can be told. One that a proxy here passes on for somebody
/// else did not, unless the proxy is trusted and names this machine as well.
pub(super) fn is_local(socket: Option<IpAddr>, headers: &HeaderMap, trusted: &[IpNet]) -> bool {
    let named = is_trusted(peer(socket), trusted) && headers.contains_key("x-forwarded-for");
    address(socket, headers, trusted).is_loopback() && (named || !is_forwarded(headers))
}

/// Whether a proxy on this machine passes requests on that the settings do not tell of: all its clients are one.
pub(super) fn is_unknown_proxy(socket: Option<IpAddr>, headers: &HeaderMap, trusted: &[IpNet]) -> bool {
    let peer = peer(socket);
    peer.is_loopback() && !is_trusted(peer, trusted) && is_forwarded(headers)
}

fn is_forwarded(headers: &HeaderMap) -> bool {
    FORWARDING.iter().any(|field| headers.contains_key(*field))
}

/// Whose clients' word on whom they speak for is believed.
pub(super) fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

/// One on a unix socket is on this machine.
fn peer(socket: Option<IpAddr>) -> IpAddr {
    socket.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)).to_canonical()
}

/// The subscriber behind an address: of IPv6 each has a whole /64.
pub(super) fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

/// Names of this server in the eyes of the client: where the request was sent, where a trusted proxy says
/// that it came in, and the configured public address.
pub(super) fn hosts(parts: &Parts, socket: Option<IpAddr>, trusted: &[IpNet], public: Option<&Url>) -> Vec<String> {
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let mut hosts: Vec<String> =
        parts.uri.authority().map(|authority| host_of(authority.as_str())).into_iter().collect();
    hosts.extend(text("host").map(host_of));
    if is_trusted(peer(socket), trusted) {
        hosts.extend(text("x-forwarded-host").into_iter().flat_map(|list| list.split(',')).map(host_of));
    }
    hosts.extend(public.map(|url| host_of(url.authority())));
    hosts
}

/// Whether the client speaks https: to this server, to a trusted proxy that says so, or to the public address.
pub(super) fn is_secure(
    parts: &Parts,
    socket: Option<IpAddr>,
    trusted: &[IpNet],
    public: Option<&Url>,
    tls: bool,
) -> bool {
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(scheme) = text("x-forwarded-proto").filter(|_| is_trusted(peer(socket), trusted)) {
        return scheme.split(',').next().is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("https"));
    }
    let host = parts.uri.authority().map(|authority| authority.as_str()).or_else(|| text("host"));
    let public = public.filter(|url| url.scheme() == "https").map(|url| host_of(url.authority()));
    tls || public.is_some_and(|public| host.is_some_and(|host| host_of(host) == public))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(socket: &str, forwarded: &str, trusted: &[&str]) -> String {
        let headers = HeaderMap::from_iter([("x-forwarded-for".parse().unwrap(), forwarded.parse().unwrap())]);
        let trusted: Vec<IpNet> = trusted.iter().map(|network| network.parse().unwrap()).collect();
        address(Some(socket.parse().unwrap()), &headers, &trusted).to_string()
    }

    #[test]
    fn who_is_passed_on_by_an_unknown_proxy_is_not_of_this_machine() {
        let local = |socket: &str, field: &'static str, value: &str, trusted: &[&str]| {
            let headers = HeaderMap::from_iter([(http::HeaderName::from_static(field), value.parse().unwrap())]);
            let trusted: Vec<IpNet> = trusted.iter().map(|network| network.parse().unwrap()).collect();
            let socket = Some(socket.parse().unwrap());
            (is_local(socket, &headers, &trusted), is_unknown_proxy(socket, &headers, &trusted))
        };
        assert_eq!(local("127.0.0.1", "user-agent", "x", &[]), (true, false));
        assert_eq!(local("9.9.9.9", "user-agent", "x", &[]), (false, false));
        for field in FORWARDING {
            assert_eq!(local("127.0.0.1", field, "127.0.0.1", &[]), (false, true), "{field}");
            assert_eq!(local("9.9.9.9", field, "127.0.0.1", &[]), (false, false), "{field}");
        }
        assert_eq!(local("127.0.0.1", "x-forwarded-for", "127.0.0.1", &["127.0.0.1/32"]), (true, false));
        assert_eq!(local("127.0.0.1", "x-forwarded-for", "9.9.9.9", &["127.0.0.1/32"]), (false, false));
        assert_eq!(local("127.0.0.1", "via", "1.1 a", &["127.0.0.1/32"]), (false, false));
    }

    // Keeps 77.
    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(seen("9.9.9.9", "1.2.3.4", &["127.0.0.0/8"]), "9.9.9.9");
        assert_eq!(seen("127.0.0.1", "1.2.3.4", &["127.0.0.0/8"]), "1.2.3.4");
        assert_eq!(seen("127.0.0.1", "6.6.6.6, 1.2.3.4", &["127.0.0.0/8"]), "1.2.3.4");
        assert_eq!(seen("127.0.0.1", "1.2.3.4, 10.0.0.2", &["127.0.0.0/8", "10.0.0.0/8"]), "1.2.3.4");
        assert_eq!(seen("::ffff:127.0.0.1", "[2001:db8::1]:443", &["127.0.0.0/8"]), "2001:db8::1");
        assert_eq!(seen("127.0.0.1", "1.2.3.4:5678", &["127.0.0.0/8"]), "1.2.3.4");
        assert_eq!(seen("127.0.0.1", "nonsense", &["127.0.0.0/8"]), "127.0.0.1");
        assert_eq!(seen("127.0.0.1", "\u{e9}, 1.2.3.4", &["127.0.0.0/8"]), "1.2.3.4");
    }
}
