// @ts-check
/** What stands around each page: the bar with its places, the user's menu and the help, which are loaded when asked for. */

import { html, nothing } from "./html.js";
import { boot, filesHref, pageHref } from "./boot.js";
import { icon } from "./icons.js";
import { t } from "./i18n.js";
import { session } from "./session.js";

/**
 * @param {import("./router.js").Route["page"]} page
 * @param {unknown} content
 */
export const frame = (page, content) => html`
    <a class="button skip" href="#main" @click=${toMain}>${t("skip")}</a>
    <header class="topbar">
        <a class="brand" href=${filesHref("/")}><img src="${boot.assets}/favicon.svg" alt=""><span>${boot.title}</span></a>
        <nav class="topnav" aria-label=${t("nav")}>
            ${place(page === "files", filesHref("/"), "folder", t("nav.files"))}
            ${session.features.search ? place(page === "starred", `${filesHref("/")}?starred`, "star", t("nav.starred")) : nothing}
            ${session.features.sign_in ? place(page === "accounts", pageHref("accounts"), "accounts", t("nav.accounts")) : nothing}
            ${place(page === "status", pageHref("status"), "status", t("nav.status"))}
        </nav>
        <button class="tool for-keys" aria-label=${t("keys")} title=${t("keys")} @click=${showKeys}>${icon("keyboard")}</button>
        <button class="tool" aria-label=${t("user.menu")} title=${t("user.menu")} aria-haspopup="menu" aria-expanded="false" @click=${userMenu}>${icon("person")}</button>
    </header>
    <main id="main" tabindex="-1">${content}</main>`;

/**
 * @param {boolean} current
 * @param {string} href
 * @param {import("./icons.js").Icon} name
 * @param {string} words
 */
const place = (current, href, name, words) => html`
    <a href=${href} aria-current=${current ? "page" : nothing} title=${words}>${icon(name)}<span>${words}</span></a>`;

/** @param {Event} event */
function toMain(event) {
    event.preventDefault();
    document.getElementById("main")?.focus();
}

/** @param {Event} event */
async function userMenu(event) {
    const button = /** @type {HTMLElement} */ (event.currentTarget);
    (await import("./user_menu.js")).userMenu(button);
}

export const showKeys = async () => (await import("./help.js")).showKeys();
