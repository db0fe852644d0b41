// @ts-check
/** Files and folders of this computer that are to be uploaded: chosen by a button, dropped or pasted. */

import { t } from "../i18n.js";
import "../more.js";
import { notify } from "../notices.js";
import { showPanel } from "./panel.js";
import { add } from "./queue.js";

/** @typedef {import("../folder/folder.js").Folder} Folder */
/** @typedef {{ files: { file: File, path: string }[], folders: string[] }} Found */

/**
 * @param {Folder} folder
 * @param {boolean} whole folders, not files
 */
export function chooseFiles(folder, whole) {
    const input = document.createElement("input");
    input.type = "file";
    input.multiple = true;
    input.webkitdirectory = whole;
    input.addEventListener("change", () => {
        const files = [...(input.files ?? [])].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
        begin(folder, { files, folders: parents(files.map(({ path }) => path)) });
    });
    input.click();
}

/**
 * Every folder on the way to the paths, each after its parent.
 * @param {string[]} paths
 */
function parents(paths) {
    /** @type {Set<string>} */
    const folders = new Set();
    for (const path of paths) {
        const parts = path.split("/").slice(0, -1);
        parts.forEach((_, index) => folders.add(parts.slice(0, index + 1).join("/")));
    }
    return [...folders];
}

/**
 * @param {Folder} folder
 * @param {Found} found
 */
function begin(folder, { files, folders }) {
    if (!files.length && !folders.length) return;
    showPanel();
    add(folder.path, files, folders);
}

/**
 * What was dropped or pasted.
 * @param {Folder} folder
 * @param {FileSystemEntry[]} entries
 * @param {File[]} files where the browser has no entries
 */
export async function dropped(folder, entries, files) {
    /** @type {Found} */
    const found = { files: entries.length ? [] : files.map((file) => ({ file, path: file.name })), folders: [] };
    for (const entry of entries) await walk(entry, "", found);
    begin(folder, found);
}

/**
 * @param {FileSystemEntry} entry
 * @param {string} above
 * @param {Found} found
 */
async function walk(entry, above, found) {
    const path = above + entry.name;
    if (entry.isFile) {
        const own = /** @type {FileSystemFileEntry} */ (entry);
        try {
            found.files.push({ file: await new Promise((resolve, reject) => own.file(resolve, reject)), path });
        } catch {
            notify(t("upload.unreadable", { name: entry.name }), { stay: true });
        }
        return;
    }
    found.folders.push(path);
    const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
    // Chromium gives at most 100 at a time, and an empty answer at the end.
    for (;;) {
        /** @type {FileSystemEntry[]} */
        const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
        if (!some.length) break;
        for (const child of some) await walk(child, `${path}/`, found);
    }
}
