// @ts-check
/** What can be done with one item. */

import { apiUrl, filesHref } from "../boot.js";
import { t } from "../i18n.js";
import "../more.js";
import { openMenu } from "../menu.js";
import { join } from "../paths.js";
import { goTo } from "../router.js";
import { session } from "../session.js";
import { copyTo, moveTo, removeAll, rename, share, zipUrl } from "./actions.js";
import { showDetails } from "./dialogs.js";
import { starItem } from "./star.js";

/**
 * @param {import("./folder.js").Folder} folder
 * @param {import("../api.js").Entry} entry
 * @param {HTMLElement} from
 */
export function itemMenu(folder, entry, from) {
    const path = join(folder.path, entry.name);
    const isFolder = entry.kind === "folder";
    const chosen = folder.selection.has(entry.name) && folder.selection.size > 1 ? folder.chosen : [entry];
    /** @type {import("../menu.js").Item[]} */
    const items = [
        { words: t("open"), icon: "eye", hint: "Enter", run: () => goTo(path, isFolder) },
        isFolder ? { words: t("zip"), icon: "download", href: zipUrl(path), download: `${entry.name}.zip` }
            : { words: t("download"), icon: "download", href: apiUrl("raw", { path, download: 1 }), download: entry.name },
        ...(isFolder || !session.features.links ? [] : [{ words: t("link.copy"), icon: /** @type {const} */ ("link"), run: () => { share(folder.path, entry); } }]),
        { words: t("open.tab"), icon: "open", run: () => { open(filesHref(path, isFolder), "_blank", "noopener"); } },
        {
            words: folder.selection.has(entry.name) ? t("unselect") : t("select"), icon: "check",
            run: () => { folder.selection.toggle(entry.name); folder.redraw(); },
        },
        { words: t("details"), icon: "info", run: () => { showDetails(path); } },
    ];
    if (folder.write) {
        items.push(starItem(folder.placed(chosen), folder.starred), {},
            { words: t("rename"), icon: "rename", hint: "F2", run: () => { rename(folder, entry); } },
            { words: t("move"), icon: "move", run: () => { moveTo(folder, chosen); } },
            { words: t("copy"), icon: "copy", run: () => { copyTo(folder, chosen); } },
            { words: t("delete"), icon: "bin", danger: true, hint: "Del", run: () => { removeAll(folder, chosen); } });
    }
    openMenu(from, t("actions.of", { name: entry.name }), items);
}
