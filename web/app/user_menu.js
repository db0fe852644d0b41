// @ts-check
/** The user's menu: who he is, look, language, the end of his sessions. */

import { boot, loginHref } from "./boot.js";
import { wordsOf } from "./api.js";
import { confirm } from "./dialog.js";
import { language, languages, t, useLanguage } from "./i18n.js";
import "./more.js";
import { openMenu } from "./menu.js";
import { notify } from "./notices.js";
import { session, signOut } from "./session.js";
import { recall, remember } from "./store.js";

/** @param {HTMLElement} from the button */
export function userMenu(from) {
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
    openMenu(from, t("user.menu"), items);
}

/** @param {"" | "light" | "dark"} theme */
function useTheme(theme) {
    remember("theme", theme);
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
}

/** @param {boolean} everywhere */
async function leave(everywhere) {
    if (everywhere && !(await confirm({ title: t("sign.out.everywhere"), words: t("sign.out.everywhere.words"), act: t("sign.out") }))) return;
    await signOut(everywhere).catch((error) => notify(wordsOf(error)));
}
