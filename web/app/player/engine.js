// @ts-check
/** Plays a film's renditions by hls.js, or natively where that is all there is, or its original; mends what can be mended. */

import { boot } from "../boot.js";
import { isProxied, proxied, reachable, useProxy } from "../proxy.js";
import { label } from "./info.js";

/** @typedef {import("./info.js").Film} Film */
/**
 * @typedef {object} Told what the engine tells its owner
 * @property {() => void} changed quality or its choices are others
 * @property {() => Promise<Film | undefined>} renew asks for the film again; nothing if it cannot be had
 * @property {(why: "replaced" | "network" | "media" | "unsupported", details: string) => void} failed
 */

/** A segment in the making may wait long for its first byte; hls.js' own 10 s are too short. */
const FIRST_BYTE = 60_000;

/** Seconds held before and behind the position. */
const BUFFER = 60;

/** Bits a second assumed until measured, so that a film does not begin at the lowest quality. */
const FIRST_ESTIMATE = 5_000_000;

/** Renewals without a minute of play between them, after which it is given up. */
const RENEWALS = 3;

/** Milliseconds before the first renewal; each further one waits twice as long. */
const FIRST_WAIT = 1000;

/** hls.js' name of "I try it again". */
const RETRY = 5;

/** @type {Promise<any> | undefined} */
let library;

/** hls.js, when the first film needs it. */
const loadLibrary = () => (library ??= import(`${boot.assets}/vendor/hls.js-1.7.4/hls.light.min.mjs`).then((module) => module.default));

export class Engine {
    /** @type {any} */
    #hls;
    /** @type {Film | undefined} */
    #film;
    #renewals = 0;
    #blocked = 0;
    #mended = 0;
    #failures = 0;
    #turn = 0;
    /** Seconds at which it was told to begin. */
    #from = 0;
    /** @type {"original" | "rendition"} */
    mode = "rendition";
    wanted = "auto";

    /**
     * @param {HTMLVideoElement} video
     * @param {Told} told
     */
    constructor(video, told) {
        this.video = video;
        this.told = told;
        video.addEventListener("error", this.#nativeError);
    }

    /**
     * @param {Film} film
     * @param {number} at seconds
     */
    playOriginal(film, at) {
        this.#stop();
        this.#from = at;
        this.#film = film;
        this.mode = "original";
        this.video.src = reachable(film.original.url);
        this.#begin(at);
    }

    /** What looks like a file that cannot be played may be a host that cannot be reached: once, ours passes it on. */
    #tryProxy() {
        const film = this.#film;
        if (!film || this.mode !== "original" || isProxied()) return false;
        const url = proxied(film.original.url);
        if (this.video.getAttribute("src") === url) return false;
        const { at } = this;
        this.#stop();
        const turn = this.#turn;
        this.video.addEventListener("loadedmetadata", () => { if (turn === this.#turn) useProxy(); }, { once: true });
        this.video.src = url;
        this.#begin(at);
        return true;
    }

    /**
     * @param {Film} film
     * @param {number} at seconds
     * @param {string} wanted "auto" or a rendition's id, which means "at most that"
     */
    async playRenditions(film, at, wanted) {
        this.#stop();
        this.#from = at;
        const turn = this.#turn;
        this.#film = film;
        this.mode = "rendition";
        this.wanted = wanted;
        const Hls = await loadLibrary().catch(() => undefined);
        if (turn !== this.#turn) return;
        const url = masterUrl(film);
        if (!Hls?.isSupported()) {
            // The browser's own player chooses among the renditions by itself, or has only one.
            this.video.src = film.renditions.find(({ id }) => id === wanted)?.url ?? url;
            return this.#begin(at);
        }
        const hls = new Hls({
            workerPath: `${boot.assets}/vendor/hls.js-1.7.4/hls.worker.js`, startPosition: at || -1,
            maxBufferLength: BUFFER, backBufferLength: BUFFER, capLevelToPlayerSize: wanted === "auto", abrEwmaDefaultEstimate: FIRST_ESTIMATE,
            fragLoadPolicy: { default: {
                maxTimeToFirstByteMs: FIRST_BYTE, maxLoadTimeMs: 2 * FIRST_BYTE,
                timeoutRetry: { maxNumRetry: 3, retryDelayMs: 0, maxRetryDelayMs: 0 },
                errorRetry: { maxNumRetry: 6, retryDelayMs: 1000, maxRetryDelayMs: 8000, shouldRetry },
            } },
        });
        this.#hls = hls;
        hls.on(Hls.Events.MANIFEST_PARSED, () => {
            this.#choose(true);
            this.told.changed();
        });
        hls.on(Hls.Events.LEVEL_SWITCHED, () => this.told.changed());
        hls.on(Hls.Events.FRAG_BUFFERED, () => { this.#blocked = this.#failures = 0; });
        hls.on(Hls.Events.ERROR, (/** @type {string} */ _event, /** @type {any} */ data) => this.#hlsError(Hls, data));
        hls.loadSource(url);
        hls.attachMedia(this.video);
        this.video.play().catch(() => { /* the browser wants a press first: the button is there */ });
    }

    /** Seconds at which to go on: what fails before its first picture has no position of its own. */
    get at() {
        return this.video.currentTime || this.#from;
    }

    /** @param {number} at */
    #begin(at) {
        const { video } = this;
        const turn = this.#turn;
        if (at) video.addEventListener("loadedmetadata", () => { if (turn === this.#turn) video.currentTime = at; }, { once: true });
        video.play().catch(() => { /* as above */ });
        this.told.changed();
    }

    /** Every rendition that hls.js found, best first. @returns {{ id: string, index: number, label: string }[]} */
    get levels() {
        /** @type {any[]} */
        const levels = this.#hls?.levels ?? [];
        return levels.map((level, index) => ({ id: idOf(level), index, label: label(level), height: Math.min(level.height, level.width || level.height) }))
            .sort((a, b) => b.height - a.height);
    }

    /** What is being shown, if it is known. */
    get shown() {
        const level = this.#hls?.levels?.[this.#hls.currentLevel];
        return level ? label(level) : "";
    }

    /** Switches without a reload, at the next segment. @param {string} wanted */
    useQuality(wanted) {
        this.wanted = wanted;
        if (this.#hls) this.#hls.capLevelToPlayerSize = wanted === "auto";
        this.#choose(false);
        this.told.changed();
    }

    /** @param {boolean} first */
    #choose(first) {
        const hls = this.#hls;
        if (!hls) return;
        if (this.wanted === "auto") {
            const screenHeight = Math.min(screen.width, screen.height) * devicePixelRatio;
            const fits = this.levels.find((level) => parseInt(level.label, 10) <= screenHeight);
            if (first && fits) hls.startLevel = fits.index;
            else hls.nextLevel = -1;
            return;
        }
        const order = ["LD", "SD", "HD", "FHD", "QHD", "UHD"];
        const most = order.indexOf(this.wanted);
        const level = this.levels.find(({ id }) => order.indexOf(id) <= most) ?? this.levels.at(-1);
        if (!level) return;
        if (first) hls.startLevel = hls.loadLevel = level.index;
        else hls.nextLevel = level.index;
    }

    /**
     * @param {any} Hls
     * @param {any} data
     */
    async #hlsError(Hls, data) {
        const status = data.response?.code;
        if (status === 410) return this.#fail("replaced", "410");
        // Status 0: the other host forbids it or cannot be reached from here; ours can then pass it on.
        if (status === 0 && data.type === Hls.ErrorTypes.NETWORK_ERROR && ++this.#blocked >= 2 && !isProxied()) {
            useProxy();
            return this.#film && this.playRenditions(this.#film, this.at, this.wanted);
        }
        // hls.js goes through the qualities one by one, and calls it no end when none is left.
        const tried = data.details === "fragLoadError" && data.errorAction?.action !== RETRY && ++this.#failures > this.levels.length;
        if (!data.fatal && !tried) return;
        this.#failures = 0;
        if (data.type === Hls.ErrorTypes.MEDIA_ERROR && ++this.#mended <= 2) return this.#hls?.recoverMediaError();
        if (data.type !== Hls.ErrorTypes.NETWORK_ERROR || ++this.#renewals > RENEWALS) {
            return this.#fail(data.type === Hls.ErrorTypes.NETWORK_ERROR ? "network" : "media", data.details);
        }
        const turn = this.#turn;
        await new Promise((resolve) => setTimeout(resolve, FIRST_WAIT * 2 ** (this.#renewals - 1)));
        if (turn !== this.#turn) return;
        const { at } = this;
        const film = await this.told.renew();
        if (turn !== this.#turn) return;
        if (!film?.master) return this.#fail("network", data.details);
        setTimeout(() => { this.#renewals = Math.max(0, this.#renewals - 1); }, 60_000);
        this.playRenditions(film, at, this.wanted);
    }

    #nativeError = () => {
        if (this.#hls || !this.video.getAttribute("src")) return;
        if (this.#tryProxy()) return;
        const code = this.video.error?.code;
        this.#fail(code === MediaError.MEDIA_ERR_SRC_NOT_SUPPORTED || code === MediaError.MEDIA_ERR_DECODE ? "unsupported" : "network", this.video.error?.message ?? "");
    };

    /**
     * @param {"replaced" | "network" | "media" | "unsupported"} why
     * @param {string} details
     */
    #fail(why, details) {
        this.#stop();
        this.told.failed(why, details);
    }

    #stop() {
        this.#turn += 1;
        this.#hls?.destroy();
        this.#hls = undefined;
        this.video.removeAttribute("src");
    }

    leave() {
        this.#stop();
        this.video.removeEventListener("error", this.#nativeError);
        this.video.load();
    }
}

/**
 * hls.js repeats neither 4xx nor status 0 by itself; our address leads to a fresh segment after one 403.
 * @param {any} _config
 * @param {number} count
 * @param {boolean} _timeout
 * @param {{ code?: number } | undefined} response
 * @param {boolean} retry
 */
function shouldRetry(_config, count, _timeout, response, retry) {
    if (response?.code === 403 || response?.code === 0) return count < 1;
    return retry;
}

/** @param {Film} film */
const masterUrl = (film) => reachable(film.master ?? "");

/** The rendition's own name stands in its playlist's address. @param {any} level */
const idOf = (level) => /\/([A-Z]+)\.m3u8/.exec(level.url?.[0] ?? level.uri ?? "")?.[1] ?? String(level.height);
