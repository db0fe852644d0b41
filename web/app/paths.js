// @ts-check
/** Paths of the user's tree: decoded, beginning with `/`, without a slash at the end. */

/** @param {string} path */
export const nameOf = (path) => path.slice(path.lastIndexOf("/") + 1);

/** @param {string} path */
export const parentOf = (path) => path.slice(0, path.lastIndexOf("/")) || "/";

/**
 * @param {string} folder
 * @param {string} name
 */
export const join = (folder, name) => (folder === "/" ? `/${name}` : `${folder}/${name}`);

/** @param {string} path */
export const encodePath = (path) => path.split("/").map(encodeURIComponent).join("/");

/**
 * Reads what `encodePath` wrote; what is no valid encoding stays as it is.
 * @param {string} text
 */
export function decodePath(text) {
    const decoded = text.split("/").map((part) => {
        try {
            return decodeURIComponent(part);
        } catch {
            return part;
        }
    });
    return decoded.join("/").replace(/\/+$/, "") || "/";
}

/**
 * Name without its extension, and the extension with its dot.
 * @param {string} name
 * @returns {[string, string]}
 */
export function splitName(name) {
    const dot = name.lastIndexOf(".");
    return dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ""];
}

/**
 * Each folder from the root to the path, with its own path.
 * @param {string} path
 */
export function crumbs(path) {
    const names = path === "/" ? [] : path.slice(1).split("/");
    return names.map((name, index) => ({ name, path: `/${names.slice(0, index + 1).join("/")}` }));
}

/**
 * Is `path` the folder or below it?
 * @param {string} path
 * @param {string} folder
 */
export const isWithin = (path, folder) => folder === "/" || path === folder || path.startsWith(`${folder}/`);

/**
 * Why a name cannot be used, as the key of the words, or nothing. The drive's own limits are the server's to tell.
 * @param {string} name
 * @returns {"name.empty" | "name.slash" | "name.dots" | undefined}
 */
export function badName(name) {
    if (!name.trim()) return "name.empty";
    if (name.includes("/")) return "name.slash";
    return name === "." || name === ".." ? "name.dots" : undefined;
}
