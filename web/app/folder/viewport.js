// @ts-check
/** Which lines of a very long list are near the window; all other ones are blank space of their height. */

/** From so many items on only those near the window are in the page. */
export const WINDOWED_FROM = 2000;

/** Pixels above and below the window whose lines are in the page too; each line more is made anew in a fast scroll. */
const MARGIN = 320;

/** The range moves in steps of so many pixels, so that few scroll events draw anything. */
const STEP = 160;

/** More than this part of what is drawn passed at once is a leap. */
const LEAP = 0.25;

export class Viewport {
    /** @type {HTMLElement | undefined} */
    #box;
    #line = 46;
    #columns = 1;
    #first = 0;
    /** The item that was drawn first, and the number of its element. */
    #drawn = { from: 0, element: 0 };
    #pending = 0;

    /** @param {() => void} redraw */
    constructor(redraw) {
        this.redraw = redraw;
        addEventListener("scroll", this.#changed, { passive: true });
        addEventListener("resize", this.#changed, { passive: true });
    }

    leave() {
        removeEventListener("scroll", this.#changed);
        removeEventListener("resize", this.#changed);
        cancelAnimationFrame(this.#pending);
    }

    /** @param {HTMLElement} box holds the items */
    attach = (box) => {
        this.#box = box;
        this.#measure();
    };

    get columns() {
        return this.#columns;
    }

    /**
     * The items to draw, the space before and after them in pixels. `element` is the
     * number of the first one's: what stays in sight keeps its own. After a leap the same elements are written anew where
     * they are, which is half the work; not while one of them has the focus, which belongs to its item.
     * @param {number} total
     */
    range(total) {
        const lines = Math.ceil(total / this.#columns);
        const shown = Math.ceil((innerHeight + 2 * MARGIN + STEP) / this.#line);
        const first = Math.max(0, Math.min(this.#first, lines - shown));
        const last = Math.min(lines, first + shown);
        const from = first * this.#columns;
        const passed = from - this.#drawn.from;
        const leaps = Math.abs(passed) > shown * this.#columns * LEAP && !this.#box?.contains(document.activeElement);
        this.#drawn = { from, element: this.#drawn.element + (leaps ? 0 : passed) };
        return {
            from, to: Math.min(total, last * this.#columns), element: this.#drawn.element,
            before: first * this.#line, after: (lines - last) * this.#line,
        };
    }

    /**
     * Brings an item that may not be in the page to the middle of the window.
     * @param {number} index
     */
    reveal(index) {
        if (!this.#box) return;
        const top = this.#box.getBoundingClientRect().top + scrollY + Math.floor(index / this.#columns) * this.#line;
        if (top < scrollY + 120 || top > scrollY + innerHeight - 120) scrollTo({ top: top - innerHeight / 2 });
        this.#update();
    }

    #changed = () => {
        this.#pending ||= requestAnimationFrame(() => {
            this.#pending = 0;
            this.#measure();
            this.#update();
        });
    };

    #measure() {
        const item = this.#box?.querySelector("[data-name]");
        if (!item || !item.parentElement) return;
        const style = getComputedStyle(item.parentElement);
        const columns = style.display === "grid" ? style.gridTemplateColumns.split(" ").length : 1;
        const line = item.getBoundingClientRect().height + (columns > 1 ? parseFloat(style.rowGap) || 0 : 0);
        if (line && (line !== this.#line || columns !== this.#columns)) {
            this.#line = line;
            this.#columns = columns;
            this.redraw();
        }
    }

    #update() {
        if (!this.#box) return;
        const above = -this.#box.getBoundingClientRect().top - MARGIN;
        const first = Math.max(0, Math.floor((Math.floor(above / STEP) * STEP) / this.#line));
        if (first === this.#first) return;
        this.#first = first;
        this.redraw();
    }
}
