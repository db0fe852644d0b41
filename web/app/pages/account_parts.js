// @ts-check
/** What the pages of accounts and of the status both show. */

import { get, wordsOf } from "../api.js";
import { html, nothing } from "../html.js";
import * as format from "../format.js";
import { t } from "../i18n.js";
import "../more.js";

/**
 * @typedef {object} Account
 * @property {string} name
 * @property {string} state
 * @property {string | null} [words]
 * @property {string} [remedy]
 * @property {number | null} [access_expires_at]
 * @property {number | null} [refresh_expires_at]
 * @property {string[]} [drives]
 */
/**
 * @typedef {object} Package what was paid for
 * @property {string} identity member, vip or svip
 * @property {string | null} [level]
 * @property {number | null} [expires_at]
 * @property {boolean | null} [third_party]
 * @property {number | null} [third_party_expires_at]
 */
/** @typedef {{ account: string, used?: number | null, total?: number | null, package?: Package | null, error?: string }} Space */
/**
 * @typedef {object} Status fields may be missing
 * @property {string} [version]
 * @property {number} [started_at]
 * @property {Account[]} [accounts]
 * @property {{ path: string, account: string, drive?: string, bin?: boolean, read_only?: boolean, link_policy?: string }[]} [mounts]
 * @property {Space[]} [space]
 * @property {{ account?: string, class: string, per_s?: number, calls?: number, throttled?: number }[]} [calls]
 * @property {{ open?: number, max?: number, memory?: number }} [streams]
 * @property {{ running?: number, memory?: number }} [uploads]
 * @property {{ at: number, all: { name: string, own: boolean, started_at: number }[] }} [instances] who shares the database, and when that was known
 * @property {{ at: number, level: string, words: string }[]} [log] for who may change everything, the oldest line first
 * @property {{ at?: number | null, account?: string, words: string }[]} [errors] what is wrong now, without a time, and what was, the latest first
 */

/** @param {Account} account */
export function statePill({ state }) {
    switch (state) {
        case "ok": return html`<span class="pill good">${t("state.ok")}</span>`;
        case "sign_in_needed": return html`<span class="pill bad">${t("state.sign_in_needed")}</span>`;
        case "sign_in_due": return html`<span class="pill warn">${t("state.sign_in_due")}</span>`;
        case "trouble": return html`<span class="pill bad">${t("state.trouble")}</span>`;
        case "application_refused": return html`<span class="pill bad">${t("state.application_refused")}</span>`;
        case "throttled": return html`<span class="pill warn">${t("state.throttled")}</span>`;
        case "unreachable": return html`<span class="pill bad">${t("state.unreachable")}</span>`;
        default: return html`<span class="pill">${state}</span>`;
    }
}

/** @param {Space | undefined} space */
export function spaceView(space) {
    if (space?.error) return html`<p class="small muted">${space.error}</p>`;
    if (!space?.total) return nothing;
    const used = space.used ?? 0;
    const words = t("space.words", { used: format.size(used), total: format.size(space.total), free: format.size(Math.max(0, space.total - used)) });
    return html`<div><p class="small muted">${words}</p><progress max=${space.total} .value=${used} aria-label=${words}></progress>
        ${space.package ? html`<p class="small muted">${packageWords(space.package)}</p>` : nothing}</div>`;
}

/** @param {Package} paid */
function packageWords({ identity, level, expires_at, third_party, third_party_expires_at }) {
    const until = (/** @type {number | null | undefined} */ at) => (at ? ` ${t("package.until", { at: format.date(at) })}` : "");
    const own = identity === "member" ? t("package.none") : [identity.toUpperCase(), level ?? ""].join(" ").trim() + until(expires_at);
    if (third_party === undefined || third_party === null) return own;
    return `${own} · ${third_party ? t("package.other") + until(third_party_expires_at) : t("package.other.none")}`;
}

/**
 * The status as it was told last, until the page is left.
 * @param {() => void} redraw
 */
export function statusOf(redraw) {
    const ending = new AbortController();
    const told = {
        /** @type {Status | undefined} */
        status: undefined,
        problem: "",
        leave: () => ending.abort(),
        async load() {
            try {
                told.status = await get("status", {}, { signal: ending.signal });
                told.problem = "";
            } catch (error) {
                if (ending.signal.aborted) return;
                told.problem = wordsOf(error);
            }
            redraw();
        },
    };
    return told;
}
