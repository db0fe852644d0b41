// @ts-check
/** Dialogs on the native element, which holds the focus and gives it back; one is open at a time. */

import { html, render, nothing, ready } from "./html.js";
import { icon } from "./icons.js";
import { t } from "./i18n.js";
import "./more.js";

/**
 * @template T
 * @typedef {object} Dialog
 * @property {(result: T | undefined) => void} close
 * @property {() => void} redraw
 * @property {HTMLDialogElement} element
 */

/**
 * Opens a dialog and waits for its end; left by Escape or the cross it gives undefined.
 * @template T
 * @param {string} title
 * @param {(dialog: Dialog<T>) => unknown} body
 * @param {{ wide?: boolean }} [options]
 * @returns {Promise<T | undefined>}
 */
export function open(title, body, { wide } = {}) {
    const element = document.createElement("dialog");
    element.className = wide ? "dialog wide" : "dialog";
    element.setAttribute("aria-labelledby", "dialog-title");
    const before = /** @type {HTMLElement | null} */ (document.activeElement);
    return new Promise((resolve) => {
        /** @type {T | undefined} */
        let result;
        /** @type {Dialog<T>} */
        const dialog = {
            element,
            close(value) {
                result = value;
                element.close();
            },
            redraw: () => render(html`<div class="dialog-body">
                <div class="dialog-head">
                    <h2 id="dialog-title">${title}</h2>
                    <button class="tool" type="button" aria-label=${t("close")} @click=${() => dialog.close(undefined)}>${icon("close")}</button>
                </div>${body(dialog)}</div>`, element),
        };
        element.addEventListener("close", () => {
            element.remove();
            // What was there may be gone or drawn anew; then the page decides.
            if (before?.isConnected) before.focus({ preventScroll: true });
            resolve(result);
        });
        element.addEventListener("pointerdown", (event) => {
            if (event.target === element) dialog.close(undefined);
        });
        document.body.append(element);
        dialog.redraw();
        element.showModal();
        /** @type {HTMLElement | null} */ (element.querySelector("[autofocus]"))?.focus();
    });
}

/**
 * @param {{ title: string, words: string, more?: unknown, act: string, danger?: boolean }} question
 * @returns {Promise<boolean>}
 */
export async function confirm({ title, words, more, act, danger }) {
    const yes = await open(title, (dialog) => html`
        <div class="dialog-main"><p>${words}</p>${more ?? nothing}</div>
        <div class="dialog-foot">
            <button class="button" autofocus @click=${() => dialog.close(false)}>${t("cancel")}</button>
            <button class=${danger ? "button danger" : "button primary"} @click=${() => dialog.close(true)}>${act}</button>
        </div>`);
    return yes === true;
}

/**
 * Asks for one line and runs `send` with it; the words of its failure stand below the field, which stays open.
 * @param {{ title: string, label: string, value?: string, select?: number, act: string,
 *     check: (value: string) => string | undefined, send: (value: string) => Promise<void> }} question
 * @returns {Promise<string | undefined>}
 */
export function ask({ title, label, value = "", select, act, check, send }) {
    let problem = "";
    let busy = false;
    return open(title, (dialog) => {
        /** @param {SubmitEvent} event */
        const submit = async (event) => {
            event.preventDefault();
            const text = String(new FormData(/** @type {HTMLFormElement} */ (event.target)).get("value") ?? "");
            problem = check(text) ?? "";
            busy = !problem;
            dialog.redraw();
            if (problem) return;
            try {
                await send(text);
                dialog.close(text);
            } catch (error) {
                problem = error instanceof Error ? error.message : String(error);
                busy = false;
                dialog.redraw();
            }
        };
        return html`<form @submit=${submit} novalidate>
            <div class="dialog-main">
                <label class="field"><span>${label}</span>
                    <input class="input" name="value" autocomplete="off" spellcheck="false" autofocus aria-invalid=${problem ? "true" : "false"}
                        aria-describedby="ask-problem" .defaultValue=${value}
                        ${ready((input) => input.setSelectionRange(0, select ?? input.value.length))}></label>
                <p class="problem" id="ask-problem" role="alert" ?hidden=${!problem}>${problem}</p>
            </div>
            <div class="dialog-foot">
                <button class="button" type="button" @click=${() => dialog.close(undefined)}>${t("cancel")}</button>
                <button class="button primary" ?disabled=${busy}>${act}</button>
            </div>
        </form>`;
    });
}
