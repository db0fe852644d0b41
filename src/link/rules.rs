//! The link policy of one request: exceptions of the configuration, then what is known of programs,
//! then the mount's own policy.

use std::net::IpAddr;

use crate::config::{ClientRule, LinkPolicy, Mount};

/// Programs that do not follow a redirect of a read, add a `Referer` that the drive refuses, or carry
/// their password to the target: their downloads go through us. Beginnings of product names in the
/// `User-Agent`, lower case (clients reference, section 2).
const PROXIED: [&str; 20] = [
    "microsoft-webdav-miniredir",
    "microsoft data access internet publishing provider",
    "webdavfs",
    "webdavlib",
    "davfs2",
    "cadaver",
    "neon",
    "sitecopy",
    "winscp",
    "rclone",
    "go-http-client",
    "nova",
    "novavideoplayer",
    "aosavp",
    "sardine",
    "dandanplay",
    "ddplay",
    "retroarch",
    "davx5",
    "davdroid",
];

/// Programs that follow a redirect but lose their password over it: after a seek they come back to us
/// without one and give up at the challenge (observed with ffmpeg 5.1, on which mpv is built). Where
/// they signed in they are proxied.
const PROXIED_WITH_PASSWORD: [&str; 3] = ["lavf", "libmpv", "mpv"];

/// What is known of a client.
#[derive(Debug, Clone, Copy)]
pub struct Client<'a> {
    /// `User-Agent`, where it sent one.
    pub user_agent: Option<&'a str>,
    /// Its address.
    pub address: IpAddr,
    /// Signed-in user.
    pub user: Option<&'a str>,
}

/// The configuration's exceptions.
#[derive(Debug, Clone)]
pub struct Rules(Vec<ClientRule>);

impl Rules {
    /// Takes the `[[client]]` tables in order of precedence.
    #[must_use]
    pub fn new(rules: &[ClientRule]) -> Self {
        Self(rules.to_vec())
    }

    /// The policy for a client's download from a mount.
    #[must_use]
    pub fn decide(&self, mount: &Mount, client: Client<'_>) -> LinkPolicy {
        if let Some(rule) = self.0.iter().find(|rule| applies(rule, client)) {
            return rule.link_policy;
        }
        let agent = client.user_agent.unwrap_or_default().to_ascii_lowercase();
        let needs_proxy = PROXIED.iter().any(|name| has_product(&agent, name))
            || (client.user.is_some() && PROXIED_WITH_PASSWORD.iter().any(|name| has_product(&agent, name)));
        if needs_proxy { LinkPolicy::Proxy } else { mount.link_policy }
    }
}

fn applies(rule: &ClientRule, client: Client<'_>) -> bool {
    rule.user_agent.as_ref().is_none_or(|pattern| pattern.is_match(client.user_agent.unwrap_or_default()))
        && rule.network.is_none_or(|network| network.contains(&client.address.to_canonical()))
        && rule.user.as_ref().is_none_or(|user| client.user == Some(user))
}

/// Whether a lower-case agent names the product as a word of its own.
fn has_product(agent: &str, name: &str) -> bool {
    agent.match_indices(name).any(|(at, _)| {
        let before = agent[..at].chars().next_back();
        let after = agent[at + name.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(rules: &[ClientRule], agent: &str, user: Option<&str>) -> LinkPolicy {
        let client = Client { user_agent: Some(agent), address: "192.168.1.5".parse().unwrap(), user };
        Rules::new(rules).decide(&Mount::at("/", "main"), client)
    }

    #[test]
    fn programs_that_cannot_follow_a_redirect_are_proxied() {
        for agent in [
            "Microsoft-WebDAV-MiniRedir/10.0.19045",
            "WebDAVFS/3.0.0 (03008000) Darwin/20.6.0 (x86_64)",
            "davfs2/1.6.1 neon/0.32.2",
            "cadaver/0.24 neon/0.32.5",
            "rclone/v1.60.1-DEV",
            "Go-http-client/1.1",
            "Nova/1.0",
            "DanDanPlay/5.2",
            "RetroArch/1.19",
            "Mozilla/5.0 (compatible; DAVx5/4.4)",
        ] {
            assert_eq!(decide(&[], agent, None), LinkPolicy::Proxy, "{agent}");
        }
    }

    #[test]
    fn all_others_get_the_mount_s_policy() {
        for agent in
            ["Kodi/20.1 (X11; Linux)", "VLC/3.0.18 LibVLC", "Infuse-Direct/7.5", "Lavf/59.27.100", "supernova/2", ""]
        {
            assert_eq!(decide(&[], agent, None), LinkPolicy::Redirect, "{agent}");
        }
    }

    #[test]
    fn the_first_exception_that_applies_wins() {
        let rule = |agent: Option<&str>, network: Option<&str>, user: Option<&str>, link_policy| ClientRule {
            user_agent: agent.map(|a| regex::Regex::new(a).unwrap()),
            network: network.map(|n| n.parse().unwrap()),
            user: user.map(str::to_owned),
            link_policy,
        };
        let rules = [
            rule(Some("^Kodi/"), Some("10.0.0.0/8"), None, LinkPolicy::ProxyUrl),
            rule(Some("^Kodi/"), Some("192.168.0.0/16"), Some("me"), LinkPolicy::Proxy),
            rule(Some("^rclone/"), None, None, LinkPolicy::Redirect),
        ];
        assert_eq!(decide(&rules, "Kodi/20", Some("me")), LinkPolicy::Proxy);
        assert_eq!(decide(&rules, "Kodi/20", None), LinkPolicy::Redirect);
        assert_eq!(decide(&rules, "rclone/v1.70", None), LinkPolicy::Redirect);
    }

    #[test]
    fn programs_that_lose_their_password_over_a_redirect_are_proxied_once_signed_in() {
        for agent in ["Lavf/59.27.100", "libmpv", "mpv 0.35"] {
            assert_eq!(decide(&[], agent, None), LinkPolicy::Redirect, "{agent}");
            assert_eq!(decide(&[], agent, Some("me")), LinkPolicy::Proxy, "{agent}");
        }
    }
}
