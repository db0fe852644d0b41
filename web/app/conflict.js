// @ts-check
/** Asks once what is to happen with names that are taken. */

import { html } from "./html.js";
import { open } from "./dialog.js";
import { t } from "./i18n.js";
import "./more.js";

/** @typedef {"replace" | "keep_both" | "skip"} Conflict */

/**
 * @param {string[]} names
 * @returns {Promise<Conflict | undefined>} undefined: it was left, which skips them
 */
export function askConflict(names) {
    return open(t("conflict.title", { n: names.length }), (dialog) => {
        /** @param {SubmitEvent} event */
        const submit = (event) => {
            event.preventDefault();
            const data = new FormData(/** @type {HTMLFormElement} */ (event.target));
            dialog.close(/** @type {Conflict} */ (data.get("conflict")));
        };
        /**
         * @param {Conflict} value
         * @param {string} words
         */
        const choice = (value, words) => html`<label class="check"><input type="radio" name="conflict" value=${value} ?checked=${value === "keep_both"}>${words}</label>`;
        return html`<form @submit=${submit}><div class="dialog-main">
            <p>${t("conflict.words", { n: names.length, names: names.slice(0, 3).join(", ") + (names.length > 3 ? " …" : "") })}</p>
            <fieldset class="choices"><legend class="visually-hidden">${t("conflict.choose")}</legend>
                ${choice("keep_both", t("conflict.keep_both"))}${choice("replace", t("conflict.replace"))}${choice("skip", t("conflict.skip"))}
            </fieldset></div>
            <div class="dialog-foot"><button class="button primary" autofocus>${t("continue")}</button></div></form>`;
    });
}
