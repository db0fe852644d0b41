// @ts-check
/** The server's answers. Never loaded: only the types in comments name it. */

/**
 * @typedef {object} Entry
 * @property {string} name
 * @property {"folder" | "video" | "image" | "audio" | "pdf" | "text" | "markdown" | "archive" | "other"} kind
 * @property {number | null} size
 * @property {number | null} modified
 * @property {string} [id]
 * @property {boolean} [thumb]
 * @property {string} [mime]
 * @property {number} [cursor] seconds of play
 * @property {boolean} [starred]
 * @property {boolean} [held] it is not on the drive
 * @property {string} [path] only in hits and recent films
 * @property {string | null} [checksum] only in `stat`
 * @property {number | null} [created] only in `stat`
 */
/**
 * @typedef {object} Listing
 * @property {string} path
 * @property {boolean} write
 * @property {boolean} bin deleted items go to the recycle bin
 * @property {"user" | "mount"} [read_only_reason]
 * @property {boolean} stale
 * @property {string} [stale_code]
 * @property {number} fetched_at
 * @property {Entry[]} entries
 */
/**
 * @typedef {object} Stat
 * @property {string} path
 * @property {boolean} write
 * @property {boolean} bin
 * @property {Entry} entry
 * @property {{ width?: number | null, height?: number | null, duration?: number | null, video?: string[], sound?: string[] } | null} [media] where it was asked for
 * @property {{ previous: string | null, next: string | null }} [siblings]
 */
/** @typedef {{ path: string, ok: boolean, to?: string, error?: string, code?: string }} Outcome */
/**
 * A copy or move from drive to drive, which goes on at the server.
 * @typedef {object} Job
 * @property {number} id
 * @property {"copy" | "move"} kind
 * @property {string} from the first item
 * @property {string} to where that goes
 * @property {"running" | "done" | "failed" | "cancelled"} state
 * @property {{ done: number, total: number }} items
 * @property {{ done: number, total: number, rapid: number }} files
 * @property {{ done: number, total: number, sent: number }} bytes
 * @property {number} failed
 * @property {{ path: string, words: string }[]} failures
 */

export {};
