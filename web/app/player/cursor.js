// @ts-check
/** Where a film was left: told to the drive, so that its app goes on there too, and kept here for those who may not write. */

import { apiUrl } from "../boot.js";
import { post } from "../api.js";
import { session } from "../session.js";
import { keepPosition, position } from "../store.js";

/** Milliseconds between two reports while it plays. */
const EVERY = 30_000;

/** From this part on a film counts as seen. */
const SEEN = 0.95;

/** Seconds below which nobody wants to be brought back. */
const SHORT = 15;

/**
 * Where to begin.
 * @param {string} path
 * @param {import("./info.js").Film} film
 */
export function resumeAt(path, film) {
    const at = film.cursor || position(path);
    return at < SHORT || (film.duration && at >= film.duration * SEEN) ? 0 : at;
}

export class Cursor {
    #timer = 0;
    #told = -1;
    /** The film that is in the element: the page may be at the next one already. */
    #path = "";

    /**
     * @param {HTMLVideoElement} video
     * @param {() => string} path
     * @param {AbortSignal} signal
     */
    constructor(video, path, signal) {
        this.video = video;
        video.addEventListener("loadedmetadata", () => {
            this.#path = path();
            this.#told = -1;
        }, { signal });
        video.addEventListener("playing", () => { this.#timer ||= setInterval(() => this.tell(), EVERY); }, { signal });
        video.addEventListener("pause", () => this.#pause(), { signal });
        video.addEventListener("ended", () => this.#pause(), { signal });
        document.addEventListener("visibilitychange", () => { if (document.visibilityState === "hidden") this.tell(true); }, { signal });
        addEventListener("pagehide", () => this.tell(true), { signal });
    }

    #pause() {
        clearInterval(this.#timer);
        this.#timer = 0;
        this.tell();
    }

    /** @param {boolean} [leaving] by a beacon, which outlives the page */
    tell(leaving) {
        const { currentTime, duration } = this.video;
        const at = Math.floor(currentTime);
        const path = this.#path;
        if (!path || !Number.isFinite(duration) || at === this.#told || at < 1) return;
        this.#told = at;
        keepPosition(path, at);
        if (session.permission !== "write" || !session.features.video) return;
        const body = { path, cursor: at, duration: Math.floor(duration) };
        if (leaving) navigator.sendBeacon(apiUrl("video/cursor"), new Blob([JSON.stringify(body)], { type: "application/json" }));
        // A position that is not told is kept here, and told again in half a minute.
        else post("video/cursor", body, { stay: true }).catch(() => { this.#told = -1; });
    }

    leave() {
        clearInterval(this.#timer);
        this.tell(true);
    }
}
