// @ts-check
/**
 * SHA-1 of a file, piece by piece, away from the page. `crypto.subtle` takes a file only whole, and is not there at all
 * where the page came by plain http.
 */

onmessage = async ({ data: file }) => {
    try {
        const sum = new Sha1();
        const reader = file.stream().getReader();
        for (;;) {
            const { done, value } = await reader.read();
            if (done) break;
            sum.add(value);
        }
        postMessage(sum.end());
    } catch {
        postMessage(null);
    }
};

class Sha1 {
    #state = new Int32Array([0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0]);
    #words = new Int32Array(80);
    #block = new Uint8Array(64);
    #filled = 0;
    #length = 0;

    /** @param {Uint8Array} bytes */
    add(bytes) {
        this.#length += bytes.length;
        for (let at = 0; at < bytes.length;) {
            const take = Math.min(64 - this.#filled, bytes.length - at);
            this.#block.set(bytes.subarray(at, at + take), this.#filled);
            this.#filled += take;
            at += take;
            if (this.#filled === 64) this.#mix();
        }
    }

    /** @returns {string} 40 hex digits, upper case as the drive writes them */
    end() {
        const bits = this.#length * 8;
        this.#block.fill(0, this.#filled);
        this.#block[this.#filled] = 0x80;
        if (this.#filled > 55) {
            this.#mix();
            this.#block.fill(0);
        }
        const view = new DataView(this.#block.buffer);
        view.setUint32(56, Math.floor(bits / 2 ** 32));
        view.setUint32(60, bits % 2 ** 32);
        this.#mix();
        return [...this.#state].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("").toUpperCase();
    }

    #mix() {
        const words = this.#words;
        const view = new DataView(this.#block.buffer);
        for (let i = 0; i < 16; i += 1) words[i] = view.getInt32(i * 4);
        for (let i = 16; i < 80; i += 1) {
            const word = words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16];
            words[i] = (word << 1) | (word >>> 31);
        }
        let [a, b, c, d, e] = this.#state;
        for (let i = 0; i < 80; i += 1) {
            const [mixed, constant] = i < 20 ? [(b & c) | (~b & d), 0x5a827999] : i < 40 ? [b ^ c ^ d, 0x6ed9eba1]
                : i < 60 ? [(b & c) | (b & d) | (c & d), 0x8f1bbcdc] : [b ^ c ^ d, 0xca62c1d6];
            const next = (((a << 5) | (a >>> 27)) + mixed + e + constant + words[i]) | 0;
            [e, d, c, b, a] = [d, c, (b << 30) | (b >>> 2), a, next];
        }
        const state = this.#state;
        state[0] += a;
        state[1] += b;
        state[2] += c;
        state[3] += d;
        state[4] += e;
        this.#filled = 0;
    }
}
