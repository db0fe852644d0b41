// @ts-check
/**
 * Icons, drawn on 24 × 24 with one stroke. They are decoration: the words stand beside them or in the control's name.
 * Here are those of a folder's page; the others come with `more.js`.
 */

import { html, svg } from "./html.js";

const shapes = {
    folder: svg`<path d="M3 7.5A2.5 2.5 0 0 1 5.5 5H9l2.5 2.5h7A2.5 2.5 0 0 1 21 10v6.5a2.5 2.5 0 0 1-2.5 2.5h-13A2.5 2.5 0 0 1 3 16.5z"/>`,
    video: svg`<rect x="3" y="5" width="18" height="14" rx="2.5"/><path d="m10.2 9.2 4.8 2.8-4.8 2.8z"/>`,
    image: svg`<rect x="3" y="4.5" width="18" height="15" rx="2.5"/><circle cx="8.5" cy="9.5" r="1.6"/><path d="m4 17 4.8-4.3 3.4 3 3.3-3.4L20.5 17"/>`,
    audio: svg`<path d="M9 17.5V6l10-2v11.5"/><circle cx="6.5" cy="17.5" r="2.5"/><circle cx="16.5" cy="15.5" r="2.5"/>`,
    pdf: svg`<path d="M6.5 3h7L19 8.5V19a2 2 0 0 1-2 2H6.5a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2z"/><path d="M13.5 3v5.5H19M8 17v-4h1.2a1.3 1.3 0 0 1 0 2.6H8m5 1.4v-4h1a2 2 0 0 1 0 4z"/>`,
    text: svg`<path d="M6.5 3h7L19 8.5V19a2 2 0 0 1-2 2H6.5a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2z"/><path d="M13.5 3v5.5H19M8 12.5h7.5M8 16.5h5"/>`,
    archive: svg`<path d="M3.5 8.5h17V18a2 2 0 0 1-2 2h-13a2 2 0 0 1-2-2zM3 4h18v4.5H3zM10 12.5h4"/>`,
    other: svg`<path d="M6.5 3h7L19 8.5V19a2 2 0 0 1-2 2H6.5a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2z"/><path d="M13.5 3v5.5H19"/>`,
    up: svg`<path d="M12 19V5m-6 6 6-6 6 6"/>`,
    down: svg`<path d="M12 5v14m6-6-6 6-6-6"/>`,
    right: svg`<path d="m9.5 6 6 6-6 6"/>`,
    upload: svg`<path d="M12 15.5V4m-4.5 4.5L12 4l4.5 4.5M4 15v3a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-3"/>`,
    download: svg`<path d="M12 4v11.5M7.5 11l4.5 4.5 4.5-4.5M4 15v3a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-3"/>`,
    newFolder: svg`<path d="M3 7.5A2.5 2.5 0 0 1 5.5 5H9l2.5 2.5h7A2.5 2.5 0 0 1 21 10v6.5a2.5 2.5 0 0 1-2.5 2.5h-13A2.5 2.5 0 0 1 3 16.5zM12 10.5v5M9.5 13h5"/>`,
    list: svg`<path d="M8.5 6h12M8.5 12h12M8.5 18h12M3.8 6h.4M3.8 12h.4M3.8 18h.4"/>`,
    grid: svg`<rect x="4" y="4" width="6.5" height="6.5" rx="1.3"/><rect x="13.5" y="4" width="6.5" height="6.5" rx="1.3"/><rect x="4" y="13.5" width="6.5" height="6.5" rx="1.3"/><rect x="13.5" y="13.5" width="6.5" height="6.5" rx="1.3"/>`,
    refresh: svg`<path d="M20 11a8 8 0 0 0-14.5-3.5L3.5 10M4 13a8 8 0 0 0 14.5 3.5l2-2.5M3.5 5v5h5M20.5 19v-5h-5"/>`,
    search: svg`<circle cx="10.8" cy="10.8" r="6.3"/><path d="m15.5 15.5 4.5 4.5"/>`,
    more: svg`<path d="M12 5.5h.01M12 12h.01M12 18.5h.01" stroke-width="2.6"/>`,
    close: svg`<path d="m6 6 12 12M18 6 6 18"/>`,
    check: svg`<path d="m5 12.5 4.5 4.5L19 7.5"/>`,
    rename: svg`<path d="M4 20h4L19.5 8.5a2.1 2.1 0 0 0-3-3L5 17zM14.5 7.5l3 3"/>`,
    move: svg`<path d="M3 12V7.5A2.5 2.5 0 0 1 5.5 5H9l2.5 2.5h7A2.5 2.5 0 0 1 21 10v6.5a2.5 2.5 0 0 1-2.5 2.5H10M3 16h8m-3-3 3 3-3 3"/>`,
    copy: svg`<rect x="8.5" y="8.5" width="11.5" height="11.5" rx="2"/><path d="M15.5 8.5V6a2 2 0 0 0-2-2H6a2 2 0 0 0-2 2v7.5a2 2 0 0 0 2 2h2.5"/>`,
    bin: svg`<path d="M4 6.5h16M9.5 6.5V4h5v2.5M6 6.5 7 20h10l1-13.5M10 10.5v6M14 10.5v6"/>`,
    link: svg`<path d="M10 14a4.2 4.2 0 0 0 6 0l3-3a4.2 4.2 0 0 0-6-6l-1 1M14 10a4.2 4.2 0 0 0-6 0l-3 3a4.2 4.2 0 0 0 6 6l1-1"/>`,
    info: svg`<circle cx="12" cy="12" r="8.5"/><path d="M12 11v5.5M12 7.8h.01"/>`,
    warn: svg`<path d="M12 4 2.8 20h18.4zM12 10v4.5M12 17.2h.01"/>`,
    person: svg`<circle cx="12" cy="8.5" r="4"/><path d="M4.5 20a7.5 7.5 0 0 1 15 0"/>`,
    accounts: svg`<path d="M7 18.5a4.5 4.5 0 0 1-.7-8.9 6.2 6.2 0 0 1 11.9 1.3 3.9 3.9 0 0 1-.7 7.6z"/>`,
    status: svg`<path d="M3 12.5h4l2.5-7 4.5 13 2.5-6H21"/>`,
    keyboard: svg`<rect x="2.5" y="6" width="19" height="12" rx="2"/><path d="M6 9.8h.01M9 9.8h.01M12 9.8h.01M15 9.8h.01M18 9.8h.01M7.5 14.2h9"/>`,
    settings: svg`<path d="M4 7h9M17 7h3M4 17h3M11 17h9"/><circle cx="15" cy="7" r="2"/><circle cx="9" cy="17" r="2"/>`,
    star: svg`<path d="m12 3.8 2.5 5.2 5.7.8-4.1 4 1 5.7-5.1-2.7-5.1 2.7 1-5.7-4.1-4 5.7-.8z"/>`,
    home: svg`<path d="m4 11 8-7 8 7v8a1.5 1.5 0 0 1-1.5 1.5H14v-6h-4v6H5.5A1.5 1.5 0 0 1 4 19z"/>`,
};

/** @typedef {keyof typeof shapes | keyof typeof import("./icons.later.js").shapes} Icon */

/** @type {Record<string, unknown>} */
const known = { ...shapes };

/** @param {Record<string, unknown>} more */
export const learnIcons = (more) => Object.assign(known, more);

/** @param {Icon} name */
export const icon = (name) => html`<svg class="icon" viewBox="0 0 24 24" fill="none" stroke="currentColor"
    stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">${known[name]}</svg>`;

const ofKind = /** @type {Record<string, Icon>} */ ({ markdown: "text" });

/**
 * The icon of a kind, in its colour.
 * @param {import("./api.js").Entry["kind"]} kind
 */
export function kindIcon(kind) {
    const name = ofKind[kind] ?? (kind in shapes ? /** @type {Icon} */ (kind) : "other");
    return html`<span class="kind kind-${kind}">${icon(name)}</span>`;
}
