// @ts-check
/** The drive's accounts: how each stands, and signing in by a code that the drive's app scans. */

import { html, nothing, repeat } from "../html.js";
import { post, wordsOf } from "../api.js";
import { open } from "../dialog.js";
import * as format from "../format.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import "../more.js";
import { session } from "../session.js";
import { spaceView, statePill, statusOf } from "./account_parts.js";

/**
 * @typedef {object} Code
 * @property {string} id
 * @property {string} account
 * @property {string | null} qr_svg
 * @property {string} [qr_text]
 * @property {string} [server]
 * @property {number} [expires_at]
 * @property {number} poll_ms
 */
/** @typedef {{ status: "waiting" | "scanned" | "expired" | "refused" | "done", trouble?: string, error?: string, name?: string, drives?: string[] }} Progress */

/** @type {import("../main.js").MakePage} */
export default (_place, redraw) => {
    const told = statusOf(redraw);

    /** What the server says is for those without this page's button. @param {import("./account_parts.js").Account} account */
    const here = ({ state }) => (session.permission !== "write" ? undefined
        : state === "sign_in_needed" ? t("account.out") : state === "sign_in_due" ? t("account.due") : undefined);

    /** Only these can be mended by signing in. @param {import("./account_parts.js").Account} account */
    const isDue = ({ state }) => state === "sign_in_needed" || state === "sign_in_due";

    /** @param {import("./account_parts.js").Account} account */
    const card = (account) => html`<section class="card">
        <div class="card-head"><h2>${account.name}</h2>${statePill(account)}</div>
        ${account.words ? html`<p>${here(account) ?? account.words}</p>` : nothing}
        ${account.remedy ? html`<p class="muted">${account.remedy}</p>` : nothing}
        <dl class="facts">
            ${account.drives?.length ? html`<dt>${t("account.drives")}</dt><dd>${account.drives.join(", ")}</dd>` : nothing}
            ${account.refresh_expires_at ? html`<dt>${t("account.until")}</dt><dd title=${format.dateTime(account.refresh_expires_at)}>${format.relative(account.refresh_expires_at)}</dd>` : nothing}
        </dl>
        ${spaceView(told.status?.space?.find((space) => space.account === account.name))}
        ${session.permission === "write" ? html`<div class="row-of"><button class=${isDue(account) ? "button primary" : "button"} @click=${() => signIn(account.name, told.load)}>
            ${icon("person")}${isDue(account) ? t("account.sign.in") : t("account.again")}</button></div>` : nothing}
    </section>`;

    told.load();
    return {
        title: t("nav.accounts"),
        leave: told.leave,
        view: () => html`<div class="page">
            <div class="page-head"><h1>${t("nav.accounts")}</h1><button class="button" @click=${told.load}>${icon("refresh")}${t("refresh")}</button></div>
            <p class="muted">${t("accounts.words")}</p>
            ${told.problem ? html`<p class="banner bad" role="alert">${told.problem}</p>` : nothing}
            ${told.status ? html`<div class="cards">${repeat(told.status.accounts ?? [], (account) => account.name, card)}</div>`
                : told.problem ? nothing : html`<div class="spinner" role="status" aria-label=${t("loading")}></div>`}
        </div>`,
    };
};

/**
 * @param {string} account
 * @param {() => void} done
 */
async function signIn(account, done) {
    /** @type {Code | undefined} */
    let code;
    /** @type {Progress | undefined} */
    let progress;
    let problem = "";
    let timer = 0;
    let over = false;

    /** @param {import("../dialog.js").Dialog<void>} dialog */
    async function start(dialog) {
        code = progress = undefined;
        problem = "";
        dialog.redraw();
        try {
            code = await post("signin/start", { account });
            watch(dialog);
        } catch (error) {
            problem = explain(error);
        }
        dialog.redraw();
    }

    /** @param {import("../dialog.js").Dialog<void>} dialog */
    function watch(dialog) {
        clearTimeout(timer);
        timer = setTimeout(async () => {
            if (over || !code) return;
            try {
                progress = await post("signin/poll", { id: code.id });
                problem = "";
            } catch (error) {
                problem = explain(error);
            }
            if (over) return;
            dialog.redraw();
            if (progress?.status === "done") done();
            else if (!problem && (progress?.status === "waiting" || progress?.status === "scanned")) watch(dialog);
        }, code?.poll_ms ?? 1500);
    }

    let begun = false;
    await open(t("signin.title", { account }), (dialog) => {
        if (!begun) {
            begun = true;
            queueMicrotask(() => start(dialog));
        }
        return html`<div class="dialog-main signin">${stateView(dialog, { code, progress, problem }, () => start(dialog))}</div>`;
    });
    over = true;
    clearTimeout(timer);
}

/** The server's own words say what to do here. @param {unknown} error */
function explain(error) {
    const details = /** @type {any} */ (error).details;
    return details ? `${wordsOf(error)} ${details}` : wordsOf(error);
}

/**
 * @param {import("../dialog.js").Dialog<void>} dialog
 * @param {{ code?: Code, progress?: Progress, problem: string }} state
 * @param {() => void} again
 */
function stateView(dialog, { code, progress, problem }, again) {
    const renew = html`<button class="button primary" @click=${again}>${icon("refresh")}${t("signin.again")}</button>`;
    if (problem) return html`<p class="banner bad" role="alert">${problem}</p>${renew}`;
    if (!code) return html`<div class="spinner" role="status" aria-label=${t("loading")}></div>`;
    switch (progress?.status) {
        case "done":
            return html`<div class="signin-end" role="status">${icon("check")}<h3>${t("signin.done")}</h3>
                <p>${t("signin.done.words", { name: progress.name ?? code.account, drives: progress.drives?.join(", ") ?? "" })}</p></div>
                <button class="button primary" @click=${() => dialog.close(undefined)}>${t("close")}</button>`;
        case "expired":
            return html`<p role="status">${t("signin.expired")}</p>${renew}`;
        case "refused":
            return html`<p role="status">${t("signin.refused")} ${progress.error ?? ""}</p>${renew}`;
        case "scanned":
            return html`<div class="signin-end" role="status"><div class="spinner"></div><h3>${t("signin.scanned")}</h3><p>${t("signin.scanned.words")}</p></div>`;
        default:
            return html`<ol class="steps"><li>${t("signin.step1")}</li><li>${t("signin.step2")}</li><li>${t("signin.step3")}</li></ol>
                ${code.qr_svg ? html`<img class="qr" src=${`data:image/svg+xml,${encodeURIComponent(code.qr_svg)}`} alt=${t("signin.qr")} width="240" height="240">`
                    : html`<p class="mono">${code.qr_text}</p>`}
                <p class="muted small" role="status">${progress?.trouble ?? t("signin.waiting")}</p>
                ${code.server ? html`<p class="muted small">${t("signin.server", { server: code.server })}</p>` : nothing}`;
    }
}
