// @ts-check
/** Which page an address is, moving between them without a reload, and the place on each page that Back returns to. */

import { boot, filesHref } from "./boot.js";
import { decodePath } from "./paths.js";

/** @typedef {{ page: "files", path: string, folder: boolean } | { page: "accounts" } | { page: "starred" } | { page: "status" }} Route */
/** @typedef {{ scroll?: number, focus?: string }} Place */

/** @returns {Route} */
export function route() {
    const path = location.pathname.slice(boot.base.length);
    if (path.startsWith("/accounts")) return { page: "accounts" };
    if (path.startsWith("/status")) return { page: "status" };
    if (path === "/files/" && new URLSearchParams(location.search).has("starred")) return { page: "starred" };
    const rest = path.replace(/^\/files/, "");
    return { page: "files", path: decodePath(rest || "/"), folder: rest === "" || rest.endsWith("/") };
}

/** @type {(place: Place) => void} */
let show = () => {};

/** @type {(() => boolean)[]} */
const guards = [];

/**
 * Asked before a page is left; false keeps it.
 * @param {() => boolean} guard
 * @returns {() => void} takes it back
 */
export function guard(guard) {
    guards.push(guard);
    return () => { guards.splice(guards.indexOf(guard), 1); };
}

/** @param {(place: Place) => void} draw shows the page of the present address */
export function start(draw) {
    show = draw;
    history.scrollRestoration = "manual";
    addEventListener("popstate", (event) => {
        here = location.href;
        before = undefined;
        show(event.state ?? {});
    });
    addEventListener("click", follow);
    addEventListener("pagehide", keepPlace);
    show(history.state ?? {});
}

let here = location.href;

/** The page that Back leads to, if it is one of ours. @type {string | undefined} */
let before;

/**
 * Out of something, to where one came from if that is it, with its position.
 * @param {string} href
 * @param {string} focus
 */
export function back(href, focus) {
    if (before === new URL(href, location.href).href && guards.every((allows) => allows())) history.back();
    else go(href, { focus });
}

/**
 * Another address for what stays on the page, such as the next song.
 * @param {string} href
 */
export function rename(href) {
    history.replaceState(history.state, "", href);
    here = location.href;
}

/**
 * @param {string} href
 * @param {{ replace?: boolean, focus?: string }} [options] `focus`: the item of a folder that one comes from
 */
export function go(href, { replace, focus } = {}) {
    if (guards.some((allows) => !allows())) return;
    if (replace) {
        history.replaceState({}, "", href);
    } else {
        keepPlace();
        before = location.href;
        history.pushState({}, "", href);
        scrollTo({ top: 0 });
    }
    here = location.href;
    show({ focus });
}

/**
 * @param {string} path
 * @param {boolean} folder
 * @param {string} [focus]
 */
export const goTo = (path, folder, focus) => go(filesHref(path, folder), { focus });

function keepPlace() {
    if (location.href !== here) return;
    const item = /** @type {HTMLElement | null} */ (document.activeElement)?.closest?.("[data-name]");
    history.replaceState({ scroll: scrollY, focus: item?.getAttribute("data-name") ?? undefined }, "");
}

/**
 * A plain click on one of our links.
 * @param {MouseEvent} event
 */
function follow(event) {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = /** @type {Element} */ (event.target).closest?.("a");
    if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    const path = link.pathname.slice(boot.base.length);
    if (!link.pathname.startsWith(`${boot.base}/`) || !/^\/(files|accounts|status)(\/|$)/.test(path)) return;
    event.preventDefault();
    if (link.href !== location.href) go(link.href);
}
