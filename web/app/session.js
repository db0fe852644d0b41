// @ts-check
/** Who looks, and what he may do. */

import { boot, loginHref } from "./boot.js";
import { get, remove } from "./api.js";

/**
 * @typedef {object} Session
 * @property {string | null} user null: a visitor without a name
 * @property {"read" | "write" | "none"} permission none: nobody is signed in, and strangers may do nothing
 * @property {Partial<Record<"sign_in" | "links" | "video" | "thumbs" | "search" | "recent" | "all", boolean>>} features
 * @property {string} [by]
 */

/** @type {Session} */
export let session = { user: null, permission: "read", features: {} };

/** Whether there is anybody to show something to; else the login is on its way. @returns {Promise<boolean>} */
export async function loadSession() {
    session = await get("session");
    if (session.permission === "none") location.assign(loginHref());
    return session.permission !== "none";
}

/** @param {boolean} everywhere also in the user's other browsers */
export async function signOut(everywhere) {
    await remove("session", everywhere ? { everywhere: 1 } : {});
    location.assign(`${boot.base}/login`);
}
