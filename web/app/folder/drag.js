// @ts-check
/** Dragging items of the folder onto a folder in it, or onto one of the folders above. */

import { join } from "../paths.js";
import { actions } from "./later.js";

const TYPE = "application/x-alidav-items";

/** Is this one of our own drags, not files from outside? @param {DragEvent} event */
export const isOwnDrag = (event) => event.dataTransfer?.types.includes(TYPE) ?? false;

/**
 * @param {import("./folder.js").Folder} folder
 * @param {AbortSignal} signal
 */
export function acceptDrags(folder, signal) {
    /** @type {string[]} */
    let dragged = [];
    /** @type {Element | undefined} */
    let over;

    /** @param {Event} event */
    const goal = (event) => {
        const target = /** @type {Element} */ (event.target);
        const crumb = target.closest?.("[data-folder]");
        if (crumb) return { element: crumb, path: crumb.getAttribute("data-folder") ?? "/" };
        const item = target.closest?.('[data-kind="folder"]');
        const name = item?.getAttribute("data-name");
        return item && name && !dragged.includes(name) ? { element: item, path: join(folder.path, name) } : undefined;
    };

    /** @param {Element | undefined} element */
    const mark = (element) => {
        if (over === element) return;
        over?.classList.remove("drop-here");
        element?.classList.add("drop-here");
        over = element;
    };

    addEventListener("dragstart", (event) => {
        const name = /** @type {Element} */ (event.target).closest?.("[data-name]")?.getAttribute("data-name");
        if (!name || !folder.write || !event.dataTransfer) return;
        dragged = folder.selection.has(name) ? folder.chosen.map((entry) => entry.name) : [name];
        event.dataTransfer.setData(TYPE, "");
        event.dataTransfer.effectAllowed = "move";
    }, { signal });
    addEventListener("dragover", (event) => {
        if (!isOwnDrag(event)) return;
        const to = goal(event);
        mark(to?.element);
        if (to) event.preventDefault();
    }, { signal });
    addEventListener("drop", (event) => {
        const to = isOwnDrag(event) ? goal(event) : undefined;
        mark(undefined);
        if (!to) return;
        event.preventDefault();
        const names = dragged;
        actions().then((does) => does.moveInto(folder, names, to.path));
    }, { signal });
    addEventListener("dragend", () => {
        mark(undefined);
        dragged = [];
    }, { signal });
}
