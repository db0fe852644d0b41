// @ts-check
/** What the pages of accounts and of the status both show. */

import { html, nothing } from "../html.js";
import * as format from "../format.js";
import { t } from "../i18n.js";

/**
 * @typedef {object} Account
 * @property {string} name
 * @property {string} state
 * @property {string} [words]
 * @property {string} [remedy]
 * @property {number | null} [access_expires_at]
 * @property {number | null} [refresh_expires_at]
 * @property {string[]} [drives]
 * @property {string} [package]
 */
/** @typedef {{ account: string, used: number, total: number, package?: string }} Space */
/**
 * @typedef {object} Status fields may be missing
 * @property {string} [version]
 * @property {number} [uptime_s]
 * @property {Account[]} [accounts]
 * @property {{ path: string, account: string, drive_type?: string, read_only?: boolean, link_policy?: string }[]} [mounts]
 * @property {Space[]} [space]
 * @property {{ class: string, per_s?: number, calls?: number, throttled?: number }[]} [calls]
 * @property {{ open: number, max: number }} [streams]
 * @property {Record<string, number>} [uploads]
 * @property {{ at?: number, account?: string, words: string, remedy?: string }[]} [errors]
 */

/** @param {Account} account */
export function statePill({ state }) {
    switch (state) {
        case "ok": return html`<span class="pill good">${t("state.ok")}</span>`;
        case "sign_in_needed": return html`<span class="pill bad">${t("state.sign_in_needed")}</span>`;
        case "application_refused": return html`<span class="pill bad">${t("state.application_refused")}</span>`;
        case "throttled": return html`<span class="pill warn">${t("state.throttled")}</span>`;
        case "unreachable": return html`<span class="pill bad">${t("state.unreachable")}</span>`;
        default: return html`<span class="pill">${state}</span>`;
    }
}

/** @param {Space | undefined} space */
export function spaceView(space) {
    if (!space?.total) return nothing;
    const words = t("space.words", { used: format.size(space.used), total: format.size(space.total), free: format.size(Math.max(0, space.total - space.used)) });
    return html`<div><p class="small muted">${words}</p><progress max=${space.total} .value=${space.used} aria-label=${words}></progress>
        ${space.package ? html`<p class="small muted">${space.package}</p>` : nothing}</div>`;
}
