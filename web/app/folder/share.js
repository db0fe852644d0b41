// @ts-check
/** A signed link of a file for somebody else, with its end. */

import { html, nothing } from "../html.js";
import { boot } from "../boot.js";
import { post, wordsOf } from "../api.js";
import { open } from "../dialog.js";
import * as format from "../format.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import "../more.js";
import { notify } from "../notices.js";
import { session } from "../session.js";

/** Hours to choose from, beside the server's own. */
const lives = [1, 12, 24, 168, 720, 8760];

/**
 * @param {string} path
 * @param {boolean} film
 */
export function showLink(path, film) {
    let hours = boot.link_hours ?? 12;
    /** @type {"file" | "video"} */
    let as = "file";
    /** @type {{ url: string, expires_at: number, qr_svg?: string | null } | undefined} */
    let link;
    let problem = "";
    let asked = "";
    return open(t("link.title"), (dialog) => {
        const wanted = `${hours} ${as}`;
        if (asked !== wanted) {
            asked = wanted;
            link = undefined;
            problem = "";
            post("link", { path, hours, as }).then((answer) => { if (asked === wanted) link = answer; }, (error) => { if (asked === wanted) problem = wordsOf(error); })
                .then(dialog.redraw);
        }
        const copy = async () => {
            const field = /** @type {HTMLInputElement} */ (dialog.element.querySelector("#link"));
            field.select();
            const done = await navigator.clipboard?.writeText(field.value).then(() => true, () => false) ?? document.execCommand("copy");
            notify(done ? t("link.copied") : t("link.select"));
        };
        return html`<div class="dialog-main">
            <p class="muted">${t("link.words")}</p>
            <div class="row-of">
                <label class="field"><span>${t("link.life")}</span>
                    <select class="select" @change=${(/** @type {Event} */ event) => { hours = Number(/** @type {HTMLSelectElement} */ (event.target).value); dialog.redraw(); }}>
                        ${[...new Set([...lives, hours])].sort((a, b) => a - b).map((life) => html`<option value=${life} ?selected=${life === hours}>${lifeWords(life)}</option>`)}
                    </select></label>
                ${film && session.features.video ? html`<label class="field"><span>${t("link.as")}</span>
                    <select class="select" @change=${(/** @type {Event} */ event) => { as = /** @type {"file" | "video"} */ (/** @type {HTMLSelectElement} */ (event.target).value); dialog.redraw(); }}>
                        <option value="file">${t("link.original")}</option><option value="video">${t("link.stream")}</option></select></label>` : nothing}
            </div>
            <label class="field"><span>${t("link.url")}</span>
                <input class="input mono" id="link" readonly .value=${link?.url ?? ""} placeholder=${t("loading")}></label>
            ${problem ? html`<p class="banner bad" role="alert">${problem}</p>` : nothing}
            <p class="muted small">${link ? t("link.until", { at: format.dateTime(link.expires_at) }) : " "}</p>
            ${link?.qr_svg ? html`<img class="qr" src=${`data:image/svg+xml,${encodeURIComponent(link.qr_svg)}`} alt=${t("link.qr")} width="160" height="160">` : nothing}
        </div>
        <div class="dialog-foot"><button class="button primary" autofocus ?disabled=${!link} @click=${copy}>${icon("copy")}${t("link.copy")}</button></div>`;
    });
}

/** @param {number} hours */
const lifeWords = (hours) => (hours < 48 ? t("hours", { n: hours }) : t("days", { n: Math.round(hours / 24) }));
