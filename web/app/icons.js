// @ts-check
/** Icons, drawn on 24 × 24 with one stroke. They are decoration: the words stand beside them or in the control's name. */

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
    back: svg`<path d="M19 12H5m6 6-6-6 6-6"/>`,
    left: svg`<path d="m14.5 6-6 6 6 6"/>`,
    right: svg`<path d="m9.5 6 6 6-6 6"/>`,
    fold: svg`<path d="m6 9.5 6 6 6-6"/>`,
    unfold: svg`<path d="m6 14.5 6-6 6 6"/>`,
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
    signOut: svg`<path d="M10 4H6a2 2 0 0 0-2 2v12a2 2 0 0 0 2 2h4M9.5 12H20m-4-4 4 4-4 4"/>`,
    language: svg`<circle cx="12" cy="12" r="8.5"/><path d="M3.5 12h17M12 3.5c5 5 5 12 0 17-5-5-5-12 0-17z"/>`,
    look: svg`<circle cx="12" cy="12" r="8.5"/><path d="M12 3.5a8.5 8.5 0 0 1 0 17z" fill="currentColor"/>`,
    keyboard: svg`<rect x="2.5" y="6" width="19" height="12" rx="2"/><path d="M6 9.8h.01M9 9.8h.01M12 9.8h.01M15 9.8h.01M18 9.8h.01M7.5 14.2h9"/>`,
    play: svg`<path d="M7.5 4.8v14.4L19 12z" fill="currentColor"/>`,
    pause: svg`<path d="M8.5 5v14M15.5 5v14" stroke-width="3"/>`,
    next: svg`<path d="M5.5 5v14L15 12z" fill="currentColor"/><path d="M18.5 5v14"/>`,
    previous: svg`<path d="M18.5 5v14L9 12z" fill="currentColor"/><path d="M5.5 5v14"/>`,
    sound: svg`<path d="M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a7.8 7.8 0 0 1 0 11"/>`,
    mute: svg`<path d="M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM16 9.5l5 5M21 9.5l-5 5"/>`,
    full: svg`<path d="M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5"/>`,
    window: svg`<path d="M9 4v5H4M15 4v5h5M9 20v-5H4M15 20v-5h5"/>`,
    subtitles: svg`<rect x="3" y="5" width="18" height="14" rx="2.5"/><path d="M6.5 11.5h3M12 11.5h5.5M6.5 15h6M15 15h2.5"/>`,
    settings: svg`<path d="M4 7h9M17 7h3M4 17h3M11 17h9"/><circle cx="15" cy="7" r="2"/><circle cx="9" cy="17" r="2"/>`,
    speed: svg`<path d="M5 18a8.5 8.5 0 1 1 14 0M12 13.5l4-4.5"/>`,
    open: svg`<path d="M10 5H6a2 2 0 0 0-2 2v11a2 2 0 0 0 2 2h11a2 2 0 0 0 2-2v-4M14 4h6v6M20 4l-9 9"/>`,
    zoomIn: svg`<circle cx="10.8" cy="10.8" r="6.3"/><path d="m15.5 15.5 4.5 4.5M10.8 8.3v5M8.3 10.8h5"/>`,
    zoomOut: svg`<circle cx="10.8" cy="10.8" r="6.3"/><path d="m15.5 15.5 4.5 4.5M8.3 10.8h5"/>`,
    rotate: svg`<path d="M19.5 12A7.5 7.5 0 1 1 17 6.4L19.5 9M19.5 4v5h-5"/>`,
    wrap: svg`<path d="M4 6h16M4 12h13a3 3 0 0 1 0 6h-4m2.5-2.5L13 18l2.5 2.5M4 18h4"/>`,
    shuffle: svg`<path d="M3 7h3.5L15.5 17H21m-3-3 3 3-3 3M3 17h3.5l2.5-2.8M13 9.8 15.5 7H21m-3-3 3 3-3 3"/>`,
    repeat: svg`<path d="M4 11V9.5A3.5 3.5 0 0 1 7.5 6H20m-3-3 3 3-3 3M20 13v1.5a3.5 3.5 0 0 1-3.5 3.5H4m3 3-3-3 3-3"/>`,
    cast: svg`<path d="M4 15.5V7a2 2 0 0 1 2-2h12a2 2 0 0 1 2 2v8.5a2 2 0 0 1-2 2h-1M12 15l4.5 5h-9z"/>`,
    eye: svg`<path d="M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12z"/><circle cx="12" cy="12" r="2.8"/>`,
    eyeOff: svg`<path d="M9.5 5.9a9 9 0 0 1 2.5-.4c6 0 9.5 6.5 9.5 6.5a16 16 0 0 1-2.4 3.1M6 7.7A15.5 15.5 0 0 0 2.5 12s3.5 6.5 9.5 6.5a9 9 0 0 0 4.3-1.1M4 4l16 16"/>`,
    star: svg`<path d="m12 3.8 2.5 5.2 5.7.8-4.1 4 1 5.7-5.1-2.7-5.1 2.7 1-5.7-4.1-4 5.7-.8z"/>`,
    home: svg`<path d="m4 11 8-7 8 7v8a1.5 1.5 0 0 1-1.5 1.5H14v-6h-4v6H5.5A1.5 1.5 0 0 1 4 19z"/>`,
};

/** @typedef {keyof typeof shapes} Icon */

/** @param {Icon} name */
export const icon = (name) => html`<svg class="icon" viewBox="0 0 24 24" fill="none" stroke="currentColor"
    stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">${shapes[name]}</svg>`;

const ofKind = /** @type {Record<string, Icon>} */ ({ markdown: "text" });

/**
 * The icon of a kind, in its colour.
 * @param {import("./api.js").Entry["kind"]} kind
 */
export function kindIcon(kind) {
    const name = ofKind[kind] ?? (kind in shapes ? /** @type {Icon} */ (kind) : "other");
    return html`<span class="kind kind-${kind}">${icon(name)}</span>`;
}
