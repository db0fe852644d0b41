// @ts-check
/** A PDF in the browser's own viewer. */

import { html } from "../html.js";
import { kindIcon, icon } from "../icons.js";
import { t } from "../i18n.js";
import "../more.js";

/** @param {import("./viewer.js").Viewer} viewer @returns {import("./viewer.js").Part} */
export default (viewer) => ({
    view: () => (navigator.pdfViewerEnabled
        ? html`<iframe class="pdf" src=${viewer.raw({ via: "proxy" })} title=${viewer.title}></iframe>`
        : html`<div class="blank big">${kindIcon("pdf")}<h2>PDF</h2><p>${t("pdf.words")}</p>
            <div class="row-of"><a class="button primary" target="_blank" rel="noopener" href=${viewer.raw({ via: "proxy" })}>${icon("open")}${t("open")}</a></div></div>`),
});
