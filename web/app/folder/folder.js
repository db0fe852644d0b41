// @ts-check
/** The page of a folder: loads its listing, keeps how it is shown, and gives keys and clicks to whoever acts on them. */

import { html, nothing } from "../html.js";
import { filesHref, pageHref } from "../boot.js";
import { wordsOf } from "../api.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import { announce } from "../notices.js";
import { join, nameOf } from "../paths.js";
import { goTo, route } from "../router.js";
import { session } from "../session.js";
import { folderView, keepFolderView } from "../store.js";
import { acceptDrops } from "../upload/drop.js";
import { acceptDrags } from "./drag.js";
import { handleKeys } from "./keys.js";
import { BLOCK, items } from "./items.js";
import { filtered, known, load, onForgotten, sorted } from "./listing.js";
import { itemMenu } from "./later.js";
import { Selection } from "./selection.js";
import { crumbsView, stateBanner, toolbar } from "./toolbar.js";
import { Viewport, WINDOWED_FROM } from "./viewport.js";

/** @typedef {import("../api.js").Entry} Entry */

/** Blocks that are drawn at once, and those after each of the next moments: no step takes long. */
const FIRST_BLOCKS = 1;
const MORE_BLOCKS = 3;

/** Milliseconds after which a listing that is being asked for is looked at again, and how often. */
const LOOK_AGAIN = 1500;
const LOOKS = 4;

export class Folder {
    /** @type {import("../api.js").Listing | undefined} */
    listing;
    /** @type {unknown} */
    error;
    loading = false;
    filter = "";
    dropping = false;
    /** @type {(() => unknown) | undefined} */
    recent;
    selection = new Selection();
    #ending = new AbortController();
    #retry = 0;
    /** How often an older listing was looked at again while the server asks for a newer one. */
    #looks = 0;
    /** Blocks of items that are drawn; who comes back to a place in the middle gets all at once. */
    #blocks = FIRST_BLOCKS;

    /**
     * @param {string} path
     * @param {import("../router.js").Place} place
     * @param {() => void} redraw
     */
    constructor(path, place, redraw) {
        this.path = path;
        this.place = place;
        this.redraw = redraw;
        this.look = folderView(path);
        this.viewport = new Viewport(redraw);
        this.listing = known(path);
        this.selection.current = place.focus;
        if (place.scroll || place.focus) this.#blocks = Infinity;
        const signal = this.#ending.signal;
        handleKeys(this, signal);
        acceptDrops(this, signal);
        acceptDrags(this, signal);
        onForgotten((folder) => { if (folder === this.path) this.load(); }, signal);
        if (path === "/" && session.features.recent) {
            import("./recent.js").then(({ recentShelf }) => {
                if (!signal.aborted) this.recent = recentShelf(redraw);
            });
        }
        if (this.listing) this.#arrive();
        this.load();
    }

    get title() {
        return this.path === "/" ? t("nav.files") : nameOf(this.path);
    }

    get write() {
        return this.listing?.write ?? false;
    }

    /** Items with their paths. @param {Entry[]} entries */
    placed = (entries) => entries.map((entry) => ({ path: join(this.path, entry.name), entry }));

    /** Items have a star now, or none: rows are made anew with another array. */
    starred = () => {
        if (this.listing) this.listing.entries = [...this.listing.entries];
        this.redraw();
    };

    /** What is shown, in its order. @returns {Entry[]} */
    get shown() {
        return this.listing ? filtered(sorted(this.listing.entries, this.look), this.filter) : [];
    }

    get chosen() {
        return this.selection.of(this.listing?.entries ?? []);
    }

    /** @param {boolean} [refresh] ask the drive, not the server's memory */
    async load(refresh = false) {
        clearTimeout(this.#retry);
        const first = !this.listing;
        this.loading = true;
        this.redraw();
        try {
            this.listing = await load(this.path, { refresh, signal: this.#ending.signal });
            this.error = undefined;
            this.selection.keepTo(this.listing.entries);
            this.#lookAgain(this.listing);
            if (refresh) announce(t("files.count", { n: this.listing.entries.length }));
        } catch (error) {
            if (this.#ending.signal.aborted) return;
            this.error = error;
            const wait = /** @type {import("../api.js").ApiError} */ (error).retryAfter;
            if (wait) this.#retry = setTimeout(() => this.load(refresh), wait);
        }
        this.loading = false;
        this.redraw();
        if (first && this.listing) this.#arrive();
    }

    /** An older listing is shown while the server asks for a newer one, which is there in a moment. @param {import("../api.js").Listing} listing */
    #lookAgain({ stale, stale_code }) {
        this.#looks = stale && !stale_code ? this.#looks + 1 : 0;
        if (this.#looks && this.#looks <= LOOKS) this.#retry = setTimeout(() => this.load(), LOOK_AGAIN);
    }

    /** Is what is shown older than it should be, for a reason that a reader is to know? */
    get isOld() {
        return Boolean(this.listing?.stale && (this.listing.stale_code || this.#looks > LOOKS));
    }

    /** To where the reader was, when he comes back. */
    #arrive() {
        const { scroll, focus } = this.place;
        requestAnimationFrame(() => {
            if (this.#ending.signal.aborted) return;
            scrollTo({ top: scroll ?? 0 });
            if (focus) requestAnimationFrame(() => this.focusItem(focus, scroll === undefined));
        });
    }

    /**
     * @param {string} name
     * @param {boolean} [reveal]
     */
    focusItem(name, reveal = true) {
        this.selection.current = name;
        const index = this.shown.findIndex((entry) => entry.name === name);
        const find = () => /** @type {HTMLElement | null} */ (document.querySelector(`[data-name="${CSS.escape(name)}"] a`));
        this.redraw();
        if (reveal && !find()) this.viewport.reveal(index);
        const link = find();
        link?.focus({ preventScroll: true });
        if (reveal) link?.closest("[data-name]")?.scrollIntoView({ block: "nearest" });
    }

    /** @param {Partial<import("../store.js").FolderView>} change */
    useView(change) {
        this.look = { ...this.look, ...change };
        keepFolderView(this.path, this.look);
        this.redraw();
    }

    /** @param {import("../store.js").SortBy} by */
    sort = (by) => this.useView({ by, up: this.look.by === by ? !this.look.up : by === "name" || by === "kind" });

    /** @param {string} filter */
    useFilter(filter) {
        this.filter = filter;
        this.selection.current = undefined;
        this.redraw();
        if (filter) announce(t("files.count", { n: this.shown.length }));
    }

    leave() {
        this.#ending.abort();
        clearTimeout(this.#retry);
        this.viewport.leave();
    }

    /** @param {MouseEvent} event */
    onClick = (event) => {
        const target = /** @type {Element} */ (event.target);
        const item = target.closest("[data-name]");
        const entry = item && this.entry(item.getAttribute("data-name"));
        if (!entry) return;
        const menu = target.closest(".more");
        if (menu) {
            itemMenu(this, entry, /** @type {HTMLElement} */ (menu));
            return;
        }
        const link = target.closest("a");
        const plain = !event.shiftKey && !event.ctrlKey && !event.metaKey;
        if (link && plain) {
            this.selection.current = entry.name;
            return;
        }
        if (target.closest(".pick") && !(target instanceof HTMLInputElement)) return;
        if (link) event.preventDefault();
        if (event.shiftKey) this.selection.extend(this.shown, entry.name);
        else this.selection.toggle(entry.name);
        this.redraw();
    };

    /** @param {MouseEvent} event */
    onContextMenu = (event) => {
        const item = /** @type {Element} */ (event.target).closest("[data-name]");
        const entry = item && this.entry(item.getAttribute("data-name"));
        const button = item?.querySelector(".more");
        if (!entry || !button || event.shiftKey) return;
        event.preventDefault();
        itemMenu(this, entry, /** @type {HTMLElement} */ (button));
    };

    /** @param {FocusEvent} event */
    onFocus = (event) => {
        const name = /** @type {Element} */ (event.target).closest("[data-name]")?.getAttribute("data-name");
        if (name === null || name === undefined || name === this.selection.current) return;
        this.selection.current = name;
        this.redraw();
    };

    /** @param {string | null} name */
    entry = (name) => this.listing?.entries.find((entry) => entry.name === name);

    view = () => html`
        <div class="folder">
            ${crumbsView(this)}
            ${this.listing || !this.error ? toolbar(this) : nothing}
            ${stateBanner(this)}
            ${this.filter ? nothing : this.recent?.()}
            <div @click=${this.onClick} @contextmenu=${this.onContextMenu} @focusin=${this.onFocus}>${this.#body()}${this.#searchLink()}</div>
            ${this.dropping ? html`<div class="drop-hint"><p>${icon("upload")}${t("upload.drop", { name: this.title })}</p></div>` : nothing}
        </div>`;

    /** The filter looks at this folder alone; the drive can look below it. */
    #searchLink = () => (this.filter && session.features.search ? html`<p class="search-below">
        <a class="button" href="${filesHref(this.path, true)}?search=${encodeURIComponent(this.filter)}">${icon("search")}${t("search.below", { words: this.filter })}</a></p>` : nothing);

    #body() {
        if (!this.listing) return this.error ? this.#failure() : html`<p class="late muted">${t("files.late")}</p>
            <div class="skeleton" aria-label=${t("loading")} role="status"></div>`;
        const entries = this.shown;
        if (entries.length) {
            this.#drawMore(entries.length);
            return items({
                path: this.path, blocks: this.#blocks, entries, selection: this.selection, view: this.look, viewport: this.viewport,
                sort: this.sort, write: this.write,
            });
        }
        if (this.filter) {
            return html`<div class="blank">${icon("search")}<h2>${t("filter.none")}</h2><p>${t("filter.none.words", { filter: this.filter })}</p>
                <div class="row-of"><button class="button" @click=${() => this.useFilter("")}>${t("filter.clear")}</button></div></div>`;
        }
        return html`<div class="blank">${icon("folder")}<h2>${t("files.empty")}</h2>
            <p>${this.write ? t("files.empty.write") : t("files.empty.read")}</p></div>`;
    }

    /** @param {number} total */
    #drawMore(total) {
        if (this.#blocks * BLOCK >= total || total > WINDOWED_FROM) return;
        setTimeout(() => {
            this.#blocks += MORE_BLOCKS;
            if (!this.#ending.signal.aborted) this.redraw();
        });
    }

    #failure() {
        const error = /** @type {import("../api.js").ApiError} */ (this.error);
        return html`<div class="blank" role="alert">${icon("warn")}<h2>${t("files.failed")}</h2><p>${wordsOf(error)}</p>
            ${error.details ? html`<details class="more"><summary>${t("error.details")}</summary>${error.details}</details>` : nothing}
            <div class="row-of">
                ${error.code === "sign_in_needed" && session.features.sign_in ? html`<a class="button primary" href=${pageHref("accounts")}>${t("nav.accounts")}</a>` : nothing}
                <button class="button" @click=${() => this.load()}>${t("again")}</button>
                ${this.path === "/" ? nothing : html`<button class="button" @click=${() => goTo("/", true)}>${t("files.root")}</button>`}
            </div></div>`;
    }
}

/** @type {import("../main.js").MakePage} */
export default (place, redraw) => {
    const at = route();
    return new Folder(at.page === "files" ? at.path : "/", place, redraw);
};
