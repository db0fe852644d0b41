// @ts-check
/** Calls of the server. Every failure is an `ApiError` with words for people and the server's own as details. */

import { apiUrl, loginHref } from "./boot.js";
import { t } from "./i18n.js";

/** @typedef {import("./types.js").Entry} Entry */
/** @typedef {import("./types.js").Listing} Listing */
/** @typedef {import("./types.js").Stat} Stat */
/** @typedef {import("./types.js").Outcome} Outcome */

/** What each code means to a person, with the remedy. */
const meanings = /** @type {Record<string, import("./i18n.js").Key>} */ ({
    unauthenticated: "error.unauthenticated", forbidden: "error.forbidden", read_only: "error.read_only",
    frozen: "error.frozen", not_found: "error.not_found", exists: "error.exists", changed: "error.changed",
    too_large: "error.too_large", bad_name: "error.bad_name", quota: "error.quota", throttled: "error.throttled",
    busy: "error.busy", sign_in_needed: "error.sign_in_needed", drive: "error.drive", network: "error.network",
});

export class ApiError extends Error {
    /**
     * @param {number} status
     * @param {{ error?: string, code?: string, retry_after_ms?: number }} answer
     */
    constructor(status, answer) {
        const code = answer.code ?? "internal";
        super(codeWords(code) ?? answer.error ?? t("error.unknown", { status }));
        this.status = status;
        this.code = code;
        /** The server's own words, where ours are others. */
        this.details = answer.error && answer.error !== this.message ? answer.error : "";
        this.retryAfter = answer.retry_after_ms ?? 0;
    }

    /** Does it help to ask again in a moment? */
    get passes() {
        return ["throttled", "busy", "network", "drive"].includes(this.code);
    }
}

/** @param {string | undefined} code */
export const codeWords = (code) => (code && code in meanings ? t(meanings[code]) : undefined);

/**
 * @param {string} method
 * @param {string} url
 * @param {{ body?: unknown, signal?: AbortSignal, stay?: boolean }} [options] `stay`: a 401 does not lead to the login
 * @returns {Promise<any>}
 */
async function call(method, url, { body, signal, stay } = {}) {
    /** @type {RequestInit} */
    const init = { method, signal, credentials: "same-origin", cache: "no-store" };
    if (body !== undefined) {
        init.body = JSON.stringify(body);
        init.headers = { "Content-Type": "application/json" };
    }
    let response;
    try {
        response = await fetch(url, init);
    } catch (error) {
        if (signal?.aborted) throw error;
        throw new ApiError(0, { code: "network" });
    }
    const answer = response.status === 204 ? undefined : await response.json().catch(() => ({}));
    if (response.ok) return answer;
    const failure = new ApiError(response.status, answer ?? {});
    if (failure.code === "unauthenticated" && !stay) location.assign(loginHref());
    throw failure;
}

/**
 * @param {string} name
 * @param {Record<string, string | number | undefined>} [query]
 * @param {{ signal?: AbortSignal, stay?: boolean }} [options]
 */
export const get = (name, query, options) => call("GET", apiUrl(name, query), options);

/**
 * @param {string} name
 * @param {unknown} body
 * @param {{ signal?: AbortSignal, stay?: boolean }} [options]
 */
export const post = (name, body, options) => call("POST", apiUrl(name), { ...options, body });

/**
 * @param {string} name
 * @param {Record<string, string | number>} [query]
 */
export const remove = (name, query) => call("DELETE", apiUrl(name, query));

/**
 * The words of anything that was thrown.
 * @param {unknown} error
 */
export const wordsOf = (error) => (error instanceof Error ? error.message : String(error));
