// @ts-check
/** What the drives find by name, in a folder and below it. */

import { html } from "../html.js";
import { filesHref } from "../boot.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import "../more.js";
import { go, route } from "../router.js";
import { findsPage } from "./finds.js";

/**
 * The address of a search.
 * @param {string} path
 * @param {string} words
 */
export const searchHref = (path, words) => `${filesHref(path, true)}?search=${encodeURIComponent(words)}`;

/** @type {import("../main.js").MakePage} */
export default (_place, redraw) => {
    const at = route();
    const path = at.page === "files" ? at.path : "/";
    const words = new URLSearchParams(location.search).get("search") ?? "";
    const title = t("search.title", { words });

    /** @param {SubmitEvent} event */
    const submit = (event) => {
        event.preventDefault();
        const wanted = String(new FormData(/** @type {HTMLFormElement} */ (event.target)).get("words") ?? "").trim();
        if (wanted) go(searchHref(path, wanted));
    };

    return findsPage({
        call: "search", query: { q: words, path }, title,
        head: html`<div class="where"><a class="tool" href=${filesHref(path, true)} aria-label=${t("viewer.back")} title=${t("viewer.back")}>${icon("back")}</a><h1 class="grow">${title}</h1></div>
            <form class="toolbar search-form" role="search" @submit=${submit}><div class="filter">${icon("search")}<input class="input" type="search" name="words" aria-label=${t("search")} .defaultValue=${words}></div>
                <button class="button">${t("search")}</button></form>`,
        none: () => html`<div class="blank">${icon("search")}<h2>${t("filter.none")}</h2><p>${t("search.none")}</p></div>`,
    }, redraw);
};
