// @ts-check
/** Changes of items, each told in words: what was done, what was not and why, and how to undo a move. */

import { html } from "../html.js";
import { apiUrl } from "../boot.js";
import { codeWords, post, wordsOf } from "../api.js";
import { ask, confirm } from "../dialog.js";
import { t } from "../i18n.js";
import "../more.js";
import { notify } from "../notices.js";
import { badName, join, nameOf, parentOf, splitName } from "../paths.js";
import { askConflict, pickFolder, showLink } from "./dialogs.js";
import { forget } from "./listing.js";

/** @typedef {import("./folder.js").Folder} Folder */
/** @typedef {import("../api.js").Entry} Entry */
/** @typedef {import("../api.js").Outcome} Outcome */

/** Between two downloads that the page begins: browsers drop what comes at once. */
const BETWEEN_DOWNLOADS = 700;

/** Paths that the server takes in one call. */
const MOST = 1000;

/** @param {string} name */
const nameProblem = (name) => {
    const key = badName(name);
    return key && t(key);
};

/** @param {Folder} folder */
export async function newFolder(folder) {
    const made = await ask({
        title: t("folder.new"), label: t("name"), act: t("create"), check: nameProblem,
        send: async (name) => { await post("mkdir", { path: join(folder.path, name.trim()) }); },
    });
    if (made === undefined) return;
    await folder.load();
    folder.focusItem(made.trim());
}

/**
 * @param {Folder} folder
 * @param {Entry} entry
 */
export async function rename(folder, entry) {
    const stem = entry.kind === "folder" ? entry.name : splitName(entry.name)[0];
    const name = await ask({
        title: t("rename"), label: t("name"), value: entry.name, select: stem.length, act: t("rename"), check: nameProblem,
        send: async (wanted) => {
            if (wanted !== entry.name) await post("rename", { path: join(folder.path, entry.name), name: wanted });
        },
    });
    if (name === undefined || name === entry.name) return;
    folder.selection.clear();
    await folder.load();
    folder.focusItem(name);
}

/**
 * @param {Folder} folder
 * @param {Entry[]} entries
 */
export async function moveTo(folder, entries) {
    const to = await pickFolder(t("move.title", { n: entries.length, name: entries[0].name }), t("move"), folder.path, banned(folder, entries));
    if (to !== undefined) await moveInto(folder, entries.map((entry) => entry.name), to);
}

/**
 * @param {Folder} folder
 * @param {string[]} names
 * @param {string} to
 */
export async function moveInto(folder, names, to) {
    const outcomes = await relocate("move", names.map((name) => join(folder.path, name)), to);
    if (!outcomes) return;
    const moved = outcomes.filter((outcome) => outcome.ok);
    tell(outcomes, t("moved", { n: moved.length, to: to === "/" ? t("files.root") : nameOf(to) }), moved.length ? () => undo(folder, moved, to) : undefined);
    forget(to);
    folder.selection.clear();
    await folder.load();
}

/**
 * @param {Folder} folder
 * @param {Outcome[]} moved
 * @param {string} from
 */
async function undo(folder, moved, from) {
    const paths = moved.map((outcome) => outcome.to ?? join(from, nameOf(outcome.path)));
    try {
        tell(await change("move", paths, { to: parentOf(moved[0].path), conflict: "refuse" }), t("moved.back"));
    } catch (error) {
        notify(wordsOf(error), { stay: true });
    }
    forget(from);
    await folder.load();
}

/**
 * @param {Folder} folder
 * @param {Entry[]} entries
 */
export async function copyTo(folder, entries) {
    const to = await pickFolder(t("copy.title", { n: entries.length, name: entries[0].name }), t("copy"), folder.path, banned(folder, entries));
    if (to === undefined) return;
    const outcomes = await relocate("copy", entries.map((entry) => join(folder.path, entry.name)), to);
    if (!outcomes) return;
    tell(outcomes, t("copied", { n: outcomes.filter((outcome) => outcome.ok).length, to: to === "/" ? t("files.root") : nameOf(to) }));
    forget(to);
    folder.selection.clear();
    await folder.load();
}

/**
 * Folders into which these cannot go: themselves.
 * @param {Folder} folder
 * @param {Entry[]} entries
 */
const banned = (folder, entries) => entries.filter((entry) => entry.kind === "folder").map((entry) => join(folder.path, entry.name));

/**
 * As many calls as it takes, one after another.
 * @param {"move" | "copy" | "delete"} what
 * @param {string[]} paths
 * @param {{ to: string, conflict: string } | {}} [how]
 * @returns {Promise<Outcome[]>}
 */
async function change(what, paths, how = {}) {
    /** @type {Outcome[]} */
    const outcomes = [];
    for (let from = 0; from < paths.length; from += MOST) {
        const { results, job } = await post(what, { paths: paths.slice(from, from + MOST), ...how });
        outcomes.push(...results);
        // What goes to another drive is not waited for.
        if (job) import("../jobs/panel.js").then((panel) => panel.follow(job));
    }
    return outcomes;
}

/**
 * Moves or copies; what is in the way is asked once, for all.
 * @param {"move" | "copy"} what
 * @param {string[]} paths
 * @param {string} to
 * @returns {Promise<Outcome[] | undefined>}
 */
async function relocate(what, paths, to) {
    try {
        const first = await change(what, paths, { to, conflict: "refuse" });
        const inTheWay = first.filter((outcome) => outcome.code === "exists").map((outcome) => outcome.path);
        if (!inTheWay.length) return first;
        const conflict = await askConflict(inTheWay.map(nameOf));
        if (!conflict || conflict === "skip") return first.filter((outcome) => outcome.code !== "exists");
        const second = await change(what, inTheWay, { to, conflict });
        return [...first.filter((outcome) => outcome.code !== "exists"), ...second];
    } catch (error) {
        notify(wordsOf(error), { stay: true });
        return undefined;
    }
}

/**
 * @param {Folder} folder
 * @param {Entry[]} entries
 */
export async function removeAll(folder, entries) {
    const bin = folder.listing?.bin ?? false;
    const n = entries.length;
    const folders = entries.some((entry) => entry.kind === "folder");
    const sure = await confirm({
        title: n === 1 ? t("delete.one", { name: entries[0].name }) : t("delete.many", { n }),
        words: bin ? t("delete.bin") : t("delete.forever"),
        more: folders ? html`<p class="muted">${t("delete.folders")}</p>` : undefined,
        act: bin ? t("delete.to.bin") : t("delete.for.good"), danger: true,
    });
    if (!sure) return;
    try {
        const outcomes = await change("delete", entries.map((entry) => join(folder.path, entry.name)));
        tell(outcomes, t(bin ? "deleted.bin" : "deleted.forever", { n: outcomes.filter((outcome) => outcome.ok).length }));
    } catch (error) {
        notify(wordsOf(error), { stay: true });
    }
    folder.selection.clear();
    await folder.load();
}

/**
 * @param {Outcome[]} outcomes
 * @param {string} done
 * @param {() => void} [back]
 */
function tell(outcomes, done, back) {
    const failed = outcomes.filter((outcome) => !outcome.ok);
    if (outcomes.length > failed.length) notify(done, back && { act: t("undo"), run: back });
    for (const outcome of failed.slice(0, 3)) {
        notify(t("failed.one", { name: nameOf(outcome.path), words: codeWords(outcome.code) ?? outcome.error ?? "" }), { stay: true });
    }
    if (failed.length > 3) notify(t("failed.more", { n: failed.length - 3 }), { stay: true });
}

/** Longest address that the server takes, less what stands around names. */
const LONGEST = 15_000;

/**
 * A folder, or some members of one, as a zip that the server makes while it sends it.
 * @param {string} path
 * @param {string[]} [names]
 */
export const zipUrl = (path, names = []) => apiUrl("zip", { path }) + names.map((name) => `&name=${encodeURIComponent(name)}`).join("");

/**
 * Files one after another; what has a folder among it in one zip.
 * @param {Folder} folder
 * @param {Entry[]} entries
 */
export async function downloadAll(folder, entries) {
    if (entries.some((entry) => entry.kind === "folder")) {
        const url = zipUrl(folder.path, entries.length < (folder.listing?.entries.length ?? 0) ? entries.map((entry) => entry.name) : []);
        if (url.length > LONGEST) notify(t("zip.many"), { stay: true });
        else save(url, "");
        return;
    }
    for (const entry of entries) {
        save(apiUrl("raw", { path: join(folder.path, entry.name), download: 1 }), entry.name);
        await new Promise((resolve) => setTimeout(resolve, BETWEEN_DOWNLOADS));
    }
}

/**
 * @param {string} url
 * @param {string} name empty: as the server has it
 */
function save(url, name) {
    const link = document.createElement("a");
    link.href = url;
    link.download = name;
    link.click();
}

/**
 * @param {string} parent
 * @param {Entry} entry
 */
export const share = (parent, entry) => showLink(join(parent, entry.name), entry.kind === "video");
