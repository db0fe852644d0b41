// @ts-check
/** Icons beyond what a folder's page shows at once. */

import { svg } from "./html.js";

export const shapes = {
    back: svg`<path d="M19 12H5m6 6-6-6 6-6"/>`,
    left: svg`<path d="m14.5 6-6 6 6 6"/>`,
    fold: svg`<path d="m6 9.5 6 6 6-6"/>`,
    unfold: svg`<path d="m6 14.5 6-6 6 6"/>`,
    signOut: svg`<path d="M10 4H6a2 2 0 0 0-2 2v12a2 2 0 0 0 2 2h4M9.5 12H20m-4-4 4 4-4 4"/>`,
    language: svg`<circle cx="12" cy="12" r="8.5"/><path d="M3.5 12h17M12 3.5c5 5 5 12 0 17-5-5-5-12 0-17z"/>`,
    look: svg`<circle cx="12" cy="12" r="8.5"/><path d="M12 3.5a8.5 8.5 0 0 1 0 17z" fill="currentColor"/>`,
    play: svg`<path d="M7.5 4.8v14.4L19 12z" fill="currentColor"/>`,
    pause: svg`<path d="M8.5 5v14M15.5 5v14" stroke-width="3"/>`,
    next: svg`<path d="M5.5 5v14L15 12z" fill="currentColor"/><path d="M18.5 5v14"/>`,
    previous: svg`<path d="M18.5 5v14L9 12z" fill="currentColor"/><path d="M5.5 5v14"/>`,
    sound: svg`<path d="M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a7.8 7.8 0 0 1 0 11"/>`,
    mute: svg`<path d="M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM16 9.5l5 5M21 9.5l-5 5"/>`,
    full: svg`<path d="M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5"/>`,
    window: svg`<path d="M9 4v5H4M15 4v5h5M9 20v-5H4M15 20v-5h5"/>`,
    subtitles: svg`<rect x="3" y="5" width="18" height="14" rx="2.5"/><path d="M6.5 11.5h3M12 11.5h5.5M6.5 15h6M15 15h2.5"/>`,
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
};
