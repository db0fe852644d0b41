// @ts-check
/** What stands over the items: where we are, what can be done here or with the selection, how it stands. */

import { html, nothing, ready, repeat } from "../html.js";
import { filesHref } from "../boot.js";
import { ApiError, wordsOf } from "../api.js";
import * as format from "../format.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import { crumbs } from "../paths.js";
import { session } from "../session.js";
import { actions, menus } from "./later.js";

/** @typedef {import("./folder.js").Folder} Folder */
/** @typedef {typeof import("./actions.js")} Actions */

/** @param {Folder} folder */
export function crumbsView(folder) {
    const all = crumbs(folder.path);
    const last = all.pop();
    const end = (/** @type {HTMLElement} */ list) => { list.scrollLeft = list.scrollWidth; };
    const listing = folder.listing;
    return html`<div class="where">
        <nav aria-label=${t("crumbs")}><ol class="crumbs" ${ready(end)}>
            ${last ? html`<li><a href=${filesHref("/")} data-folder="/" aria-label=${t("files.root")} title=${t("files.root")}>${icon("home")}</a></li>` : nothing}
            ${repeat(all, (crumb) => crumb.path, (crumb) => html`
                <li>${icon("right")}<a href=${filesHref(crumb.path, true)} data-folder=${crumb.path}>${crumb.name}</a></li>`)}
            <li aria-current="page">${last ? icon("right") : nothing}<h1>${folder.title}</h1></li>
        </ol></nav>
        <p class="muted small nowrap">${listing ? total(folder) : nothing}</p>
    </div>`;
}

/** @param {Folder} folder */
function total(folder) {
    const entries = folder.filter ? folder.shown : folder.listing?.entries ?? [];
    const bytes = entries.reduce((sum, entry) => sum + (entry.size ?? 0), 0);
    const words = t("files.count", { n: entries.length, count: format.count(entries.length) });
    return bytes ? `${words} · ${format.size(bytes)}` : words;
}

/** @param {Folder} folder */
export const toolbar = (folder) => html`<div class="toolbar" role="toolbar" aria-label=${t("actions")}>
    ${folder.selection.size ? selectionTools(folder) : folderTools(folder)}</div>`;

/** @param {Folder} folder */
function folderTools(folder) {
    const { look } = folder;
    return html`
        ${folder.write ? html`
            <button class="button primary" aria-haspopup="menu" aria-expanded="false" @click=${(/** @type {Event} */ event) => uploadMenu(folder, event)}>${icon("upload")}${t("upload")}</button>
            <button class="button wide-only" @click=${async () => (await actions()).newFolder(folder)}>${icon("newFolder")}${t("folder.new")}</button>` : nothing}
        <div class="filter">
            ${icon("search")}
            <input class="input" id="filter" type="search" aria-label=${t("filter")} placeholder=${t("filter")} autocomplete="off" spellcheck="false"
                .value=${folder.filter} @input=${(/** @type {InputEvent} */ event) => folder.useFilter(/** @type {HTMLInputElement} */ (event.target).value)}>
        </div>
        <div class="tools">
            <button class=${look.layout === "grid" ? "tool" : "tool phone-only"} aria-label=${t("sort")} title=${t("sort")} aria-haspopup="menu" aria-expanded="false"
                @click=${(/** @type {Event} */ event) => sortMenu(folder, event)}>${icon("settings")}</button>
            <button class="tool" aria-label=${look.layout === "grid" ? t("view.list") : t("view.grid")} title=${look.layout === "grid" ? t("view.list") : t("view.grid")}
                @click=${() => folder.useView({ layout: look.layout === "grid" ? "list" : "grid" })}>${icon(look.layout === "grid" ? "list" : "grid")}</button>
            <button class="tool" aria-label=${t("refresh")} title=${t("refresh")} ?disabled=${folder.loading} @click=${() => folder.load(true)}>
                ${folder.loading && folder.listing ? html`<span class="spinner small-spinner"></span>` : icon("refresh")}</button>
        </div>`;
}

/** @param {Folder} folder */
function selectionTools(folder) {
    const chosen = folder.chosen;
    const bytes = chosen.reduce((sum, entry) => sum + (entry.size ?? 0), 0);
    const files = chosen.every((entry) => entry.kind !== "folder");
    const one = chosen.length === 1 ? chosen[0] : undefined;
    /** @type {[string, import("../icons.js").Icon, boolean, (does: Actions) => void][]} */
    const tools = [
        [files ? t("download") : t("zip"), "download", true, (does) => does.downloadAll(folder, chosen)],
        [t("link.copy"), "link", Boolean(one && files && session.features.links), (does) => one && does.share(folder.path, one)],
        [t("rename"), "rename", Boolean(one && folder.write), (does) => one && does.rename(folder, one)],
        [t("move"), "move", folder.write, (does) => does.moveTo(folder, chosen)],
        [t("copy"), "copy", folder.write, (does) => does.copyTo(folder, chosen)],
        [t("delete"), "bin", folder.write, (does) => does.removeAll(folder, chosen)],
    ];
    return html`<div class="chosen">
        <button class="tool" aria-label=${t("select.none")} title=${t("select.none")} @click=${() => { folder.selection.clear(); folder.redraw(); }}>${icon("close")}</button>
        <p role="status"><strong>${t("select.count", { n: chosen.length, count: format.count(chosen.length) })}</strong>${bytes ? html` <span>${format.size(bytes)}</span>` : nothing}</p>
        <div class="tools">${tools.filter(([, , can]) => can).map(([words, name, , run]) => html`
            <button class="tool with-words" aria-label=${words} title=${words} @click=${async () => run(await actions())}>${icon(name)}<span aria-hidden="true">${words}</span></button>`)}</div>
        ${chosen.length < folder.shown.length ? html`<button class="button quiet wide-only" @click=${() => { folder.selection.all(folder.shown); folder.redraw(); }}>${t("select.all")}</button>` : nothing}
    </div>`;
}

/** @param {Event} event */
const button = (event) => /** @type {HTMLElement} */ (event.currentTarget);

/**
 * @param {Folder} folder
 * @param {Event} event
 */
async function uploadMenu(folder, event) {
    const from = button(event);
    (await menus()).uploadMenu(folder, from);
}

/**
 * @param {Folder} folder
 * @param {Event} event
 */
async function sortMenu(folder, event) {
    const from = button(event);
    (await menus()).sortMenu(folder, from);
}

/** Why this may not be the whole truth, and what to do. @param {Folder} folder */
export function stateBanner(folder) {
    const { listing, error } = folder;
    if (!listing) return nothing;
    if (error) {
        const wait = error instanceof ApiError && error.retryAfter;
        return html`<div class="banner" role="status">${icon("warn")}<span class="grow">${wordsOf(error)} ${t("stale.since", { ago: format.relative(listing.fetched_at) })}
            ${wait ? t("stale.retries") : nothing}</span><button class="button" @click=${() => folder.load(true)}>${t("again")}</button></div>`;
    }
    if (folder.isOld) {
        const why = listing.stale_code === "throttled" ? t("stale.throttled") : t("stale.words");
        return html`<div class="banner" role="status">${icon("warn")}<span class="grow">${why} ${t("stale.since", { ago: format.relative(listing.fetched_at) })}</span>
            <button class="button" @click=${() => folder.load(true)}>${t("refresh")}</button></div>`;
    }
    if (!listing.write && session.permission === "write" && listing.read_only_reason === "mount") {
        return html`<div class="banner calm">${icon("info")}<span class="grow">${t("readonly.mount")}</span></div>`;
    }
    return nothing;
}
