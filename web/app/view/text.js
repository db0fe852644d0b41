// @ts-check
/** A text in the encoding that was found or chosen, Markdown as it is meant; small ones can be edited. */

// For the server's Markdown alone, which it has made without raw HTML.
import { unsafeHTML as serverMarkdown } from "../../vendor/lit-html-3.3.3/directives/unsafe-html.js";
import { html, nothing } from "../html.js";
import { ApiError, get, wordsOf } from "../api.js";
import { apiUrl } from "../boot.js";
import { confirm } from "../dialog.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import "../more.js";
import { notify } from "../notices.js";
import { guard } from "../router.js";
import { recall, remember } from "../store.js";

const encodings = ["UTF-8", "GB18030", "Big5", "Shift_JIS", "EUC-KR", "UTF-16LE", "UTF-16BE", "windows-1252", "windows-1251"];

/** @param {import("./viewer.js").Viewer} viewer */
export default (viewer) => new Text(viewer);

/** @typedef {import("./viewer.js").Part} Part */

/** @implements {Part} */
class Text {
    /** @type {{ text: string, encoding: string, guessed: boolean, truncated: boolean, etag: string } | undefined} */
    content;
    /** @type {{ html: string, truncated: boolean } | undefined} */
    markdown;
    /** @type {unknown} */
    error;
    wrap = recall("wrap", true);
    /** @type {string | undefined} the text as it is being written */
    draft;
    saving = false;
    #unguard = () => {};

    /** @param {import("./viewer.js").Viewer} viewer */
    constructor(viewer) {
        this.viewer = viewer;
        this.source = viewer.entry?.kind !== "markdown";
        this.load();
    }

    /** @param {string} [encoding] */
    async load(encoding) {
        const { path, signal } = this.viewer;
        try {
            if (this.source) this.content = await get("text", { path, encoding }, { signal });
            else this.markdown = await get("markdown", { path }, { signal });
            this.error = undefined;
        } catch (error) {
            if (signal.aborted) return;
            this.error = error;
        }
        this.viewer.redraw();
    }

    leave() {
        this.#unguard();
        removeEventListener("beforeunload", warn);
    }

    tools = () => html`
        ${this.viewer.entry?.kind === "markdown" ? html`<button class="tool" aria-pressed=${String(this.source)} aria-label=${t("text.source")} title=${t("text.source")}
            @click=${this.#toggleSource}>${icon("text")}</button>` : nothing}
        ${this.source ? html`<button class="tool" aria-pressed=${String(this.wrap)} aria-label=${t("text.wrap")} title=${t("text.wrap")}
            @click=${() => { this.wrap = !this.wrap; remember("wrap", this.wrap); this.viewer.redraw(); }}>${icon("wrap")}</button>` : nothing}
        ${this.source && this.content && this.viewer.write && !this.content.truncated && this.draft === undefined
            ? html`<button class="tool" aria-label=${t("text.edit")} title=${t("text.edit")} @click=${this.#edit}>${icon("rename")}</button>` : nothing}`;

    #toggleSource = () => {
        if (this.draft !== undefined) return;
        this.source = !this.source;
        this.load();
    };

    view() {
        const { content, markdown, error } = this;
        if (error) {
            return html`<div class="blank" role="alert">${icon("warn")}<h2>${t("viewer.failed")}</h2><p>${wordsOf(error)}</p>
                <div class="row-of"><button class="button primary" @click=${() => this.load()}>${t("again")}</button></div></div>`;
        }
        if (!this.source && markdown) return html`<article class="markdown paper">${serverMarkdown(markdown.html)}${markdown.truncated ? this.#truncated() : nothing}</article>`;
        if (!this.source || !content) return html`<div class="blank"><div class="spinner" role="status" aria-label=${t("loading")}></div></div>`;
        return html`<div class="paper">
            ${this.draft === undefined ? this.#head(content) : this.#editHead(content)}
            ${this.draft === undefined ? html`<pre class=${this.wrap ? "text wrap" : "text"} tabindex="0" role="region" aria-label=${this.viewer.title}>${content.text}</pre>`
                : html`<textarea class=${this.wrap ? "text wrap" : "text"} aria-label=${this.viewer.title} spellcheck="false" .value=${this.draft}
                    wrap=${this.wrap ? "soft" : "off"} @input=${this.#type} @keydown=${this.#keys}></textarea>`}
            ${content.truncated ? this.#truncated() : nothing}
        </div>`;
    }

    #truncated = () => html`<p class="banner calm">${icon("info")}<span class="grow">${t("text.truncated")}</span>
        <a class="button" href=${this.viewer.raw({ download: 1 })} download=${this.viewer.title}>${t("download")}</a></p>`;

    /** @param {NonNullable<Text["content"]>} content */
    #head = (content) => html`<div class="text-head">
        <label class="row-of small"><span class="muted">${t("text.encoding")}</span>
            <select class="select" @change=${(/** @type {Event} */ event) => this.load(/** @type {HTMLSelectElement} */ (event.target).value)}>
                ${[...new Set([content.encoding, ...encodings])].map((name) => html`<option value=${name} ?selected=${name === content.encoding}>${name}</option>`)}
            </select></label>
        ${content.guessed ? html`<span class="small muted">${t("text.guessed")}</span>` : nothing}</div>`;

    /** @param {NonNullable<Text["content"]>} content */
    #editHead = (content) => html`<div class="text-head">
        <button class="button primary" ?disabled=${this.saving} @click=${this.#save}>${this.saving ? t("text.saving") : t("text.save")}</button>
        <button class="button" @click=${this.#drop}>${t("cancel")}</button>
        ${content.encoding === "UTF-8" ? nothing : html`<span class="small muted">${t("text.as.utf8")}</span>`}</div>`;

    #edit = () => {
        this.draft = this.content?.text ?? "";
        this.#unguard = guard(() => !this.#isChanged() || window.confirm(t("text.leave")));
        addEventListener("beforeunload", warn);
        this.viewer.redraw();
        document.querySelector("textarea")?.focus();
    };

    #isChanged = () => this.draft !== undefined && this.draft !== this.content?.text;

    /** @param {InputEvent} event */
    #type = (event) => { this.draft = /** @type {HTMLTextAreaElement} */ (event.target).value; };

    /** @param {KeyboardEvent} event */
    #keys = (event) => {
        if ((event.ctrlKey || event.metaKey) && event.key === "s") {
            event.preventDefault();
            this.#save();
        }
    };

    #drop = async () => {
        if (this.#isChanged() && !(await confirm({ title: t("text.drop"), words: t("text.leave"), act: t("text.drop"), danger: true }))) return;
        this.#end();
    };

    #end() {
        this.draft = undefined;
        this.leave();
        this.viewer.redraw();
    }

    #save = async () => {
        const { content, draft } = this;
        if (!content || draft === undefined || this.saving) return;
        this.saving = true;
        this.viewer.redraw();
        try {
            await putText(this.viewer.path, draft, content.etag);
            this.#end();
            notify(t("text.saved"));
            await this.load();
        } catch (error) {
            notify(error instanceof ApiError && error.code === "changed" ? t("text.changed") : wordsOf(error), { stay: true });
        }
        this.saving = false;
        this.viewer.redraw();
    };
}

/** @param {BeforeUnloadEvent} event */
const warn = (event) => event.preventDefault();

/**
 * A whole small file, such as a text that was edited.
 * @param {string} path
 * @param {string} text
 * @param {string} etag of the version that it replaces
 * @returns {Promise<{ etag?: string }>}
 */
async function putText(path, text, etag) {
    const headers = { "If-Match": etag, "Content-Type": "text/plain; charset=utf-8" };
    const url = apiUrl("file", { path, conflict: "replace" });
    const response = await fetch(url, { method: "PUT", body: text, headers, credentials: "same-origin" })
        .catch(() => { throw new ApiError(0, { code: "network" }); });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new ApiError(response.status, answer);
    return answer;
}
