// @ts-check
/** Other programs for a file that browsers cannot show: they get a signed link, by their own kind of address. */

import { post, wordsOf } from "../api.js";
import { t } from "../i18n.js";
import "../more.js";
import { openMenu } from "../menu.js";
import { notify } from "../notices.js";

/** Microsoft's programs and those that have taken over their addresses: open for viewing, by a URL. @type {[RegExp, string, string][]} */
const programs = [
    [/\.(docx?|docm|dotx?|rtf|odt)$/i, "Word", "ms-word"],
    [/\.(xlsx?|xlsm|xltx?|csv|ods)$/i, "Excel", "ms-excel"],
    [/\.(pptx?|pptm|ppsx?|potx?|odp)$/i, "PowerPoint", "ms-powerpoint"],
];

/** @param {string} name */
export const opens = (name) => programs.some(([names]) => names.test(name)) || "share" in navigator;

/**
 * @param {import("./viewer.js").Viewer} viewer
 * @param {HTMLElement} button
 */
export async function openWith({ path, title }, button) {
    try {
        const url = (await post("link", { path, as: "file" })).url;
        openMenu(button, t("open.with"), [
            ...programs.filter(([names]) => names.test(title)).map(([, words, scheme]) => ({ words, icon: /** @type {const} */ ("open"), href: `${scheme}:ofv|u|${url}` })),
            ...("share" in navigator ? [{ words: t("open.share"), icon: /** @type {const} */ ("upload"), run: () => { navigator.share({ title, url }).catch(() => { /* it was left */ }); } }] : []),
            { words: t("link.copy"), icon: "link", run: () => { navigator.clipboard?.writeText(url).then(() => notify(t("link.copied")), () => notify(t("link.select"))); } },
        ]);
    } catch (error) {
        notify(wordsOf(error), { stay: true });
    }
}
