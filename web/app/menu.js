// @ts-check
/** Menus that open beside a button: arrows, letters, Home and End; Escape and Tab close them and give the focus back. */

import { html, render, nothing } from "./html.js";
import { icon } from "./icons.js";
import "./more.js";

/**
 * @typedef {object} Item
 * @property {string} [words] none: a line
 * @property {import("./icons.js").Icon} [icon]
 * @property {string} [hint]
 * @property {boolean} [checked] one of several
 * @property {boolean} [alone] ... or on and off by itself
 * @property {boolean} [danger]
 * @property {boolean} [off]
 * @property {boolean} [title]
 * @property {string} [href]
 * @property {string} [download]
 * @property {() => void} [run]
 */

/** `byKeys`: the button was reached by the keyboard. @type {{ menu: HTMLElement, from: HTMLElement, byKeys: boolean } | undefined} */
let current;

/**
 * @param {HTMLElement} from the button
 * @param {string} name
 * @param {Item[]} items
 */
export function openMenu(from, name, items) {
    const again = current?.from === from;
    closeMenu();
    if (again) return;
    const menu = document.createElement("div");
    menu.className = "menu";
    menu.popover = "auto";
    menu.setAttribute("role", "menu");
    menu.setAttribute("aria-label", name);
    render(items.map(itemTemplate), menu);
    (from.closest("dialog, .stage") ?? document.body).append(menu);
    menu.addEventListener("keydown", onKey);
    menu.addEventListener("toggle", (event) => {
        if (/** @type {ToggleEvent} */ (event).newState === "closed") closeMenu();
    });
    current = { menu, from, byKeys: from.matches(":focus-visible") };
    from.setAttribute("aria-expanded", "true");
    menu.showPopover();
    place(menu, from);
    const first = menu.querySelector('[aria-checked="true"]') ?? focusable(menu)[0];
    /** @type {HTMLElement | null} */ (first)?.focus();
}

export function closeMenu() {
    if (!current) return;
    const { menu, from, byKeys } = current;
    current = undefined;
    const had = menu.contains(document.activeElement) || document.activeElement === document.body;
    from.setAttribute("aria-expanded", "false");
    menu.remove();
    // On a film the next key is the film's for whoever came with the mouse: Space would open the menu again.
    if (had && from.isConnected && (byKeys || !from.closest(".stage"))) from.focus({ preventScroll: true });
}

/** @param {Item} item */
function itemTemplate(item) {
    if (item.title) return html`<div class="menu-title" role="presentation">${item.words}</div>`;
    if (item.words === undefined) return html`<hr role="separator">`;
    const run = () => {
        if (item.off) return;
        closeMenu();
        item.run?.();
    };
    const mark = item.checked === undefined ? (item.icon ? icon(item.icon) : nothing)
        : item.checked ? icon("check") : html`<span class="icon"></span>`;
    const inner = html`${mark}<span>${item.words}</span>${item.hint ? html`<span class="hint">${item.hint}</span>` : nothing}`;
    if (item.href && !item.off) {
        return html`<a role="menuitem" tabindex="-1" href=${item.href} download=${item.download ?? nothing} @click=${run}>${inner}</a>`;
    }
    return html`<button type="button" tabindex="-1" class=${item.danger ? "danger" : ""}
        role=${item.checked === undefined ? "menuitem" : item.alone ? "menuitemcheckbox" : "menuitemradio"}
        aria-checked=${item.checked === undefined ? nothing : String(item.checked)}
        aria-disabled=${item.off ? "true" : nothing} @click=${run}>${inner}</button>`;
}

/**
 * Below the button where there is room, else above; within the window.
 * @param {HTMLElement} menu
 * @param {HTMLElement} from
 */
function place(menu, from) {
    const button = from.getBoundingClientRect();
    const { width, height } = menu.getBoundingClientRect();
    const below = button.bottom + 4 + height <= innerHeight || button.top < height;
    const top = below ? Math.min(button.bottom + 4, innerHeight - height - 8) : button.top - 4 - height;
    const left = button.left + width <= innerWidth - 8 ? button.left : button.right - width;
    menu.style.top = `${Math.max(8, top)}px`;
    menu.style.left = `${Math.max(8, left)}px`;
}

/** @param {HTMLElement} menu */
const focusable = (menu) => /** @type {HTMLElement[]} */ ([...menu.querySelectorAll('[role^="menuitem"]')]);

/** @param {KeyboardEvent} event */
function onKey(event) {
    const menu = /** @type {HTMLElement} */ (event.currentTarget);
    const items = focusable(menu);
    const at = items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const steps = /** @type {Record<string, number>} */ ({
        ArrowDown: at + 1, ArrowUp: at - 1 + items.length, Home: 0, End: items.length - 1,
    });
    event.stopPropagation();
    if (event.key in steps) {
        event.preventDefault();
        items[steps[event.key] % items.length]?.focus();
    } else if (event.key === "Escape" || event.key === "Tab") {
        event.preventDefault();
        closeMenu();
    } else if (event.key.length === 1 && event.key !== " ") {
        const letter = event.key.toLowerCase();
        const turned = [...items.slice(at + 1), ...items.slice(0, at + 1)];
        turned.find((item) => item.textContent?.trim().toLowerCase().startsWith(letter))?.focus();
    }
}
