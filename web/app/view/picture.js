// @ts-check
/** Pictures of a folder, one after another: as the drive's thumbnail up to the screen's width, the original when asked for. */

import { html, nothing, ready } from "../html.js";
import { apiUrl } from "../boot.js";
import { showDetails } from "../folder/dialogs.js";
import * as format from "../format.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import "../more.js";
import { announce } from "../notices.js";
import { isProxied, proxied, reachable, useProxy } from "../proxy.js";
import { session } from "../session.js";
import { Zoom } from "./zoom.js";

/** Milliseconds that the slide show stays. */
const SLIDE = 5000;

/** Formats that browsers show by themselves; of others there is only the thumbnail. */
const shown = /\.(jpe?g|png|gif|webp|avif|svg|bmp|ico)$/i;

/** @param {import("./viewer.js").Viewer} viewer */
export default (viewer) => new Picture(viewer);

/** @typedef {import("./viewer.js").Part} Part */

/** @implements {Part} */
class Picture {
    dark = true;
    /** @type {import("../api.js").Entry[]} */
    mates = [];
    /** @type {"thumb" | "original" | "proxy" | "none"} */
    from;
    loaded = false;
    #slides = 0;
    /** @type {Zoom | undefined} */
    #zoom;

    /** @param {import("./viewer.js").Viewer} viewer */
    constructor(viewer) {
        this.viewer = viewer;
        this.from = this.#first();
        viewer.mates().then((mates) => {
            this.mates = mates;
            this.#fetchNeighbours();
            viewer.redraw();
        }, () => { /* without its folder a picture has no neighbours */ });
    }

    get index() {
        return this.mates.findIndex((mate) => mate.name === this.viewer.title);
    }

    #first() {
        const { entry } = this.viewer;
        // An animation is none in a thumbnail.
        if (/\.gif$/i.test(entry?.name ?? "") && (entry?.size ?? 0) < 8e6) return "original";
        if (entry?.thumb && session.features.thumbs) return "thumb";
        return shown.test(entry?.name ?? "") ? "original" : "none";
    }

    /** @param {string} path */
    #thumb = (path) => apiUrl("thumb", { path, w: 1920 });

    #fetchNeighbours() {
        for (const step of [1, -1]) {
            const mate = this.mates[this.index + step];
            if (mate?.thumb && session.features.thumbs) new Image().src = this.#thumb(this.viewer.mate(mate.name));
        }
    }

    /** @param {number} step */
    go = (step) => {
        if (this.mates.length < 2) return;
        const next = this.mates[(this.index + step + this.mates.length) % this.mates.length];
        this.loaded = false;
        this.viewer.become(next);
        this.from = this.#first();
        this.#zoom?.reset();
        this.#fetchNeighbours();
        this.viewer.redraw();
        announce(t("picture.of", { name: next.name, n: this.index + 1, count: this.mates.length }));
    };

    #slide = () => {
        if (this.#slides) clearInterval(this.#slides);
        this.#slides = this.#slides ? 0 : setInterval(() => { if (this.loaded) this.go(1); }, SLIDE);
        useFull(Boolean(this.#slides));
        this.viewer.redraw();
    };

    /** @param {KeyboardEvent} event */
    onKey(event) {
        const zoom = this.#zoom;
        const acts = /** @type {Record<string, () => void>} */ ({
            ArrowRight: () => this.go(1), ArrowLeft: () => this.go(-1), "+": () => zoom?.to(zoom.scale * 1.4), "=": () => zoom?.to(zoom.scale * 1.4),
            "-": () => zoom?.to(zoom.scale / 1.4), 0: () => zoom?.reset(zoom.turns), r: () => zoom?.turn(),
            i: () => { showDetails(this.viewer.path); },
            ...(/** @type {Element} */ (event.target).closest("button, a") ? {} : { " ": this.#slide }),
        });
        acts[event.key]?.();
        return event.key in acts;
    }

    leave() {
        clearInterval(this.#slides);
        if (this.#slides) useFull(false);
    }

    tools = () => html`
        ${this.index >= 0 ? html`<span class="small muted nowrap wide-only">${t("picture.n", { n: format.count(this.index + 1), count: format.count(this.mates.length) })}</span>` : nothing}
        <button class="tool wide-only" aria-label=${t("picture.out")} title=${t("picture.out")} @click=${() => this.#zoom?.to(this.#zoom.scale / 1.6)}>${icon("zoomOut")}</button>
        <button class="tool wide-only" aria-label=${t("picture.in")} title=${t("picture.in")} @click=${() => this.#zoom?.to(this.#zoom.scale * 1.6)}>${icon("zoomIn")}</button>
        <button class="tool" aria-label=${t("picture.rotate")} title=${t("picture.rotate")} @click=${() => this.#zoom?.turn()}>${icon("rotate")}</button>
        ${this.mates.length > 1 ? html`<button class="tool" aria-pressed=${String(Boolean(this.#slides))} aria-label=${t("picture.show")} title=${t("picture.show")} @click=${this.#slide}>${icon(this.#slides ? "pause" : "play")}</button>` : nothing}`;

    menu = () => (this.from === "thumb" && shown.test(this.viewer.title)
        ? [{ words: t("picture.original"), icon: /** @type {const} */ ("image"), hint: format.size(this.viewer.entry?.size), run: () => this.#use("original") }] : []);

    /** @param {"original" | "proxy" | "none"} from */
    #use(from) {
        this.from = from;
        this.loaded = false;
        this.viewer.redraw();
    }

    #loaded = () => {
        if (this.from === "proxy") useProxy();
        this.loaded = true;
        this.viewer.redraw();
    };

    #failed = () => {
        const showable = shown.test(this.viewer.title);
        if (this.from === "thumb" && showable) this.#use("original");
        // The drive's host may be out of reach, or no page may load from it.
        else this.#use(this.from === "original" && showable && !isProxied() ? "proxy" : "none");
    };

    /** @param {HTMLElement} stage */
    #attach = (stage) => {
        this.#zoom = new Zoom(stage, () => stage.querySelector("img"), this.go, this.viewer.signal);
    };

    view() {
        const { path, title } = this.viewer;
        const src = this.from === "thumb" ? this.#thumb(path) : this.from === "proxy" ? proxied(this.viewer.raw()) : reachable(this.viewer.raw());
        return html`<div class="picture-stage" ${ready(this.#attach)}>
            ${this.from === "none" ? html`<div class="blank">${icon("image")}<h2>${t("picture.none")}</h2><p>${t("picture.none.words")}</p></div>`
                : html`<img class=${this.loaded ? "shown" : ""} src=${src} alt=${title} draggable="false" @error=${this.#failed}
                    @load=${this.#loaded}>`}
            ${this.loaded || this.from === "none" ? nothing : html`<div class="spinner" role="status" aria-label=${t("loading")}></div>`}
            ${this.mates.length > 1 ? html`
                <button class="side left" aria-label=${t("previous")} title=${t("previous")} @click=${() => this.go(-1)}>${icon("left")}</button>
                <button class="side right" aria-label=${t("next")} title=${t("next")} @click=${() => this.go(1)}>${icon("right")}</button>` : nothing}
        </div>`;
    }
}

/** The slide show takes the whole screen where it may. @param {boolean} on */
function useFull(on) {
    const change = on ? document.documentElement.requestFullscreen?.() : document.fullscreenElement ? document.exitFullscreen() : undefined;
    change?.catch(() => { /* then within the window */ });
}
