// @ts-check
/** Stars, as the drive's own app has them: given, and taken away where all have one. */

import { post, wordsOf } from "../api.js";
import { t } from "../i18n.js";
import "../more.js";
import { notify } from "../notices.js";

/** @typedef {import("../api.js").Entry} Entry */

/** What a press on the star does to these. @param {Entry[]} entries */
export const isGiven = (entries) => entries.some((entry) => !entry.starred);

/**
 * @param {{ path: string, entry: Entry }[]} items
 * @param {() => void} redraw
 */
export async function star(items, redraw) {
    const wanted = items.filter(({ entry }) => !entry.held);
    if (!wanted.length) return;
    const starred = isGiven(wanted.map(({ entry }) => entry));
    let done = 0;
    try {
        for (const { path, entry } of wanted) {
            await post("star", { path, starred });
            entry.starred = starred;
            done += 1;
        }
    } catch (error) {
        notify(wordsOf(error), { stay: true });
    }
    if (done) notify(t(starred ? "starred.given" : "starred.taken", { n: done, name: wanted[0].entry.name }));
    redraw();
}

/**
 * The line of a menu.
 * @param {{ path: string, entry: Entry }[]} items
 * @param {() => void} redraw
 * @returns {import("../menu.js").Item}
 */
export const starItem = (items, redraw) => ({
    words: t(isGiven(items.map(({ entry }) => entry)) ? "star.give" : "star.take"), icon: "star", hint: "*", run: () => { star(items, redraw); },
});
