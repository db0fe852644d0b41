// @ts-check
/** What the browser remembers for this user: looks, the player's choices, how a folder is shown. Never content. */

import { parentOf } from "./paths.js";

const prefix = "alidav.";

/** Folders whose view is remembered; the one used longest ago is forgotten first. */
const MAX_FOLDERS = 300;

/** Films whose position is remembered here. */
const MAX_POSITIONS = 200;

/**
 * @template T
 * @param {string} name
 * @param {T} otherwise
 * @returns {T}
 */
export function recall(name, otherwise) {
    try {
        const text = localStorage.getItem(prefix + name);
        return text === null ? otherwise : JSON.parse(text);
    } catch {
        return otherwise;
    }
}

/**
 * @param {string} name
 * @param {unknown} value
 */
export function remember(name, value) {
    try {
        localStorage.setItem(prefix + name, JSON.stringify(value));
    } catch { /* full or forbidden: then it is not remembered */ }
}

/** @typedef {"name" | "size" | "modified" | "kind"} SortBy */
/** @typedef {{ layout: "list" | "grid", by: SortBy, up: boolean }} FolderView */

/** @type {FolderView} */
const usual = { layout: "list", by: "name", up: true };

/**
 * How a folder is shown: as it was left, else as the nearest folder above it that was changed.
 * @param {string} path
 * @returns {FolderView}
 */
export function folderView(path) {
    const views = new Map(recall("views", /** @type {[string, FolderView][]} */ ([])));
    for (let at = path; ; at = parentOf(at)) {
        const view = views.get(at);
        if (view || at === "/") return { ...usual, ...view };
    }
}

/**
 * @param {string} path
 * @param {FolderView} view
 */
export const keepFolderView = (path, view) => keepInMap("views", path, view, MAX_FOLDERS);

/** Seconds at which films were left here, by their paths. */
export const positions = () => new Map(recall("positions", /** @type {[string, number][]} */ ([])));

/** @param {string} path */
export const position = (path) => positions().get(path) ?? 0;

/**
 * @param {string} path
 * @param {number} seconds
 */
export const keepPosition = (path, seconds) => keepInMap("positions", path, Math.floor(seconds), MAX_POSITIONS);

/**
 * @param {string} name
 * @param {string} key
 * @param {unknown} value
 * @param {number} most
 */
function keepInMap(name, key, value, most) {
    const map = new Map(recall(name, /** @type {[string, unknown][]} */ ([])));
    map.delete(key);
    map.set(key, value);
    remember(name, [...map].slice(-most));
}
