// @ts-check
/** Chooses a folder to move or copy into. */

import { html, nothing, repeat } from "../html.js";
import { wordsOf } from "../api.js";
import { open } from "../dialog.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import "../more.js";
import { crumbs, isWithin, join } from "../paths.js";
import { known, load, sorted } from "./listing.js";

/**
 * @param {string} title
 * @param {string} act
 * @param {string} start where the items are now
 * @param {string[]} banned folders that cannot be the goal, nor what is below them
 * @returns {Promise<string | undefined>}
 */
export function pickFolder(title, act, start, banned) {
    let path = start;
    let problem = "";
    let listing = known(path);

    /**
     * @param {string} next
     * @param {import("../dialog.js").Dialog<string>} dialog
     */
    async function enter(next, dialog) {
        path = next;
        problem = "";
        listing = known(path);
        dialog.redraw();
        // The pressed button is gone; the keyboard goes on at the list.
        /** @type {HTMLElement | null} */ (dialog.element.querySelector(".picker"))?.focus();
        try {
            const fresh = await load(next);
            if (path === next) listing = fresh;
        } catch (error) {
            if (path === next) problem = wordsOf(error);
        }
        dialog.redraw();
    }

    return open(title, (dialog) => {
        const folders = listing ? sorted(listing.entries.filter((entry) => entry.kind === "folder"), { by: "name", up: true }) : [];
        const allowed = listing?.write && path !== start;
        return html`<div class="dialog-main">
            <nav aria-label=${t("crumbs")}><ol class="crumbs small-crumbs">
                <li><button class="crumb" aria-label=${t("files.root")} @click=${() => enter("/", dialog)}>${icon("home")}</button></li>
                ${crumbs(path).map((crumb) => html`<li>${icon("right")}<button class="crumb" @click=${() => enter(crumb.path, dialog)}>${crumb.name}</button></li>`)}
            </ol></nav>
            ${problem ? html`<p class="banner bad" role="alert">${problem}</p>` : nothing}
            <ul class="picker" tabindex="0" autofocus aria-label=${t("picker.folders")}>
                ${repeat(folders, (entry) => entry.name, (entry) => {
                    const to = join(path, entry.name);
                    const off = banned.some((folder) => isWithin(to, folder));
                    return html`<li><button ?disabled=${off} @click=${() => enter(to, dialog)}>${icon("folder")}<span>${entry.name}</span>${icon("right")}</button></li>`;
                })}
                ${folders.length || problem ? nothing : html`<li class="muted">${listing ? t("picker.none") : t("loading")}</li>`}
            </ul>
            ${listing && !listing.write ? html`<p class="muted small">${t("picker.readonly")}</p>` : nothing}
        </div>
        <div class="dialog-foot">
            <button class="button" @click=${() => dialog.close(undefined)}>${t("cancel")}</button>
            <button class="button primary" ?disabled=${!allowed} @click=${() => dialog.close(path)}>${t("picker.here", { act })}</button>
        </div>`;
    }, { wide: true });
}
