// @ts-check
/** A film on the page: asks what there is, begins, and says in words why something does not play and what remains. */

import { codeWords, get, post, wordsOf } from "../api.js";
import { t } from "../i18n.js";
import "../more.js";
import { notify } from "../notices.js";
import { splitName } from "../paths.js";
import { session } from "../session.js";
import { recall, remember } from "../store.js";
import * as format from "../format.js";
import { moreControls } from "./controls.js";
import { Cursor, resumeAt } from "./cursor.js";
import { Engine } from "./engine.js";
import { filmView } from "./film_view.js";
import { startWith, unheard, usable, wantsOriginal } from "./info.js";
import { playerKey } from "./keys.js";
import { Subtitles } from "./subtitles.js";

/** @typedef {import("./info.js").Film} Film */

/** Milliseconds between questions while the drive transcodes, and after how many it is given up: two minutes. */
const ASK = 5000;
const ASKS = 24;

/** Milliseconds of waiting after which words say why. */
const WAITING = 3000;

/** Milliseconds without a movement after which the controls go. */
const IDLE = 3000;

/** A film that is told to be replaced so often is not begun anew any more. */
const REPLACED = 3;

/** Milliseconds before the next film begins by itself. */
const NEXT = 8000;

/** Why there is no stream; the original may be had all the same. @param {Film} film */
function reason({ code }) {
    return (code && ["frozen", "forbidden", "quota"].includes(code) && codeWords(code)) || t("film.none.words");
}

/** @param {import("../view/viewer.js").Viewer} viewer */
export default (viewer) => new FilmPart(viewer);

/** @typedef {import("../view/viewer.js").Part} Part */

/** @implements {Part} */
export class FilmPart {
    dark = true;
    /** @type {Film | undefined} */
    film;
    /** @type {HTMLVideoElement | undefined} */
    video;
    /** @type {HTMLElement | undefined} */
    stage;
    /** @type {Engine | undefined} */
    engine;
    /** @type {Subtitles | undefined} */
    subtitles;
    /** @type {{ title: string, words: string, details?: string, again?: boolean } | undefined} */
    problem;
    waiting = false;
    idle = false;
    nextComes = false;
    /** @type {import("../api.js").Entry[]} */
    mates = [];
    #cursor = /** @type {Cursor | undefined} */ (undefined);
    #timers = { ask: 0, wait: 0, idle: 0, next: 0 };
    #asked = 0;
    #replaced = 0;

    /** @param {import("../view/viewer.js").Viewer} viewer */
    constructor(viewer) {
        this.viewer = viewer;
        viewer.mates().then((mates) => { this.mates = mates; viewer.redraw(); }, () => { /* then there is no next one */ });
    }

    /** @param {HTMLElement} stage */
    #attach = (stage) => {
        const { signal } = this.viewer;
        const video = /** @type {HTMLVideoElement} */ (stage.querySelector("video"));
        Object.assign(this, { stage, video });
        video.volume = recall("volume", 1);
        video.muted = recall("muted", false);
        video.defaultPlaybackRate = video.playbackRate = recall("speed", 1);
        const redraw = this.viewer.redraw;
        for (const event of ["play", "pause", "timeupdate", "progress", "durationchange", "ratechange", "volumechange", "seeked"]) {
            video.addEventListener(event, redraw, { signal });
        }
        video.addEventListener("volumechange", () => { remember("volume", video.volume); remember("muted", video.muted); }, { signal });
        for (const event of ["waiting", "seeking"]) video.addEventListener(event, this.#wait, { signal });
        for (const event of ["playing", "seeked", "canplay", "pause"]) video.addEventListener(event, this.#waited, { signal });
        video.addEventListener("ended", this.#ended, { signal });
        video.addEventListener("play", this.wake, { signal });
        stage.addEventListener("pointermove", this.wake, { signal });
        stage.addEventListener("focusin", this.wake, { signal });
        document.addEventListener("fullscreenchange", redraw, { signal });
        this.engine = new Engine(video, { changed: redraw, renew: this.#ask, failed: this.#failed });
        this.subtitles = new Subtitles(video, redraw);
        this.#cursor = new Cursor(video, () => this.viewer.path, signal);
        this.#mediaSession();
        this.open();
    };

    /** Asks what there is and begins. */
    async open() {
        this.problem = undefined;
        const film = await this.#ask();
        if (!film || !this.video) return;
        const at = resumeAt(this.viewer.path, film);
        if (film.state === "ready" || !session.features.video || wantsOriginal()) this.#begin(film, at);
        else if (film.state === "transcoding") this.#askAgain(film);
        else this.problem = { title: t("film.none"), words: reason(film), details: film.words };
        this.viewer.redraw();
    }

    /** @returns {Promise<Film | undefined>} */
    #ask = async () => {
        const { viewer } = this;
        const path = viewer.path;
        try {
            const film = session.features.video ? await get("video", { path }, { signal: viewer.signal })
                : { state: "none", renditions: [], subtitles: [], original: { url: viewer.raw() } };
            if (path !== viewer.path) return undefined;
            this.film = film;
            return film;
        } catch (error) {
            if (viewer.signal.aborted || path !== viewer.path) return undefined;
            this.problem = { title: t("film.failed"), words: wordsOf(error), details: /** @type {any} */ (error).details, again: true };
            viewer.redraw();
            return undefined;
        }
    };

    /** @param {Film} film */
    #askAgain(film) {
        this.problem = { title: t("film.transcoding"), words: t("film.transcoding.words") };
        clearTimeout(this.#timers.ask);
        if (++this.#asked > ASKS) {
            this.problem = { title: t("film.transcoding"), words: t("film.transcoding.long"), again: true };
            return;
        }
        this.#timers.ask = setTimeout(() => this.open(), film.retry_after_ms || ASK);
    }

    /**
     * @param {Film} film
     * @param {number} at
     */
    #begin(film, at) {
        const { video, engine } = this;
        if (!video || !engine) return;
        this.subtitles?.offer(film.subtitles);
        if (startWith(film, video) === "original") {
            engine.playOriginal(film, at);
            this.#warnOfSound(film);
        } else {
            const kept = recall("player.quality", /** @type {string} */ ("auto"));
            engine.playRenditions(film, at, kept === "original" ? "auto" : kept || "auto");
        }
        if (at) notify(t("film.resumed", { time: format.duration(at) }), { act: t("film.from.start"), run: () => { video.currentTime = 0; } });
    }

    /** @param {Film} film */
    #warnOfSound(film) {
        const sound = unheard(film);
        if (sound.length && usable(film).length) notify(t("film.unheard", { sound: sound.join(", ").toUpperCase() }), { act: t("film.rendition"), run: () => this.useQuality("auto") });
    }

    /**
     * "original", "auto" or a rendition's id; the position stays, and the choice is kept for the next film.
     * @param {string} wanted
     */
    useQuality = (wanted) => {
        const { film, engine, video } = this;
        if (!film || !engine || !video) return;
        remember("player.quality", wanted);
        const at = engine.at || resumeAt(this.viewer.path, film);
        this.problem = undefined;
        clearTimeout(this.#timers.ask);
        if (wanted === "original") {
            engine.playOriginal(film, at);
            this.#warnOfSound(film);
        } else if (engine.mode === "rendition" && engine.levels.length) {
            engine.useQuality(wanted);
        } else {
            engine.playRenditions(film, at, wanted);
        }
        this.viewer.redraw();
    };

    /**
     * @param {"replaced" | "network" | "media" | "unsupported"} why
     * @param {string} details
     */
    #failed = (why, details) => {
        const { film, viewer, engine } = this;
        if (why === "replaced" && ++this.#replaced < REPLACED) {
            notify(t("film.replaced"), { stay: true });
            this.open();
            return;
        }
        const original = engine?.mode === "original";
        if (original && why === "unsupported" && film && usable(film).length) {
            notify(t("film.unsupported.rendition"));
            engine.playRenditions(film, engine.at, "auto");
            return;
        }
        this.problem = original && why === "unsupported" ? { title: t("film.unsupported"), words: t("film.unsupported.words"), details, again: true }
            : { title: t("film.failed"), words: t("film.failed.words"), details, again: true };
        viewer.redraw();
    };

    #wait = () => {
        clearTimeout(this.#timers.wait);
        this.#timers.wait = setTimeout(() => { this.waiting = true; this.viewer.redraw(); }, WAITING);
    };

    #waited = () => {
        const { video } = this;
        if (!video || (video.readyState < 3 && !video.paused)) return;
        clearTimeout(this.#timers.wait);
        if (this.waiting) {
            this.waiting = false;
            this.viewer.redraw();
        }
    };

    /** The controls are there again, for a while. */
    wake = () => {
        clearTimeout(this.#timers.idle);
        if (this.idle) {
            this.idle = false;
            this.viewer.redraw();
        }
        this.#timers.idle = setTimeout(() => {
            const held = this.stage?.querySelector("[aria-expanded=true], .controls :focus-visible");
            if (!this.video || this.video.paused || held) return;
            this.idle = true;
            this.viewer.redraw();
        }, IDLE);
    };

    toggle = () => {
        const { video } = this;
        if (!video) return;
        if (video.paused) video.play().catch(() => {});
        else video.pause();
        this.wake();
    };

    /** @param {number} by seconds */
    seekBy = (by) => {
        if (this.video) this.video.currentTime = Math.max(0, Math.min(this.video.duration || 0, this.video.currentTime + by));
    };

    /** @param {number} speed */
    useSpeed = (speed) => {
        if (!this.video) return;
        this.video.defaultPlaybackRate = this.video.playbackRate = speed;
        remember("speed", speed);
    };

    toggleFull = () => {
        const { stage, video } = this;
        if (document.fullscreenElement) document.exitFullscreen();
        else if (stage?.requestFullscreen) stage.requestFullscreen().catch(() => {});
        else /** @type {any} */ (video)?.webkitEnterFullscreen?.();
    };

    get index() {
        return this.mates.findIndex((mate) => mate.name === this.viewer.title);
    }

    /** @param {number} step */
    mateAt = (step) => (this.index < 0 ? undefined : this.mates[this.index + step]);

    /** The film before or after, in the same element: full screen, speed and volume stay. @param {number} step */
    neighbour = (step) => {
        const mate = this.mateAt(step);
        if (!mate) return;
        this.#cursor?.tell();
        this.cancelNext();
        this.#asked = this.#replaced = 0;
        this.film = undefined;
        this.video?.pause();
        this.viewer.become(mate);
        this.#mediaSession();
        this.open();
    };

    #ended = () => {
        if (!this.mateAt(1)) return;
        this.nextComes = true;
        this.#timers.next = setTimeout(() => this.neighbour(1), NEXT);
        this.viewer.redraw();
    };

    cancelNext = () => {
        clearTimeout(this.#timers.next);
        this.nextComes = false;
        this.viewer.redraw();
    };

    /** A signed link for another player. @returns {Promise<string>} */
    async link() {
        if (this.film?.link && this.engine?.mode !== "original") return this.film.link;
        return (await post("link", { path: this.viewer.path, as: "file" })).url;
    }

    #mediaSession() {
        if (!("mediaSession" in navigator)) return;
        navigator.mediaSession.metadata = new MediaMetadata({ title: splitName(this.viewer.title)[0] });
        const set = navigator.mediaSession.setActionHandler.bind(navigator.mediaSession);
        set("play", this.toggle);
        set("pause", this.toggle);
        set("seekbackward", () => this.seekBy(-10));
        set("seekforward", () => this.seekBy(10));
        set("seekto", ({ seekTime }) => { if (this.video) this.video.currentTime = seekTime ?? 0; });
        set("nexttrack", () => this.neighbour(1));
        set("previoustrack", () => this.neighbour(-1));
    }

    /** @param {KeyboardEvent} event */
    onKey = (event) => playerKey(this, event);

    menu = () => moreControls(this);

    leave() {
        for (const timer of Object.values(this.#timers)) clearTimeout(timer);
        this.#cursor?.leave();
        this.subtitles?.leave();
        this.engine?.leave();
        if (document.fullscreenElement) document.exitFullscreen();
        if ("mediaSession" in navigator) navigator.mediaSession.metadata = null;
    }

    /** Asks anew, as if it had just been opened. */
    again = () => {
        this.#asked = this.#replaced = 0;
        this.open();
    };

    view = () => filmView(this, this.#attach);
}
