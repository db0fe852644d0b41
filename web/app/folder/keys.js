// @ts-check
/** The keyboard on a folder's page. */

import { nameOf, parentOf } from "../paths.js";
import { goTo } from "../router.js";
import { actions, itemMenu, stars } from "./later.js";

/** @typedef {import("./folder.js").Folder} Folder */

/** Rows that Page Up and Page Down pass. */
const PAGE = 12;

/**
 * @param {Folder} folder
 * @param {AbortSignal} signal
 */
export function handleKeys(folder, signal) {
    addEventListener("keydown", (event) => {
        const target = /** @type {HTMLElement} */ (event.target);
        if (event.defaultPrevented || target.closest?.("dialog, [role=menu], .uploads")) return;
        const filter = /** @type {HTMLInputElement | null} */ (document.getElementById("filter"));
        const done = target === filter ? inFilter(folder, event) : target.closest?.("input:not([type=checkbox]), textarea, select") ? false
            : onPage(folder, event, filter);
        if (done) event.preventDefault();
    }, { signal });
}

/**
 * @param {Folder} folder
 * @param {KeyboardEvent} event
 */
function inFilter(folder, event) {
    const first = folder.shown[0];
    if (event.key === "Escape") {
        folder.useFilter("");
        return true;
    }
    if ((event.key === "ArrowDown" || event.key === "Enter") && first && !event.isComposing) {
        folder.focusItem(first.name);
        return true;
    }
    return false;
}

/**
 * @param {Folder} folder
 * @param {KeyboardEvent} event
 * @param {HTMLInputElement | null} filter
 */
function onPage(folder, event, filter) {
    const command = event.ctrlKey || event.metaKey;
    const target = /** @type {HTMLElement} */ (event.target);
    const name = target.closest?.("[data-name]")?.getAttribute("data-name") ?? undefined;
    if (command && event.key.toLowerCase() === "a") {
        folder.selection.all(folder.shown);
        folder.redraw();
        return true;
    }
    if (command || event.altKey) return event.altKey && event.key === "ArrowUp" ? up(folder) : false;
    if (walk(folder, event, name)) return true;
    const entry = name === undefined ? undefined : folder.entry(name);
    switch (event.key) {
        case "Backspace":
            return up(folder);
        case "Escape":
            folder.selection.clear();
            folder.redraw();
            return true;
        case "F2":
            if (entry && folder.write) actions().then((does) => does.rename(folder, entry));
            return Boolean(entry);
        case "Delete":
        case "*": {
            const chosen = folder.selection.size ? folder.chosen : entry ? [entry] : [];
            if (!chosen.length || !folder.write) return chosen.length > 0;
            if (event.key === "*") stars().then(({ star }) => star(folder.placed(chosen), folder.starred));
            else actions().then((does) => does.removeAll(folder, chosen));
            return true;
        }
        case "F10":
        case "ContextMenu": {
            const button = target.closest("[data-name]")?.querySelector(".more");
            if (!entry || !button || (event.key === "F10" && !event.shiftKey)) return false;
            itemMenu(folder, entry, /** @type {HTMLElement} */ (button));
            return true;
        }
        case " ":
            if (!entry || target.closest("button, input")) return false;
            folder.selection.toggle(entry.name);
            folder.redraw();
            return true;
        case "/":
            filter?.focus();
            return Boolean(filter);
        default:
            return typing(event, filter, target);
    }
}

/**
 * A letter begins a filter.
 * @param {KeyboardEvent} event
 * @param {HTMLInputElement | null} filter
 * @param {HTMLElement} target
 */
function typing(event, filter, target) {
    if (event.key.length !== 1 || event.key === " " || event.key === "?" || !filter || target.closest("button")) return false;
    filter.focus();
    filter.select();
    // The key itself goes on into the field.
    return false;
}

/** @param {Folder} folder */
function up(folder) {
    if (folder.path !== "/") goTo(parentOf(folder.path), true, nameOf(folder.path));
    return true;
}

/**
 * @param {Folder} folder
 * @param {KeyboardEvent} event
 * @param {string | undefined} name
 */
function walk(folder, event, name) {
    const grid = folder.look.layout === "grid";
    const columns = grid ? folder.viewport.columns : 1;
    const steps = /** @type {Record<string, number>} */ ({
        ArrowDown: columns, ArrowUp: -columns, PageDown: PAGE * columns, PageUp: -PAGE * columns, Home: -Infinity, End: Infinity,
        ...(grid ? { ArrowRight: 1, ArrowLeft: -1 } : {}),
    });
    const target = /** @type {HTMLElement} */ (event.target);
    const step = steps[event.key];
    if (step === undefined || (name === undefined && target.closest("button, a, input"))) return false;
    const shown = folder.shown;
    if (!shown.length) return false;
    const current = name ?? folder.selection.current;
    const at = shown.findIndex((entry) => entry.name === current);
    const to = name === undefined ? Math.max(0, at) : Math.max(0, Math.min(shown.length - 1, at + step));
    const next = shown[to].name;
    if (event.shiftKey) folder.selection.extend(shown, next);
    else if (!folder.selection.size) folder.selection.anchor = next;
    folder.focusItem(next);
    return true;
}
