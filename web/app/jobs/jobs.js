// @ts-check
/** Copies from drive to drive that go on at the server: asked for while one runs, whichever page is shown. */

import { get, remove, wordsOf } from "../api.js";
import { t } from "../i18n.js";
import "../more.js";
import { forget } from "../folder/listing.js";
import { notify } from "../notices.js";
import { nameOf, parentOf } from "../paths.js";
import { remember } from "../store.js";

/** @typedef {import("../types.js").Job} Job */

/** Milliseconds between two looks. */
const EVERY = 1000;

/** The same while the server does not answer, or nobody sees the page. */
const SELDOM = 5000;

/** @type {Job[]} */
export let jobs = [];

/** What the server said last, if it did not tell of the jobs. */
export let problem = "";

/** Jobs that run as far as this page knows. @type {Set<number>} */
const running = new Set();

/** Those that are not shown any more. @type {Set<number>} */
const closed = new Set();

/** Those whose end was asked for. @type {Set<number>} */
const cancelling = new Set();

const events = new EventTarget();
let timer = 0;
let asking = false;

/** @param {() => void} run */
export const onChange = (run) => events.addEventListener("change", run);

const changed = () => events.dispatchEvent(new Event("change"));

/** @param {Job} job */
export const isOver = ({ state }) => state !== "running";

/** @param {Job} job */
export const isEnding = ({ id }) => cancelling.has(id);

export const folderName = (/** @type {string} */ path) => (path === "/" ? t("files.root") : nameOf(path));

/** Looks now, and again as long as something runs. */
export async function look() {
    if (asking) return;
    asking = true;
    clearTimeout(timer);
    // What is begun meanwhile the answer may not know of yet.
    const before = [...running];
    try {
        const all = /** @type {Job[]} */ ((await get("jobs")).jobs);
        problem = "";
        for (const job of all) {
            if (!isOver(job)) running.add(job.id);
            else if (running.delete(job.id)) ended(job);
        }
        // Those of a server that has been started anew are gone.
        for (const id of before) if (!all.some((job) => job.id === id)) running.delete(id);
        const begun = jobs.filter(({ id }) => running.has(id) && !all.some((job) => job.id === id));
        jobs = [...all.filter((job) => running.has(job.id) || (!closed.has(job.id) && jobs.some((known) => known.id === job.id))), ...begun];
        remember("jobs", running.size > 0);
    } catch (error) {
        problem = wordsOf(error);
    }
    asking = false;
    if (running.size) timer = setTimeout(look, problem || document.hidden ? SELDOM : EVERY);
    changed();
}

/** A job that this page has begun. @param {number} id */
export async function follow(id) {
    running.add(id);
    jobs = [...jobs, /** @type {Job} */ ({ id, state: "running" })];
    remember("jobs", true);
    notify(t("job.begun"));
    await look();
}

/** @param {Job} job */
function ended(job) {
    cancelling.delete(job.id);
    const [to, name] = [folderName(parentOf(job.to)), nameOf(job.from)];
    if (job.state === "done") notify(t(job.kind === "move" ? "job.ended.move" : "job.ended.copy", { to, name }));
    else if (job.state === "cancelled") notify(t("job.ended.cancelled", { name }));
    else notify(t("job.ended.failed", { to, name }), { stay: true });
    forget(parentOf(job.to));
    if (job.kind === "move") forget(parentOf(job.from));
}

/** @param {Job} job */
export async function cancel(job) {
    cancelling.add(job.id);
    changed();
    try {
        await remove(`jobs/${job.id}`);
    } catch (error) {
        cancelling.delete(job.id);
        notify(wordsOf(error), { stay: true });
    }
    await look();
}

/** Forgets what is over. */
export function clear() {
    for (const job of jobs.filter(isOver)) closed.add(job.id);
    jobs = jobs.filter((job) => !isOver(job));
    changed();
}

addEventListener("visibilitychange", () => { if (!document.hidden && running.size) look(); });
