// @ts-check
/** How alidav and its drives stand, in words: what works, what does not, and what to do about it. */

import { html, nothing } from "../html.js";
import { boot, filesHref } from "../boot.js";
import { post, wordsOf } from "../api.js";
import * as format from "../format.js";
import { confirm } from "../dialog.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import "../more.js";
import { notify } from "../notices.js";
import { session } from "../session.js";
import { spaceView, statePill, statusOf } from "./account_parts.js";

/** Milliseconds between two looks while the page is in sight. */
const EVERY = 5000;

/** @typedef {import("./account_parts.js").Status} Status */

/** @type {import("../main.js").MakePage} */
export default (_place, redraw) => {
    const told = statusOf(redraw);

    told.load();
    const timer = setInterval(() => { if (document.visibilityState === "visible") told.load(); }, EVERY);
    return {
        title: t("nav.status"),
        leave() {
            told.leave();
            clearInterval(timer);
        },
        view: () => html`<div class="page">
            <div class="page-head"><h1>${t("nav.status")}</h1>
                <p class="muted small">${t("version", { version: told.status?.version ?? boot.version })}${told.status?.started_at ? html` · ${t("status.since", { ago: format.relative(told.status.started_at) })}` : nothing}</p></div>
            ${told.problem ? html`<p class="banner bad" role="alert">${told.problem}</p>` : nothing}
            ${told.status ? parts(told.status) : told.problem ? nothing : html`<div class="spinner" role="status" aria-label=${t("loading")}></div>`}
        </div>`,
    };
};

/** @param {Status} status */
const parts = (status) => html`
    ${troubles(status)}
    <div class="cards">${(status.accounts ?? []).map((account) => html`<section class="card">
        <div class="card-head"><h2>${account.name}</h2>${statePill(account)}</div>
        ${account.state !== "ok" && account.words ? html`<p>${account.words} ${account.remedy ?? ""}</p>` : nothing}
        ${account.refresh_expires_at ? html`<p class="small muted">${t("account.until")} ${format.relative(account.refresh_expires_at)}</p>` : nothing}
        ${spaceView(status.space?.find((space) => space.account === account.name))}</section>`)}
        ${now(status)}</div>
    ${table(t("status.mounts"), [t("status.path"), t("status.account"), t("status.drive"), t("status.links"), t("status.deletes")], (status.mounts ?? []).map((mount) => [
        html`<a href=${filesHref(mount.path, true)}>${mount.path}</a>${mount.read_only ? html` <span class="pill">${t("status.readonly")}</span>` : nothing}`,
        mount.account, driveWords(mount.drive), linkWords(mount.link_policy), mount.bin ? t("status.to.bin") : t("status.for.good")]))}
    ${table(t("status.calls"), [t("status.class"), t("status.rate"), t("status.count")], (status.calls ?? []).map((call) => [
        html`${several(status) ? html`<strong>${call.account}</strong> ` : nothing}${callWords(call.class)}`, call.per_s === undefined ? "" : t("status.per.s", { n: format.count(call.per_s) }), format.count(call.calls ?? 0)]))}
    ${instances(status)}
    ${session.features.all ? html`<section class="card"><h2>${t("links")}</h2><p>${t("links.words")}</p>
        <div class="row-of"><button class="button danger" @click=${endLinks}>${icon("link")}${t("links.end")}</button></div></section>` : nothing}
    ${logView(status.log)}`;

/** @param {Status} status */
const instances = (status) => (status.instances ? table(t("status.instances"), [t("status.instance"), t("status.started")], status.instances.all.map((one) => [
    html`${one.own ? html`<strong>${one.name}</strong> <span class="pill">${t("status.instance.own")}</span>` : one.name}`, format.relative(one.started_at)])) : nothing);

async function endLinks() {
    if (!(await confirm({ title: t("links.end"), words: t("links.end.words"), act: t("links.end"), danger: true }))) return;
    await post("links/end", {}).then(() => notify(t("links.ended")), (error) => notify(wordsOf(error), { stay: true }));
}

/** The newest line first. @param {Status["log"]} log */
const logView = (log) => (log ? html`<section class="card"><h2>${t("log")}</h2>${log.length ? html`
    <div class="log" tabindex="0" role="region" aria-label=${t("log")}><ol>${[...log].reverse().map((line) => html`<li class=${`log-${line.level}`}>
        <span class="nowrap muted">${format.dateTime(line.at)}</span> <strong>${line.level}</strong> <span>${line.words}</span></li>`)}</ol></div>`
    : html`<p class="muted">${t("log.none")}</p>`}</section>` : nothing);

/** @param {Status} status */
const several = (status) => (status.accounts?.length ?? 0) > 1;

/** @param {string | undefined} drive */
function driveWords(drive) {
    switch (drive) {
        case "resource": return t("drive.resource");
        case "backup": return t("drive.backup");
        default: return t("drive.default");
    }
}

/** @param {string | undefined} policy */
function linkWords(policy) {
    switch (policy) {
        case "redirect": return t("links.redirect");
        case "proxy": return t("links.proxy");
        case "proxy_url": return t("links.proxy_url");
        default: return policy ?? "";
    }
}

/** @param {string} name */
function callWords(name) {
    switch (name) {
        case "list": return t("calls.list");
        case "link": return t("calls.link");
        case "other": case "others": return t("calls.other");
        default: return name;
    }
}

/** @param {Status} status */
function troubles(status) {
    const errors = status.errors ?? [];
    if (!errors.length) return html`<p class="banner calm">${icon("check")}<span class="grow">${t("status.fine")}</span></p>`;
    return html`<section class="card"><h2>${t("status.errors")}</h2><div class="table-box" tabindex="0" role="region" aria-label=${t("status.errors")}><table class="table">
        <thead><tr><th scope="col">${t("status.when")}</th><th scope="col">${t("status.what")}</th></tr></thead>
        <tbody>${errors.map((error) => html`<tr><td class="nowrap" title=${error.at ? format.dateTime(error.at) : nothing}>${error.at ? format.relative(error.at) : html`<span class="pill bad">${t("status.at.present")}</span>`}</td>
            <td>${error.account ? html`<strong>${error.account}</strong> ` : nothing}${error.words}</td></tr>`)}</tbody></table></div></section>`;
}

/**
 * @param {number | undefined} bytes
 * @param {string} words
 */
const memory = (bytes, words) => (bytes === undefined ? nothing : html`<dt>${words}</dt><dd>${format.size(bytes)}</dd>`);

/** @param {Status} status */
function now({ streams, uploads }) {
    if (!streams && !uploads) return nothing;
    return html`<section class="card"><h2>${t("status.now")}</h2><dl class="facts">
        ${streams?.open === undefined ? nothing : html`<dt>${t("status.streams")}</dt><dd>${t("status.of", { n: streams.open, max: streams.max ?? "" })}</dd>`}
        ${streams?.open === undefined && streams?.max ? html`<dt>${t("status.streams.max")}</dt><dd>${format.count(streams.max)}</dd>` : nothing}
        ${uploads?.running === undefined ? nothing : html`<dt>${t("status.uploads")}</dt><dd>${format.count(uploads.running)}</dd>`}
        ${memory(streams?.memory, t("status.memory.streams"))}
        ${memory(uploads?.memory, t("status.memory"))}</dl></section>`;
}

/**
 * @param {string} title
 * @param {string[]} heads
 * @param {unknown[][]} rows
 */
const table = (title, heads, rows) => (rows.length ? html`<section class="card"><h2>${title}</h2><div class="table-box" tabindex="0" role="region" aria-label=${title}><table class="table">
    <thead><tr>${heads.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<tr>${row.map((cell) => html`<td>${cell}</td>`)}</tr>`)}</tbody></table></div></section>` : nothing);
