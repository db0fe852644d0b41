// @ts-check
/** What the drive finds by name, in a folder and below it. */

import { html, nothing, repeat } from "../html.js";
import { filesHref } from "../boot.js";
import { get, wordsOf } from "../api.js";
import * as format from "../format.js";
import { icon, kindIcon } from "../icons.js";
import { t } from "../i18n.js";
import { announce } from "../notices.js";
import { parentOf } from "../paths.js";
import { go, route } from "../router.js";

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
    const ending = new AbortController();
    /** @type {import("../api.js").Entry[]} */
    let hits = [];
    /** @type {string | null | undefined} undefined: not asked yet */
    let next;
    let problem = "";
    let busy = false;

    async function more() {
        busy = true;
        problem = "";
        redraw();
        try {
            const answer = await get("search", { q: words, path, cursor: next || undefined }, { signal: ending.signal });
            hits = [...hits, ...(answer.entries ?? [])];
            next = answer.next ?? null;
            announce(t("files.count", { n: hits.length, count: format.count(hits.length) }));
        } catch (error) {
            if (ending.signal.aborted) return;
            problem = wordsOf(error);
        }
        busy = false;
        redraw();
    }

    /** @param {SubmitEvent} event */
    const submit = (event) => {
        event.preventDefault();
        const wanted = String(new FormData(/** @type {HTMLFormElement} */ (event.target)).get("words") ?? "").trim();
        if (wanted) go(searchHref(path, wanted));
    };

    /** @param {import("../api.js").Entry} hit */
    const row = (hit) => html`<li class="hit">${hit.path
        ? html`<a href=${filesHref(hit.path, hit.kind === "folder")}>${kindIcon(hit.kind)}<span class="name">${hit.name}</span><span class="under">${parentOf(hit.path)}</span></a>`
        : html`<span>${kindIcon(hit.kind)}<span class="name">${hit.name}</span></span>`}
        <span class="c-size">${format.size(hit.size)}</span></li>`;

    more();
    return {
        title: t("search.title", { words }),
        leave: () => ending.abort(),
        view: () => html`<div class="folder">
            <div class="where"><a class="tool" href=${filesHref(path, true)} aria-label=${t("viewer.back")} title=${t("viewer.back")}>${icon("back")}</a><h1 class="grow">${t("search.title", { words })}</h1></div>
            <form class="toolbar search-form" role="search" @submit=${submit}><div class="filter">${icon("search")}<input class="input" type="search" name="words" aria-label=${t("search")} .defaultValue=${words}></div>
                <button class="button">${t("search")}</button></form>
            ${problem ? html`<p class="banner bad" role="alert">${icon("warn")}<span class="grow">${problem}</span><button class="button" @click=${more}>${t("again")}</button></p>` : nothing}
            <ul class="hits">${repeat(hits, (hit, index) => hit.id ?? index, row)}</ul>
            ${busy ? html`<div class="blank"><div class="spinner" role="status" aria-label=${t("loading")}></div></div>`
                : next ? html`<div class="blank"><button class="button" @click=${more}>${t("search.more")}</button></div>`
                    : hits.length || problem ? nothing : html`<div class="blank">${icon("search")}<h2>${t("filter.none")}</h2><p>${t("search.none")}</p></div>`}
        </div>`,
    };
};
