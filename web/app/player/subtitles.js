// @ts-check
/** Subtitles on a film: WebVTT as tracks, ASS by assjs; chosen language, shift and size are kept. */

import { boot } from "../boot.js";
import { recall, remember } from "../store.js";
import { loadStyle } from "../style.js";

/** @typedef {import("./info.js").Subtitle} Subtitle */

const ASSJS = "vendor/assjs-0.1.10";

export const sizes = /** @type {const} */ (["small", "usual", "large", "huge"]);

export class Subtitles {
    /** @type {Subtitle[]} */
    all = [];
    /** @type {Subtitle | undefined} */
    chosen;
    shift = 0;
    /** @type {(typeof sizes)[number]} */
    size = recall("subtitles.size", "usual");
    failed = false;
    /** @type {HTMLTrackElement | undefined} */
    #track;
    /** @type {any} */
    #ass;
    #turn = 0;

    /**
     * @param {HTMLVideoElement} video
     * @param {() => void} changed
     */
    constructor(video, changed) {
        this.video = video;
        this.changed = changed;
        this.useSize(this.size);
    }

    /** @param {Subtitle[]} all */
    offer(all) {
        this.all = all;
        this.shift = 0;
        const kept = recall("subtitles", /** @type {string | null | undefined} */ (undefined));
        const first = kept === null ? undefined : all.find((subtitle) => keyOf(subtitle) === kept)
            ?? all.find((subtitle) => subtitle.language && subtitle.language === languageOf(kept)) ?? (kept === undefined ? this.#ownLanguage() : undefined);
        this.#show(first);
    }

    #ownLanguage() {
        const own = navigator.language.slice(0, 2).toLowerCase();
        const codes = own === "zh" ? ["zh", "chi", "zho"] : own === "en" ? ["en", "eng"] : own === "ja" ? ["ja", "jpn"] : [own];
        return this.all.find((subtitle) => codes.some((code) => subtitle.language?.toLowerCase().startsWith(code)));
    }

    /** @param {Subtitle | undefined} subtitle */
    choose(subtitle) {
        remember("subtitles", subtitle ? keyOf(subtitle) : null);
        this.#show(subtitle);
    }

    /** On and off. */
    toggle() {
        this.choose(this.chosen ? undefined : this.all[0]);
    }

    /** @param {Subtitle | undefined} subtitle */
    async #show(subtitle) {
        this.#hide();
        const turn = this.#turn;
        this.chosen = subtitle;
        this.failed = false;
        this.changed();
        if (!subtitle) return;
        try {
            if (subtitle.form === "ass") await this.#showAss(subtitle, turn);
            else this.#showTrack(subtitle);
        } catch {
            if (turn === this.#turn) this.#fail();
        }
    }

    /** @param {Subtitle} subtitle */
    #showTrack(subtitle) {
        const track = document.createElement("track");
        track.kind = "subtitles";
        track.label = subtitle.label;
        track.srclang = subtitle.language || "und";
        track.src = subtitle.url;
        this.video.append(track);
        track.track.mode = "showing";
        track.addEventListener("load", () => moveCues(track.track, this.shift));
        track.addEventListener("error", () => { if (track === this.#track) this.#fail(); });
        this.#track = track;
    }

    /**
     * @param {Subtitle} subtitle
     * @param {number} turn
     */
    async #showAss(subtitle, turn) {
        // assjs makes a `<style>` of its own unless there is an element of this id.
        await loadStyle(`${ASSJS}/src/global.css`, "ASS-global-style");
        const [{ default: ASS }, response] = await Promise.all([
            import(`${boot.assets}/${ASSJS}/ass.min.js`), fetch(subtitle.url, { credentials: "same-origin" }),
        ]);
        if (!response.ok) throw new Error(String(response.status));
        const text = await response.text();
        if (turn !== this.#turn) return;
        this.#ass = new ASS(text, this.video, { container: this.video.parentElement });
        this.#ass.delay = this.shift;
    }

    #fail() {
        this.#hide();
        this.failed = true;
        this.chosen = undefined;
        this.changed();
    }

    #hide() {
        this.#turn += 1;
        this.#ass?.destroy();
        this.#ass = undefined;
        if (this.#track) this.#track.track.mode = "disabled";
        this.#track?.remove();
        this.#track = undefined;
    }

    /** Later by so many seconds. @param {number} by */
    shiftBy(by) {
        this.shift = Math.round((this.shift + by) * 10) / 10;
        if (this.#track) moveCues(this.#track.track, by);
        if (this.#ass) this.#ass.delay = this.shift;
        this.changed();
    }

    /** @param {(typeof sizes)[number]} size */
    useSize(size) {
        this.size = size;
        remember("subtitles.size", size);
        for (const other of sizes) this.video.classList.toggle(`cues-${other}`, other === size);
    }

    leave() {
        this.#hide();
    }
}

/**
 * @param {TextTrack} track
 * @param {number} by
 */
function moveCues(track, by) {
    for (const cue of track.cues ?? []) {
        cue.startTime += by;
        cue.endTime += by;
    }
}

/** The ending of the file beside the film that these are; none for the drive's own. @param {Subtitle} subtitle */
export const endingOf = ({ id }) => (id.startsWith("file-") ? id.slice(id.lastIndexOf(".")) : undefined);

/** @param {Subtitle} subtitle */
const keyOf = (subtitle) => [subtitle.language, subtitle.label, endingOf(subtitle) ?? ""].join("|");

/** @param {string | undefined} key */
const languageOf = (key) => key?.split("|")[0];
