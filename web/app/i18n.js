// @ts-check
/** The words of the page in the reader's language: those of a folder at once, the others with the first that says one. */

import { recall, remember } from "./store.js";

export const languages = /** @type {const} */ ({ en: "English", "zh-CN": "简体中文" });

/** @typedef {keyof typeof languages} Language */
/** @typedef {keyof typeof import("../i18n/en.js").words | keyof typeof import("../i18n/en.later.js").words} Key */

/** @returns {Language} */
function chosen() {
    const kept = recall("language", /** @type {string} */ (""));
    if (kept === "en" || kept === "zh-CN") return kept;
    const wanted = navigator.languages.find((tag) => /^(zh|en)\b/i.test(tag)) ?? "en";
    return /^zh/i.test(wanted) ? "zh-CN" : "en";
}

export const language = chosen();

const first = language === "en" ? await import("../i18n/en.js") : await import("../i18n/zh-CN.js");

/** @type {Record<string, string>} */
const words = { ...first.words };

/** @param {Record<string, string>} more */
export const learn = (more) => Object.assign(words, more);

document.documentElement.lang = language;

const plural = new Intl.PluralRules(language);

const choice = /\{(\w+)\|((?:[^{}|]|\{\w+\})*)\|((?:[^{}|]|\{\w+\})*)\}/g;

/**
 * The words of a key. `{name}` is filled in; `{n|one form|other form}` chooses by the number n.
 * @param {Key} key
 * @param {Record<string, string | number>} [values]
 */
export function t(key, values = {}) {
    const chosen = words[key].replace(choice, (_, name, one, other) => (plural.select(Number(values[name] ?? 0)) === "one" ? one : other));
    return chosen.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** @param {Language} next */
export function useLanguage(next) {
    remember("language", next);
    location.reload();
}
