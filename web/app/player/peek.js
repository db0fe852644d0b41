// @ts-check
/** What the film shows where the pointer is on its line: the drive's own picture, asked for when the pointer rests there. */

import { apiUrl } from "../boot.js";
import { session } from "../session.js";

/** Milliseconds that the pointer rests before the drive is asked: each picture costs it a call. */
const REST = 150;

/** Pictures of a film, at most, and the seconds between two of them, at least. */
const MOST = 100;
const LEAST = 10;

let timer = 0;

/**
 * @param {HTMLImageElement} image
 * @param {import("../view/viewer.js").Viewer} viewer
 * @param {number} second
 * @param {number} duration
 */
export function peek(image, viewer, second, duration) {
    clearTimeout(timer);
    if (!session.features.thumbs || !viewer.entry?.thumb || !duration) return;
    const step = Math.max(LEAST, Math.ceil(duration / MOST / LEAST) * LEAST);
    const src = apiUrl("thumb", { path: viewer.path, w: 256, at: Math.floor(second / step) * step });
    if (image.getAttribute("src") === src) return;
    timer = setTimeout(() => {
        // The last one stays until this one is there.
        const next = new Image();
        next.onload = () => { image.src = src; image.hidden = false; };
        next.onerror = () => { image.hidden = true; };
        next.src = src;
    }, REST);
}
