// @ts-check
/** Uploads under way: three at a time, folders first. It lives as long as the page, whichever of ours is shown. */

import { apiUrl } from "../boot.js";
import { ApiError, post } from "../api.js";
import { askConflict } from "../folder/dialogs.js";
import { forget, known } from "../folder/listing.js";
import { join, parentOf } from "../paths.js";
import { sumOf } from "./rapid.js";

/** @typedef {"waiting" | "reading" | "sending" | "finishing" | "done" | "skipped" | "failed" | "cancelled"} State */
/**
 * What was dropped or chosen at once; a taken name is asked about once for all of it.
 * @typedef {object} Batch
 * @property {Promise<import("../conflict.js").Conflict> | undefined} asked
 * @property {boolean} ready its folders are there
 */
/**
 * @typedef {object} Upload
 * @property {number} id
 * @property {Batch} batch
 * @property {File} file
 * @property {string} path
 * @property {State} state
 * @property {number} sent bytes
 * @property {number} tries
 * @property {boolean} [rapid] the drive had it already
 * @property {"refuse" | "replace" | "keep_both"} conflict
 * @property {ApiError} [error]
 * @property {XMLHttpRequest} [request]
 */

const AT_ONCE = 3;

/** Tries of one file while the drive throttles or the network is away. */
const TRIES = 4;

/** @type {Upload[]} */
export let uploads = [];

const events = new EventTarget();
let last = 0;
let held = false;

/** @param {() => void} run */
export const onChange = (run) => events.addEventListener("change", run);

const changed = () => events.dispatchEvent(new Event("change"));

/** @param {Upload} upload */
export const isOver = ({ state }) => state === "done" || state === "skipped" || state === "cancelled" || state === "failed";

export const busy = () => uploads.some((upload) => !isOver(upload));

/**
 * @param {string} folder where all of it goes
 * @param {{ file: File, path: string }[]} files with their paths below the folder
 * @param {string[]} folders paths below the folder, each after its parent
 */
export async function add(folder, files, folders) {
    /** @type {Batch} */
    const batch = { asked: undefined, ready: false };
    const added = files.map(({ file, path }) => /** @type {Upload} */ ({
        id: ++last, batch, file, path: join(folder, path), state: "waiting", sent: 0, tries: 0, conflict: "refuse",
    }));
    uploads = [...uploads, ...added];
    changed();
    const failed = await makeFolders(folder, folders);
    batch.ready = true;
    for (const upload of added) {
        const lost = failed.find(({ path }) => upload.path.startsWith(`${path}/`));
        if (lost && !isOver(upload)) Object.assign(upload, { state: "failed", error: lost.error });
    }
    changed();
    pump();
    if (folders.length) arrived(folder);
}

/**
 * @param {string} folder
 * @param {string[]} folders
 */
async function makeFolders(folder, folders) {
    /** @type {{ path: string, error: ApiError }[]} */
    const failed = [];
    for (const name of folders) {
        const path = join(folder, name);
        try {
            await post("mkdir", { path });
        } catch (error) {
            const own = /** @type {ApiError} */ (error);
            if (own.code !== "exists") failed.push({ path, error: own });
        }
    }
    return failed;
}

function pump() {
    if (held) return;
    const running = uploads.filter(({ state }) => state === "reading" || state === "sending" || state === "finishing").length;
    const waiting = uploads.filter(({ state, batch, request }) => state === "waiting" && batch.ready && !request);
    for (const upload of waiting.slice(0, Math.max(0, AT_ONCE - running))) send(upload);
}

/** @param {Upload} upload */
async function send(upload) {
    upload.state = "sending";
    upload.sent = 0;
    upload.error = undefined;
    changed();
    const name = upload.path.slice(upload.path.lastIndexOf("/") + 1);
    const taken = known(parentOf(upload.path))?.entries.some((entry) => entry.name === name);
    // Known beforehand, nothing is sent in vain; what another client has put there since, the server refuses.
    if (taken && upload.conflict === "refuse" && !(await mayGoOn(upload))) return pump();
    try {
        const sum = await read(upload);
        if (isOver(upload)) return pump();
        await put(upload, sum);
        finish(upload, "done");
        arrived(parentOf(upload.path));
    } catch (error) {
        await failed(upload, error instanceof ApiError ? error : new ApiError(0, { error: String(error) }));
    }
    pump();
}

/**
 * @param {Upload} upload
 * @param {ApiError} error
 */
async function failed(upload, error) {
    if (isOver(upload)) return;
    if (error.code === "exists" && upload.conflict === "refuse") {
        if (await mayGoOn(upload)) upload.state = "waiting";
    } else if (error.passes && ++upload.tries < TRIES) {
        upload.error = error;
        upload.state = "sending";
        await new Promise((resolve) => setTimeout(resolve, error.retryAfter || 2000 * 2 ** upload.tries));
        if (!isOver(upload)) upload.state = "waiting";
    } else {
        upload.error = error;
        finish(upload, "failed");
    }
    changed();
}

/** @param {Upload} upload */
async function mayGoOn(upload) {
    const names = uploads.filter((other) => other.batch === upload.batch && isTaken(other.path)).map((other) => other.file.name);
    upload.batch.asked ??= askConflict(names.length ? names : [upload.file.name]).then((answer) => answer ?? "skip");
    const answer = await upload.batch.asked;
    if (isOver(upload)) return false;
    if (answer === "skip") {
        finish(upload, "skipped");
        return false;
    }
    upload.conflict = answer;
    return true;
}

/** @param {string} path */
const isTaken = (path) => known(parentOf(path))?.entries.some((entry) => join(parentOf(path), entry.name) === path);

/** @param {Upload} upload */
async function read(upload) {
    upload.state = "reading";
    changed();
    const sum = await sumOf(upload.file);
    if (!isOver(upload)) upload.state = "sending";
    changed();
    return sum;
}

/**
 * @param {Upload} upload
 * @param {string | undefined} sum
 * @returns {Promise<void>}
 */
function put(upload, sum) {
    const { file, path, conflict } = upload;
    const request = new XMLHttpRequest();
    upload.request = request;
    request.open("PUT", apiUrl("file", { path, conflict }));
    request.responseType = "json";
    if (file.lastModified > 0) request.setRequestHeader("X-Mtime", String(file.lastModified));
    if (sum) request.setRequestHeader("X-SHA1", sum);
    request.setRequestHeader("Content-Type", file.type || "application/octet-stream");
    request.upload.addEventListener("progress", (event) => {
        upload.sent = Math.min(event.loaded, file.size);
        changed();
    });
    // All is sent; the drive has still to put the parts together.
    request.upload.addEventListener("load", () => {
        if (upload.state === "sending") upload.state = "finishing";
        changed();
    });
    return new Promise((resolve, reject) => {
        request.addEventListener("loadend", () => {
            upload.request = undefined;
            if (request.status >= 200 && request.status < 300) {
                upload.rapid = Boolean(request.response?.rapid);
                resolve();
            } else reject(request.status ? new ApiError(request.status, request.response ?? {}) : new ApiError(0, { code: "network" }));
        });
        request.send(file);
    });
}

/**
 * @param {Upload} upload
 * @param {State} state
 */
function finish(upload, state) {
    upload.state = state;
    if (state === "done") upload.sent = upload.file.size;
    changed();
}

/** Whether it can be called off: the drive puts together to its end what it has whole. @param {Upload} upload */
export const canEnd = (upload) => !isOver(upload) && upload.state !== "finishing";

/** @param {Upload} upload */
export function cancel(upload) {
    if (!canEnd(upload)) return;
    finish(upload, "cancelled");
    upload.request?.abort();
    pump();
}

/** @param {Upload} upload */
export function retry(upload) {
    Object.assign(upload, { state: "waiting", tries: 0, sent: 0, error: undefined });
    if (upload.batch.asked) upload.batch = { asked: undefined, ready: true };
    changed();
    pump();
}

export const isHeld = () => held;

/** Holds back what has not begun, or lets it go on; what is under way is not cut. */
export function hold() {
    held = !held;
    changed();
    pump();
}

/** Forgets what is over. */
export function clear() {
    uploads = uploads.filter((upload) => !isOver(upload));
    changed();
}

export const cancelAll = () => { for (const upload of uploads) cancel(upload); };

/** @type {Map<string, number>} */
const telling = new Map();

/** Once for some files that arrived in a folder. @param {string} folder */
function arrived(folder) {
    if (telling.has(folder)) return;
    telling.set(folder, setTimeout(() => {
        telling.delete(folder);
        forget(folder);
    }, 600));
}

addEventListener("beforeunload", (event) => {
    if (busy()) event.preventDefault();
});
