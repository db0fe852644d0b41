// @ts-check
/** A page of what the drives find: rows of items wherever they are, more of them on demand, and which drive did not answer. */

import { html, nothing, repeat } from "../html.js";
import { filesHref } from "../boot.js";
import { codeWords, get, wordsOf } from "../api.js";
import * as format from "../format.js";
import { icon, kindIcon } from "../icons.js";
import { t } from "../i18n.js";
import "../more.js";
import { announce } from "../notices.js";
import { session } from "../session.js";
import { star } from "./star.js";
import { parentOf } from "../paths.js";

/** @typedef {{ account: string, error: string, code?: string }} Failed an account that did not answer */
/**
 * @typedef {object} Wanted
 * @property {"search" | "starred"} call
 * @property {Record<string, string>} query
 * @property {string} title
 * @property {unknown} head what stands over the rows
 * @property {() => unknown} none where nothing is found
 */

/** Why some of it is missing, in a line for each account. @param {Failed[]} failed */
export const failedView = (failed) => failed.map(({ account, error, code }) =>
    html`<p class="banner" role="status">${icon("warn")}<span class="grow">${t("finds.failed", { account, words: codeWords(code) ?? error })}</span></p>`);

/**
 * @param {Wanted} wanted
 * @param {() => void} redraw
 * @returns {import("../main.js").Page}
 */
export function findsPage({ call, query, title, head, none }, redraw) {
    const ending = new AbortController();
    /** @type {import("../api.js").Entry[]} */
    let found = [];
    /** @type {Failed[]} */
    let failed = [];
    /** @type {string | null | undefined} undefined: not asked yet */
    let next;
    let problem = "";
    let busy = false;

    async function more() {
        busy = true;
        problem = "";
        redraw();
        try {
            const answer = await get(call, { ...query, cursor: next || undefined }, { signal: ending.signal });
            found = [...found, ...(answer.entries ?? [])];
            failed = answer.failed ?? [];
            next = answer.next ?? null;
            announce(t("files.count", { n: found.length, count: format.count(found.length) }));
        } catch (error) {
            if (ending.signal.aborted) return;
            problem = wordsOf(error);
        }
        busy = false;
        redraw();
    }

    /** @param {import("../api.js").Entry} item */
    const row = (item) => html`<li class="hit"><a href=${filesHref(item.path ?? "/", item.kind === "folder")}>${kindIcon(item.kind)}<span class="name">${item.name}</span><span class="under">${parentOf(item.path ?? "/")}</span></a>
        <span class="c-size">${format.size(item.size)}</span>${starButton(item)}</li>`;

    /** @param {import("../api.js").Entry} item */
    const starButton = (item) => (session.permission === "write" ? html`<button class="tool star" aria-pressed=${String(Boolean(item.starred))}
        aria-label=${t("star.of", { name: item.name })} title=${t(item.starred ? "star.take" : "star.give")}
        @click=${() => star([{ path: item.path ?? "/", entry: item }], redraw)}>${icon("star")}</button>`
        : item.starred ? html`<span class="star" role="img" aria-label=${t("starred")}>${icon("star")}</span>` : nothing);

    more();
    return {
        title,
        leave: () => ending.abort(),
        view: () => html`<div class="folder">
            ${head}
            ${problem ? html`<p class="banner bad" role="alert">${icon("warn")}<span class="grow">${problem}</span><button class="button" @click=${more}>${t("again")}</button></p>` : nothing}
            ${failedView(failed)}
            <ul class="hits">${repeat(found, (item, index) => item.path ?? index, row)}</ul>
            ${busy ? html`<div class="blank"><div class="spinner" role="status" aria-label=${t("loading")}></div></div>`
                : next ? html`<div class="blank"><button class="button" @click=${more}>${t("search.more")}</button></div>`
                    : found.length || problem ? nothing : none()}
        </div>`,
    };
}
