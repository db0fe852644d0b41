// @ts-check
/** A file that browsers cannot show: what it is, and how to get it. */

import { html } from "../html.js";
import { kindWords } from "../folder/details.js";
import { showDetails } from "../folder/dialogs.js";
import * as format from "../format.js";
import { icon, kindIcon } from "../icons.js";
import { t } from "../i18n.js";

/** @param {import("./viewer.js").Viewer} viewer @returns {import("./viewer.js").Part} */
export default (viewer) => ({
    view: () => html`<div class="blank big">${kindIcon(viewer.entry?.kind ?? "other")}
        <h2>${kindWords(viewer.entry?.kind ?? "other")}</h2>
        <p>${[format.size(viewer.entry?.size), format.dateTime(viewer.entry?.modified)].filter(Boolean).join(" · ")}</p>
        <p>${t("other.words")}</p>
        <div class="row-of">
            <a class="button primary" href=${viewer.raw({ download: 1 })} download=${viewer.title}>${icon("download")}${t("download")}</a>
            <button class="button" @click=${() => showDetails(viewer.path)}>${icon("info")}${t("details")}</button>
        </div></div>`,
});
