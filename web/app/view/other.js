// @ts-check
/** A file that browsers cannot show: what it is, and how to get it. */

import { html, nothing } from "../html.js";
import { kindWords } from "../folder/details.js";
import { showDetails } from "../folder/dialogs.js";
import * as format from "../format.js";
import { icon, kindIcon } from "../icons.js";
import { t } from "../i18n.js";
import "../more.js";
import { session } from "../session.js";
import { opens, openWith } from "./open_with.js";

/** @param {import("./viewer.js").Viewer} viewer @returns {import("./viewer.js").Part} */
export default (viewer) => ({
    view: () => html`<div class="blank big">${kindIcon(viewer.entry?.kind ?? "other")}
        <h2>${kindWords(viewer.entry?.kind ?? "other")}</h2>
        <p>${[format.size(viewer.entry?.size), format.dateTime(viewer.entry?.modified)].filter(Boolean).join(" · ")}</p>
        <p>${t("other.words")}</p>
        <div class="row-of">
            <a class="button primary" href=${viewer.raw({ download: 1 })} download=${viewer.title}>${icon("download")}${t("download")}</a>
            ${session.features.links && opens(viewer.title) ? html`<button class="button" aria-haspopup="menu" aria-expanded="false"
                @click=${(/** @type {Event} */ event) => openWith(viewer, /** @type {HTMLElement} */ (event.currentTarget))}>${icon("open")}${t("open.with")}</button>` : nothing}
            <button class="button" @click=${() => showDetails(viewer.path)}>${icon("info")}${t("details")}</button>
        </div></div>`,
});
