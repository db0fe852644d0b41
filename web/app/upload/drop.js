// @ts-check
/** Takes files and folders that are dropped on the page or pasted; what reads them is loaded with the first. */

import { t } from "../i18n.js";
import { isOwnDrag } from "../folder/drag.js";
import { notify } from "../notices.js";

/** @typedef {import("../folder/folder.js").Folder} Folder */

const later = () => import("./files.js");

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
        // Taken before the first wait: the browser empties them after the event.
        const { items, files } = /** @type {DataTransfer} */ (event.dataTransfer);
        const entries = [...items].map((item) => item.webkitGetAsEntry?.()).filter((entry) => entry !== null && entry !== undefined);
        const plain = [...files];
        (await later()).dropped(folder, entries, plain);
    }, { signal });
    addEventListener("paste", (event) => {
        const files = [...(event.clipboardData?.files ?? [])];
        if (!files.length || !folder.write || /** @type {Element} */ (event.target).closest?.("input, textarea")) return;
        event.preventDefault();
        later().then(({ dropped }) => dropped(folder, [], files));
    }, { signal });
}
