// @ts-check
/** Films that were begun here or in the drive's app, to go on with. */

import { html, nothing, repeat } from "../html.js";
import { apiUrl, filesHref } from "../boot.js";
import { get } from "../api.js";
import * as format from "../format.js";
import { kindIcon } from "../icons.js";
import { t } from "../i18n.js";
import "../more.js";
import { session } from "../session.js";

/** Films on the shelf. */
const MOST = 6;

/** @type {import("../api.js").Entry[]} */
let films = [];

/** @type {string[]} Accounts of which nothing is known. */
let missing = [];

/**
 * @param {() => void} redraw
 * @returns {() => unknown}
 */
export function recentShelf(redraw) {
    // A shelf that cannot be filled at all is no reason for words: the folder below it is what was asked for.
    get("recent").then((answer) => {
        films = (answer.entries ?? []).filter((/** @type {import("../api.js").Entry} */ entry) => entry.path).slice(0, MOST);
        missing = (answer.failed ?? []).map((/** @type {import("./finds.js").Failed} */ failed) => failed.account);
        redraw();
    }, () => {});
    return () => (films.length ? html`<section class="shelf" aria-label=${t("recent")}>
        <h2>${t("recent")}</h2>
        <ul>${repeat(films, (film) => film.path, (film) => html`<li><a href=${filesHref(film.path ?? "/")}>
            <span class="face">${kindIcon("video")}${session.features.thumbs ? html`<img src=${apiUrl("thumb", { path: film.path, w: 256 })} alt="" loading="lazy"
                @error=${(/** @type {Event} */ event) => /** @type {Element} */ (event.target).classList.add("none")}>` : nothing}</span>
            <span class="name">${film.name}</span>
            <span class="under">${t("seen.to", { time: format.duration(film.cursor) })}</span></a></li>`)}</ul>
        ${missing.length ? html`<p class="small muted">${t("recent.missing", { accounts: missing.join(", ") })}</p>` : nothing}
    </section>` : nothing);
}
