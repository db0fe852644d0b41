// @ts-check
/** The page of a file: finds out what it is and shows it by its kind, with its neighbours and what can be done with it. */

import { html, nothing } from "../html.js";
import { apiUrl, filesHref, pageHref } from "../boot.js";
import { get, wordsOf } from "../api.js";
import { known, load, sorted } from "../folder/listing.js";
import { showDetails, showLink } from "../folder/dialogs.js";
import { star, starItem } from "../folder/star.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import "../more.js";
import { openMenu } from "../menu.js";
import { join, nameOf, parentOf } from "../paths.js";
import { back, go, rename, route } from "../router.js";
import { session } from "../session.js";
import { folderView } from "../store.js";
import { loadStyle } from "../style.js";

/** @typedef {import("../api.js").Entry} Entry */
/**
 * @typedef {object} Part
 * @property {() => unknown} view
 * @property {(event: KeyboardEvent) => boolean} [onKey] true: done
 * @property {() => unknown} [tools] more buttons of the head
 * @property {() => import("../menu.js").Item[]} [menu]
 * @property {() => void} [leave]
 * @property {boolean} [dark] on a dark ground, without the bar on top
 */

const parts = /** @type {Partial<Record<Entry["kind"], () => Promise<{ default: (viewer: Viewer) => Part }>>>} */ ({
    image: () => import("./picture.js"), video: () => import("../player/film.js"), audio: () => import("./sound.js"),
    text: () => import("./text.js"), markdown: () => import("./text.js"), pdf: () => import("./pdf.js"),
});

/** The rules of all kinds, while the first of them is asked for. */
const styled = loadStyle("style/view.css");

export class Viewer {
    /** @type {Entry | undefined} */
    entry;
    /** @type {Part | undefined} */
    part;
    /** @type {unknown} */
    error;
    write = false;
    #ending = new AbortController();

    /**
     * @param {string} path
     * @param {() => void} redraw
     */
    constructor(path, redraw) {
        this.path = path;
        this.redraw = redraw;
        addEventListener("keydown", this.#onKey, { signal: this.#ending.signal });
        this.#open();
    }

    get title() {
        return nameOf(this.path);
    }

    get folder() {
        return parentOf(this.path);
    }

    get signal() {
        return this.#ending.signal;
    }

    /** @param {Record<string, string | number | undefined>} [query] */
    raw = (query = {}) => apiUrl("raw", { path: this.path, ...query });

    async #open() {
        try {
            const listing = known(this.folder);
            this.entry = listing?.entries.find((entry) => entry.name === this.title);
            this.write = listing?.write ?? false;
            if (!this.entry) {
                const stat = await get("stat", { path: this.path }, { signal: this.signal });
                this.entry = /** @type {Entry} */ (stat.entry);
                this.write = stat.write;
            }
            if (this.entry.kind === "folder") return go(filesHref(this.path, true), { replace: true });
            const [{ default: make }] = await Promise.all([(parts[this.entry.kind] ?? (() => import("./other.js")))(), styled]);
            if (this.signal.aborted) return;
            this.part = make(this);
            document.body.classList.toggle("immersed", Boolean(this.part.dark));
        } catch (error) {
            if (this.signal.aborted) return;
            this.error = error;
        }
        this.redraw();
    }

    /**
     * The files of its kind in its folder, in the folder's order.
     * @returns {Promise<Entry[]>}
     */
    async mates() {
        const listing = known(this.folder) ?? await load(this.folder, { signal: this.signal });
        const kind = this.entry?.kind;
        return sorted(listing.entries, folderView(this.folder)).filter((entry) => entry.kind === kind);
    }

    /** @param {string} name */
    mate = (name) => join(this.folder, name);

    /**
     * Another file takes this one's place on the page; Back still leads to the folder.
     * @param {Entry} entry
     */
    become(entry) {
        this.path = this.mate(entry.name);
        this.entry = entry;
        rename(filesHref(this.path));
        this.redraw();
    }

    up = () => back(filesHref(this.folder, true), this.title);

    leave() {
        this.#ending.abort();
        document.body.classList.remove("immersed");
        this.part?.leave?.();
    }

    /** @param {KeyboardEvent} event */
    #onKey = (event) => {
        const target = /** @type {HTMLElement} */ (event.target);
        if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
        if (target.closest?.("input:not([type=range]):not([type=checkbox]), textarea, select, dialog, [role=menu]")) return;
        if (this.part?.onKey?.(event)) return event.preventDefault();
        if (event.key === "Escape" || event.key === "Backspace") {
            event.preventDefault();
            this.up();
        } else if (event.key === "i") {
            showDetails(this.path);
        } else if (event.key === "*" && this.entry && this.write) {
            star(this.#placed(this.entry), this.redraw);
        }
    };

    view = () => html`<div class=${this.part?.dark ? "viewer dark" : "viewer"}>
        <div class="viewer-head">
            <button class="tool" aria-label=${t("viewer.back")} title=${t("viewer.back")} @click=${this.up}>${icon("back")}</button>
            <h1>${this.title}</h1>
            ${this.entry?.starred ? html`<span class="star" role="img" aria-label=${t("starred")}>${icon("star")}</span>` : nothing}
            ${this.error ? nothing : html`<div class="tools">
                ${this.part?.tools?.()}
                <a class="tool" href=${this.raw({ download: 1 })} download=${this.title} aria-label=${t("download")} title=${t("download")}>${icon("download")}</a>
                <button class="tool" aria-haspopup="menu" aria-expanded="false" aria-label=${t("actions")} title=${t("actions")} @click=${this.#menu}>${icon("more")}</button>
            </div>`}
        </div>
        ${this.error ? this.#failure() : this.part ? this.part.view() : html`<div class="blank"><div class="spinner" role="status" aria-label=${t("loading")}></div></div>`}
    </div>`;

    /** @param {Entry} entry */
    #placed = (entry) => [{ path: this.path, entry }];

    /** @param {Event} event */
    #menu = (event) => {
        openMenu(/** @type {HTMLElement} */ (event.currentTarget), t("actions"), [
            ...(this.part?.menu?.() ?? []),
            { words: t("details"), icon: "info", hint: "I", run: () => { showDetails(this.path); } },
            ...(session.features.links ? [{ words: t("link.copy"), icon: /** @type {const} */ ("link"), run: () => { showLink(this.path, this.entry?.kind === "video"); } }] : []),
            ...(this.entry && this.write ? [starItem(this.#placed(this.entry), this.redraw)] : []),
            { words: t("open.raw"), icon: "open", run: () => { open(this.raw(), "_blank", "noopener"); } },
        ]);
    };

    #failure() {
        const error = /** @type {import("../api.js").ApiError} */ (this.error);
        return html`<div class="blank" role="alert">${icon("warn")}<h2>${t("viewer.failed")}</h2><p>${wordsOf(error)}</p>
            ${error.details ? html`<details class="more"><summary>${t("error.details")}</summary>${error.details}</details>` : nothing}
            <div class="row-of">
                <button class="button primary" @click=${() => { this.error = undefined; this.#open(); this.redraw(); }}>${t("again")}</button>
                ${error.code === "sign_in_needed" && session.features.sign_in ? html`<a class="button" href=${pageHref("accounts")}>${t("nav.accounts")}</a>` : nothing}
                <a class="button" href=${filesHref(this.folder, true)}>${t("viewer.back")}</a>
            </div></div>`;
    }
}

/** @type {import("../main.js").MakePage} */
export default (_place, redraw) => {
    const at = route();
    return new Viewer(at.page === "files" ? at.path : "/", redraw);
};
