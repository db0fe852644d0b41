// @ts-check
/** What the server tells of a film, and with what to begin. */

import { boot } from "../boot.js";
import { recall } from "../store.js";

/** @typedef {{ id: string, height: number, width?: number, url: string | null, usable: boolean, words?: string | null, state?: string }} Rendition */
/** @typedef {{ id: string, language: string, label: string, form: "vtt" | "ass", url: string }} Subtitle */
/**
 * @typedef {object} Film
 * @property {"ready" | "transcoding" | "none"} state
 * @property {string} [code]
 * @property {string} [words]
 * @property {number} [retry_after_ms]
 * @property {number | null} [duration]
 * @property {number} [width]
 * @property {number} [height]
 * @property {number | null} [cursor]
 * @property {string} [master]
 * @property {Rendition[]} renditions
 * @property {Subtitle[]} subtitles
 * @property {{ url: string, type?: string | null, bytes_per_s?: number | null, sound?: string[] }} original
 * @property {string} [link]
 * @property {string | null} [previous]
 * @property {string | null} [next]
 */

/** The speed of a link without a third-party package is 500 KB/s; a tenth is left for the rest. */
const SLOW_LINK = 450 * 1024;

/** Sound that browsers cannot decode. */
const mute = /^(dts|dca|truehd|mlp|e?-?ac-?3)/i;

/** The names of sound in the original that will not be heard. @param {Film} film */
export const unheard = (film) => (film.original.sound ?? []).filter((codec) => mute.test(codec));

/** @param {Film} film */
export const usable = (film) => film.renditions.filter((rendition) => rendition.usable).sort((a, b) => b.height - a.height);

/** Was the original asked for, by the address or the last time? */
export const wantsOriginal = () => new URLSearchParams(location.search).get("view") === "original" || recall("player.quality", /** @type {string} */ ("")) === "original";

/**
 * The user's last choice; else as the server is set; "auto" takes the original where it plays and is not too much.
 * @param {Film} film
 * @param {HTMLVideoElement} video
 * @returns {"original" | "rendition"}
 */
export function startWith(film, video) {
    if (wantsOriginal() || !film.master || !usable(film).length) return "original";
    if (recall("player.quality", /** @type {string} */ (""))) return "rendition";
    if (boot.start_with !== "auto") return boot.start_with;
    const { type, bytes_per_s: rate } = film.original;
    const plays = Boolean(type && video.canPlayType(type)) && !unheard(film).length;
    return plays && typeof rate === "number" && rate <= SLOW_LINK ? "original" : "rendition";
}

/**
 * A rendition by the name that people know: of a portrait film the shorter side counts.
 * @param {{ height: number, width?: number }} rendition
 */
export const label = ({ height, width }) => `${width ? Math.min(width, height) : height}p`;
