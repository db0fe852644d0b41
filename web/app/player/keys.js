// @ts-check
/** The keyboard on a film. */

const speeds = [0.5, 0.75, 1, 1.25, 1.5, 2];

export { speeds };

/**
 * @param {import("./film.js").FilmPart} film
 * @param {KeyboardEvent} event
 * @returns {boolean} true: it was one of ours
 */
export function playerKey(film, event) {
    const { video } = film;
    if (!video) return false;
    const target = /** @type {Element} */ (event.target);
    const range = target instanceof HTMLInputElement && target.type === "range";
    const button = target.closest("button, a, summary");
    if (range && /^(Arrow|Home|End|Page)/.test(event.key)) return false;
    if (button && (event.key === " " || event.key === "Enter")) return false;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const speed = (/** @type {number} */ step) => {
        const at = speeds.findIndex((value) => value >= video.playbackRate);
        film.useSpeed(speeds[Math.max(0, Math.min(speeds.length - 1, at + step))]);
    };
    const volume = (/** @type {number} */ by) => {
        video.volume = Math.max(0, Math.min(1, Math.round((video.volume + by) * 20) / 20));
        video.muted = false;
    };
    const acts = /** @type {Record<string, () => void>} */ ({
        " ": film.toggle, k: film.toggle, ArrowRight: () => film.seekBy(5), ArrowLeft: () => film.seekBy(-5), l: () => film.seekBy(10), j: () => film.seekBy(-10),
        ArrowUp: () => volume(0.05), ArrowDown: () => volume(-0.05), m: () => { video.muted = !video.muted; }, f: film.toggleFull,
        c: () => film.subtitles?.toggle(), "<": () => speed(-1), ">": () => speed(1), n: () => film.neighbour(1), p: () => film.neighbour(-1),
    });
    if (/^\d$/.test(key)) {
        if (video.duration) video.currentTime = (video.duration * Number(key)) / 10;
    } else if (key in acts) {
        acts[key]();
    } else {
        return false;
    }
    film.wake();
    return true;
}
