// @ts-check
/** Listings as the server gave them, kept for Back, and the order and filter in which they are shown. */

import { get } from "../api.js";
import { byName } from "../format.js";
import { join } from "../paths.js";
import { positions } from "../store.js";

/** @typedef {import("../api.js").Listing} Listing */
/** @typedef {import("../api.js").Entry} Entry */

/** Listings that are kept so that Back and the viewers need no call. */
const KEPT = 8;

/** @type {Map<string, Listing>} */
const kept = new Map();

/** @param {string} path */
export const known = (path) => kept.get(path);

/**
 * @param {string} path
 * @param {{ refresh?: boolean, signal?: AbortSignal }} [options]
 * @returns {Promise<Listing>}
 */
export async function load(path, { refresh, signal } = {}) {
    /** @type {Listing} */
    const listing = await get("list", { path, refresh: refresh ? 1 : undefined }, { signal });
    showPositions(path, listing);
    kept.delete(path);
    kept.set(path, listing);
    for (const oldest of kept.keys()) {
        if (kept.size <= KEPT) break;
        kept.delete(oldest);
    }
    return listing;
}

/**
 * Where films were left here may be newer than what the drive's listing tells.
 * @param {string} folder
 * @param {Listing} listing
 */
function showPositions(folder, { entries }) {
    const here = positions();
    if (!here.size) return;
    for (const entry of entries) {
        if (entry.kind === "video") entry.cursor = Math.max(entry.cursor ?? 0, here.get(join(folder, entry.name)) ?? 0) || undefined;
    }
}

const events = new EventTarget();

/**
 * What is known of a folder is no longer so.
 * @param {string} path
 */
export function forget(path) {
    kept.delete(path);
    events.dispatchEvent(new CustomEvent("forgotten", { detail: path }));
}

/**
 * @param {(path: string) => void} run for each folder of which something is no longer so
 * @param {AbortSignal} signal
 */
export function onForgotten(run, signal) {
    events.addEventListener("forgotten", (event) => run(/** @type {CustomEvent<string>} */ (event).detail), { signal });
}

/** @type {Record<import("../store.js").SortBy, (a: Entry, b: Entry) => number>} */
const orders = {
    name: (a, b) => byName(a.name, b.name),
    size: (a, b) => (a.size ?? -1) - (b.size ?? -1) || byName(a.name, b.name),
    modified: (a, b) => (a.modified ?? 0) - (b.modified ?? 0) || byName(a.name, b.name),
    kind: (a, b) => a.kind.localeCompare(b.kind) || byName(a.name, b.name),
};

/** @type {WeakMap<Entry[], { key: string, sorted: Entry[] }>} */
const sortedOnce = new WeakMap();

/**
 * Folders first, whichever way the order runs.
 * @param {Entry[]} entries
 * @param {{ by: import("../store.js").SortBy, up: boolean }} order
 */
export function sorted(entries, { by, up }) {
    const key = by + up;
    const before = sortedOnce.get(entries);
    if (before?.key === key) return before.sorted;
    const turn = up ? 1 : -1;
    const folder = (/** @type {Entry} */ entry) => (entry.kind === "folder" ? 0 : 1);
    const result = [...entries].sort((a, b) => folder(a) - folder(b) || turn * orders[by](a, b));
    sortedOnce.set(entries, { key, sorted: result });
    return result;
}

/** @type {WeakMap<Entry[], string[]>} */
const foldedOnce = new WeakMap();

/** @param {string} text */
const fold = (text) => text.normalize("NFC").toLowerCase();

/**
 * Those whose name holds every word of the filter.
 * @param {Entry[]} entries
 * @param {string} filter
 */
export function filtered(entries, filter) {
    const words = fold(filter).split(/\s+/).filter(Boolean);
    if (!words.length) return entries;
    const names = foldedOnce.get(entries) ?? entries.map((entry) => fold(entry.name));
    foldedOnce.set(entries, names);
    return entries.filter((_, index) => words.every((word) => names[index].includes(word)));
}
