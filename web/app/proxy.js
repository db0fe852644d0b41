// @ts-check
/**
 * Whether bytes come through alidav rather than from the drive's own host: where that host is out of reach from here, or
 * no page may load from it. Found out once and kept for this browser session.
 */

const KEPT = "alidav.proxy";

export const isProxied = () => sessionStorage.getItem(KEPT) === "1";

export const useProxy = () => sessionStorage.setItem(KEPT, "1");

/**
 * The same address, answered with the bytes instead of a redirect.
 * @param {string} url
 */
export const proxied = (url) => (/[?&]via=proxy\b/.test(url) ? url : `${url}${url.includes("?") ? "&" : "?"}via=proxy`);

/**
 * The address as this session uses it.
 * @param {string} url
 */
export const reachable = (url) => (isProxied() ? proxied(url) : url);
