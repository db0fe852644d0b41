// @ts-check
/** The songs of a folder: list, order, cover and words, going on in the background. */

import { guard, html, nothing, ready, repeat, vars } from "../html.js";
import { apiUrl } from "../boot.js";
import { get } from "../api.js";
import { known } from "../folder/listing.js";
import * as format from "../format.js";
import { icon, kindIcon } from "../icons.js";
import { t } from "../i18n.js";
import "../more.js";
import { splitName } from "../paths.js";
import { proxied, reachable, useProxy } from "../proxy.js";
import { session } from "../session.js";
import { recall, remember } from "../store.js";
import { lineAt, parseLyrics } from "./lyrics.js";

/** @typedef {import("../api.js").Entry} Entry */
/** @typedef {"list" | "all" | "one" | "shuffle"} Order */

/** Songs from which on a list is searched rather than read. */
const SEARCH_FROM = 12;

/** @param {import("./viewer.js").Viewer} viewer */
export default (viewer) => new Sound(viewer);

/** @typedef {import("./viewer.js").Part} Part */

/** @implements {Part} */
class Sound {
    /** @type {Entry[]} */
    songs = [];
    /** @type {import("./lyrics.js").Line[]} */
    lyrics = [];
    line = -1;
    /** @type {Entry | undefined} */
    cover;
    filter = "";
    problem = "";
    order = recall("sound.order", /** @type {Order} */ ("list"));
    audio = new Audio();

    /** @param {import("./viewer.js").Viewer} viewer */
    constructor(viewer) {
        this.viewer = viewer;
        this.songs = viewer.entry ? [viewer.entry] : [];
        const { audio } = this;
        audio.volume = recall("volume", 1);
        for (const event of ["play", "pause", "durationchange", "volumechange", "waiting", "playing"]) audio.addEventListener(event, () => viewer.redraw());
        audio.addEventListener("timeupdate", this.#tick);
        audio.addEventListener("ended", () => (this.order === "one" ? this.#start() : this.go(1, true)));
        audio.addEventListener("loadedmetadata", () => { if (audio.src.includes("via=proxy")) useProxy(); });
        audio.addEventListener("error", this.#failed);
        this.#mediaSession();
        this.#load(true);
        viewer.mates().then((songs) => {
            this.songs = songs;
            this.#extras();
            viewer.redraw();
        }, () => { /* without its folder it is the only song */ });
    }

    /** @param {boolean} [quiet] the browser may refuse to begin by itself */
    #load(quiet) {
        this.problem = "";
        this.line = -1;
        this.audio.src = reachable(this.viewer.raw());
        this.audio.play().catch(() => { if (!quiet) this.viewer.redraw(); });
        if ("mediaSession" in navigator) {
            navigator.mediaSession.metadata = new MediaMetadata({ title: splitName(this.viewer.title)[0], album: this.viewer.folder.split("/").pop() });
        }
        this.#extras();
    }

    /** Once, what the drive's host does not give comes through alidav. */
    #failed = () => {
        if (!this.audio.getAttribute("src")) return;
        if (this.audio.src.includes("via=proxy")) {
            this.problem = t("sound.failed");
            this.viewer.redraw();
            return;
        }
        this.audio.src = proxied(this.viewer.raw());
        this.audio.play().catch(() => { /* the button is there */ });
    };

    #start() {
        this.audio.currentTime = 0;
        this.audio.play();
    }

    /** The cover and the words that lie beside the song. */
    async #extras() {
        const beside = known(this.viewer.folder)?.entries ?? [];
        const stem = splitName(this.viewer.title)[0].toLowerCase();
        const pictures = beside.filter((entry) => entry.kind === "image");
        const named = (/** @type {RegExp} */ names) => pictures.find((entry) => names.test(entry.name));
        this.cover = pictures.find((entry) => splitName(entry.name)[0].toLowerCase() === stem) ?? named(/^(folder|cover|front|封面)\.\w+$/i);
        const words = beside.find((entry) => entry.name.toLowerCase() === `${stem}.lrc`);
        this.lyrics = [];
        if (!words) return;
        const song = this.viewer.path;
        const { text } = await get("text", { path: this.viewer.mate(words.name) }, { signal: this.viewer.signal }).catch(() => ({ text: "" }));
        if (song === this.viewer.path) this.lyrics = parseLyrics(text);
        this.viewer.redraw();
    }

    #tick = () => {
        const line = lineAt(this.lyrics, this.audio.currentTime);
        if (line !== this.line) {
            this.line = line;
            requestAnimationFrame(() => {
                const box = document.querySelector(".lyrics");
                const now = /** @type {HTMLElement | null} */ (box?.querySelector(".now"));
                if (box && now) box.scrollTo({ top: now.offsetTop - box.clientHeight / 2, behavior: "smooth" });
            });
        }
        this.viewer.redraw();
    };

    /**
     * @param {number} step
     * @param {boolean} [byItself] at the end of the list it stops, unless all is repeated
     */
    go = (step, byItself) => {
        const at = this.songs.findIndex((song) => song.name === this.viewer.title);
        let to = at + step;
        if (this.order === "shuffle" && this.songs.length > 1) {
            do to = Math.floor(Math.random() * this.songs.length); while (to === at);
        }
        if (byItself && to >= this.songs.length && this.order === "list") return this.viewer.redraw();
        this.play(this.songs[(to + this.songs.length) % this.songs.length]);
    };

    /** @param {Entry} song */
    play(song) {
        this.viewer.become(song);
        this.#load();
    }

    toggle = () => {
        if (this.audio.paused) this.audio.play().catch(() => { this.problem = t("sound.failed"); this.viewer.redraw(); });
        else this.audio.pause();
    };

    /** @param {number} by */
    #seek = (by) => { this.audio.currentTime = Math.max(0, Math.min(this.audio.duration || 0, this.audio.currentTime + by)); };

    #mediaSession() {
        if (!("mediaSession" in navigator)) return;
        const set = navigator.mediaSession.setActionHandler.bind(navigator.mediaSession);
        set("play", this.toggle);
        set("pause", this.toggle);
        set("nexttrack", () => this.go(1));
        set("previoustrack", () => this.go(-1));
        set("seekto", ({ seekTime }) => { this.audio.currentTime = seekTime ?? 0; });
    }

    leave() {
        this.audio.pause();
        this.audio.removeAttribute("src");
        if (!("mediaSession" in navigator)) return;
        navigator.mediaSession.metadata = null;
        for (const act of /** @type {const} */ (["play", "pause", "nexttrack", "previoustrack", "seekto"])) navigator.mediaSession.setActionHandler(act, null);
    }

    /** @param {KeyboardEvent} event */
    onKey(event) {
        const onControl = /** @type {Element} */ (event.target).closest("button, a, input");
        const acts = /** @type {Record<string, () => void>} */ ({
            k: this.toggle, ArrowRight: () => this.#seek(5), ArrowLeft: () => this.#seek(-5), n: () => this.go(1), p: () => this.go(-1),
            m: () => { this.audio.muted = !this.audio.muted; },
            ...(onControl ? {} : { " ": this.toggle }),
        });
        if (onControl instanceof HTMLInputElement && event.key.startsWith("Arrow")) return false;
        acts[event.key]?.();
        return event.key in acts;
    }

    #nextOrder = () => {
        const all = /** @type {Order[]} */ (["list", "all", "one", "shuffle"]);
        this.order = all[(all.indexOf(this.order) + 1) % all.length];
        remember("sound.order", this.order);
        this.viewer.redraw();
    };

    view() {
        const { audio, viewer } = this;
        const orders = { list: t("order.list"), all: t("order.all"), one: t("order.one"), shuffle: t("order.shuffle") };
        const duration = Number.isFinite(audio.duration) ? audio.duration : 0;
        const part = duration ? audio.currentTime / duration : 0;
        return html`<div class=${this.lyrics.length ? "sound with-lyrics" : "sound"}>
            <section class="now-playing" aria-label=${t("sound.now")}>
                <div class="cover">${kindIcon("audio")}${this.cover && session.features.thumbs ? html`<img alt="" src=${apiUrl("thumb", { path: viewer.mate(this.cover.name), w: 480 })}
                    @error=${(/** @type {Event} */ event) => /** @type {Element} */ (event.target).classList.add("none")}>` : nothing}</div>
                <h2>${splitName(viewer.title)[0]}</h2>
                ${this.problem ? html`<p class="banner bad" role="alert">${this.problem}</p>` : nothing}
                <div class="seek-line">
                    <input type="range" class="range" min="0" max=${Math.max(1, Math.floor(duration))} step="1" .value=${String(Math.floor(audio.currentTime))}
                        aria-label=${t("player.position")} aria-valuetext=${format.duration(audio.currentTime)} ${vars({ "--part": part })}
                        @input=${(/** @type {Event} */ event) => { audio.currentTime = Number(/** @type {HTMLInputElement} */ (event.target).value); }}>
                    <span class="small muted times"><span>${format.duration(audio.currentTime)}</span><span>${format.duration(duration)}</span></span>
                </div>
                <div class="row-of transport">
                    <button class="tool" aria-label=${t("sound.order", { order: orders[this.order] })} title=${orders[this.order]} aria-pressed=${String(this.order !== "list")}
                        @click=${this.#nextOrder}>${this.order === "one" ? html`${icon("repeat")}<span class="one" aria-hidden="true">1</span>` : icon(this.order === "shuffle" ? "shuffle" : "repeat")}</button>
                    <button class="tool" aria-label=${t("previous")} title=${t("previous")} @click=${() => this.go(-1)}>${icon("previous")}</button>
                    <button class="tool play" aria-label=${audio.paused ? t("player.play") : t("player.pause")} title=${audio.paused ? t("player.play") : t("player.pause")} @click=${this.toggle}>${icon(audio.paused ? "play" : "pause")}</button>
                    <button class="tool" aria-label=${t("next")} title=${t("next")} @click=${() => this.go(1)}>${icon("next")}</button>
                    <button class="tool" aria-label=${audio.muted ? t("player.unmute") : t("player.mute")} title=${audio.muted ? t("player.unmute") : t("player.mute")}
                        @click=${() => { audio.muted = !audio.muted; }}>${icon(audio.muted ? "mute" : "sound")}</button>
                </div>
                <input type="range" class="range volume" min="0" max="1" step="0.05" .value=${String(audio.volume)} aria-label=${t("player.volume")} ${vars({ "--part": audio.volume })}
                    @input=${(/** @type {Event} */ event) => { audio.volume = Number(/** @type {HTMLInputElement} */ (event.target).value); remember("volume", audio.volume); }}>
            </section>
            ${this.lyrics.length ? html`<section class="lyrics" tabindex="0" aria-label=${t("sound.lyrics")}>${this.lyrics.map((line, index) => html`<p class=${index === this.line ? "now" : ""}>${line.words || " "}</p>`)}</section>` : nothing}
            ${guard([this.songs, this.filter, viewer.title, audio.paused], () => this.#list())}
        </div>`;
    }

    #list() {
        const words = this.filter.toLowerCase();
        const songs = words ? this.songs.filter((song) => song.name.toLowerCase().includes(words)) : this.songs;
        return html`<section class="songs" aria-label=${t("sound.list")}>
            ${this.songs.length >= SEARCH_FROM ? html`<div class="filter">${icon("search")}<input class="input" type="search" aria-label=${t("filter")} placeholder=${t("filter")}
                @input=${(/** @type {Event} */ event) => { this.filter = /** @type {HTMLInputElement} */ (event.target).value; this.viewer.redraw(); }}></div>` : nothing}
            <ol tabindex="0" aria-label=${t("sound.list")} ${ready((list) => list.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" }))}>${repeat(songs, (song) => song.name, (song) => {
                const now = song.name === this.viewer.title;
                return html`<li><button aria-current=${now ? "true" : nothing} @click=${() => (now ? this.toggle() : this.play(song))}>
                    ${icon(now ? (this.audio.paused ? "pause" : "sound") : "audio")}<span class="name">${splitName(song.name)[0]}</span><span class="small muted">${format.size(song.size)}</span></button></li>`;
            })}</ol>
        </section>`;
    }
}
