// @ts-check
/** Which of the shown items are selected, and which one the keyboard is on. Both by name, so that they outlive a reload. */

/** @typedef {import("../api.js").Entry} Entry */

export class Selection {
    /** @type {Set<string>} */
    names = new Set();
    /** @type {string | undefined} the item that Tab reaches */
    current;
    /** @type {string | undefined} where a range began */
    anchor;

    /** @param {string} name */
    has = (name) => this.names.has(name);

    get size() {
        return this.names.size;
    }

    /** @param {string} name */
    toggle(name) {
        if (!this.names.delete(name)) this.names.add(name);
        this.current = this.anchor = name;
    }

    /** @param {string} name */
    only(name) {
        this.names = new Set([name]);
        this.current = this.anchor = name;
    }

    clear() {
        this.names.clear();
    }

    /** @param {Entry[]} shown */
    all(shown) {
        this.names = new Set(shown.map((entry) => entry.name));
    }

    /**
     * From where the range began to here.
     * @param {Entry[]} shown
     * @param {string} name
     */
    extend(shown, name) {
        const from = shown.findIndex((entry) => entry.name === (this.anchor ?? this.current ?? name));
        const to = shown.findIndex((entry) => entry.name === name);
        const [first, last] = from < to ? [from, to] : [to, from];
        this.names = new Set(shown.slice(Math.max(0, first), last + 1).map((entry) => entry.name));
        this.current = name;
    }

    /**
     * Drops what is not there any more.
     * @param {Entry[]} entries
     */
    keepTo(entries) {
        const there = new Set(entries.map((entry) => entry.name));
        this.names = new Set([...this.names].filter((name) => there.has(name)));
        if (this.current !== undefined && !there.has(this.current)) this.current = undefined;
    }

    /** @param {Entry[]} entries */
    of = (entries) => entries.filter((entry) => this.names.has(entry.name));
}
