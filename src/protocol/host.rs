//! Hosts as they are compared.

/// Host and port of an authority for comparing: lower case, without the ports that go without saying.
#[must_use]
pub fn host_of(authority: &str) -> String {
    let host = authority.rsplit('@').next().unwrap_or_default().trim().to_ascii_lowercase();
    let bare = host.strip_suffix(":80").or_else(|| host.strip_suffix(":443")).map(str::to_owned);
    bare.unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_user_case_and_usual_ports() {
        assert_eq!(host_of("me@Example.org:443"), "example.org");
        assert_eq!(host_of(" example.org:80"), "example.org");
        assert_eq!(host_of("[::1]:8080"), "[::1]:8080");
    }
}
