// @ts-check
/** Signing in with the name and password of alidav's own users. */

import { html, render } from "./html.js";
import { boot, localNext } from "./boot.js";
import { icon } from "./icons.js";
import { language, languages, t, useLanguage } from "./i18n.js";
import "./more.js";
import { ApiError, post } from "./api.js";

const app = /** @type {HTMLElement} */ (document.getElementById("app"));
let problem = "";
let busy = false;
let seen = false;

/** @param {unknown} error */
function wordsFor(error) {
    if (!(error instanceof ApiError)) return String(error);
    if (error.status === 401) return t("login.wrong");
    if (error.code === "throttled") return t("login.throttled", { seconds: Math.max(1, Math.ceil(error.retryAfter / 1000)) });
    return error.message;
}

/** @param {SubmitEvent} event */
async function submit(event) {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const data = new FormData(form);
    busy = true;
    problem = "";
    draw();
    try {
        await post("session", { name: data.get("username"), password: data.get("password") }, { stay: true });
        location.replace(/** @type {string} */ (localNext(new URLSearchParams(location.search).get("next"))));
    } catch (error) {
        problem = wordsFor(error);
        busy = false;
        draw();
        /** @type {HTMLInputElement} */ (form.elements.namedItem("password")).select();
    }
}

function draw() {
    document.title = `${t("sign.in")} · ${boot.title}`;
    render(html`<main class="login">
        <form class="login-card" @submit=${submit}>
            <img src="${boot.assets}/favicon.svg" alt="" width="48" height="48">
            <h1>${boot.title}</h1>
            <p class="muted">${t("login.words")}</p>
            <p class="banner bad" role="alert" ?hidden=${!problem}>${problem}</p>
            <label class="field"><span>${t("login.name")}</span>
                <input class="input" name="username" autocomplete="username" autocapitalize="none" spellcheck="false" required></label>
            <div class="field"><label for="password">${t("login.password")}</label>
                <div class="with-tool">
                    <input class="input" id="password" name="password" type=${seen ? "text" : "password"} autocomplete="current-password" required>
                    <button class="tool" type="button" aria-pressed=${String(seen)} aria-label=${t("login.show")} title=${t("login.show")}
                        @click=${() => { seen = !seen; draw(); }}>${icon(seen ? "eyeOff" : "eye")}</button>
                </div></div>
            <button class="button primary" ?disabled=${busy}>${busy ? t("login.busy") : t("sign.in")}</button>
        </form>
        <p class="login-foot">${Object.entries(languages).map(([tag, words]) => html`
            <button class="button quiet" lang=${tag} aria-pressed=${String(tag === language)}
                @click=${() => useLanguage(/** @type {keyof typeof languages} */ (tag))}>${words}</button>`)}</p>
    </main>`, app);
}

draw();
/** @type {HTMLInputElement | null} */ (app.querySelector("[name=username]"))?.focus();
