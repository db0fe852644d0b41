// @ts-check
/** Stylesheets that only some pages need, as files: a `<style>` is refused by the content security policy. */

import { boot } from "./boot.js";

/**
 * Loads it once; the promise is kept when it can be drawn with, or when it cannot be had.
 * @param {string} path below the assets
 * @param {string} [id] of the element
 * @returns {Promise<void>}
 */
export function loadStyle(path, id = path) {
    if (document.getElementById(id)) return Promise.resolve();
    const link = document.createElement("link");
    link.id = id;
    link.rel = "stylesheet";
    link.href = `${boot.assets}/${path}`;
    return new Promise((resolve) => {
        link.onload = link.onerror = () => resolve();
        document.head.append(link);
    });
}
