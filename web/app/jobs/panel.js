// @ts-check
/** The copies from drive to drive, at the edge of whichever page is shown. */

import { html, nothing, render, repeat } from "../html.js";
import { filesHref } from "../boot.js";
import * as format from "../format.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import "../more.js";
import { nameOf, parentOf } from "../paths.js";
import { session } from "../session.js";
import { cancel, clear, folderName, isEnding, isOver, jobs, look, onChange, problem } from "./jobs.js";

export { follow } from "./jobs.js";

/** @typedef {import("../types.js").Job} Job */

const box = document.createElement("aside");
box.className = "uploads jobs";
box.hidden = true;
document.body.append(box);

let open = true;

onChange(draw);
look();

function draw() {
    // What was only just begun is not told yet.
    const lines = jobs.filter((job) => job.from);
    box.hidden = !lines.length;
    const now = lines.filter((job) => !isOver(job)).length;
    const title = now ? t("jobs.running", { n: now }) : t("jobs.all", { n: lines.length });
    const fold = open ? t("upload.fold") : t("upload.unfold");
    box.setAttribute("aria-label", t("jobs.title"));
    render(html`
        <div class="uploads-head">
            <h2>${title}</h2>
            <button class="tool" aria-expanded=${String(open)} aria-label=${fold} title=${fold} @click=${() => { open = !open; draw(); }}>${icon(open ? "fold" : "unfold")}</button>
            ${now ? nothing : html`<button class="tool" aria-label=${t("close")} title=${t("close")} @click=${clear}>${icon("close")}</button>`}
        </div>
        ${problem ? html`<p class="small problem uploads-sum">${t("jobs.lost")} ${problem}</p>` : nothing}
        <ul ?hidden=${!open} tabindex="0" aria-label=${t("jobs.title")}>${repeat(lines, ({ id }) => id, line)}</ul>`, box);
}

/** @param {Job} job */
function line(job) {
    const name = nameOf(job.from);
    const to = parentOf(job.to);
    const n = job.items.total;
    const words = t("job.copies", { n, name, more: n - 1, to: folderName(to) });
    const [value, max] = progress(job);
    return html`<li class="upload">
        <span class="upload-name" title=${words}>${isOver(job) ? html`<a href=${filesHref(to, true)}>${words}</a>` : words}</span>
        <span class=${job.state === "failed" ? "problem" : "small muted"}>${state(job)}</span>
        ${isOver(job) ? nothing : max ? html`<progress max=${max} .value=${value} aria-label=${words}></progress>` : html`<progress aria-label=${words}></progress>`}
        ${job.failures.length ? html`<details class="more"><summary>${t("error.details")}</summary>
            <ul>${job.failures.map((failure) => html`<li>${nameOf(failure.path)}: ${failure.words}</li>`)}</ul></details>` : nothing}
        ${isOver(job) ? html`<span class="upload-mark">${job.state === "done" ? icon("check") : nothing}</span>`
            : session.permission === "write" ? html`<button class="tool" aria-label=${t("job.cancel", { name })} title=${t("cancel")} ?disabled=${isEnding(job)} @click=${() => cancel(job)}>${icon("close")}</button>` : nothing}
    </li>`;
}

/**
 * By bytes where all of them are known, else by items.
 * @param {Job} job
 */
function progress({ items, bytes }) {
    if (items.total > 1) return [items.done, items.total];
    return [carried(bytes), bytes.total];
}

/** Of a file that is under way, what was carried counts too. @param {Job["bytes"]} bytes */
const carried = (bytes) => Math.min(bytes.total, Math.max(bytes.done, bytes.sent));

/** @param {Job} job */
function state(job) {
    const { items, files, bytes, failed } = job;
    const size = format.size(bytes.total);
    switch (job.state) {
        case "running": {
            if (isEnding(job)) return t("job.cancelling");
            if (!files.total && items.total === 1) return t("job.counting");
            const done = t("job.files", { done: format.count(files.done), total: format.count(files.total), sent: format.size(carried(bytes)), size });
            return items.total > 1 ? `${t("job.items", { done: format.count(items.done), total: format.count(items.total) })} · ${done}` : done;
        }
        case "cancelled": return t("job.cancelled");
        case "failed": return failed ? t("job.failed", { n: failed }) : t("job.failed.whole");
        // The drive's own copy tells of no files.
        default: return !files.total ? t("job.done.one") : t(files.rapid ? "job.done" : "job.done.sent", { n: files.total, count: format.count(files.total), size, rapid: format.count(files.rapid) });
    }
}
