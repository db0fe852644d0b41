// @ts-check
/** The shell of files, accounts and status: shows the page of the address, and another when it changes. */

import { html, render, repeat } from "./html.js";
import { boot, loginHref } from "./boot.js";
import { t } from "./i18n.js";
import { icon } from "./icons.js";
import { ApiError, wordsOf } from "./api.js";
import { notify } from "./notices.js";
import { route, start } from "./router.js";
import { frame, showKeys } from "./shell.js";
import { loadSession } from "./session.js";
import { recall } from "./store.js";

/**
 * @typedef {object} Page
 * @property {() => unknown} view
 * @property {() => void} [leave]
 * @property {string} title
 */
/** @typedef {(place: import("./router.js").Place, redraw: () => void) => Page} MakePage */

const app = /** @type {HTMLElement} */ (document.getElementById("app"));

/** @type {Page | undefined} */
let page;
let turn = 0;

/** @returns {Promise<{ default: MakePage }>} */
function moduleOf() {
    const at = route();
    if (at.page === "accounts") return import("./pages/accounts.js");
    if (at.page === "status") return import("./pages/status.js");
    if (at.page === "starred") return import("./folder/starred.js");
    if (!at.folder) return import("./view/viewer.js");
    return new URLSearchParams(location.search).has("search") ? import("./folder/search.js") : import("./folder/folder.js");
}

/** @param {import("./router.js").Place} place */
async function show(place) {
    const mine = ++turn;
    /** @type {HTMLElement | null} */ (document.querySelector("[role=menu]"))?.hidePopover();
    /** @type {MakePage} */
    let make;
    try {
        make = (await moduleOf()).default;
    } catch {
        // The assets of an older version are gone after an upgrade.
        page?.leave?.();
        page = { view: () => reloadNotice(), title: boot.title };
        return draw();
    }
    if (mine !== turn) return;
    page?.leave?.();
    page = undefined;
    page = make(place, () => { if (mine === turn) draw(); });
    draw();
    // Whoever reads by ear or walks by keys goes on at the new page, not at the bar.
    if (mine > 1 && !place.focus) document.getElementById("main")?.focus({ preventScroll: true });
}

function draw() {
    if (!page) return;
    document.title = page.title === boot.title ? boot.title : `${page.title} · ${boot.title}`;
    // Each page has elements of its own: none keeps the listeners and positions of the one before.
    render(frame(route().page, repeat([page], (shown) => shown, (shown) => shown.view())), app);
}

const reloadNotice = () => html`<div class="blank">${icon("refresh")}<h2>${t("reload.title")}</h2><p>${t("reload.words")}</p>
    <button class="button primary" @click=${() => location.reload()}>${t("reload.act")}</button></div>`;

/** @param {KeyboardEvent} event */
function onKey(event) {
    const field = /** @type {Element} */ (event.target).closest?.("input, textarea, select, dialog");
    if (event.key === "?" && !field && !event.ctrlKey && !event.metaKey) {
        event.preventDefault();
        showKeys();
    }
}

// A part of the page that is loaded later is gone after an upgrade of the server, or it cannot be reached.
addEventListener("unhandledrejection", (event) => {
    if (/module/i.test(wordsOf(event.reason))) notify(t("reload.words"), { act: t("reload.act"), run: () => location.reload(), stay: true });
});

async function begin() {
    try {
        if (!(await loadSession())) return;
        addEventListener("keydown", onKey);
        start(show);
        if (recall("jobs", false)) import("./jobs/panel.js");
    } catch (error) {
        // Who is not signed in is on the way to the login.
        if (error instanceof ApiError && error.status === 401) return;
        render(html`<main class="blank">${icon("warn")}<h1>${t("error.title")}</h1><p>${wordsOf(error)}</p>
            <div class="row-of"><button class="button primary" @click=${() => location.reload()}>${t("again")}</button>
            <a class="button" href=${loginHref()}>${t("sign.in")}</a></div></main>`, app);
    }
}

begin();
