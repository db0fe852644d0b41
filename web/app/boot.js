// @ts-check
/** What the shell was given by the server, and the addresses that follow from it. */

import { encodePath } from "./paths.js";

/**
 * @typedef {object} Boot
 * @property {string} base path prefix without a slash at its end
 * @property {string} assets path of the assets, without a slash at its end
 * @property {string} title
 * @property {string} version
 * @property {"auto" | "rendition" | "original"} start_with
 * @property {number} link_hours
 */

/** @type {Boot} */
export const boot = JSON.parse(document.getElementById("boot")?.textContent ?? "{}");

/**
 * The page of a path. A folder's ends with a slash.
 * @param {string} path
 * @param {boolean} [folder]
 */
export function filesHref(path, folder = false) {
    const tail = path === "/" ? "/" : encodePath(path) + (folder ? "/" : "");
    return `${boot.base}/files${tail}`;
}

/**
 * A call's address.
 * @param {string} call such as `list`
 * @param {Record<string, string | number | undefined>} [query]
 */
export function apiUrl(call, query = {}) {
    const pairs = Object.entries(query).filter(([, value]) => value !== undefined);
    const text = pairs.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join("&");
    return `${boot.base}/api/${call}${text ? `?${text}` : ""}`;
}

/** @param {string} name such as `status` */
export const pageHref = (name) => `${boot.base}/${name}`;

/** Where to sign in, and to come back to this page after it. */
export function loginHref() {
    const here = location.pathname + location.search;
    return `${boot.base}/login?next=${encodeURIComponent(here)}`;
}

/**
 * A `next` that stays on this origin, or else the files.
 * @param {string | null} next
 */
export function localNext(next) {
    const local = next && /^\/(?![/\\])/.test(next) && !/[\u0000-\u001f]/.test(next);
    return local ? next : filesHref("/");
}
