// @ts-check
/** Other players that take a link: what each understands, and where it runs. */

/** @typedef {"mac" | "windows" | "linux" | "android" | "ios"} System */

/** @returns {System} */
function system() {
    const agent = navigator.userAgent;
    if (/android/i.test(agent)) return "android";
    if (/iphone|ipad|ipod/i.test(agent) || (/mac/i.test(agent) && navigator.maxTouchPoints > 1)) return "ios";
    if (/mac/i.test(agent)) return "mac";
    return /windows/i.test(agent) ? "windows" : "linux";
}

/** @type {{ name: string, on: System[], href: (url: string, title: string) => string }[]} */
const players = [
    { name: "IINA", on: ["mac"], href: (url) => `iina://weblink?url=${encodeURIComponent(url)}` },
    { name: "PotPlayer", on: ["windows"], href: (url) => `potplayer://${url}` },
    { name: "VLC", on: ["mac", "windows", "linux"], href: (url) => `vlc://${url}` },
    { name: "VLC", on: ["android"], href: (url, title) => `intent:${url}#Intent;package=org.videolan.vlc;type=video/*;S.title=${encodeURIComponent(title)};end` },
    { name: "VLC", on: ["ios"], href: (url) => `vlc-x-callback://x-callback-url/stream?url=${encodeURIComponent(url)}` },
    { name: "mpv", on: ["mac", "windows", "linux"], href: (url) => `mpv://${encodeURIComponent(url)}` },
    { name: "Infuse", on: ["mac", "ios"], href: (url) => `infuse://x-callback-url/play?url=${encodeURIComponent(url)}` },
    { name: "nPlayer", on: ["mac", "ios", "android"], href: (url) => `nplayer-${url}` },
    { name: "SenPlayer", on: ["mac", "ios"], href: (url) => `SenPlayer://x-callback-url/play?url=${encodeURIComponent(url)}` },
    { name: "Fileball", on: ["ios"], href: (url) => `filebox://play?url=${encodeURIComponent(url)}` },
    { name: "MX Player", on: ["android"], href: (url, title) => `intent:${url}#Intent;package=com.mxtech.videoplayer.ad;S.title=${encodeURIComponent(title)};end` },
];

/**
 * @param {string} url a signed link
 * @param {string} title
 */
export const externalPlayers = (url, title) =>
    players.filter(({ on }) => on.includes(system())).map(({ name, href }) => ({ name, href: href(url, title) }));
