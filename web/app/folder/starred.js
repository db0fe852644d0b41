// @ts-check
/** What is starred, here or in the drive's own app, wherever it is. */

import { html } from "../html.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import "../more.js";
import { findsPage } from "./finds.js";

/** @type {import("../main.js").MakePage} */
export default (_place, redraw) => findsPage({
    call: "starred", query: {}, title: t("nav.starred"),
    head: html`<div class="where"><h1 class="grow">${t("nav.starred")}</h1></div>`,
    none: () => html`<div class="blank">${icon("star")}<h2>${t("starred.none")}</h2><p>${t("starred.none.words")}</p></div>`,
}, redraw);
