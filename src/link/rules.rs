//! The link policy of one request: exceptions of the configuration, then the mount's own policy for those who follow
//! a redirect rightly. All others get the bytes.

use std::net::IpAddr;

use super::programs;
use crate::config::{ClientRule, LinkPolicy};

/// What is known of a client.
#[derive(Debug, Clone, Copy)]
pub struct Client<'a> {
    /// `User-Agent`, where it sent one.
    pub user_agent: Option<&'a str>,
    /// Its address.
    pub address: IpAddr,
    /// Signed-in user.
    pub user: Option<&'a str>,
    /// A script of a page asks from another origin; it cannot read from a host that does not let it, as the drive's
    /// hosts of files do not.
    pub by_script: bool,
}

/// The configuration's exceptions.
///
/// ```
/// use alidav::config::LinkPolicy;
/// use alidav::link::{Client, Rules};
///
/// let agent = |user_agent| Client {
///     user_agent: Some(user_agent),
///     address: [192, 168, 1, 5].into(),
///     user: Some("me"),
///     by_script: false,
/// };
/// let rules = Rules::new(&[]);
/// assert_eq!(rules.decide(LinkPolicy::Redirect, agent("Kodi/20.1 (X11; Linux)")), LinkPolicy::Redirect);
/// // A program that is not known to follow a redirect gets the bytes themselves.
/// assert_eq!(rules.decide(LinkPolicy::Redirect, agent("a program of 1999")), LinkPolicy::Proxy);
/// ```
#[derive(Debug, Clone)]
pub struct Rules(Vec<ClientRule>);

impl Rules {
    /// Takes the `[[client]]` tables in order of precedence.
    #[must_use]
    pub fn new(rules: &[ClientRule]) -> Self {
        Self(rules.to_vec())
    }

    /// The policy for a client's download, for which `usual` is the one of those who follow a redirect.
    #[must_use]
    pub fn decide(&self, usual: LinkPolicy, client: Client<'_>) -> LinkPolicy {
        if let Some(rule) = self.0.iter().find(|rule| applies(rule, client)) {
            return rule.link_policy;
        }
        let follows =
            !client.by_script && programs::follows(client.user_agent.unwrap_or_default(), client.user.is_some());
        if follows { usual } else { LinkPolicy::Proxy }
    }
}

fn applies(rule: &ClientRule, client: Client<'_>) -> bool {
    rule.user_agent.as_ref().is_none_or(|pattern| pattern.is_match(client.user_agent.unwrap_or_default()))
        && rule.network.is_none_or(|network| network.contains(&client.address.to_canonical()))
        && rule.user.as_ref().is_none_or(|user| client.user == Some(user))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(rules: &[ClientRule], agent: &str, user: Option<&str>) -> LinkPolicy {
        let client =
            Client { user_agent: Some(agent), address: "192.168.1.5".parse().unwrap(), user, by_script: false };
        Rules::new(rules).decide(LinkPolicy::Redirect, client)
    }

    #[test]
    fn the_mount_s_policy_is_for_those_who_follow() {
        for (agent, expected) in [
            (Some("Kodi/20.1 (X11; Linux)"), LinkPolicy::Redirect),
            (Some("Lavf/59.27.100"), LinkPolicy::Redirect),
            (Some("Python-urllib/3.11"), LinkPolicy::Proxy),
            (Some(""), LinkPolicy::Proxy),
            (None, LinkPolicy::Proxy),
        ] {
            let client =
                Client { user_agent: agent, address: "192.168.1.5".parse().unwrap(), user: None, by_script: false };
            assert_eq!(Rules::new(&[]).decide(LinkPolicy::Redirect, client), expected, "{agent:?}");
        }
        assert_eq!(decide(&[], "Lavf/59.27.100", Some("me")), LinkPolicy::Proxy);
        let client = Client {
            user_agent: Some("VLC/3.0"),
            address: "192.168.1.5".parse().unwrap(),
            user: None,
            by_script: false,
        };
        assert_eq!(Rules::new(&[]).decide(LinkPolicy::ProxyUrl, client), LinkPolicy::ProxyUrl);
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
        assert_eq!(decide(&rules, "MyPlayer/1.0", None), LinkPolicy::Proxy);
    }
}
