// @ts-check
/** The menus of a folder's toolbar. */

import { t } from "../i18n.js";
import "../more.js";
import { openMenu } from "../menu.js";
import { recall, remember } from "../store.js";
import { chooseFiles } from "../upload/files.js";
import { newFolder } from "./actions.js";

/** @typedef {import("./folder.js").Folder} Folder */

/**
 * @param {Folder} folder
 * @param {HTMLElement} from the button
 */
export function uploadMenu(folder, from) {
    openMenu(from, t("upload"), [
        { words: t("upload.files"), icon: "other", run: () => chooseFiles(folder, false) },
        { words: t("upload.folder"), icon: "folder", run: () => chooseFiles(folder, true) },
        {},
        { words: t("folder.new"), icon: "newFolder", run: () => { newFolder(folder); } },
        {},
        { words: t("upload.rapid"), alone: true, checked: recall("upload.rapid", false), run: () => remember("upload.rapid", !recall("upload.rapid", false)) },
    ]);
}

/**
 * @param {Folder} folder
 * @param {HTMLElement} from the button
 */
export function sortMenu(folder, from) {
    const { by, up } = folder.look;
    /** @type {[import("../store.js").SortBy, string][]} */
    const orders = [["name", t("name")], ["size", t("size")], ["modified", t("modified")], ["kind", t("kind")]];
    openMenu(from, t("sort"), [
        ...orders.map(([order, words]) => ({ words, checked: by === order, run: () => folder.useView({ by: order }) })),
        {},
        { words: t("sort.up"), checked: up, run: () => folder.useView({ up: true }) },
        { words: t("sort.down"), checked: !up, run: () => folder.useView({ up: false }) },
    ]);
}
