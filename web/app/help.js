// @ts-check
/** Which keys do what. */

import { html } from "./html.js";
import { open } from "./dialog.js";
import { t } from "./i18n.js";
import "./more.js";

/** @returns {[string, [string[], string][]][]} */
const keys = () => [
    [t("keys.folder"), [
        [["↑", "↓"], t("keys.walk")], [["Enter"], t("keys.open")], [["Space"], t("keys.select")],
        [["Shift", "↑", "↓"], t("keys.extend")], [["Ctrl", "A"], t("keys.all")], [["Esc"], t("keys.none")],
        [["Backspace"], t("keys.parent")], [["/"], t("keys.filter")], [["F2"], t("rename")], [["Delete"], t("delete")],
        [["*"], t("star.give")], [["Shift", "F10"], t("keys.menu")],
    ]],
    [t("keys.player"), [
        [["Space", "K"], t("player.play")], [["←", "→"], t("keys.seek5")], [["J", "L"], t("keys.seek10")],
        [["↑", "↓"], t("player.volume")], [["M"], t("player.mute")], [["F"], t("player.full")], [["C"], t("player.subtitles")],
        [["<", ">"], t("player.speed")], [["P", "N"], t("keys.neighbours")], [["0", "…", "9"], t("keys.tenths")],
    ]],
    [t("keys.pictures"), [
        [["←", "→"], t("keys.neighbours")], [["+", "−"], t("picture.zoom")], [["0"], t("picture.fit")], [["R"], t("picture.rotate")],
        [["I"], t("details")], [["*"], t("star.give")], [["Space"], t("picture.show")], [["Esc"], t("keys.parent")],
    ]],
];

export function showKeys() {
    return open(t("keys"), () => html`<div class="dialog-main" tabindex="0" autofocus role="group" aria-label=${t("keys")}>${keys().map(([title, rows]) => html`
        <h3>${title}</h3>
        <dl class="keys">${rows.map(([names, words]) => html`<dt>${names.map((name) => html`<kbd>${name}</kbd>`)}</dt><dd>${words}</dd>`)}</dl>`)}
    </div>`);
}
