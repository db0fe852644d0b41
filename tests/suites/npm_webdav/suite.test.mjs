// The operations of the npm package `webdav` against a running alidav. Its own tests are not in the package, so each
// of its documented operations is called here, and judged by what the server then has.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { finished } from "node:stream/promises";
import { test } from "node:test";
import { createClient } from "webdav";

const url = `${process.env.URL}/dav`;
const login = { username: "me", password: "secret word" };
const client = createClient(url, login);
let folders = 0;

/** A new folder with a file. */
async function folder() {
    const path = `/${(folders += 1)} 夏天 & 100%`;
    await client.createDirectory(path);
    await client.putFileContents(`${path}/a #1.txt`, "hello");
    return path;
}

async function read(stream) {
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    return Buffer.concat(chunks);
}

const status = (wanted) => (error) => error.status === wanted;

test("getDirectoryContents", async () => {
    const path = await folder();
    await client.createDirectory(`${path}/sub`);
    const names = (await client.getDirectoryContents(path)).map((item) => `${item.type} ${item.basename} ${item.filename}`);
    assert.deepEqual(names.sort(), [`directory sub ${path}/sub`, `file a #1.txt ${path}/a #1.txt`]);
});

test("getDirectoryContents, details and glob", async () => {
    const path = await folder();
    await client.putFileContents(`${path}/b.md`, "b");
    const found = await client.getDirectoryContents(path, { details: true, glob: "**/*.md" });
    assert.deepEqual(found.data.map((item) => item.basename), ["b.md"]);
});

test("getDirectoryContents, deep", async () => {
    const path = await folder();
    await client.createDirectory(`${path}/x/y`, { recursive: true });
    await client.putFileContents(`${path}/x/y/z`, "z");
    const found = await client.getDirectoryContents(path, { deep: true });
    assert.deepEqual(found.map((item) => item.basename).sort(), ["a #1.txt", "x", "y", "z"]);
});

test("getDirectoryContents of nothing", async () => {
    await assert.rejects(client.getDirectoryContents("/nothing"), status(404));
});

test("exists", async () => {
    const path = await folder();
    assert.equal(await client.exists(path), true);
    assert.equal(await client.exists(`${path}/a #1.txt`), true);
    assert.equal(await client.exists(`${path}/b`), false);
});

test("stat", async () => {
    const path = await folder();
    const file = await client.stat(`${path}/a #1.txt`);
    assert.deepEqual([file.type, file.size, file.mime, file.basename], ["file", 5, "text/plain", "a #1.txt"]);
    assert.ok(Math.abs(new Date(file.lastmod) - Date.now()) < 60_000 && file.etag);
    const above = await client.stat(path, { details: true });
    assert.equal(above.data.type, "directory");
});

test("getFileContents", async () => {
    const path = await folder();
    assert.equal(await client.getFileContents(`${path}/a #1.txt`, { format: "text" }), "hello");
    assert.equal(Buffer.from(await client.getFileContents(`${path}/a #1.txt`)).toString(), "hello");
    await assert.rejects(client.getFileContents(`${path}/b`), status(404));
});

test("putFileContents", async () => {
    const path = await folder();
    const bytes = randomBytes(300_000);
    assert.equal(await client.putFileContents(`${path}/b`, bytes), true);
    assert.deepEqual(Buffer.from(await client.getFileContents(`${path}/b`)), bytes);
    assert.equal(await client.putFileContents(`${path}/b`, "new"), true);
    assert.equal(await client.putFileContents(`${path}/b`, "newer", { overwrite: false }), false);
    assert.equal(await client.getFileContents(`${path}/b`, { format: "text" }), "new");
});

test("createWriteStream", async () => {
    const path = await folder();
    const done = new Promise((resolve, reject) => {
        const stream = client.createWriteStream(`${path}/b`, {}, resolve);
        stream.on("error", reject);
        for (let i = 0; i < 100; i += 1) stream.write("0123456789");
        stream.end();
        finished(stream).catch(reject);
    });
    assert.equal((await done).status, 201);
    assert.equal((await client.getFileContents(`${path}/b`, { format: "text" })).length, 1000);
});

test("createReadStream", async () => {
    const path = await folder();
    assert.equal(String(await read(client.createReadStream(`${path}/a #1.txt`))), "hello");
    const part = client.createReadStream(`${path}/a #1.txt`, { range: { start: 1, end: 3 } });
    assert.equal(String(await read(part)), "ell");
});

test("createDirectory", async () => {
    const path = await folder();
    await client.createDirectory(`${path}/x/y/z`, { recursive: true });
    assert.equal((await client.stat(`${path}/x/y/z`)).type, "directory");
    await assert.rejects(client.createDirectory(`${path}/x`), status(405));
    await assert.rejects(client.createDirectory(`${path}/q/r`), status(409));
});

test("copyFile", async () => {
    const path = await folder();
    await client.copyFile(`${path}/a #1.txt`, `${path}/b %.txt`);
    assert.equal(await client.getFileContents(`${path}/b %.txt`, { format: "text" }), "hello");
    assert.equal(await client.exists(`${path}/a #1.txt`), true);
    await client.putFileContents(`${path}/c`, "old");
    await assert.rejects(client.copyFile(`${path}/a #1.txt`, `${path}/c`, { overwrite: false }), status(412));
    await client.copyFile(`${path}/a #1.txt`, `${path}/c`);
    assert.equal(await client.getFileContents(`${path}/c`, { format: "text" }), "hello");
});

test("copyFile of a folder", async () => {
    const path = await folder();
    await client.copyFile(path, `${path} copy`);
    assert.equal(await client.getFileContents(`${path} copy/a #1.txt`, { format: "text" }), "hello");
});

test("copyFile of a folder, shallow", async () => {
    const path = await folder();
    await client.copyFile(path, `${path} copy`, { shallow: true });
    assert.deepEqual(await client.getDirectoryContents(`${path} copy`), []);
});

test("moveFile", async () => {
    const path = await folder();
    await client.moveFile(`${path}/a #1.txt`, `${path}/b`);
    assert.equal(await client.exists(`${path}/a #1.txt`), false);
    await client.putFileContents(`${path}/c`, "old");
    await assert.rejects(client.moveFile(`${path}/b`, `${path}/c`, { overwrite: false }), status(412));
    await client.moveFile(`${path}/b`, `${path}/c`);
    assert.equal(await client.getFileContents(`${path}/c`, { format: "text" }), "hello");
    await client.moveFile(path, `${path} moved`);
    assert.equal(await client.exists(`${path} moved/c`), true);
});

test("deleteFile", async () => {
    const path = await folder();
    await client.deleteFile(`${path}/a #1.txt`);
    assert.equal(await client.exists(`${path}/a #1.txt`), false);
    await client.deleteFile(path);
    assert.equal(await client.exists(path), false);
    await assert.rejects(client.deleteFile(path), status(404));
});

test("lock and unlock", async () => {
    const path = await folder();
    const file = `${path}/a #1.txt`;
    const lock = await client.lock(file);
    assert.ok(lock.token);
    await assert.rejects(client.putFileContents(file, "by another"), status(423));
    assert.equal(await client.getFileContents(file, { format: "text" }), "hello");
    await client.unlock(file, lock.token);
    assert.equal(await client.putFileContents(file, "free"), true);
});

test("getQuota", async () => {
    const quota = await client.getQuota();
    assert.ok(quota.used >= 0 && quota.available > 0);
});

test("getDAVCompliance", async () => {
    const found = await client.getDAVCompliance("/");
    assert.deepEqual(found.compliance.sort(), ["1", "2", "3"]);
});

test("partialUpdateFileContents", async () => {
    const path = await folder();
    await client.partialUpdateFileContents(`${path}/a #1.txt`, 1, 3, "ipp");
    assert.equal(await client.getFileContents(`${path}/a #1.txt`, { format: "text" }), "hippo");
});

test("customRequest", async () => {
    const path = await folder();
    const body = '<d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:prop><oc:checksums/></d:prop></d:propfind>';
    const answer = await client.customRequest(`${path}/a #1.txt`, { method: "PROPFIND", headers: { Depth: "0" }, data: body });
    assert.match(await answer.text(), /SHA1:AAF4C61DDCC5E8A2DABEDE0F3B482CD9AEA9434D/);
});

test("getFileDownloadLink", async () => {
    const path = await folder();
    const link = client.getFileDownloadLink(`${path}/a #1.txt`);
    const { username, password } = new URL(link);
    const plain = new URL(link);
    plain.username = plain.password = "";
    const authorization = `Basic ${btoa(decodeURIComponent(`${username}:${password}`))}`;
    assert.equal(await (await fetch(plain, { headers: { authorization } })).text(), "hello");
});

test("a wrong password", async () => {
    const stranger = createClient(url, { ...login, password: "wrong" });
    await assert.rejects(stranger.getDirectoryContents("/"), status(401));
});
