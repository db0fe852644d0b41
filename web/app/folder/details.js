// @ts-check
/** Everything that is known of one item. */

import { html, nothing } from "../html.js";
import { get, wordsOf } from "../api.js";
import { open } from "../dialog.js";
import * as format from "../format.js";
import { t } from "../i18n.js";
import "../more.js";
import { parentOf } from "../paths.js";

/** @type {Record<import("../api.js").Entry["kind"], import("../i18n.js").Key>} */
const kinds = {
    folder: "kind.folder", video: "kind.video", image: "kind.image", audio: "kind.audio", pdf: "kind.pdf", text: "kind.text",
    markdown: "kind.markdown", archive: "kind.archive", other: "kind.other",
};

/** @param {import("../api.js").Entry["kind"]} kind */
export const kindWords = (kind) => t(kinds[kind] ?? "kind.other");

/**
 * @param {import("../api.js").Stat} stat
 * @returns {[string, string][]}
 */
function facts({ path, entry, media }) {
    const { width, height, duration, video, sound } = media ?? {};
    /** @type {[string, string][]} */
    const all = [
        [t("name"), entry.name],
        [t("kind"), entry.mime ? `${kindWords(entry.kind)} · ${entry.mime}` : kindWords(entry.kind)],
        [t("size"), entry.size === null ? "" : `${format.size(entry.size)} · ${t("bytes", { count: format.count(entry.size) })}`],
        [t("details.where"), parentOf(path)],
        [t("modified"), format.dateTime(entry.modified)],
        [t("details.created"), format.dateTime(entry.created)],
        [t("details.pixels"), width && height ? `${width} × ${height}` : ""],
        [t("details.duration"), duration ? format.duration(duration) : ""],
        [t("details.video"), (video ?? []).join(", ")],
        [t("details.sound"), (sound ?? []).join(", ")],
        ["SHA-1", entry.checksum ?? ""],
    ];
    return all.filter(([, value]) => value);
}

/** @param {string} path */
export function showDetails(path) {
    /** @type {import("../api.js").Stat | undefined} */
    let stat;
    let problem = "";
    return open(t("details"), (dialog) => {
        // What only the drive knows comes a little later.
        const more = () => {
            if (!["video", "image", "audio"].includes(stat?.entry.kind ?? "")) return;
            get("stat", { path, media: 1 }).then((answer) => { stat = answer; dialog.redraw(); }, () => { /* then without */ });
        };
        if (!stat && !problem) {
            get("stat", { path }).then((answer) => { stat = answer; more(); }, (error) => { problem = wordsOf(error); }).then(dialog.redraw);
        }
        return html`<div class="dialog-main" tabindex="0" role="group" aria-label=${t("details")} autofocus>
            ${problem ? html`<p class="banner bad" role="alert">${problem}</p>` : nothing}
            ${stat ? html`<dl class="facts">${facts(stat).map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`
                : problem ? nothing : html`<div class="spinner" role="status" aria-label=${t("loading")}></div>`}
        </div>`;
    });
}
