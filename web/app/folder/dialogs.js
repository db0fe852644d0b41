// @ts-check
/** Dialogs that are loaded when the first of their kind is opened. */

/** @param {string} path */
export const showDetails = async (path) => (await import("./details.js")).showDetails(path);

/**
 * @param {string} path
 * @param {boolean} film
 */
export const showLink = async (path, film) => (await import("./share.js")).showLink(path, film);

/** @type {typeof import("./picker.js").pickFolder} */
export const pickFolder = async (...asked) => (await import("./picker.js")).pickFolder(...asked);

/** @type {typeof import("../conflict.js").askConflict} */
export const askConflict = async (names) => (await import("../conflict.js")).askConflict(names);
