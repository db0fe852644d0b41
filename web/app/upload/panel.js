// @ts-check
/** The uploads, at the edge of whichever page is shown. */

import { html, nothing, render, repeat } from "../html.js";
import { filesHref } from "../boot.js";
import * as format from "../format.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import "../more.js";
import { announce } from "../notices.js";
import { nameOf, parentOf } from "../paths.js";
import { busy, canEnd, cancel, cancelAll, clear, hold, isHeld, onChange, retry, uploads } from "./queue.js";

/** Lines that are drawn; of many files those under way and the failed come first. */
const SHOWN = 100;

const box = document.createElement("aside");
box.className = "uploads";
box.hidden = true;
document.body.append(box);

let open = true;
let drawing = 0;
let wasBusy = false;

export function showPanel() {
    open = true;
    draw();
}

onChange(() => {
    drawing ||= requestAnimationFrame(() => {
        drawing = 0;
        draw();
    });
});

/** @type {Record<import("./queue.js").State, number>} */
const rank = { failed: 0, reading: 1, finishing: 1, sending: 1, waiting: 2, skipped: 3, cancelled: 3, done: 4 };

function draw() {
    box.hidden = !uploads.length;
    const sum = (/** @type {(upload: import("./queue.js").Upload) => number} */ of) => uploads.reduce((all, upload) => all + of(upload), 0);
    const counted = uploads.filter(({ state }) => state !== "cancelled" && state !== "skipped");
    const total = counted.reduce((all, { file }) => all + file.size, 0);
    const sent = counted.reduce((all, upload) => all + upload.sent, 0);
    const done = sum(({ state }) => (state === "done" ? 1 : 0));
    const failed = sum(({ state }) => (state === "failed" ? 1 : 0));
    const now = busy();
    const title = now && isHeld() ? t("upload.held", { n: counted.length, done: format.count(done), count: format.count(counted.length) }) : now ? t("upload.running", { n: counted.length, done: format.count(done), count: format.count(counted.length) })
        : failed ? t("upload.some", { n: failed, count: format.count(failed) }) : t("upload.all", { n: done, count: format.count(done) });
    if (wasBusy && !now) announce(title);
    wasBusy = now;
    const lines = [...uploads].sort((a, b) => rank[a.state] - rank[b.state]).slice(0, SHOWN);
    box.setAttribute("aria-label", t("uploads"));
    render(html`
        <div class="uploads-head">
            <h2>${title}</h2>
            <button class="tool" aria-expanded=${String(open)} aria-label=${open ? t("upload.fold") : t("upload.unfold")} title=${open ? t("upload.fold") : t("upload.unfold")}
                @click=${() => { open = !open; draw(); }}>${icon(open ? "fold" : "unfold")}</button>
            ${now ? html`<button class="tool" aria-pressed=${String(isHeld())} aria-label=${t("upload.hold")} title=${isHeld() ? t("upload.go.on") : t("upload.hold")}
                    @click=${hold}>${icon(isHeld() ? "play" : "pause")}</button>
                <button class="tool" aria-label=${t("upload.cancel.all")} title=${t("upload.cancel.all")} @click=${cancelAll}>${icon("close")}</button>`
                : html`<button class="tool" aria-label=${t("close")} title=${t("close")} @click=${clear}>${icon("close")}</button>`}
        </div>
        ${now ? html`<progress max=${Math.max(1, total)} .value=${sent} aria-label=${title}></progress>
            <p class="small muted uploads-sum">${t("upload.sum", { sent: format.size(sent), total: format.size(total) })}</p>` : nothing}
        <ul ?hidden=${!open} tabindex="0" aria-label=${t("uploads")}>${repeat(lines, ({ id }) => id, line)}
            ${uploads.length > lines.length ? html`<li class="muted small">${t("upload.more", { n: uploads.length - lines.length })}</li>` : nothing}</ul>`, box);
}

/** @param {import("./queue.js").Upload} upload */
function line(upload) {
    const { file, state, sent, error } = upload;
    const name = nameOf(upload.path);
    return html`<li class="upload">
        <span class="upload-name">${state === "done" ? html`<a href=${filesHref(parentOf(upload.path), true)}>${name}</a>` : name}</span>
        <span class=${state === "failed" ? "problem" : "small muted"}>${words(upload)}</span>
        ${state === "sending" || state === "finishing" ? html`<progress max=${Math.max(1, file.size)} .value=${sent} aria-label=${name}></progress>` : nothing}
        ${error?.details && state === "failed" ? html`<details class="more"><summary>${t("error.details")}</summary>${error.details}</details>` : nothing}
        ${state === "failed" || state === "cancelled" ? html`<button class="tool" aria-label=${t("upload.retry", { name })} title=${t("again")} @click=${() => retry(upload)}>${icon("refresh")}</button>`
            : !canEnd(upload) ? html`<span class="upload-mark">${state === "done" ? icon("check") : nothing}</span>`
                : html`<button class="tool" aria-label=${t("upload.cancel", { name })} title=${t("cancel")} @click=${() => cancel(upload)}>${icon("close")}</button>`}
    </li>`;
}

/** @param {import("./queue.js").Upload} upload */
function words({ state, sent, file, error, rapid }) {
    switch (state) {
        case "waiting": return t("upload.waiting", { size: format.size(file.size) });
        case "reading": return t("upload.reading");
        case "sending": return error ? t("upload.again", { words: error.message }) : t("upload.sum", { sent: format.size(sent), total: format.size(file.size) });
        case "finishing": return t("upload.finishing");
        case "done": return t(rapid ? "upload.rapid.done" : "upload.done", { size: format.size(file.size) });
        case "skipped": return t("upload.skipped");
        case "cancelled": return t("upload.cancelled");
        default: return error?.message ?? "";
    }
}
