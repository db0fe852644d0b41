// @ts-check
/** Short words at the edge of the page, read out by screen readers, with at most one thing to do. */

import { html, render, repeat, nothing } from "./html.js";
import { icon } from "./icons.js";
import { t } from "./i18n.js";

/** @typedef {{ id: number, words: string, act?: string, run?: () => void }} Notice */

/** @type {Notice[]} */
let shown = [];
let last = 0;

const box = document.createElement("div");
box.className = "notices";
// A popover stays above dialogs and a film in full screen.
box.popover = "manual";
const spoken = document.createElement("div");
spoken.className = "visually-hidden";
spoken.setAttribute("role", "status");
document.body.append(box, spoken);

/**
 * @param {string} words
 * @param {{ act?: string, run?: () => void, stay?: boolean }} [options]
 */
export function notify(words, { act, run, stay } = {}) {
    const notice = { id: ++last, words, act, run };
    shown = [...shown.filter((other) => other.words !== words), notice].slice(-3);
    announce(words);
    draw();
    if (!stay) setTimeout(() => dismiss(notice.id), act ? 12_000 : 5000 + words.length * 40);
}

/**
 * Words for screen readers alone.
 * @param {string} words
 */
export function announce(words) {
    spoken.textContent = "";
    setTimeout(() => { spoken.textContent = words; }, 50);
}

/** @param {number} id */
function dismiss(id) {
    // What somebody reads or is about to press stays.
    if (box.matches(":hover") || box.contains(document.activeElement)) {
        if (shown.some((notice) => notice.id === id)) setTimeout(() => dismiss(id), 3000);
        return;
    }
    close(id);
}

/** @param {number} id */
function close(id) {
    shown = shown.filter((notice) => notice.id !== id);
    draw();
}

function draw() {
    render(repeat(shown, (notice) => notice.id, (notice) => html`
        <div class="notice">
            <p>${notice.words}</p>
            ${notice.act ? html`<button class="act" @click=${() => { close(notice.id); notice.run?.(); }}>${notice.act}</button>` : nothing}
            <button aria-label=${t("dismiss")} @click=${() => close(notice.id)}>${icon("close")}</button>
        </div>`), box);
    if (box.matches(":popover-open")) box.hidePopover();
    if (shown.length) box.showPopover();
}
