// @ts-check
/** The one way to put something on the page: lit's templates escape by construction. */

export { html, svg, render, nothing } from "../vendor/lit-html-3.3.3/lit-html.js";
export { repeat } from "../vendor/lit-html-3.3.3/directives/repeat.js";

import { directive, Directive, PartType } from "../vendor/lit-html-3.3.3/directive.js";
import { noChange } from "../vendor/lit-html-3.3.3/lit-html.js";

class Vars extends Directive {
    /** @param {Record<string, string | number>} _values */
    render(_values) {
        return noChange;
    }

    /**
     * @param {any} part
     * @param {[Record<string, string | number>]} args
     */
    update(part, [values]) {
        for (const [name, value] of Object.entries(values)) part.element.style.setProperty(name, String(value));
        return noChange;
    }
}

/**
 * Style properties of an element, set one by one: `<div ${vars({ "--part": 0.5 })}>`.
 * A `style` attribute, lit's `styleMap` too, is refused by the content security policy.
 */
export const vars = directive(Vars);

class Guard extends Directive {
    /** @type {unknown[] | undefined} */
    seen;

    /**
     * @param {unknown[]} _seen
     * @param {() => unknown} make
     */
    render(_seen, make) {
        return make();
    }

    /**
     * @param {any} _part
     * @param {[unknown[], () => unknown]} args
     */
    update(_part, [seen, make]) {
        if (this.seen?.length === seen.length && seen.every((value, index) => Object.is(value, this.seen?.[index]))) return noChange;
        this.seen = seen;
        return make();
    }
}

/** Leaves a part of the page alone as long as what it is made of is the same: `${guard([songs, now], () => …)}`. */
export const guard = directive(Guard);

class Ready extends Directive {
    /** @type {Element | undefined} */
    element;

    /** @param {(element: any) => void} _run */
    render(_run) {
        return noChange;
    }

    /**
     * @param {any} part
     * @param {[(element: any) => void]} args
     */
    update(part, [run]) {
        if (part.type === PartType.ELEMENT && this.element !== part.element) {
            this.element = part.element;
            queueMicrotask(() => run(part.element));
        }
        return noChange;
    }
}

/** Calls back once with the element when it has been made: `<input ${ready((input) => input.focus())}>`. */
export const ready = directive(Ready);
