// @ts-check
/** `.lrc` lyrics: lines with the times at which they are sung. */

/** @typedef {{ at: number, words: string }} Line */

/**
 * @param {string} text
 * @returns {Line[]} in the order of their times
 */
export function parseLyrics(text) {
    const offset = Number(/\[offset:\s*([+-]?\d+)\s*\]/i.exec(text)?.[1] ?? 0) / 1000;
    const lines = text.split(/\r?\n/).flatMap((line) => {
        const times = [...line.matchAll(/\[(\d+):(\d{1,2}(?:[.:]\d+)?)\]/g)];
        const words = line.replace(/\[[^\]]*\]/g, "").replace(/<\d+:[\d.]+>/g, "").trim();
        return times.map(([, minutes, seconds]) => ({ at: Number(minutes) * 60 + Number(seconds.replace(":", ".")) - offset, words }));
    });
    return lines.sort((a, b) => a.at - b.at);
}

/**
 * The line that is being sung, or -1 before the first.
 * @param {Line[]} lines
 * @param {number} now
 */
export const lineAt = (lines, now) => lines.findLastIndex(({ at }) => at <= now + 0.15);
