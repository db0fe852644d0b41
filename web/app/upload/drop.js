// @ts-check
/** Files and folders that are dropped on the page, pasted, or chosen by a button. */

import { t } from "../i18n.js";
import { isOwnDrag } from "../folder/drag.js";
import { notify } from "../notices.js";

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
 * @param {AbortSignal} signal
 */
export function acceptDrops(folder, signal) {
    let depth = 0;
    /** @param {DragEvent} event */
    const holdsFiles = (event) => Boolean(event.dataTransfer?.types.includes("Files")) && !isOwnDrag(event);
    /** @param {number} next */
    const hover = (next) => {
        depth = Math.max(0, next);
        const dropping = depth > 0 && folder.write;
        if (dropping === folder.dropping) return;
        folder.dropping = dropping;
        folder.redraw();
    };
    addEventListener("dragenter", (event) => { if (holdsFiles(event)) hover(depth + 1); }, { signal });
    addEventListener("dragleave", (event) => { if (holdsFiles(event)) hover(depth - 1); }, { signal });
    addEventListener("dragover", (event) => { if (holdsFiles(event)) event.preventDefault(); }, { signal });
    addEventListener("drop", async (event) => {
        if (!holdsFiles(event)) return;
        event.preventDefault();
        hover(0);
        if (!folder.write) return notify(t("error.read_only"));
        begin(folder, await collect(/** @type {DataTransfer} */ (event.dataTransfer)));
    }, { signal });
    addEventListener("paste", (event) => {
        const files = [...(event.clipboardData?.files ?? [])].map((file) => ({ file, path: file.name }));
        if (!files.length || !folder.write || /** @type {Element} */ (event.target).closest?.("input, textarea")) return;
        event.preventDefault();
        begin(folder, { files, folders: [] });
    }, { signal });
}

/**
 * @param {Folder} folder
 * @param {Found} found
 */
async function begin(folder, { files, folders }) {
    if (!files.length && !folders.length) return;
    const [{ add }, { showPanel }] = await Promise.all([import("./queue.js"), import("./panel.js")]);
    showPanel();
    add(folder.path, files, folders);
}

/**
 * What was dropped; the entries must be taken before the first wait, the browser empties them after the event.
 * @param {DataTransfer} data
 * @returns {Promise<Found>}
 */
async function collect(data) {
    const entries = [...data.items].map((item) => item.webkitGetAsEntry?.()).filter((entry) => entry !== null && entry !== undefined);
    /** @type {Found} */
    const found = { files: [], folders: [] };
    if (!entries.length) {
        found.files = [...data.files].map((file) => ({ file, path: file.name }));
        return found;
    }
    for (const entry of entries) await walk(entry, "", found);
    return found;
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
