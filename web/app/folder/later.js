// @ts-check
/** What acts on items, loaded when somebody first acts: whoever only looks does without. */

export const actions = () => import("./actions.js");

/** @type {(...asked: Parameters<typeof import("./item_menu.js").itemMenu>) => Promise<void>} */
export const itemMenu = async (...asked) => (await import("./item_menu.js")).itemMenu(...asked);

export const stars = () => import("./star.js");

export const menus = () => import("./menus.js");
