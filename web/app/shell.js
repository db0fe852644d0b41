// @ts-check
/** What stands around each page: the bar with its places and the user's menu; help; look and language. */

import { html, nothing } from "./html.js";
import { boot, filesHref, loginHref, pageHref } from "./boot.js";
import { icon } from "./icons.js";
import { language, languages, t, useLanguage } from "./i18n.js";
import { openMenu } from "./menu.js";
import { notify } from "./notices.js";
import { session, signOut } from "./session.js";
import { recall, remember } from "./store.js";
import { wordsOf } from "./api.js";

/**
 * @param {import("./router.js").Route["page"]} page
 * @param {unknown} content
 */
export const frame = (page, content) => html`
    <a class="button skip" href="#main" @click=${toMain}>${t("skip")}</a>
    <header class="topbar">
        <a class="brand" href=${filesHref("/")}><img src="${boot.base}/favicon.svg" alt=""><span>${boot.title}</span></a>
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
function userMenu(event) {
    const theme = recall("theme", /** @type {string} */ (""));
    /** @type {import("./menu.js").Item[]} */
    const items = [
        { title: true, words: session.user === null ? t("user.visitor") : t("user.as", { name: session.user }) },
        ...(session.permission === "read" ? [{ title: true, words: t("user.reads") }] : []),
        {},
        { title: true, words: t("look") },
        { words: t("look.system"), checked: !theme, run: () => useTheme("") },
        { words: t("look.light"), checked: theme === "light", run: () => useTheme("light") },
        { words: t("look.dark"), checked: theme === "dark", run: () => useTheme("dark") },
        {},
        { title: true, words: t("language") },
        ...Object.entries(languages).map(([tag, words]) => ({
            words, checked: tag === language, run: () => useLanguage(/** @type {keyof typeof languages} */ (tag)),
        })),
        {},
        ...(session.user === null ? [{ words: t("sign.in"), icon: /** @type {const} */ ("person"), run: () => location.assign(loginHref()) }] : [
            { words: t("sign.out"), icon: /** @type {const} */ ("signOut"), run: () => leave(false) },
            { words: t("sign.out.everywhere"), icon: /** @type {const} */ ("signOut"), run: () => leave(true) },
        ]),
        { title: true, words: t("version", { version: boot.version }) },
    ];
    openMenu(/** @type {HTMLElement} */ (event.currentTarget), t("user.menu"), items);
}

/** @param {"" | "light" | "dark"} theme */
export function useTheme(theme) {
    remember("theme", theme);
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
}

/** @param {boolean} everywhere */
async function leave(everywhere) {
    const { confirm } = await import("./dialog.js");
    if (everywhere && !(await confirm({ title: t("sign.out.everywhere"), words: t("sign.out.everywhere.words"), act: t("sign.out") }))) return;
    await signOut(everywhere).catch((error) => notify(wordsOf(error)));
}

export const showKeys = async () => (await import("./help.js")).showKeys();
