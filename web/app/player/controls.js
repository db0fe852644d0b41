// @ts-check
/** The controls on a film: position, transport, sound, subtitles, quality, other players, full screen. */

import { html, nothing, vars } from "../html.js";
import { wordsOf } from "../api.js";
import * as format from "../format.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import "../more.js";
import { openMenu } from "../menu.js";
import { notify } from "../notices.js";
import { session } from "../session.js";
import { externalPlayers } from "./external.js";
import { label } from "./info.js";
import { speeds } from "./keys.js";
import { peek } from "./peek.js";
import { endingOf, sizes } from "./subtitles.js";

/** @typedef {import("./film.js").FilmPart} FilmPart */

/** @param {FilmPart} film */
export function controls(film) {
    const video = /** @type {HTMLVideoElement} */ (film.video);
    const play = video.paused ? t("player.play") : t("player.pause");
    const full = document.fullscreenElement ? t("player.window") : t("player.full");
    const airplay = "WebKitPlaybackTargetAvailabilityEvent" in window;
    return html`<div class="controls" role="group" aria-label=${t("player")}>
        ${seekLine(film, video)}
        <div class="control-row">
            ${tool(play, video.paused ? "play" : "pause", film.toggle)}
            ${film.mateAt(-1) ? tool(t("previous"), "previous", () => film.neighbour(-1)) : nothing}
            ${film.mateAt(1) ? tool(t("next"), "next", () => film.neighbour(1)) : nothing}
            ${tool(video.muted ? t("player.unmute") : t("player.mute"), video.muted || !video.volume ? "mute" : "sound", () => { video.muted = !video.muted; })}
            <input type="range" class="range volume wide-only" min="0" max="1" step="0.05" .value=${String(video.muted ? 0 : video.volume)} aria-label=${t("player.volume")}
                ${vars({ "--part": video.muted ? 0 : video.volume })} @input=${(/** @type {Event} */ event) => { video.muted = false; video.volume = Number(/** @type {HTMLInputElement} */ (event.target).value); }}>
            <span class="time">${format.duration(video.currentTime)}<span class="of"> / ${format.duration(video.duration || film.film?.duration)}</span></span>
            <span class="grow"></span>
            ${film.engine?.mode === "original" ? html`<span class="badge">${t("player.original")}</span>` : film.engine?.shown ? html`<span class="badge">${film.engine.shown}</span>` : nothing}
            ${menuTool(t("player.subtitles"), "subtitles", (button) => subtitleMenu(film, button), Boolean(film.subtitles?.chosen))}
            ${menuTool(t("player.quality"), "settings", (button) => qualityMenu(film, button))}
            ${menuTool(t("player.speed"), "speed", (button) => speedMenu(film, video, button), video.playbackRate !== 1, "wide-only")}
            ${session.features.links || film.film?.link ? menuTool(t("player.external"), "open", (button) => externalMenu(film, button), false, "wide-only") : nothing}
            ${airplay ? tool("AirPlay", "cast", () => /** @type {any} */ (video).webkitShowPlaybackTargetPicker()) : nothing}
            ${tool(full, document.fullscreenElement ? "window" : "full", film.toggleFull)}
        </div>
    </div>`;
}

/**
 * @param {FilmPart} film
 * @param {HTMLVideoElement} video
 */
function seekLine(film, video) {
    const duration = video.duration || film.film?.duration || 0;
    const { buffered, currentTime } = video;
    let end = 0;
    for (let index = 0; index < buffered.length; index += 1) {
        if (buffered.start(index) <= currentTime + 0.5) end = buffered.end(index);
    }
    const part = (/** @type {number} */ value) => (duration ? Math.min(1, value / duration) : 0);
    /** @param {PointerEvent} event */
    const hover = (event) => {
        const box = /** @type {HTMLElement} */ (event.currentTarget);
        const { left, width } = box.getBoundingClientRect();
        const at = Math.max(0, Math.min(1, (event.clientX - left) / width));
        box.style.setProperty("--at", String(at));
        box.classList.add("peeked");
        /** @type {HTMLElement} */ (box.querySelector(".bubble span")).textContent = format.duration(at * duration);
        peek(/** @type {HTMLImageElement} */ (box.querySelector(".bubble img")), film.viewer, at * duration, duration);
    };
    const left = (/** @type {Event} */ event) => /** @type {HTMLElement} */ (event.currentTarget).classList.remove("peeked");
    return html`<div class="seek" @pointermove=${hover} @pointerleave=${left} @pointercancel=${left}>
        <input type="range" class="range" min="0" max=${Math.max(1, Math.floor(duration))} step="1" .value=${String(Math.floor(currentTime))} aria-label=${t("player.position")}
            aria-valuetext=${t("player.at", { time: format.duration(currentTime), of: format.duration(duration) })}
            ${vars({ "--part": part(currentTime), "--loaded": part(end) })}
            @input=${(/** @type {Event} */ event) => { video.currentTime = Number(/** @type {HTMLInputElement} */ (event.target).value); }}>
        <span class="bubble" aria-hidden="true"><img alt="" hidden><span></span></span></div>`;
}

/**
 * @param {string} words
 * @param {import("../icons.js").Icon} name
 * @param {() => void} run
 */
const tool = (words, name, run) => html`<button class="tool" aria-label=${words} title=${words} @click=${run}>${icon(name)}</button>`;

/**
 * @param {string} words
 * @param {import("../icons.js").Icon} name
 * @param {(button: HTMLElement) => void} run
 * @param {boolean} [on]
 * @param {string} [more] class
 */
const menuTool = (words, name, run, on, more = "") => html`<button class="tool ${on ? "on" : ""} ${more}" aria-label=${words} title=${words} aria-haspopup="menu" aria-expanded="false"
    @click=${(/** @type {Event} */ event) => run(/** @type {HTMLElement} */ (event.currentTarget))}>${icon(name)}</button>`;

/**
 * @param {FilmPart} film
 * @param {HTMLElement} button
 */
function qualityMenu(film, button) {
    const { engine, film: info } = film;
    if (!engine || !info) return;
    const original = engine.mode === "original";
    const levels = engine.levels;
    const renditions = [...info.renditions].sort((a, b) => b.height - a.height);
    const known = renditions.some(({ usable }) => usable);
    openMenu(button, t("player.quality"), [
        ...(info.master && known ? [{ words: t("quality.auto"), hint: !original && engine.wanted === "auto" ? engine.shown : "", checked: !original && engine.wanted === "auto", run: () => film.useQuality("auto") }] : []),
        ...renditions.map((rendition) => ({
            words: levels.find(({ id }) => id === rendition.id)?.label ?? label(rendition), hint: rendition.usable ? "" : whyNot(rendition), off: !rendition.usable,
            checked: !original && engine.wanted === rendition.id, run: () => film.useQuality(rendition.id),
        })),
        { words: t("player.original"), hint: format.size(film.viewer.entry?.size), checked: original, run: () => film.useQuality("original") },
    ]);
}

/** @param {import("./info.js").Rendition} rendition */
function whyNot({ state, words }) {
    switch (state) {
        case "running": return t("quality.running");
        case "failed": return t("quality.failed");
        case "withheld": return t("quality.members");
        default: return words || t("quality.members");
    }
}

/**
 * What a phone has no room for below the film is in the menu of the file.
 * @param {FilmPart} film
 * @returns {import("../menu.js").Item[]}
 */
export function moreControls(film) {
    const { video } = film;
    const button = /** @type {HTMLElement | null} */ (document.querySelector(".viewer-head [aria-haspopup]"));
    if (!video || !button) return [];
    return [
        { words: t("player.speed"), icon: "speed", hint: `${video.playbackRate}×`, run: () => speedMenu(film, video, button) },
        ...(session.features.links || film.film?.link ? [{ words: t("player.external"), icon: /** @type {const} */ ("open"), run: () => { externalMenu(film, button); } }] : []),
    ];
}

/**
 * @param {FilmPart} film
 * @param {HTMLVideoElement} video
 * @param {HTMLElement} button
 */
function speedMenu(film, video, button) {
    openMenu(button, t("player.speed"), speeds.map((speed) => ({ words: `${speed}×`, checked: video.playbackRate === speed, run: () => film.useSpeed(speed) })));
}

/**
 * @param {FilmPart} film
 * @param {HTMLElement} button
 */
function subtitleMenu(film, button) {
    const { subtitles } = film;
    if (!subtitles) return;
    const names = { small: t("size.small"), usual: t("size.usual"), large: t("size.large"), huge: t("size.huge") };
    const { shift } = subtitles;
    const again = (/** @type {() => void} */ run) => () => { run(); subtitleMenu(film, button); };
    /** @type {import("../menu.js").Item[]} */
    const more = subtitles.chosen ? [
        {}, { title: true, words: t("subtitles.shift", { shift: `${shift > 0 ? "+" : ""}${shift}` }) },
        { words: t("subtitles.later"), run: again(() => subtitles.shiftBy(0.5)) }, { words: t("subtitles.earlier"), run: again(() => subtitles.shiftBy(-0.5)) },
        ...(subtitles.chosen.form === "ass" ? [] : [{}, { title: true, words: t("size") },
            ...sizes.map((size) => ({ words: names[size], checked: subtitles.size === size, run: () => { subtitles.useSize(size); } }))]),
    ] : [];
    openMenu(button, t("player.subtitles"), [
        ...(subtitles.failed ? [{ title: true, words: t("subtitles.failed") }] : []),
        { words: subtitles.all.length ? t("subtitles.off") : t("subtitles.none"), checked: !subtitles.chosen, run: () => subtitles.choose(undefined) },
        ...subtitles.all.map((subtitle) => ({ words: subtitle.label || subtitle.language, hint: endingOf(subtitle) ?? t("subtitles.drive"), checked: subtitle === subtitles.chosen, run: () => subtitles.choose(subtitle) })),
        ...more,
    ]);
}

/**
 * @param {FilmPart} film
 * @param {HTMLElement} button
 */
async function externalMenu(film, button) {
    try {
        const link = await film.link();
        openMenu(button, t("player.external"), [
            ...externalPlayers(link, film.viewer.title).map(({ name, href }) => ({ words: name, icon: /** @type {const} */ ("open"), href })),
            {},
            { words: t("link.copy"), icon: "link", run: () => { navigator.clipboard?.writeText(link).then(() => notify(t("link.copied")), () => notify(t("link.select"))); } },
        ]);
    } catch (error) {
        notify(wordsOf(error));
    }
}
