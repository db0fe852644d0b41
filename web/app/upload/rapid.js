// @ts-check
/** Rapid upload: the sum of a file goes ahead, so that what the drive has already is not sent to it again. */

import { boot } from "../boot.js";
import { recall } from "../store.js";

/** Files beyond it are sent at once: reading them twice takes longer than it is likely to save. */
const LARGEST = 512 * 1024 * 1024;

/** Off until somebody wants it. */
export const wantsRapid = () => recall("upload.rapid", false);

/**
 * @param {File} file
 * @returns {Promise<string | undefined>} SHA-1 in hex; nothing where it is not wanted or cannot be had
 */
export function sumOf(file) {
    if (!wantsRapid() || !file.size || file.size > LARGEST) return Promise.resolve(undefined);
    const worker = new Worker(`${boot.assets}/app/upload/sha1_worker.js`, { type: "module" });
    return new Promise((resolve) => {
        /** @param {string | null} [sum] */
        const end = (sum) => {
            worker.terminate();
            resolve(sum ?? undefined);
        };
        worker.onmessage = ({ data }) => end(data);
        worker.onerror = () => end();
        worker.postMessage(file);
    });
}
