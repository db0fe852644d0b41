// @ts-check
/** Zoom, pan and turns of a picture by wheel, fingers and mouse; a swipe where it is not zoomed. */

/** Pixels that a finger moves before it is a swipe. */
const SWIPE = 60;

export class Zoom {
    scale = 1;
    x = 0;
    y = 0;
    turns = 0;
    /** @type {Map<number, PointerEvent>} */
    #fingers = new Map();
    #moved = 0;
    #startX = 0;

    /**
     * @param {HTMLElement} stage
     * @param {() => HTMLElement | null} picture
     * @param {(step: number) => void} swipe
     * @param {AbortSignal} signal
     */
    constructor(stage, picture, swipe, signal) {
        this.stage = stage;
        this.picture = picture;
        this.swipe = swipe;
        stage.addEventListener("wheel", this.#wheel, { signal, passive: false });
        stage.addEventListener("pointerdown", this.#down, { signal });
        stage.addEventListener("pointermove", this.#move, { signal });
        stage.addEventListener("pointerup", this.#up, { signal });
        stage.addEventListener("pointercancel", this.#up, { signal });
        stage.addEventListener("dblclick", (event) => this.to(this.scale > 1 ? 1 : 2.5, event.clientX, event.clientY), { signal });
    }

    reset(turns = 0) {
        Object.assign(this, { scale: 1, x: 0, y: 0, turns });
        this.apply();
    }

    /**
     * Zooms so that what is under the point stays there.
     * @param {number} scale
     * @param {number} [clientX]
     * @param {number} [clientY]
     */
    to(scale, clientX, clientY) {
        const box = this.stage.getBoundingClientRect();
        const px = (clientX ?? box.left + box.width / 2) - box.left - box.width / 2;
        const py = (clientY ?? box.top + box.height / 2) - box.top - box.height / 2;
        const next = Math.max(1, Math.min(12, scale));
        const by = next / this.scale;
        this.x = px - (px - this.x) * by;
        this.y = py - (py - this.y) * by;
        this.scale = next;
        this.apply();
    }

    turn() {
        this.reset((this.turns + 1) % 4);
    }

    apply() {
        const picture = this.picture();
        if (!picture) return;
        const box = this.stage.getBoundingClientRect();
        const most = (/** @type {number} */ length) => ((this.scale - 1) * length) / 2;
        this.x = Math.max(-most(box.width), Math.min(most(box.width), this.x));
        this.y = Math.max(-most(box.height), Math.min(most(box.height), this.y));
        // A picture on its side has to fit the other way round.
        const fit = this.turns % 2 ? Math.min(1, box.width / picture.offsetHeight, box.height / picture.offsetWidth) : 1;
        picture.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale * fit}) rotate(${this.turns * 90}deg)`;
        this.stage.classList.toggle("zoomed", this.scale > 1);
    }

    /** @param {WheelEvent} event */
    #wheel = (event) => {
        event.preventDefault();
        this.to(this.scale * Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.002)), event.clientX, event.clientY);
    };

    /** @param {PointerEvent} event */
    #down = (event) => {
        if (event.button || /** @type {Element} */ (event.target).closest("button, a")) return;
        if (event.pointerType === "mouse") event.preventDefault();
        this.stage.setPointerCapture(event.pointerId);
        this.#fingers.set(event.pointerId, event);
        this.#moved = 0;
        this.#startX = event.clientX;
    };

    /** @param {PointerEvent} event */
    #move = (event) => {
        const before = this.#fingers.get(event.pointerId);
        if (!before) return;
        const other = [...this.#fingers.values()].find((finger) => finger.pointerId !== event.pointerId);
        if (other) {
            const length = (/** @type {PointerEvent} */ finger) => Math.hypot(finger.clientX - other.clientX, finger.clientY - other.clientY);
            this.#moved = Infinity;
            this.to(this.scale * (length(event) / Math.max(1, length(before))), (event.clientX + other.clientX) / 2, (event.clientY + other.clientY) / 2);
        } else if (this.scale > 1) {
            this.x += event.clientX - before.clientX;
            this.y += event.clientY - before.clientY;
            this.#moved = Infinity;
            this.apply();
        }
        this.#fingers.set(event.pointerId, event);
    };

    /** @param {PointerEvent} event */
    #up = (event) => {
        if (!this.#fingers.delete(event.pointerId)) return;
        const way = event.clientX - this.#startX;
        if (event.type === "pointerup" && this.#moved !== Infinity && Math.abs(way) > SWIPE) this.swipe(way > 0 ? -1 : 1);
    };
}
