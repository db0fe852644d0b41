//! What is known of programs: which of them follow a redirected read rightly.
//!
//! Rightly means that the program goes to the drive's host with its `Range`, without a `Referer` of its own, which
//! the drive refuses, and without the password, at which the drive answers 400. A program that does otherwise can
//! write but not read back, and nobody would look for the cause here; so it is a list of those of whom it is known,
//! and all others get the bytes through us (clients reference, sections 1 and 2). Programs that pretend to be
//! another are believed.

/// Programs that follow, by the name of the first product in their `User-Agent`, lower case. The name ends there or
/// at a hyphen: Infuse has `Infuse-Direct` and `Infuse-Library`.
const FOLLOW: [&str; 13] = [
    "kodi",
    "infuse",
    "nplayer",
    "fileball",
    "vlc",
    "iina",
    "potplayer",
    "emby",
    "embyserver",
    "jellyfin",
    "gvfs",
    "lftp",
    // The program; what is built on its library names itself, or nothing.
    "curl",
];

/// GNU's program. BusyBox's, which takes the password along, is `Wget` too but tells no version.
const FOLLOWS_WITH_VERSION: &str = "wget";

/// Programs that follow a redirect but lose their password over it: after a seek they come back to us
/// without one and give up at the challenge (observed with ffmpeg 5.1, on which mpv is built). So they follow
/// where none is needed.
const FOLLOW_WITHOUT_PASSWORD: [&str; 3] = ["lavf", "libmpv", "mpv"];

/// Products of which browsers' agents consist, after `Mozilla/5.0`. A browser in which another program runs
/// (Electron, a phone's web view) names that too, and what such a program carries on is not known.
const BROWSERS: [&str; 18] = [
    "applewebkit",
    "gecko",
    "version",
    "mobile",
    "chrome",
    "chromium",
    "crios",
    "firefox",
    "fxios",
    "safari",
    "edg",
    "edga",
    "edgios",
    "edge",
    "opr",
    "vivaldi",
    "samsungbrowser",
    "ubuntu",
];

/// Products that an engine's name alone does not make: one of them is in every browser's agent.
const BROWSER_NAMES: [&str; 4] = ["chrome", "chromium", "firefox", "safari"];

/// Whether the program behind a `User-Agent` follows a redirected GET rightly. Who names nothing is not known.
pub(super) fn follows(agent: &str, signed_in: bool) -> bool {
    let agent = agent.to_ascii_lowercase();
    let products = products(&agent);
    let Some((&(first, version), others)) = products.split_first() else { return false };
    let family = first.split('-').next().unwrap_or_default();
    FOLLOW.contains(&family)
        || (first == FOLLOWS_WITH_VERSION && version.is_some())
        || (FOLLOW_WITHOUT_PASSWORD.contains(&first) && !signed_in)
        || (first == "mozilla" && (is_browser(others) || is_kio(others)))
}

fn is_browser(products: &[(&str, Option<&str>)]) -> bool {
    products.iter().all(|(name, _)| BROWSERS.contains(name))
        && products.iter().any(|(name, _)| BROWSER_NAMES.contains(name))
}

/// Dolphin and KDE's other programs: `Mozilla/5.0 (X11; Linux x86_64) KIO/5.116`, older ones with `KHTML` and
/// `Konqueror` beside it.
fn is_kio(products: &[(&str, Option<&str>)]) -> bool {
    products.iter().any(|(name, _)| *name == "kio")
        && products.iter().all(|(name, _)| ["kio", "khtml", "konqueror", "dolphin"].contains(name))
}

/// Names and versions of the products of an agent (RFC 9110, section 10.1.5), without its comments, in which
/// programs name others that they are compatible with.
fn products(agent: &str) -> Vec<(&str, Option<&str>)> {
    let mut depth = 0_usize;
    let bare = agent.split(|c: char| {
        depth = match c {
            '(' => depth + 1,
            ')' => depth.saturating_sub(1),
            _ => depth,
        };
        depth > 0 || c == ')' || c.is_whitespace()
    });
    bare.filter(|word| !word.is_empty())
        .map(|word| word.split_once('/').map_or((word, None), |(name, version)| (name, Some(version))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Agents as the programs send them.
    #[test]
    fn those_who_follow_rightly_are_known() {
        for agent in [
            "Kodi/20.1 (X11; Linux x86_64) App_Bitness/64 Version/20.1-(20.1.0)-Git:20230312-nogitfound",
            "Infuse-Direct/8.5.2",
            "Infuse-Library/8.0",
            "Infuse/7.7.1 CFNetwork/1474 Darwin/23.0.0",
            "nPlayer/3.0",
            "Fileball/1.2.4 CFNetwork/1410.0.3 Darwin/22.6.0",
            "VLC/3.0.20 LibVLC/3.0.20",
            "IINA/1.3.5",
            "PotPlayer/240305",
            "Emby/4.8.0.0",
            "EmbyServer/4.8",
            "Jellyfin-Server/10.9.11",
            "gvfs/1.50.3",
            "curl/7.88.1",
            "Wget/1.21.3",
            "lftp/4.9.2",
            "Mozilla/5.0 (X11; Linux x86_64) KIO/5.116",
            "Mozilla/5.0 (X11; Linux; English) KHTML/5.62.0 (like Gecko) Konqueror/5 KIO/5.62",
            "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
            "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
            "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
        ] {
            assert!(follows(agent, false) && follows(agent, true), "{agent}");
        }
    }

    #[test]
    fn all_others_are_not() {
        for agent in [
            "",
            " ",
            "(",
            "Microsoft-WebDAV-MiniRedir/10.0.19045",
            "Microsoft Office Excel 2014",
            "WebDAVFS/3.0.0 (03008000) Darwin/20.6.0 (x86_64)",
            "davfs2/1.6.1 neon/0.32.2",
            "cadaver/0.24 neon/0.32.5",
            "WinSCP/6.3 neon/0.32.5",
            "rclone/v1.75.2",
            "Go-http-client/1.1",
            "Java/17.0.9",
            "Java-http-client/21.0.1",
            "Apache-HttpClient/4.5.14 (Java/17.0.9)",
            "okhttp/4.12.0",
            "Dart/3.4 (dart:io)",
            "Python-urllib/3.11",
            "python-requests/2.31.0",
            "Python/3.11 aiohttp/3.9.5",
            "duplicity/2.1.4 (Python/3.11)",
            "git-annex/10.20230126",
            "PycURL/7.45.2 libcurl/7.88.1 OpenSSL/3.0.11",
            "Nova/1.0",
            "DanDanPlay/5.2",
            "RetroArch/1.19",
            "VidHub/1.9 CFNetwork/1410.0.3 Darwin/22.6.0",
            "Cyberduck/9.0.0.41777 (Mac OS X/14.5) (aarch64)",
            "Wget",
            "supernova/2",
            "kodiak/1.0",
            "curlie/1.0",
            // Those that name another.
            "Mozilla/5.0 (compatible; DAVx5/4.4)",
            "DAVx5/4.4-ose (dav4jvm; okhttp/4.12.0) Android/14",
            "Mozilla/5.0",
            "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.19041.1682",
            "MyPlayer/1.0 (like Kodi/20; compatible; VLC/3.0)",
            "MyPlayer/1.0 VLC/3.0.18",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) obsidian/1.5.3 Chrome/114.0.5735.289 Electron/25.8.1 Safari/537.36",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
        ] {
            assert!(!follows(agent, false), "{agent}");
        }
    }

    #[test]
    fn those_who_lose_their_password_over_a_redirect_follow_where_none_is_needed() {
        for agent in ["Lavf/59.27.100", "libmpv", "mpv 0.35"] {
            assert!(follows(agent, false) && !follows(agent, true), "{agent}");
        }
    }

    #[test]
    fn comments_are_no_products_however_they_nest_or_break_off() {
        assert_eq!(products("a/1 (b/2 (c/3) d) e (f"), [("a", Some("1")), ("e", None)]);
        assert_eq!(products("a(b)c/1) d/"), [("a", None), ("c", Some("1")), ("d", Some(""))]);
    }
}
