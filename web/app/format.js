// @ts-check
/** Sizes, times and names as people read them. */

import { language, t } from "./i18n.js";

const collator = new Intl.Collator([language, "zh-CN", "en"], { numeric: true, sensitivity: "base" });
const number = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
const whole = new Intl.NumberFormat(language);
const day = new Intl.DateTimeFormat(language, { year: "numeric", month: "short", day: "numeric" });
const minute = new Intl.DateTimeFormat(language, {
    year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit",
});
const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" });
const ago = new Intl.RelativeTimeFormat(language, { numeric: "auto" });

/**
 * Natural order: 2 before 10, case and accents aside; equal ones by their code points, so that the order is total.
 * @param {string} a
 * @param {string} b
 */
export const byName = (a, b) => collator.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0);

/** @param {number | null | undefined} bytes */
export function size(bytes) {
    if (bytes === null || bytes === undefined) return "";
    const units = ["B", "KB", "MB", "GB", "TB"];
    let step = 0;
    let value = bytes;
    while (value >= 1000 && step < units.length - 1) {
        value /= 1024;
        step += 1;
    }
    return `${number.format(step === 0 ? value : Math.max(value, 0.1))} ${units[step]}`;
}

/** @param {number} value */
export const count = (value) => whole.format(value);

/**
 * A day; of today the hour.
 * @param {number | null | undefined} ms
 */
export function date(ms) {
    if (!ms) return "";
    const at = new Date(ms);
    const today = at.toDateString() === new Date().toDateString();
    return today ? t("time.today", { time: clock.format(at) }) : day.format(at);
}

/** @param {number | null | undefined} ms */
export const dateTime = (ms) => (ms ? minute.format(new Date(ms)) : "");

/**
 * "3 minutes ago", "in 2 days".
 * @param {number} ms
 */
export function relative(ms) {
    const seconds = (ms - Date.now()) / 1000;
    const far = Math.abs(seconds);
    if (far < 90) return ago.format(Math.round(seconds), "second");
    if (far < 5400) return ago.format(Math.round(seconds / 60), "minute");
    if (far < 129_600) return ago.format(Math.round(seconds / 3600), "hour");
    return ago.format(Math.round(seconds / 86_400), "day");
}

/**
 * 1:02:03 or 2:03.
 * @param {number | null | undefined} seconds
 */
export function duration(seconds) {
    const all = Math.max(0, Math.floor(Number.isFinite(seconds) ? Number(seconds) : 0));
    const [h, m, s] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
    const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
    return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
