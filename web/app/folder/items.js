// @ts-check
/** The items of a folder as rows or as tiles. Up to 2,000 are all in the page, of more only those near the window. */

import { guard, html, nothing, ready, repeat, vars } from "../html.js";
import { apiUrl, filesHref } from "../boot.js";
import * as format from "../format.js";
import { icon, kindIcon } from "../icons.js";
import { t } from "../i18n.js";
import { join } from "../paths.js";
import { session } from "../session.js";
import { WINDOWED_FROM } from "./viewport.js";

/** @typedef {import("../api.js").Entry} Entry */
/**
 * @typedef {object} Shown
 * @property {string} path
 * @property {Entry[]} entries in their order, filtered
 * @property {import("./selection.js").Selection} selection
 * @property {import("../store.js").FolderView} view
 * @property {import("./viewport.js").Viewport} viewport
 * @property {(by: import("../store.js").SortBy) => void} sort
 * @property {boolean} write
 * @property {number} blocks of those that are all in the page, so many are drawn by now
 */

/** Rows of a block, which the browser leaves out of its work while it is out of sight. */
export const BLOCK = 100;

/** @param {Shown} shown */
export const items = (shown) => (shown.view.layout === "grid" ? tiles(shown) : rows(shown));

/** @param {Entry[]} entries */
const everything = (entries) => ({ from: 0, to: entries.length, before: 0, after: 0, element: 0 });

/**
 * @param {{ element: number }} range
 * @param {boolean} all
 * @returns {(entry: Entry, index: number) => string | number}
 */
const keyOf = ({ element }, all) => (all ? (entry) => entry.name : (_, index) => element + index);

/**
 * Which of some items are selected, and which one Tab reaches: with them all that changes in a row without a new listing.
 * @param {Shown} shown
 * @param {Entry[]} part
 * @param {number} from
 */
function marks({ selection }, part, from) {
    const { current } = selection;
    const selected = selection.size ? part.filter(({ name }) => selection.has(name)).map(({ name }) => name).join("/") : "";
    return [selected, current === undefined ? from === 0 : part.some(({ name }) => name === current) && current];
}

/** @param {Shown} shown */
function rows(shown) {
    const { entries, viewport } = shown;
    const all = entries.length <= WINDOWED_FROM;
    const range = all ? everything(entries) : viewport.range(entries.length);
    const blocks = all ? Array.from({ length: Math.ceil(entries.length / BLOCK) }, (_, block) => block * BLOCK) : [range.from];
    return html`<div class="list" role="grid" aria-label=${t("files.in")} aria-multiselectable="true" aria-rowcount=${entries.length + 1}>
        <div role="rowgroup" class="head"><div role="row" class="row" aria-rowindex="1">
            <span role="columnheader" class="c-check"><span class="visually-hidden">${t("select")}</span></span>
            ${header(shown, "name", "c-name", t("name"))}
            ${header(shown, "size", "c-size", t("size"))}
            ${header(shown, "modified", "c-date", t("modified"))}
            <span role="columnheader" class="c-more"><span class="visually-hidden">${t("actions")}</span></span>
        </div></div>
        <div class="items" role="presentation" ${ready(viewport.attach)} ${vars({ "padding-block": `${range.before}px ${range.after}px` })}>
            ${repeat(blocks, (from) => (all ? from : "window"), (from) => {
                const part = entries.slice(from, all ? from + BLOCK : range.to);
                // What is out of sight at first is drawn a little later; its space is there.
                const drawn = all && from / BLOCK >= shown.blocks ? [] : part;
                return html`<div class=${all ? "block" : "block near"} role="rowgroup" ${vars({ "--rows": part.length })}>
                    ${guard([entries, from, drawn.length, shown.write, ...marks(shown, drawn, from)], () => repeat(drawn, keyOf(range, all), (entry, index) => row(shown, entry, from + index)))}
                </div>`;
            })}
        </div>
    </div>`;
}

/**
 * @param {Shown} shown
 * @param {import("../store.js").SortBy} by
 * @param {string} cell
 * @param {string} words
 */
function header(shown, by, cell, words) {
    const here = shown.view.by === by;
    return html`<span role="columnheader" class=${cell} aria-sort=${here ? (shown.view.up ? "ascending" : "descending") : "none"}>
        <button class="sort" @click=${() => shown.sort(by)}>${words}${here ? icon(shown.view.up ? "up" : "down") : nothing}</button></span>`;
}

/**
 * @param {Shown} shown
 * @param {Entry} entry
 * @param {number} index
 */
function row(shown, entry, index) {
    const selected = shown.selection.has(entry.name);
    const tab = isCurrent(shown, entry, index) ? 0 : -1;
    return html`<div class="row" role="row" data-name=${entry.name} data-kind=${entry.kind} aria-selected=${String(selected)}
            aria-rowindex=${index + 2} draggable=${shown.write ? "true" : "false"}>
        <span role="gridcell" class="c-check">${checkbox(entry, selected, tab)}</span>
        <span role="gridcell" class="c-name"><a href=${filesHref(join(shown.path, entry.name), entry.kind === "folder")} tabindex=${tab} draggable="false">
            ${kindIcon(entry.kind)}<span class="name">${entry.name}</span>
            ${starMark(entry)}${entry.cursor ? html`<span class="seen">${under(entry)}</span>` : nothing}<span class="under">${under(entry)}</span></a></span>
        <span role="gridcell" class="c-size">${format.size(entry.size)}</span>
        <span role="gridcell" class="c-date" title=${format.dateTime(entry.modified)}>${format.date(entry.modified)}</span>
        <span role="gridcell" class="c-more">${more(entry, tab)}</span>
    </div>`;
}

/** @param {Shown} shown */
function tiles(shown) {
    const { entries, viewport } = shown;
    const all = entries.length <= WINDOWED_FROM;
    const range = all ? everything(entries) : viewport.range(entries.length);
    const part = entries.slice(range.from, all ? shown.blocks * BLOCK : range.to);
    return html`<div class="items" ${ready(viewport.attach)} ${vars({ "padding-block": `${range.before}px ${range.after}px` })}>
        <ul class="grid" aria-label=${t("files.in")}>
            ${repeat(part, keyOf(range, all), (entry, index) => tile(shown, entry, range.from + index))}
        </ul>
    </div>`;
}

/**
 * @param {Shown} shown
 * @param {Entry} entry
 * @param {number} index
 */
function tile(shown, entry, index) {
    const selected = shown.selection.has(entry.name);
    const tab = isCurrent(shown, entry, index) ? 0 : -1;
    const path = join(shown.path, entry.name);
    const picture = entry.thumb && session.features.thumbs;
    return html`<li class=${selected ? "tile selected" : "tile"} data-name=${entry.name} data-kind=${entry.kind}
            aria-setsize=${shown.entries.length} aria-posinset=${index + 1} draggable=${shown.write ? "true" : "false"}>
        <a href=${filesHref(path, entry.kind === "folder")} tabindex=${tab} draggable="false">
            <span class="face">${kindIcon(entry.kind)}${repeat(picture ? [path] : [], (of) => of, (of) => html`
                <img src=${apiUrl("thumb", { path: of, w: 256 })} alt="" loading="lazy" decoding="async" @error=${hide}>`)}</span>
            <span class="name">${entry.name}${starMark(entry)}</span><span class="under">${short(entry)}</span></a>
        ${checkbox(entry, selected, tab)}${more(entry, tab)}
    </li>`;
}

/** @param {Event} event */
const hide = (event) => { /** @type {HTMLElement} */ (event.target).classList.add("none"); };

/**
 * @param {Shown} shown
 * @param {Entry} entry
 * @param {number} index
 */
const isCurrent = (shown, entry, index) =>
    shown.selection.current === undefined ? index === 0 : shown.selection.current === entry.name;

/** @param {Entry} entry */
const starMark = (entry) => (entry.starred ? html`<span class="star" role="img" aria-label=${t("starred")}>${icon("star")}</span>` : nothing);

/** @param {Entry} entry */
function under(entry) {
    if (entry.cursor) return t("seen.to", { time: format.duration(entry.cursor) });
    return [format.size(entry.size), format.date(entry.modified)].filter(Boolean).join(" · ");
}

/** A tile has room for one of them. @param {Entry} entry */
const short = (entry) => (entry.cursor ? under(entry) : format.size(entry.size) || format.date(entry.modified));

/**
 * @param {Entry} entry
 * @param {boolean} selected
 * @param {number} tab
 */
const checkbox = (entry, selected, tab) => html`<label class="pick"><input type="checkbox" tabindex=${tab} .checked=${selected}
    aria-label=${t("select.item", { name: entry.name })}></label>`;

/**
 * @param {Entry} entry
 * @param {number} tab
 */
const more = (entry, tab) => html`<button class="tool more" tabindex=${tab} aria-haspopup="menu" aria-expanded="false"
    aria-label=${t("actions.of", { name: entry.name })} title=${t("actions")}>${icon("more")}</button>`;
