// @ts-check
/** Words, icons and styles that a folder's page does without. Whatever uses them imports this, and has them before it runs. */

import { language, learn } from "./i18n.js";
import { learnIcons } from "./icons.js";
import { shapes } from "./icons.later.js";
import { loadStyle } from "./style.js";

const [{ words }] = await Promise.all([
    language === "en" ? import("../i18n/en.later.js") : import("../i18n/zh-CN.later.js"),
    loadStyle("style/later.css"),
]);

learn(words);
learnIcons(shapes);
