// @ts-check
/** What a film looks like: its screen, what stands over it while it waits or cannot be played, its controls. */

import { html, nothing, ready } from "../html.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import "../more.js";
import { controls } from "./controls.js";

/** @typedef {import("./film.js").FilmPart} FilmPart */

/**
 * @param {FilmPart} film
 * @param {(stage: HTMLElement) => void} attach
 */
export const filmView = (film, attach) => html`<div class=${film.idle ? "stage idle" : "stage"} ${ready(attach)}>
    <div class="screen"><video playsinline preload="metadata" x-webkit-airplay="allow" aria-label=${film.viewer.title}
        @click=${film.toggle} @dblclick=${film.toggleFull}></video></div>
    ${film.problem ? problemView(film, film.problem) : film.waiting ? waitingView(film) : film.film ? nothing
        : html`<div class="over"><div class="spinner" role="status" aria-label=${t("loading")}></div></div>`}
    ${film.nextComes ? nextView(film) : nothing}
    ${film.video && !film.problem ? controls(film) : nothing}
</div>`;

/** @param {FilmPart} film */
const nextView = (film) => html`<div class="over next-film" role="status"><p>${t("film.next", { name: film.mateAt(1)?.name ?? "" })}</p>
    <div class="row-of"><button class="button primary" @click=${() => film.neighbour(1)}>${t("film.next.now")}</button>
        <button class="button" @click=${film.cancelNext}>${t("cancel")}</button></div></div>`;

/**
 * @param {FilmPart} film
 * @param {NonNullable<FilmPart["problem"]>} problem
 */
const problemView = (film, problem) => html`<div class="over problem-over" role="status">
    ${film.film?.state === "transcoding" && !problem.again ? html`<div class="spinner"></div>` : icon("warn")}
    <h2>${problem.title}</h2><p>${problem.words}</p>
    ${problem.details ? html`<details class="more"><summary>${t("error.details")}</summary>${problem.details}</details>` : nothing}
    <div class="row-of">
        ${problem.again ? html`<button class="button primary" @click=${film.again}>${t("again")}</button>` : nothing}
        ${film.film && film.engine?.mode !== "original" ? html`<button class="button" @click=${() => film.useQuality("original")}>${t("film.original")}</button>` : nothing}
        <a class="button" href=${film.viewer.raw({ download: 1 })} download=${film.viewer.title}>${t("download")}</a>
    </div></div>`;

/** @param {FilmPart} film */
const waitingView = (film) => html`<div class="over" role="status"><div class="spinner"></div>
    <p>${film.engine?.mode === "original" ? t("film.waiting.original") : t("film.waiting")}</p>
    ${film.engine?.mode === "original" ? nothing : html`<button class="button" @click=${() => film.useQuality("original")}>${t("film.original")}</button>`}</div>`;
